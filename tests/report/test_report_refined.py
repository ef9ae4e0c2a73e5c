"""Tables of what `refine` wrote: answers for each pair, who passes when, what tests cover."""

import csv
import io
import json

import pytest


def refined(statuses, calls, coverage=None, reason="", method="refine"):
    """A record of `refine` whose attempts ended so; with a reason one that was left out."""
    origin = {"method": method, "model": "gpt-4o", "calls": calls}
    record = {"instruction": "i", "attempts": [{"text": "x", "status": s, "error": ""} for s in statuses]}
    if reason:
        return {**record, "origin": origin, "reason": reason}
    origin |= {"coverage": coverage, "passed_at": len(statuses) - 1}
    return {**record, "response": "x", "incorrect": "y", "origin": origin}


PAIRS = [
    refined(["fail", "pass"], 3, 1.0),
    refined(["fail", "error", "pass"], 4, 0.9999),
    refined(["fail", "pass"], 3, 0.3),  # in floating point 10 * 0.3 is not below 3
]
LEFT = [
    refined(["pass"], 1, reason="passed at once"),
    refined(["fail"] * 6, 6, reason="never passed, last: fail"),
    refined([], 1, reason="no tests in the answer"),
]


@pytest.fixture
def tables(fgit, write):
    write("pairs.jsonl", PAIRS)
    write("left.jsonl", LEFT)

    def of(*words):
        ran = fgit("report", *words, "--format", "json")
        assert ran.code == 0, ran.err
        return json.loads(ran.out)

    return of


def test_pairs_and_rejects_under_one_label(tables):
    found = tables("c=pairs.jsonl", "c=left.jsonl")
    [row] = found["refined"]["rows"]
    assert (row["records"], row["pairs"], row["share"]) == (6, 3, 50)
    assert row["teacher"] == "gpt-4o, debugging"
    assert row["calls"] == pytest.approx((3 + 4 + 3 + 1 + 6 + 1) / 3)
    assert row["coverage"] == pytest.approx(100 * (1.0 + 0.9999 + 0.3) / 3)
    shares = [round(row["c %"], 1) for row in found["rounds"]["rows"]]
    assert shares == [16.7, 50.0, 66.7, 66.7, 66.7, 66.7]
    histogram = {row["covered"]: (row["c pairs"], row["c %"]) for row in found["coverage"]["rows"]}
    assert len(histogram) == 11
    assert {k: n for k, (n, _) in histogram.items() if n} == {"30 to 39": 1, "90 to 99": 1, "100": 1}
    assert sum(share for _, share in histogram.values()) == pytest.approx(100)


def test_pairs_alone_say_what_is_missing(tables):
    found = tables("pairs.jsonl")
    assert "rounds" not in found
    assert found["refined"]["rows"][0]["calls"] == pytest.approx(10 / 3)
    assert any("pairs: without the records that were left out" in note for note in found["refined"]["notes"])


def test_rejects_alone_have_no_price(tables):
    found = tables("left.jsonl")
    assert found["refined"]["rows"][0]["calls"] is None
    assert "coverage" not in found


def test_several_runs_stand_beside_each_other(tables, write):
    write("sampled.jsonl", [refined(["fail", "pass"], 5, 1.0, method="sampling")])
    found = tables("pairs.jsonl", "sampled.jsonl")
    assert [row["teacher"] for row in found["refined"]["rows"]] == ["gpt-4o, debugging", "gpt-4o, sampling"]
    assert found["coverage"]["rows"][-1]["sampled pairs"] == 1


def test_records_of_before_do_not_say_what_they_took(tables, write):
    old = refined(["fail", "pass"], 0, 1.0)
    del old["origin"]["calls"]
    write("old.jsonl", [old])
    assert tables("old.jsonl")["refined"]["rows"][0]["calls"] is None


@pytest.mark.parametrize("kind", ["terminal", "markdown", "latex", "html"])
def test_every_format_has_the_tables(fgit, write, kind):
    write("pairs.jsonl", PAIRS)
    write("left.jsonl", LEFT)
    ran = fgit("report", "c=pairs.jsonl", "c=left.jsonl", "--format", kind)
    assert ran.code == 0, ran.err
    for words in ("Pairs from instructions", "Code that passes, by attempt", "Pairs by what their tests cover"):
        assert words in ran.out
    assert "10.4 answers" in ran.out


def test_csv_has_the_table_that_is_named(fgit, write):
    write("pairs.jsonl", PAIRS)
    ran = fgit("report", "c=pairs.jsonl", "--format", "csv", "--table", "coverage")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert [row["covered"] for row in rows if row["c pairs"] == "1"] == ["30 to 39", "90 to 99", "100"]


@pytest.mark.parametrize("attempts", [[1], [{"text": "x"}], [{"status": None}]])
def test_attempts_of_another_program_are_refused_by_place(fgit, write, attempts):
    write("odd.jsonl", [PAIRS[0], {**PAIRS[0], "attempts": attempts}])
    ran = fgit("report", "odd.jsonl")
    assert (ran.code, "odd.jsonl:2: field `attempts`" in ran.err) == (3, True)
