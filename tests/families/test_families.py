"""Families of models, tiny and random: the first loss, both layouts, and what was saved, against transformers' own."""

import json

import pytest
import torch

from fgit_cli.commands.train import run
from fgit_cli.training.options import Options
from fgit_cli.training.step import Example, Objective, Totals, confirm, prepare, step
from fgit_cli.training.tolerance import EXACT
from tests.helpers.families import FAMILIES, OFTEN, VOCABULARY, tiny
from tests.helpers.small_models import random_pairs
from tests.helpers.small_runs import records, write_pairs, write_tokenizer

some = pytest.mark.parametrize(
    "family", [*OFTEN, *(pytest.param(f, marks=pytest.mark.soak) for f in FAMILIES if f not in OFTEN)]
)


def made(family):
    model = tiny(family)
    if model is None:
        pytest.skip(f"this transformers has no {family}")
    return model


def own_nll(model, sequences) -> float:
    """The mean over response tokens of transformers' own loss, or of its logits where labels are not shifted."""
    total = count = 0
    with torch.no_grad():
        for prompt, response in sequences:
            ids = torch.tensor([[*prompt, *response]])
            logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].double()
            total += torch.nn.functional.cross_entropy(logits, torch.tensor(response), reduction="sum").item()
            count += len(response)
    return total / count


@some
def test_the_first_loss_is_transformers_own_in_either_layout(family):
    model = made(family).train()
    examples = [Example(p) for p in random_pairs(5, vocabulary=VOCABULARY, longest=30)]
    layout = confirm(model, prepare(model, longest=max(len(e.pair.prompt_ids) + 60 for e in examples)))
    plain = confirm(made(family), prepare(made(family), "plain"))
    model.eval()
    want = own_nll(made(family).eval(), [(e.pair.prompt_ids.tolist(), e.pair.correct_ids.tolist()) for e in examples])
    with torch.no_grad():
        got = float(step(model, examples, Objective("sft"), Totals.of(examples), layout)[0])
        assert got == pytest.approx(want, abs=EXACT)
        here = float(step(model, examples, Objective("fgit"), Totals.of(examples), layout)[0])
        model.set_attn_implementation(plain.attention)
        there = float(step(model, examples, Objective("fgit"), Totals.of(examples), plain)[0])
    assert here == pytest.approx(there, abs=EXACT)


@some
def test_what_was_saved_has_the_nll_that_training_ended_with(family, tmp_path, monkeypatch):
    from accelerate.state import AcceleratorState, GradientState
    from transformers import AutoModelForCausalLM

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    folder, out = tmp_path / "model", tmp_path / "out"
    made(family).save_pretrained(folder)
    rows = records(8, folder, write_tokenizer(folder))
    write_pairs(tmp_path / "pairs.jsonl", rows)
    values = {
        "global_batch_size": 4, "max_steps": 2, "learning_rate": 1e-2, "warmup_ratio": 0.0, "quiet": True,
        "eval_file": str(tmp_path / "pairs.jsonl"), "output_dir": str(out),
    }  # fmt: skip
    run(Options(files=[str(tmp_path / "pairs.jsonl")], given=frozenset(values), **values))
    lines = [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()]
    before, after = lines[0]["eval_nll"], lines[-1]["eval_nll"]
    saved = AutoModelForCausalLM.from_pretrained(out).eval()
    assert own_nll(saved, [(row["prompt_ids"], row["correct_ids"]) for row in rows]) == pytest.approx(after, abs=EXACT)
    assert after != pytest.approx(before, abs=EXACT)
