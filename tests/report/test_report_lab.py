"""Repeated runs: means, intervals over seeds and tasks, a paired test over seeds."""

import json
import random

import pytest
from scipy import stats

from fgit_cli.reporting.repeated_runs import both_drawn
from tests.helpers.eval_results import lines


def rows(chances, seeds=5, tasks=200, rate=1e-4):
    generator = random.Random(1)
    return [
        {"arm": arm, "rate": rate, "seed": seed, "cpu_seconds": 10.0,
         "passed": {f"m/{t}": int(generator.random() < chance) for t in range(tasks)}}
        for arm, chance in chances.items()
        for seed in range(seeds)
    ]  # fmt: skip


def table(fgit, records, *words):
    done = fgit("report", "--format", "json", *words, stdin=lines(records))
    assert done.code == 0, done.err
    return json.loads(done.out)["lab"]


def test_against_scipy_by_hand(fgit):
    records = rows({"SFT": 0.7, "FGit": 0.8})
    found = {row["arm"]: row for row in table(fgit, records)["rows"]}
    means = {arm: [sum(r["passed"].values()) / 200 for r in records if r["arm"] == arm] for arm in ("SFT", "FGit")}
    assert found["FGit"]["pass_at_1"] == pytest.approx(100 * sum(means["FGit"]) / 5)
    assert found["FGit"]["difference"] == pytest.approx(100 * (sum(means["FGit"]) - sum(means["SFT"])) / 5)
    assert found["FGit"]["p"] == pytest.approx(stats.ttest_rel(means["FGit"], means["SFT"]).pvalue)
    assert found["FGit"]["answer"] == "better"
    assert found["SFT"]["p"] is None
    assert found["SFT"]["difference"] is None
    assert found["FGit"]["seconds"] == 10


def test_two_seeds_have_an_interval_and_no_p(fgit):
    found = {row["arm"]: row for row in table(fgit, rows({"SFT": 0.5, "x": 0.6}, seeds=2))["rows"]}
    assert found["x"]["p"] is None
    assert found["x"]["difference_interval_low"] < found["x"]["difference"] < found["x"]["difference_interval_high"]


def test_rates_are_apart_and_the_baseline_is_ones_own(fgit):
    records = rows({"SFT": 0.5, "x": 0.6}, seeds=3) + rows({"SFT": 0.6, "x": 0.7}, seeds=3, rate=2e-4)
    records.append({"arm": "base", "rate": 0.0, "seed": 0, "passed": {"m/0": 1}})
    made = table(fgit, records, "--baseline", "x")
    assert made["title"] == "Runs, against x"
    assert [(r["arm"], r["rate"], r["p"] is None) for r in made["rows"]] == [
        ("SFT", 1e-4, False), ("x", 1e-4, True), ("SFT", 2e-4, False), ("x", 2e-4, True), ("base", 0.0, True),
    ]  # fmt: skip


def test_the_interval_holds_both_kinds_of_chance():
    """Seeds that all agree leave the tasks' chance; tasks that all agree leave the seeds'."""
    import numpy

    generator = numpy.random.default_rng(0)
    tasks = numpy.tile(generator.random(400) < 0.5, (5, 1)).astype(float)
    low, high = both_drawn(tasks)
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 20, rel=0.1)
    seeds = numpy.repeat([[0.0], [1.0], [1.0], [0.0], [1.0], [0.0]], 50, axis=1)
    low, high = both_drawn(seeds)
    assert high - low > 0.6


@pytest.mark.parametrize(
    "record",
    [
        {"arm": 1, "rate": 1, "seed": 1, "passed": {"a": 1}},
        {"arm": "a", "rate": 1, "seed": 1, "passed": {"a": 2}},
        {"arm": "a", "rate": 1, "seed": 1, "passed": {}},
    ],
)
def test_refused(fgit, record):
    done = fgit("report", stdin=lines([record]))
    assert (done.code, done.err.startswith("fgit report: stdin:1: ")) == (3, True)
