"""The lab's page: what its claims are taken from, and that a claim is called as its rows have it."""

import numpy
import pytest
from scipy import stats

from lab import results
from lab.arms import TABLES
from lab.claims import CLAIMS, compare, judged


def test_claims_are_of_arms_that_their_table_has_or_is_joined_with():
    for claim in CLAIMS:
        names = {"base"} | {a.name for t in (claim.table, *results.JOINED.get(claim.table, ())) for a in TABLES[t].arms}
        assert {claim.arm, claim.than} <= names
        assert set(claim.rates) <= set(TABLES[claim.table].rates)


def test_arms_of_a_table_have_names_of_their_own():
    for table in TABLES.values():
        assert len({arm.name for arm in table.arms}) == len(table.arms)


def test_a_comparison_by_hand():
    generator = numpy.random.default_rng(0)
    mine, theirs = ((generator.random((5, 300)) < p).astype(float) for p in (0.8, 0.7))
    found = compare(mine, theirs)
    assert found["difference"] == pytest.approx(100 * (mine.mean() - theirs.mean()))
    assert found["p"] == pytest.approx(stats.ttest_rel(mine.mean(1), theirs.mean(1)).pvalue)
    assert found["low"] < found["difference"] < found["high"]
    assert compare(mine[:2], theirs[:2])["p"] is None


def test_answers_and_holm():
    def row(difference, p):
        return {"difference": difference, "p": p}

    found = judged([row(2.0, 0.001), row(-2.0, 0.002), row(1.0, 0.06), row(1.0, None)])
    assert [f["answer"] for f in found] == ["holds", "does not hold", "not known", "not known"]
    assert [f["p_holm"] for f in found] == [pytest.approx(0.003), pytest.approx(0.004), pytest.approx(0.06), None]


def test_a_mean_over_rates_takes_seeds_that_have_them_all():
    runs = [
        {"arm": "a", "rate": rate, "seed": seed, "verdicts": verdicts}
        for rate, seed, verdicts in ((1.0, 0, "10"), (2.0, 0, "11"), (1.0, 1, "11"))
    ]
    found = results.verdicts(runs, "a", (1.0, 2.0))
    assert {seed: list(v) for seed, v in found.items()} == {0: [1.0, 0.5]}


def test_the_headline_is_of_the_core_table_alone():
    """Other tables ask the same of the same arms at other rates."""

    def row(claim, answer):
        return claim, {
            "difference": 1.0,
            "low": 0.5,
            "high": 1.5,
            "p": 0.01,
            "p_holm": 0.02,
            "seeds": 5,
            "answer": answer,
        }

    core = [c for c in CLAIMS if (c.arm, c.than, c.table) == ("FGit, own faults", "SFT", "core")]
    others = [c for c in CLAIMS if (c.arm, c.than) == ("FGit, own faults", "SFT") and c.table != "core"]
    assert core
    assert others
    said = results.headline([*(row(c, "holds") for c in core), *(row(c, "does not hold") for c in others)])
    assert "FGit, own faults > SFT **holds**" in said
    assert "does not hold" not in said
