"""`eval --bench discrimination` against forwards written out and training's held-out figures, and what it refuses."""

import json

import numpy as np
import pytest

from fgit_cli.training.data import write_store
from tests.helpers import written_out
from tests.helpers.small_runs import records, write_model, write_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Twelve pairs; the last two have no incorrect side."""
    folder = tmp_path_factory.mktemp("discrimination")
    sha256 = write_model(folder / "model")
    rows = records(12, folder / "model", sha256, seed=3)
    for row in rows[-2:]:
        row["incorrect_ids"] = row["incorrect_mask"] = []
    rows[0]["task_id"] = "named/0"
    return folder / "model", write_pairs(folder / "pairs.jsonl", rows)


def test_a_record_a_pair(fgit, pairs):
    import torch
    from transformers import AutoModelForCausalLM

    folder, data = pairs
    done = fgit("eval", "--bench", "discrimination", "--model", folder, "--data", data)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in done.out.splitlines()]
    store = write_store([str(data)], data.parent / "store")
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        for number, row in enumerate(rows):
            pair = store[number]
            log_p = written_out.token_log_p(model, pair.prompt_ids, pair.correct_ids)
            assert (row["task_id"], row["bench"]) == (pair.id if number else "named/0", "discrimination")
            assert row["nll"] == pytest.approx(-float(log_p.mean()), rel=1e-4)
            if not len(pair.forks):
                assert (row["log_ratio"], row["prefers_correct"]) == (None, None)
                continue
            (j, i), context = pair.forks[0].tolist(), pair.correct_ids
            log_a = written_out.token_log_p(model, pair.prompt_ids, np.append(context[:j], pair.incorrect_ids[i]))[-1]
            assert row["log_ratio"] == pytest.approx(float(log_p[j] - log_a), rel=1e-3, abs=1e-4)
            assert row["prefers_correct"] == (row["log_ratio"] > 0)
    assert len(rows) == 12
    told = [r for r in rows if r["log_ratio"] is not None]
    share = sum(r["prefers_correct"] for r in told) / len(told)
    assert "12 pairs, 2 of them without a fork" in done.err
    assert f"prefers the correct token in {share:.1%}" in done.err


def test_it_is_what_training_says_of_held_out_pairs(fgit, pairs, tmp_path):
    folder, data = pairs
    rows = [
        json.loads(x)
        for x in fgit("eval", "--bench", "discrimination", "--model", folder, "--data", data).out.splitlines()
    ]
    done = fgit(
        "train", data, "--model", folder, "--objective", "sft", "--eval-file", data, "--max-steps", 1, "--quiet",
        "--output-dir", tmp_path / "out",
    )  # fmt: skip
    before = json.loads(done.out.splitlines()[0])
    ratios = [r["log_ratio"] for r in rows if r["log_ratio"] is not None]
    assert before["eval_fork_log_ratio"] == pytest.approx(np.mean(ratios), rel=1e-4)
    assert before["eval_fork_preferred"] == pytest.approx(np.mean(np.array(ratios) > 0))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs --data FILE"),
        (["--data", "x", "--temperature", "1"], "has no use for --temperature"),
        (["--data", "x", "--tasks", "1"], "has no use for --tasks"),
        (["--data", "x", "samples.jsonl"], "reads no samples"),
    ],
)
def test_what_it_has_no_use_for_is_refused(fgit, words, message):
    done = fgit("eval", "--bench", "discrimination", *words)
    assert (done.code, message in done.err) == (2, True)


def test_pairs_of_another_tokenizer_are_refused(fgit, pairs, tmp_path):
    folder, data = pairs
    other = [json.loads(line) for line in data.read_text().splitlines()]
    for row in other:
        row["tokenizer"] = {"name": "another", "sha256": "0" * 64}
    file = write_pairs(tmp_path / "other.jsonl", other)
    done = fgit("eval", "--bench", "discrimination", "--model", folder, "--data", file)
    assert (done.code, "made with the tokenizer of another" in done.err) == (3, True)
