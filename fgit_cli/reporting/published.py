"""The papers' own figures, by paper and table, beside ours or alone (`--against`).

`published/*.toml` hold them as printed: the papers disagree with themselves in places, so a figure belongs to its
table; where a table calls a model otherwise than the rest of its paper does, `models` there says which one it is.
There are no per-task results with them, so nothing is tested against them.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fgit_cli.errors import UsageError
from fgit_cli.reporting.papers_columns import errors, figure, makeable
from fgit_cli.reporting.scores import Runs, benches, models, percent, title
from fgit_cli.reporting.table import Column, Table

FOLDER = Path(__file__).parent / "published"
PAPERS = ("fgit", "fait", "target-dpo")
MAIN = ("FGit I", "FAIT 1", "Target-DPO 1")
TITLES = {
    "bigcodebench": "BigCodeBench-Full", "bigcodebench-instruct": "BigCodeBench-Full, instruct",
    "bigcodebench-hard-instruct": "BigCodeBench-Hard, instruct", "livecodebench": "LiveCodeBench",
    "livecodebench-easy": "LiveCodeBench, easy", "livecodebench-medium": "LiveCodeBench, medium",
    "livecodebench-hard": "LiveCodeBench, hard", "humaneval-mean": "HumanEval, mean of base and plus",
    "mbpp-mean": "MBPP, mean of base and plus", "average": "Average", "pass-rate": "Tasks passed",
    "fail-rate": "Tasks failed",
}  # fmt: skip
NO_TEST = "Published figures come without per-task results: no interval and no p-value can be given for them."


@dataclass(frozen=True)
class Row:
    """One row as printed; `figures` by column, in percent unless the table counts, without those not given."""

    source: str
    model: str
    method: str
    figures: dict[str, float]

    @property
    def name(self) -> str:
        if self.method in ("-", "base", "Ref."):
            return self.model
        return self.method if self.model == "-" else f"{self.model} + {self.method}"


@dataclass(frozen=True)
class Published:
    """One table of a paper; `remark` where the print contradicts itself or another table.

    `errors_on`: the benchmark whose failures it counts, in columns named by type of error.
    """

    paper: str
    number: str
    shows: str
    remark: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    errors_on: str = ""

    @property
    def source(self) -> str:
        return f"{self.paper} {self.number}"


@cache
def tables() -> tuple[Published, ...]:
    """All of them, in the papers' order."""
    found = []
    for paper in PAPERS:
        content = tomllib.loads((FOLDER / f"{paper}.toml").read_text(encoding="utf-8"))
        for table in content["table"]:
            header, *lines = ([cell.strip() for cell in line.split(",")] for line in table["rows"].strip().split("\n"))
            source = f"{content['paper']} {table['id']}"
            models = table.get("models", {})
            rows = tuple(row(source, header, [models.get(cells[0], cells[0]), *cells[1:]]) for cells in lines)
            columns, errors_on = tuple(header[2:]), table.get("errors-on", "")
            remark = table.get("remark", "")
            found.append(Published(content["paper"], table["id"], table["shows"], remark, columns, rows, errors_on))
    return tuple(found)


def row(source: str, header: list[str], cells: list[str]) -> Row:
    figures = {c: float(v) for c, v in zip(header[2:], cells[2:], strict=True) if v != "-"}
    return Row(source, cells[0], cells[1], figures)


def against(which: str, runs: Runs) -> Table:
    """The rows that `--against` asks for, with our own below on the benches that both have.

    `PAPER:TABLE` gives that table whole, `PAPER` the rows of that paper, `paper` those of all three, of models whose
    names resemble ours; where none does, the papers' main tables. Raises UsageError for a table that is not there.
    """
    paper, _, number = which.partition(":")
    asked = [
        t for t in tables()
        if paper.lower() in ("paper", t.paper.lower()) and number.lower() in ("", t.number.lower())
    ]  # fmt: skip
    if not asked:
        there = ", ".join(f"{p}:{'|'.join(t.number for t in tables() if t.paper.lower() == p)}" for p in PAPERS)
        raise UsageError(f"--against {which}: no such table; there are paper, {there}")
    notes = [NO_TEST]
    columns = shared_columns(asked, runs)
    measured, made = models(runs), list[str]()
    if number:
        rows = list(asked[0].rows)
        notes.insert(0, f"{asked[0].source}: {asked[0].shows}.")
        made = makeable(asked[0].columns, asked[0].errors_on, runs)
        columns += made
        if not columns:
            columns, measured = shared_columns(asked, {}), []
            notes.append(f"None of your benchmarks is a column of {asked[0].source}: it stands alone.")
    else:
        rows = [r for t in asked for r in t.rows if any(alike(r.model, model) for model in models(runs))]
        if not rows:
            rows = [r for t in asked if t.source in MAIN for r in t.rows]
            if runs:
                notes.append("No published model bears the name of one of yours; these are the papers' main tables.")
    notes += [f"{t.source}: {t.remark}" for t in asked if t.remark and any(r.source == t.source for r in rows)]
    if not runs:  # of several tables, the columns of those whose rows are shown
        columns = [c for c in columns if any(c in r.figures for r in rows)]
    body = [{"source": source, "model": r.name} | cells for r, source, cells in merged(rows, columns)]
    for model in measured:
        cells = ours(runs, model, columns)
        if asked[0].errors_on and made:
            cells |= errors(asked[0].columns, runs.get((model, asked[0].errors_on)))
        else:
            cells |= {c: (figure(c, asked[0].columns, runs, model), None) for c in made}
        body.append({"source": "measured", "model": model} | cells)
    shown = [Column("source", "Source"), Column("model", "Model")]
    shown += [Column(c, heading(c), "score" if numbers_in_percent(c) else "number") for c in columns]
    return Table("against", "Beside published figures", shown, body, notes)


def shared_columns(asked: list[Published], runs: Runs) -> list[str]:
    """The benches that both sides have, as they are called here; all of the tables' where there are no runs.

    A bench with brackets (`humaneval+`) stands for its base and plus columns together.
    """
    there = list(dict.fromkeys(column for t in asked for column in t.columns))
    if not runs:
        return [c for c in there if f"{c}+" not in there]
    return [bench for bench in benches(runs) if bench in there]


def heading(column: str) -> str:
    return TITLES.get(column) or title(column)


def numbers_in_percent(column: str) -> bool:
    """All but counts, of errors, features, problems and tests, whose columns begin with a capital."""
    return column[0].islower()


def figures(row: Row, columns: list[str]) -> dict:
    """The row's figures as cells: (base, plus) for benches."""
    cells: dict = {}
    for c in columns:
        if not numbers_in_percent(c):
            count = row.figures.get(c)
            cells[c] = int(count) if count is not None and count.is_integer() else count
        elif c.endswith("+"):
            cells[c] = (row.figures.get(c[:-1]), row.figures.get(c))
        else:
            cells[c] = (row.figures.get(c), None)
    return cells


def merged(rows: list[Row], columns: list[str]) -> list[tuple[Row, str, dict]]:
    """Rows with their sources, each once where several tables print the same figures under the same name."""
    found: dict[str, tuple[Row, list[str], dict]] = {}
    for row in rows:
        cells = figures(row, columns)
        if all(value in (None, (None, None)) for value in cells.values()):
            continue
        sources = found.setdefault(repr((row.name, cells)), (row, [], cells))[1]
        if row.source not in sources:
            sources.append(row.source)
    return [(row, cite(sources), cells) for row, sources, cells in found.values()]


def cite(sources: list[str]) -> str:
    """`FGit I, VI; FAIT 1`."""
    by_paper: dict[str, list[str]] = {}
    for source in sources:
        paper, _, number = source.rpartition(" ")
        by_paper.setdefault(paper, []).append(number)
    return "; ".join(f"{paper} {', '.join(numbers)}" for paper, numbers in by_paper.items())


def ours(runs: Runs, model: str, columns: list[str]) -> dict:
    return {c: (percent(runs.get((model, c)), "base"), percent(runs.get((model, c)), "plus")) for c in columns}


def alike(published: str, ours: str) -> bool:
    """Whether one name, letters and digits alone, holds the other; ours must say more than a family's name."""
    a, b = (re.sub(r"[^a-z0-9]", "", name.lower()) for name in (published, ours))
    return len(a) >= 8 and len(b) >= 8 and (a in b or b in a)
