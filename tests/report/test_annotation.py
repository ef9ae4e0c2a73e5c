"""A sheet for two people, and how far they agree."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.statistics import kappa
from fgit_cli.reporting.annotation import SIZE

CODE = "def f(a):\n    return a + {}\n"


def variants(count, per=2):
    rows = []
    for n in range(count):
        made = [{"text": CODE.format(n).replace("+", op)} for op in "-*"[:per]]
        rows.append({"id": f"r{n}", "instruction": f"=Add {n}.", "response": CODE.format(n), "variants": made})
    return rows


def test_a_sheet_holds_fifty_drawn_by_chance_and_the_same_again(fgit, write):
    write("v.jsonl", variants(60))
    for name in ("a.csv", "b.csv"):
        assert fgit("report", "--variants", "v.jsonl", "--sheet", name).code == 0
    path = write("v.jsonl", list(reversed(variants(60))))
    assert fgit("report", "--variants", path, "--sheet", "c.csv").code == 0
    sheets = [(path.parent / name).read_text() for name in ("a.csv", "b.csv", "c.csv")]
    assert sheets[0] == sheets[1] == sheets[2]
    rows = list(csv.DictReader(io.StringIO(sheets[0])))
    assert len(rows) == SIZE
    assert len({row["id"] for row in rows}) > 20
    assert "+    return a" in rows[0]["difference"]
    assert rows[0]["instruction"].startswith(" =Add")  # no formula
    assert {row["annotator 1"] for row in rows} == {""}


def test_what_people_wrote_is_read_again(fgit, write):
    path = write("v.jsonl", variants(5))
    fgit("report", "--variants", "v.jsonl", "--sheet", "s.csv")
    rows = list(csv.DictReader(io.StringIO((path.parent / "s.csv").read_text())))
    assert len(rows) == 10
    judged = [("1", "yes")] * 5 + [("0", "n")] * 2 + [("1", "0")] * 2 + [("", "1")]
    for row, (one, other) in zip(rows, judged, strict=True):
        row["annotator 1"], row["annotator 2"] = one, other
    with open(path.parent / "s.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    ran = fgit("report", "--annotations", "s.csv", "--format", "json")
    assert ran.code == 0, ran.err
    [row] = json.loads(ran.out)["annotations"]["rows"]
    assert (row["variants"], row["both"]) == (9, pytest.approx(500 / 9))
    chance = 7 / 9 * 5 / 9 + 2 / 9 * 4 / 9
    assert row["kappa"] == pytest.approx((7 / 9 - chance) / (1 - chance))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,annotator 1,annotator 2\na,1,maybe\n", "s.csv:2: column `annotator 2` is 'maybe'"),
        ("id,annotator 1\na,1\n", "fewer than two columns"),
        ("id,annotator 1,annotator 2\n", "s.csv: no lines"),
    ],
)
def test_a_sheet_that_cannot_be_read_is_refused_by_place(fgit, tmp_path, text, said):
    (tmp_path / "s.csv").write_text(text)
    ran = fgit("report", "--annotations", "s.csv")
    assert (ran.code, said in ran.err) == (3, True), ran.err


def test_a_sheet_needs_variants(fgit):
    assert fgit("report", "--sheet", "s.csv", "--against", "fgit:I").code == 2


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_kappa(pairs):
    found = kappa(pairs)
    swapped = kappa([(b, a) for a, b in pairs])
    assert (found is None) == (len(set(pairs)) == 1 and pairs[0][0] == pairs[0][1])
    if found is not None:
        assert found == pytest.approx(swapped)
        assert found <= 1
        assert (found == 1) == all(a == b for a, b in pairs)
