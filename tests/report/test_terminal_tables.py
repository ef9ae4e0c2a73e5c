"""Tables on screens of any width: nothing wider than the screen, no figure folded, nothing left out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from fgit_cli.reporting import published
from fgit_cli.reporting.table import Column, Table
from fgit_cli.reporting.terminal_tables import lines

WIDTHS = (60, 80, 110, 200)


def shown(table, width):
    return [line.plain.rstrip() for line in lines(table, width)]


def letters(text):
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_published_tables(width):
    table = published.against("paper", {})
    found = shown(table, width)
    assert max(map(cell_len, found)) <= width
    scores = [c.name for c in table.columns if c.kind == "score"]
    whole = "\n".join(found)
    for row in table.rows:
        for name in scores:
            base, plus = row[name]
            if plus is not None:
                assert f"{base:.1f} ({plus:.1f})" in whole


names = st.text("abcdefghij-东北模🚀é", min_size=1, max_size=90).filter(lambda name: name.strip("-"))


@given(st.lists(names, min_size=1, max_size=5, unique=True), st.integers(1, 9), st.sampled_from(WIDTHS))
def test_any_table_fits_and_is_whole(models, benches, width):
    columns = [Column("model", "Model"), Column("bench", "Bench"), Column("tests", "Tests")]
    columns += [Column(f"n{n}", f"Number of {n}", "interval") for n in range(benches)]
    rows = [
        {"model": model, "bench": bench, "tests": "base and plus"}
        | {f"n{n}": (10.0 * n, 10.0 * n + m) for n in range(benches)}
        for m, model in enumerate(models)
        for bench in ("humaneval+", "bigcodebench-hard")
    ]
    found = shown(Table("t", "T", columns, rows), width)
    assert max(map(cell_len, found)) <= width
    for m, model in enumerate(models):
        assert letters(model) in letters("".join(found)) or any(word in "".join(found) for word in model.split("-"))
        for n in range(benches):
            figure = f"{10.0 * n:.1f} to {10.0 * n + m:.1f}"
            assert sum(len(re.findall(rf"(?<![\d.]){re.escape(figure)}(?!\d)", line)) for line in found) == 2


def test_a_name_that_many_rows_share_stands_over_them():
    columns = [Column("model", "Model"), *(Column(f"c{n}", "Benchmark of code", "score") for n in range(4))]
    rows = [{"model": "a-name-that-is-long-and-twice-there"} | {f"c{n}": (12.5, 10.0) for n in range(4)}] * 2
    found = shown(Table("t", "T", columns, rows), 60)
    assert found.count("a-name-that-is-long-and-twice-there") == 1
    assert re.split(r"\s{2,}", found[-1]) == ["", *["12.5 (10.0)"] * 4]


def test_parts_repeat_what_names_a_row():
    columns = [Column("model", "Model"), Column("bench", "Bench")]
    columns += [Column(f"c{n}", f"Column {n}", "interval") for n in range(6)]
    rows = [{"model": "m", "bench": "humaneval+"} | {f"c{n}": (1.0, 2.0) for n in range(6)}]
    found = shown(Table("t", "T", columns, rows), 60)
    assert found.count("m") == 2
    assert sum(line.startswith("  humaneval+") for line in found) == 2
