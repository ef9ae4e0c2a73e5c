"""The sum over a step's tokens is divided by its tokens, or by its pairs (FGit, equation 1); in passes as in one."""

import pytest

torch = pytest.importorskip("torch")

from fgit_cli.training.step import Example, Objective, Totals, plan_passes, prepare, step  # noqa: E402
from tests.helpers.small_models import edge_pairs, make_model, random_pairs  # noqa: E402

OBJECTIVES = [Objective("fgit"), Objective("sft"), Objective("fixed"), Objective("dft"), Objective("fork", rest="sft")]


def total(model, examples, objective, normalise, budget):
    layout, totals = prepare(model), Totals.of(examples, normalise)
    passes = plan_passes(examples, objective, layout.name, budget)[0]
    return sum(step(model, members, objective, totals, layout)[0].item() for members in passes)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: o.name)
def test_by_pairs_it_is_the_sum_over_tokens_by_the_number_of_pairs(objective):
    examples = [Example(p) for p in [*list(edge_pairs().values())[:2], *random_pairs(3)]]
    tokens = sum(len(e.pair.correct_ids) for e in examples)
    model = make_model()  # fp64
    by_pairs, by_tokens = (total(model, examples, objective, how, 10**6) for how in ("pairs", "tokens"))
    fork = total(model, examples, Objective("fork"), "tokens", 10**6) if objective.name == "fork" else 0.0
    assert (by_pairs - fork) * len(examples) == pytest.approx((by_tokens - fork) * tokens, rel=1e-10)
    assert total(model, examples, objective, "pairs", 1) == pytest.approx(by_pairs, rel=1e-10)
