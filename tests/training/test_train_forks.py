"""Forks in a pair's data, in the store and in what a step reports; the objective's limits that can be told by hand."""

import json
import math

import numpy as np
import pytest
import torch
from test_train_exact import run

from fgit_cli.errors import InputError
from fgit_cli.training.data import write_store
from fgit_cli.training.layout import row_sizes, sft_size
from fgit_cli.training.losses import Forks, fork
from fgit_cli.training.metrics import summary
from fgit_cli.training.step import Example, Objective, Totals, prepare, step
from tests.helpers import written_out
from tests.helpers.small_models import forked_pairs, make_model, pair

RECORD = {
    "prompt_ids": [5], "correct_ids": [10, 11, 12, 1], "incorrect_ids": [10, 21, 12, 1],
    "correct_mask": [0, 2, 0, 0], "incorrect_mask": [0, 2, 0, 0],
}  # fmt: skip


def test_without_the_field_the_fork_is_where_the_responses_part():
    assert pair([5], [10, 11, 1], [10, 12, 1], [0] * 3, [0] * 3).forks.tolist() == [[1, 1]]
    assert pair([5], [10, 11, 1], [10], [0] * 3, [0]).forks.tolist() == []  # cut before they part
    assert pair([5], [10, 11, 1], [], [0] * 3, []).forks.tolist() == []
    assert pair([5], [10, 11, 1], [12, 1], [0] * 3, [0] * 2, forks=[]).forks.tolist() == []


@pytest.mark.parametrize(
    "forks", [[[4, 1]], [[1, 4]], [[-1, 1]], [[0, 0]], [[1, 1, 1]], [1, 1], [[1], [1, 2]], "here", 3, [["a", "b"]]]
)
def test_forks_that_are_none_are_refused_by_name(forks, tmp_path):
    data = tmp_path / "pairs.jsonl"
    data.write_text(json.dumps(RECORD | {"forks": forks}) + "\n")
    with pytest.raises(InputError, match="field `forks`"):
        write_store([str(data)], tmp_path / "store")


def test_the_store_keeps_forks(tmp_path):
    lists = [[[1, 1]], [], None, [[1, 1], [3, 1]], None]
    data = tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(RECORD | ({} if f is None else {"forks": f})) + "\n" for f in lists))
    store = write_store([str(data)], tmp_path / "store")
    assert [store[i].forks.tolist() for i in range(5)] == [[[1, 1]], [], [[1, 1]], [[1, 1], [3, 1]], [[1, 1]]]
    assert (store.about["forked"], store.about["changed"]) == (4, 5)
    data.write_text(json.dumps(RECORD | {"forks": [[2, 1]]}) + "\n")
    one = write_store([str(data)], tmp_path / "other")
    data.write_text(json.dumps(RECORD | {"forks": [[1, 2]]}) + "\n")
    assert one.about["fingerprint"] != write_store([str(data)], tmp_path / "third").about["fingerprint"]


def test_the_trunk_goes_no_further_than_the_fork():
    example = Example(forked_pairs()[0])  # 3 of the prompt, forks before the 2nd and the 5th of 7 tokens
    sizes = {
        (forks, rest): row_sizes(Objective("fork", forks=forks, rest=rest), example, "shared")
        for forks in ("first", "all")
        for rest in ("none", "sft")
    }
    assert sizes == {("first", "none"): [4], ("all", "none"): [7], ("first", "sft"): [9], ("all", "sft"): [9]}
    assert sft_size(example) == 9


def test_the_mean_over_forks_and_a_pair_without_one():
    log_p = torch.tensor([0.6, 0.2, 0.5, 0.5]).log().reshape(2, 2)
    other = torch.tensor([0.3, 0.6, 0.1, 0.1]).log().reshape(2, 2)
    read = torch.tensor([[True, True], [False, False]])
    by_hand = (math.log(1 + 0.3 / 0.6) + math.log(1 + 0.6 / 0.2)) / 2
    assert fork(Objective("fork"), Forks(log_p, other, read)).item() == pytest.approx(by_hand)
    by_hand = -(math.log(0.6) + math.log(0.2)) / 2
    found = fork(Objective("fork", fork_loss="cross-entropy"), Forks(log_p, other, read))
    assert found.item() == pytest.approx(by_hand)


@pytest.mark.usefixtures("exact")
def test_a_batch_without_a_fork_has_loss_0_and_no_gradient():
    examples = [
        Example(pair([5, 6], [10, 11, 1], [], [0] * 3, [])),
        Example(pair([5], [10, 1], [10, 1], [0, 1], [0, 1])),
    ]
    for layout in ("plain", "shared"):
        total, grads = run(make_model(), examples, Objective("fork"), layout)
        assert total == 0
        assert all(g.abs().max() == 0 for g in grads.values())


@pytest.mark.usefixtures("exact")
def test_the_normaliser_cancels():
    """A preference moves the output rows of its two tokens alone, one up as much as the other down."""
    _, grads = run(make_model(), [Example(forked_pairs()[0])], Objective("fork"), "shared")
    rows = grads["lm_head.weight"]
    assert (rows.abs().sum(1) > 1e-12).nonzero()[:, 0].tolist() == [11, 21]
    assert rows.sum(0).abs().max() < 1e-12


def test_what_a_step_reports_of_forks():
    model, pairs = make_model(), forked_pairs()
    examples = [Example(p) for p in pairs]
    _, sums = step(model, examples, Objective("fork"), Totals.of(examples), prepare(model))
    ratios = []
    with torch.no_grad():
        for p in (p for p in pairs if len(p.forks)):
            (j, i), context = p.forks[0].tolist(), p.correct_ids
            log_c, log_a = (
                written_out.token_log_p(model, p.prompt_ids, np.append(context[:j], t))[-1]
                for t in (context[j], p.incorrect_ids[i])
            )
            ratios.append(float(log_c - log_a))
    told = summary({name: float(v) for name, v in sums.items()})
    assert told["fork_log_ratio"] == pytest.approx(np.mean(ratios))
    assert told["fork_preferred"] == np.mean(np.array(ratios) > 0)
    assert told["no_fork"] == 1 / len(pairs)
    _, sums = step(model, examples, Objective("fgit"), Totals.of(examples), prepare(model))
    assert "fork_log_ratio" not in summary({name: float(v) for name, v in sums.items()})
    _, sums = step(model, examples, Objective("fgit", watch_fork=True), Totals.of(examples), prepare(model))
    assert float(sums["log_ratio"]) == pytest.approx(sum(ratios))
