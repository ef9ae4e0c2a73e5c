"""Repeated runs: means, intervals and a test over seeds and groups of tasks."""

import json
import random

import numpy
import pytest

from fgit_cli.core.crossed import crossed
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


def test_by_hand(fgit):
    records = rows({"SFT": 0.7, "FGit": 0.8})
    found = {row["arm"]: row for row in table(fgit, records)["rows"]}
    means = {arm: [sum(r["passed"].values()) / 200 for r in records if r["arm"] == arm] for arm in ("SFT", "FGit")}
    assert found["FGit"]["pass_at_1"] == pytest.approx(100 * sum(means["FGit"]) / 5)
    assert found["FGit"]["difference"] == pytest.approx(100 * (sum(means["FGit"]) - sum(means["SFT"])) / 5)
    by_arm = {arm: [list(r["passed"].values()) for r in records if r["arm"] == arm] for arm in means}
    expected = crossed(numpy.subtract(by_arm["FGit"], by_arm["SFT"]).astype(float), range(200))
    assert found["FGit"]["p"] == pytest.approx(expected.p)
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


def test_tasks_of_a_group_count_together(fgit):
    """Forty tasks that are one and the same tell less than forty."""

    def width(groups):
        records = [
            {"arm": arm, "rate": 1, "seed": seed, "passed": {f"m/{t}": int(t // 40 < half) for t in range(400)},
             "groups": groups}
            for arm, half in (("SFT", 4), ("x", 6))
            for seed in range(4)
        ]  # fmt: skip
        row = next(r for r in table(fgit, records)["rows"] if r["arm"] == "x")
        return row["difference_interval_high"] - row["difference_interval_low"]

    assert width({f"m/{t}": str(t // 40) for t in range(400)}) > 4 * width({})


@pytest.mark.parametrize(
    "record",
    [
        {"arm": 1, "rate": 1, "seed": 1, "passed": {"a": 1}},
        {"arm": "a", "rate": 1, "seed": 1, "passed": {"a": 2}},
        {"arm": "a", "rate": 1, "seed": 1, "passed": {}},
        {"arm": "a", "rate": 1, "seed": 1, "passed": {"a": 1}, "groups": {"a": 1}},
    ],
)
def test_refused(fgit, record):
    done = fgit("report", stdin=lines([record]))
    assert (done.code, done.err.startswith("fgit report: stdin:1: ")) == (3, True)
