"""Means over runs and groups of tasks: coverage by simulation, known analyses by hand, power against what happens."""

import math

import numpy
import pytest
from scipy import stats

from fgit_cli.core import crossed as module
from fgit_cli.core.crossed import Components, crossed

# Spread of the true difference between runs, between groups, and of a run with a group; what the lab's rows span.
WORLDS = {
    "runs differ most": (0.03, 0.02, 0.02),
    "groups differ most": (0.01, 0.2, 0.05),
    "both": (0.03, 0.15, 0.05),
    "neither": (0.0, 0.0, 0.15),
}
SIMULATED = 500


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch):
    monkeypatch.setattr(module, "RESAMPLES", 799)
    module.draws.cache_clear()
    yield
    module.draws.cache_clear()


def world(generator, runs, groups, spread):
    """Differences [runs, tasks] of -1, 0 and 1 whose mean over all runs and groups is 0, and the tasks' groups."""
    sizes = generator.geometric(1 / 3, groups)
    shapes = ((runs, 1), groups, (runs, groups))
    of_run, of_group, rest = (generator.normal(0, s, n) for s, n in zip(spread, shapes, strict=True))
    chance = numpy.repeat(of_run + of_group + rest, sizes, axis=1)
    moved = (generator.random(chance.shape) < numpy.abs(chance)) * numpy.sign(chance)
    return moved, numpy.repeat(numpy.arange(groups), sizes)


@pytest.mark.parametrize("runs", [5, 10])
@pytest.mark.parametrize("name", WORLDS)
def test_the_interval_covers_the_truth(name, runs):
    """Of 500 worlds, 95 % less three standard errors are 460; p is below 0.05 in as few as miss."""
    generator = numpy.random.default_rng(runs)
    covered = refused = 0
    for _ in range(SIMULATED):
        found = crossed(*world(generator, runs, 120, WORLDS[name]))
        covered += found.low <= 0 <= found.high
        refused += found.p < 0.05
    assert covered >= SIMULATED * (0.95 - 3 * math.sqrt(0.95 * 0.05 / SIMULATED))
    assert refused <= SIMULATED * (0.05 + 3 * math.sqrt(0.95 * 0.05 / SIMULATED))


def test_a_test_over_runs_alone_does_not_cover():
    """What the page had before: every run answers the same tasks, so runs agree where other tasks would not."""
    generator = numpy.random.default_rng(0)
    refused = 0
    for _ in range(200):
        values, _ = world(generator, 5, 120, WORLDS["groups differ most"])
        refused += stats.ttest_1samp(values.mean(1), 0).pvalue < 0.05
    assert refused > 200 * 0.2


def test_equivalence_is_claimed_wrongly_at_most_at_its_level():
    """The true mean lies on the margin: within ± 2 points is shown in at most 5 % of worlds."""
    generator = numpy.random.default_rng(3)
    shown = 0
    for _ in range(SIMULATED):
        values, groups = world(generator, 8, 120, WORLDS["both"])
        shown += crossed(values + 0.02, groups).within(0.02) < 0.05
    assert shown <= SIMULATED * (0.05 + 3 * math.sqrt(0.95 * 0.05 / SIMULATED))


def test_groups_of_one_task_and_runs_that_differ_alone_are_the_t_test():
    values = numpy.random.default_rng(0).normal(size=(6, 1)) + numpy.zeros((6, 40))
    found, theirs = crossed(values, range(40)), stats.ttest_1samp(values[:, 0], 0)
    assert found.p == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.35)  # five draws of six are lumpy
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def test_variances_by_hand():
    """Two runs, two groups of one task: 1, 3 / 2, 8. Mean squares 2.25 × 2 … by the textbook's table."""
    found = crossed(numpy.array([[1.0, 3.0], [2.0, 8.0]]), "ab").components
    square_runs, square_groups, square_rest = 9.0, 16.0, 4.0
    assert found == pytest.approx(((square_runs - square_rest) / 2, (square_groups - square_rest) / 2, square_rest))


def test_a_group_counts_by_its_tasks():
    values = numpy.array([[1.0, 1.0, 1.0, 0.0]] * 4)
    found = crossed(values, "aaab")
    assert found.mean == 0.75
    assert found.low < 0.75 < found.high
    assert crossed(values, "abcd").groups == 4


def test_one_run_has_an_interval_over_groups_and_no_p():
    values = numpy.array([[1.0] * 60 + [0.0] * 40])
    found = crossed(values, range(100))
    assert (found.p, found.within(0.5)) == (None, None)
    assert (found.low, found.high) == pytest.approx((0.6 - 1.96 * 0.049, 0.6 + 1.96 * 0.049), abs=0.015)


@pytest.mark.parametrize(("value", "p", "within"), [(0.0, 1.0, 0.0), (0.1, 0.0, 1.0), (0.05, 0.0, 0.5)])
def test_what_never_varies(value, p, within):
    found = crossed(numpy.full((4, 10), value), range(10))
    assert (found.low, found.high, found.p, found.within(0.05)) == (value, value, p, within)


def test_the_error_of_a_plan_is_that_of_its_runs():
    """Components measured on many runs foretell the spread of means over fewer."""
    generator = numpy.random.default_rng(1)
    spread = WORLDS["both"]
    values, groups = world(generator, 200, 400, spread)
    error, freedom = crossed(values, groups).components.error(5, 120)
    means = [world(generator, 5, 120, spread)[0].mean() for _ in range(300)]
    assert error == pytest.approx(numpy.std(means), rel=0.15)
    assert 4 < freedom < 200
    assert Components(1.0, 0.0, 0.0).error(5, 100) == pytest.approx((math.sqrt(0.2), 4))
