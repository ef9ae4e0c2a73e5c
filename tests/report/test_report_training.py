"""Training logs and masked pairs, recognised in any mix with eval results."""

import json

import pytest

from tests.helpers.eval_results import lines, result


def log(steps, weight=1.9):
    return [
        {"step": s, "loss": 2 - s / 100, "lr": 5e-6, "weight": weight - s / 1000, "correct_probability": 0.5,
         "incorrect_probability": 0.4, "nll_fault": None, "tokens_per_second": 1000.0}
        for s in range(1, steps + 1)
    ]  # fmt: skip


def pair(**more):
    return {
        "id": "x", "instruction": "i", "response": "ab", "incorrect": "ac", "prompt_ids": [1, 2],
        "correct_ids": [3, 4, 9], "incorrect_ids": [3, 5, 9], "correct_mask": [0, 2, 0], "incorrect_mask": [0, 2, 0],
        "mask": {"algorithm": "difflib", "granularity": "hybrid", "gaps": "anchor"}, "similarity": 0.9, **more,
    }  # fmt: skip


def test_a_mix(fgit, write):
    write("out/steps.jsonl", log(40))
    write("sft.log.jsonl", log(2))
    mixed = lines([result("a"), *log(4), pair(), pair(correct_mask=[0, 0, 0])])
    found = json.loads(fgit("report", "-", "out/steps.jsonl", "sft.log.jsonl", "--format", "json", stdin=mixed).out)
    assert found["scores"]["rows"] == [{"model": "stdin", "humaneval+_base": 100.0, "humaneval+_plus": 100.0}]
    rows = {(r["run"], r["measure"]): r for r in found["training"]["rows"]}
    assert ("out", "Loss") in rows
    assert ("stdin", "W") in rows
    assert ("sft", "W") in rows
    assert ("out", "NLL on fault tokens") not in rows
    assert rows["out", "Loss"]["steps"] == 40
    assert rows["out", "Loss"]["first"] == pytest.approx(2 - 5.5 / 100)
    assert rows["out", "Loss"]["last"] == pytest.approx(2 - 35.5 / 100)
    pairs = found["pairs"]["rows"][0]
    assert (pairs["pairs"], pairs["inactive"]) == (2, 1)
    assert pairs["marked"] == pytest.approx(100 / 6)
    assert pairs["made"] == "difflib, hybrid, anchor"


def test_a_broken_pair_is_named(fgit):
    done = fgit("report", stdin=lines([pair(correct_ids=[1])]))
    assert done.code == 3
    assert "stdin:1: `correct_ids` and `correct_mask` are no lists of one length" in done.err


def test_options_for_results_alone(fgit):
    done = fgit("report", "--baseline", "x", stdin=lines([pair()]))
    assert done.code == 2
    assert "none in the input" in done.err
