"""Passes and packed rows: nothing lost, nothing fed twice, every rank as many passes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fgit_cli.training.layout import Span, build, row_sizes, sft_size
from fgit_cli.training.pairs import Example, Pair
from fgit_cli.training.step import Objective, plan_passes
from tests.helpers.rounding import EXACT
from tests.helpers.small_models import edge_pairs, make_model, random_pairs

NAMES = (
    "fgit",
    "signed",
    "sft",
    "fixed",
    "dpo",
    "rpo",
    "target-dpo",
    "target-rpo",
    "focused-dpo",
    "simpo",
    "orpo",
    "kto",
)


def cost(examples, objective, layout):
    rows = [n for e in examples for n in row_sizes(objective, e, layout)]
    return len(rows) * max(rows) if layout == "plain" else sum(rows)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 40), st.integers(1, 5), st.integers(20, 400), st.sampled_from(["plain", "shared"]),
    st.sampled_from(NAMES), st.integers(0, 99),
)  # fmt: skip
def test_passes_hold_every_example_once_within_the_budget(count, ranks, budget, layout, name, seed):
    examples, objective = [Example(p) for p in random_pairs(count, seed=seed)], Objective(name)
    plan = plan_passes(examples, objective, layout, budget, ranks)
    assert len(plan) == ranks
    assert len({len(passes) for passes in plan}) == 1
    assert sorted(e.pair.id for passes in plan for p in passes for e in p) == sorted(e.pair.id for e in examples)
    for passes in plan:
        assert all(len(p) <= 1 or cost(p, objective, layout) <= budget for p in passes)


def test_packed_passes_are_nearly_full_and_hold_no_padding():
    examples, objective = [Example(p) for p in random_pairs(128)], Objective("fgit")
    passes = plan_passes(examples, objective, "shared", 400)[0]
    fed = sum(cost([e], objective, "shared") for e in examples)
    assert fed / (len(passes) * 400) > 0.95
    assert all(build(p, objective, "shared", torch.device("cpu")).padding == 0 for p in passes)


def test_ranks_get_alike_work():
    examples, objective = [Example(p) for p in random_pairs(8)], Objective("fgit")
    loads = [
        sum(cost(p, objective, "shared") for p in passes)
        for passes in plan_passes(examples, objective, "shared", 10**6, 2)
    ]
    assert min(loads) > 0.8 * max(loads)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["plain", "shared"])
def test_a_pass_feeds_what_the_plan_reckoned(layout, name):
    objective = Objective(name)
    for pair in [*edge_pairs().values(), *random_pairs(10)]:
        made = build([Example(pair)], objective, layout, torch.device("cpu"))
        assert made.fed == sum(row_sizes(objective, Example(pair), layout))


def test_the_branch_ends_before_its_last_marked_token():
    pair = edge_pairs()["first token, all marked"]
    made = build([Example(pair)], Objective("fgit"), "shared", torch.device("cpu"))
    assert made.input_ids.tolist() == [[5, 10, 11, 20, 21, 22]]
    assert made.position_ids.tolist() == [[0, 1, 2, 1, 2, 3]]
    assert made.spans == (Span(3, 1, 3),)


def test_inactive_pairs_cost_what_sft_costs():
    for name in ("correct mask empty", "incorrect mask empty", "both masks empty"):
        example = Example(edge_pairs()[name])
        assert row_sizes(Objective("fgit"), example, "shared") == [sft_size(example)]


@pytest.mark.usefixtures("exact")
def test_branches_do_not_see_each_other_or_the_rest_of_the_trunk():
    """Other ids in one pair leave every log-probability of another alone."""
    from fgit_cli.training.step import Totals, prepare, step

    model = make_model()
    first, second = random_pairs(2, seed=4)
    ids = second.prompt_ids[::-1], (second.correct_ids + 1) % 97, (second.incorrect_ids + 2) % 97
    other = Pair("x", *ids, second.correct_mask, second.incorrect_mask)
    layout, totals, objective = prepare(model), Totals(1, 1), Objective("fgit")
    alone, with_second, with_other, second_alone, other_alone = (
        float(step(model, [Example(p) for p in pairs], objective, totals, layout)[0].detach())
        for pairs in ([first], [first, second], [first, other], [second], [other])
    )
    assert with_second - second_alone == pytest.approx(alone, rel=EXACT)
    assert with_other - other_alone == pytest.approx(alone, rel=EXACT)


def test_a_pair_that_cannot_be_is_refused():
    from fgit_cli.errors import InputError

    for parts, word in (
        (([], [1], [2], [0], [0]), "prompt_ids"),
        (([1], [], [2], [], [0]), "correct_ids"),
        (([1], [1, 2], [2], [0], [0]), "correct_mask"),
        (([1], [1, -2], [2], [0, 0], [0]), "correct_ids"),
        (([1], [1], [2, 3], [0], [0]), "incorrect_mask"),
    ):
        with pytest.raises(InputError, match=word):
            Pair("p", *map(np.array, parts))
