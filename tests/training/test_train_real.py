"""The shared layout on real pairs through the whole chain: HumanEvalPack, and Evol-Instruct with rule variants."""

import gzip
import json

import numpy as np
import pytest
from test_train_exact import compare

from fgit_cli.training.data import pair_of
from fgit_cli.training.step import Example, Objective, Pair
from tests.helpers.small_models import make_model


def faulty(fgit, data) -> str:
    """Records with an incorrect response: people's faults, and the nearest one that a rule makes."""
    evol = b"\n".join(gzip.open(data / "instruct/evol.jsonl.gz").read().split(b"\n")[:30])
    mutated = fgit("mutate", "--method", "universalmutator", stdin=evol)
    assert mutated.code == 0, mutated.err
    selected = fgit("select", "--by", "edit", stdin=mutated.out)
    assert selected.code == 0, selected.err
    return selected.out + gzip.open(data / "pairs/humanevalpack-even.jsonl.gz", "rt").read()


@pytest.mark.data
@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(
    ("tokenizer", "families"), [("deepseek-coder", ["llama", "gpt-neox"]), ("qwen2", ["qwen2"])], ids=lambda v: str(v)
)
def test_real_pairs(fgit, data, tokenizer, families):
    ran = fgit("mask", "--tokenizer", data / "tok" / tokenizer, stdin=faulty(fgit, data))
    assert ran.code == 0, ran.err
    pairs = [pair_of(json.loads(line)) for line in ran.out.splitlines()]
    short = [p for p in pairs if len(p.prompt_ids) + max(len(p.correct_ids), len(p.incorrect_ids)) <= 400]
    assert len(short) >= 20
    for family in families:
        check([*short[:5], *short[-5:]], family)


def check(pairs, family):
    """Held against two forwards; ids renumbered densely, which keeps what is equal and spares a large output layer."""
    sides = [side for p in pairs for side in (p.prompt_ids, p.correct_ids, p.incorrect_ids)]
    ids, dense = np.unique(np.concatenate(sides), return_inverse=True)
    parts = np.split(dense, np.cumsum([len(side) for side in sides])[:-1])
    renumbered = [Pair(p.id, *parts[3 * i : 3 * i + 3], p.correct_mask, p.incorrect_mask) for i, p in enumerate(pairs)]
    compare(
        family, [Example(p) for p in renumbered], Objective("fgit"), "shared", "float64", 1e-10, budget=1000,
        make=lambda *a, **k: make_model(*a, **k, vocabulary=len(ids)),
    )  # fmt: skip
