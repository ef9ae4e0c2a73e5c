"""Loss and every gradient of both layouts against two forwards of each pair with full logits."""

import dataclasses

import pytest
import torch

from fgit_cli.training.step import Example, Objective, Totals, plan_passes, prepare, reference_margins, step
from tests.helpers import written_out
from tests.helpers.rounding import EXACT, fp32
from tests.helpers.small_models import edge_pairs, forked_pairs, make_model, random_pairs

FAMILIES = ("llama", "qwen2", "gpt-neox")
OBJECTIVES = (
    Objective("fgit"),
    Objective("fgit", alpha=1.5),
    Objective("fgit", detach_weight=True),
    Objective("signed"),
    Objective("signed", alpha=3.0, detach_weight=True),
    Objective("sft"),
    Objective("fixed", fixed_weight=3.0),
    Objective("dft"),
    Objective("fork"),
    Objective("fork", forks="all"),
    Objective("fork", fork_loss="cross-entropy"),
    Objective("fork", fork_loss="cross-entropy", forks="all", fork_weight=0.3),
    Objective("fork", rest="sft", fork_beta=0.5),
    Objective("fork", rest="dft", forks="all", fork_weight=2.0),
    Objective("dpo"),
    Objective("rpo", rpo_alpha=0.5),
    Objective("target-dpo", beta=0.3),
    Objective("target-rpo"),
    Objective("target-dpo", symmetric=True),
    Objective("target-rpo", symmetric=True),
    Objective("focused-dpo"),
    Objective("focused-dpo", focused_weight=0.0),
    Objective("simpo", simpo_gamma=0.3),
    Objective("orpo", orpo_weight=0.5),
)


def named(objective):
    defaults = Objective(objective.name)
    changed = [f.name for f in dataclasses.fields(objective) if getattr(objective, f.name) != getattr(defaults, f.name)]
    return " ".join([objective.name, *changed])


def relative(a, b, zero=0.0):
    """‖a − b‖ / ‖b‖; where both are at most `zero`, which rounding alone makes of a true 0, they agree."""
    if max(a.norm(), b.norm()) <= zero:
        return 0.0
    return float((a - b).norm() / b.norm())


def gradients(model):
    return {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in model.named_parameters()}


def run(model, examples, objective, layout_name, budget=10**6):
    """Loss and gradients by passes."""
    layout = prepare(model, layout_name)
    assert layout.name == layout_name, layout.reasons
    model.zero_grad()
    totals, total = Totals.of(examples), 0.0
    for passed in plan_passes(examples, objective, layout.name, budget)[0]:
        loss, _ = step(model, passed, objective, totals, layout)
        loss.backward()
        total += loss.detach()
    return total, gradients(model)


def compare(family, examples, objective, layout_name, dtype, tolerance, budget=10**6, make=make_model):
    model, frozen = make(family, dtype), make(family, dtype, seed=1)
    if objective.preference:
        margins = reference_margins(frozen, examples, objective, prepare(frozen, layout_name), 400)
        examples = [dataclasses.replace(e, reference=m) for e, m in zip(examples, margins, strict=True)]
        frozen.set_attn_implementation("sdpa")
    expected = written_out.loss(model, examples, objective, frozen)
    model.zero_grad()
    if expected.requires_grad:
        expected.backward()
    want = gradients(model)
    got, grads = run(model, examples, objective, layout_name, budget)
    assert relative(got, expected.detach()) < tolerance
    zero = max(1.0, *(float(w.norm()) for w in want.values())) * torch.finfo(getattr(torch, dtype)).eps * 4
    errors = {name: relative(grads[name], want[name], zero) for name in want}
    worst = max(errors, key=errors.__getitem__)
    assert errors[worst] < tolerance, worst


def all_examples(whole=False):
    examples = [Example(p) for p in [*edge_pairs().values(), *forked_pairs(), *random_pairs(6)]]
    return [dataclasses.replace(e, whole=whole and i % 2 == 0) for i, e in enumerate(examples)]


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=named)
def test_every_objective_in_fp64(objective, layout_name):
    compare("llama", all_examples(), objective, layout_name, "float64", EXACT)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["fgit", "target-rpo", "dpo"])
def test_every_family_in_fp64_over_several_passes(family, name):
    compare(family, all_examples(), Objective(name), "shared", "float64", EXACT, budget=60)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_fp32(family, layout_name):
    compare(family, all_examples(), Objective("fgit"), layout_name, "float32", fp32(make_model(), all_examples()))


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
@pytest.mark.parametrize("name", ["target-dpo", "target-rpo"])
def test_hybrid_takes_whole_pairs_by_plain_dpo(name, layout_name):
    compare("llama", all_examples(whole=True), Objective(name), layout_name, "float64", EXACT)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
@pytest.mark.parametrize("rest", ["none", "sft"])
def test_forks_over_several_passes_some_of_them_without_one(rest, layout_name):
    objective = Objective("fork", forks="all", rest=rest)
    compare("llama", all_examples(), objective, layout_name, "float64", EXACT, budget=12)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("name", edge_pairs())
@pytest.mark.parametrize("objective", [Objective("fgit"), Objective("target-dpo"), Objective("dpo")], ids=named)
def test_edge_case_alone(name, objective):
    compare("llama", [Example(edge_pairs()[name])], objective, "shared", "float64", EXACT)
