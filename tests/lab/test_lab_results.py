"""The lab's page: what its claims and comparisons are taken from, and that each is told as its rows have it."""

import hashlib
import json

import numpy
import pytest

from fgit_cli.core.crossed import Components
from lab import choice, claims, effects, results, rows, splits
from lab.arms import TABLES
from lab.claims import COMPARISONS, PRIMARY


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Writes rows of a table where the lab looks for them."""

    def write(table, records):
        lines = [json.dumps(r | {"verdicts": "".join(map(str, r["verdicts"]))}) for r in records]
        (tmp_path / f"{table}.jsonl").write_text("\n".join(lines) + "\n")

    monkeypatch.setattr(rows, "RESULTS", tmp_path)
    return write


def test_comparisons_are_of_arms_that_their_table_has_or_is_joined_with():
    for claim in COMPARISONS:
        tables = (claim.table, *rows.JOINED.get(claim.table, ()))
        assert {claim.arm, claim.than} <= {"base"} | {arm.name for t in tables for arm, _, _ in choice.cells(t)}
        assert set(claim.rates) <= set(TABLES[claim.table].rates)


def test_arms_of_a_table_have_names_of_their_own():
    for table in TABLES.values():
        assert len({arm.name for arm in table.arms}) == len(table.arms)


def test_what_is_confirmed_was_neither_chosen_nor_looked_at_before():
    spent = {seed for name, t in TABLES.items() if t.split != "confirmation" for seed in t.seeds}
    for name, table in TABLES.items():
        if table.split == "confirmation":
            assert not spent & set(table.seeds), name
    assert {TABLES[t].split for claim in PRIMARY for t in claim.tables if t in TABLES} <= {"confirmation", "validation"}


def test_the_fourth_split_is_new_and_no_constant_passes():
    tasks, test = splits.tasks_of("confirmation"), splits.tasks_of("test")
    assert len(tasks) == 600
    assert len({t.draft.meaning for t in tasks}) == 600
    assert not {t.instruction for t in tasks} & {t.instruction for t in test}
    assert {splits.split_of(t.composition) for t in tasks} == {"test"}
    assert not any(map(splits.constant, tasks))
    assert any(map(splits.constant, test))
    old = {t.draft.meaning for t in test}
    assert sum(t.draft.meaning not in old for t in tasks) > 250
    drawn = hashlib.sha256("".join(t.instruction + t.solution for t in tasks).encode()).hexdigest()
    assert drawn[:16] == "0bd85f1818b60135"  # committed before a run looked at it


def test_the_effect_without_its_strongest_construct():
    """Everything that is gained, and a loss of its own, lies on tasks with `at_least`."""
    has = splits.having("test", "at_least")
    values = numpy.zeros((4, 600))
    values[:, has] = 1.0
    values[:, splits.having("test", "odd") & ~has] = -0.2
    found = effects.without_strongest(values, "test")
    assert (found.construct, found.tasks) == ("at_least", has.sum())
    assert found.effect.mean == pytest.approx(values[:, ~has].mean())
    assert effects.without_strongest(-values, "test").construct == "at_least"


def test_power_is_how_often_a_plan_finds_what_is_there():
    components, mean = Components(0.0004, 0.02, 0.05), 0.03
    error, freedom = components.error(8, 100)
    generator = numpy.random.default_rng(0)
    from scipy.stats import t

    drawn = (mean + error * generator.standard_normal(4000)) / (
        error * numpy.sqrt(generator.chisquare(freedom, 4000) / freedom)
    )
    assert effects.power(components, 8, 100, mean) == pytest.approx((drawn > t.isf(0.025, freedom)).mean(), abs=0.03)
    least = effects.smallest(components, 8, 100)
    assert effects.power(components, 8, 100, least) == pytest.approx(0.8)
    assert effects.smallest(components, 8, 100, 0.05 / 3) > least


def test_a_mean_over_rates_takes_seeds_that_have_them_all():
    runs = [
        {"arm": "a", "rate": rate, "seed": seed, "verdicts": verdicts}
        for rate, seed, verdicts in ((1.0, 0, "10"), (2.0, 0, "11"), (1.0, 1, "11"))
    ]
    found = rows.verdicts(runs, "a", (1.0, 2.0))
    assert {seed: list(v) for seed, v in found.items()} == {0: [1.0, 0.5]}


def test_the_slope_over_levels(made):
    """Gains that are twice ln of what a weight is worth have slope 2, whatever the worth of each seed's levels."""
    worths, records = (1.05, 1.2, 1.5, 1.8, 1.9, 2.0), []
    for seed in TABLES["shares"].seeds:
        for level, worth in zip(claims.SHARES, worths, strict=True):
            for rate in TABLES["shares"].rates:
                gained = round(600 * 2 * numpy.log(worth) * 0.3)
                for name, passed in (("SFT", 0), ("fixed 2", gained)):
                    records.append({
                        "arm": claims.at_level(name, level), "rate": rate, "seed": seed,
                        "verdicts": [1] * passed + [0] * (600 - passed), "share": {"weight_2": worth, "gradient": 0.5},
                    })  # fmt: skip
    made("shares", records)
    assert claims._slope().mean() == pytest.approx(0.6, rel=0.01)


def test_at_equal_forgetting_the_best_of_those_that_keep_enough_is_chosen():
    points = [
        choice.Point("a", 1, 0.9, 0.5, 0.97),
        choice.Point("a", 2, 0.8, 0.4, 0.98),
        choice.Point("b", 1, 0.7, 0.2, 1.0),
    ]
    assert choice.best(points) == points[1]
    assert choice.best(points[:1]) == points[0]
    low = [choice.Point("a", 1, 0.9, 0.5, 0.5), choice.Point("a", 2, 0.8, 0.4, 0.6)]
    assert choice.best(low) == low[1]


def test_kept_and_gained(made):
    other = splits.untuned("validation")
    base = numpy.where(numpy.arange(600) % 2 == 0, 1, 0)
    tuned = numpy.where(other, base & (numpy.arange(600) % 4 == 0), 1)
    made("front-validation", [
        {"arm": "base", "rate": 0.0, "seed": 0, "verdicts": base},
        {"arm": "fork", "rate": 1e-4, "seed": 10, "verdicts": tuned},
    ])  # fmt: skip
    [point] = choice.points("front-validation")
    assert point.kept == pytest.approx((tuned[other] & base[other]).sum() / base[other].sum())
    assert point.gained == pytest.approx(1 - base[~other].mean())
    assert choice.chosen() is None  # the others are missing
    assert list(choice.cells(choice.FRONT)) == []


def test_a_claim_without_its_runs_is_not_told(made):
    before = [c.before for c in PRIMARY]
    assert all(before)
    said = results.missing(PRIMARY[0])
    assert said == "120 of 120 runs of `core-confirmation` are missing"


def test_the_page_is_made_of_the_rows_in_the_repository():
    """What the page says of three of them, recomputed."""
    page = results.comparisons()
    signed = next(line for line in page.splitlines() if line.startswith("| signed, alpha 5, own faults − SFT |"))
    assert "+2.23" in signed
    assert "+0.02" in signed
    assert "`at_least` (49)" in signed
    rules = next(line for line in page.splitlines() if line.startswith("| FGit, rules − SFT |"))
    assert "**yes**, p 0.017" in rules
    assert results.percent(-0.0123) == "-1.23"
