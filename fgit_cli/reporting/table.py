"""A table before it is put into a format: named columns of one kind each, raw values in the rows, notes below.

Text formats show a value as the papers print it (`text`); CSV and JSON get the numbers, with those made of two
numbers in two columns (`flat`). Scores are in percent, differences in points of percent.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from fgit_cli.core.statistics import LEVEL

Kind = Literal["text", "count", "percent", "score", "interval", "points", "relative", "p", "number", "code"]

PARTS = {"score": ("base", "plus"), "interval": ("low", "high")}
NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """`name` heads the column in CSV and JSON, `title` on a page."""

    name: str
    title: str
    kind: Kind = "text"

    @property
    def numeric(self) -> bool:
        return self.kind not in ("text", "code")


@dataclass
class Table:
    """`rows` map column names to values: None where there is none, a pair for the kinds of PARTS."""

    name: str
    title: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


def text(kind: Kind, value: Any) -> str:
    """A value as a reader sees it."""
    if value is None:
        return NOTHING
    match kind:
        case "percent":
            return _rounded(value)
        case "score":
            base, plus = value
            if base is None:
                return NOTHING
            return f"{base:.1f}" if plus is None else f"{base:.1f} ({plus:.1f})"
        case "interval":
            return f"{_sided(value[0])} to {_sided(value[1])}"
        case "points":
            return _sided(value, "+")
        case "relative":
            return f"{_rounded(value, '+')} %"
        case "p":
            shown = f"{value:.3f}"
            if shown == f"{LEVEL:.3f}":  # on which side it is decides the answer
                shown = f"{value:.5f}"
            return "<0.001" if value < 0.001 else shown
        case "number":
            return f"{value:.4g}"
    return str(value)


def _rounded(value: float, sign: str = "") -> str:
    """To one decimal; what rounds to nought has no minus."""
    return f"{round(value, 1) + 0.0:{sign}.1f}"


def _sided(value: float, sign: str = "") -> str:
    """To one decimal, or to the first figure that tells on which side of nought the value is."""
    near = 1e-9 < abs(value) < 0.05
    return f"{value:{sign}.1g}" if near else _rounded(value, sign)


def flat(table: Table) -> tuple[list[str], list[list[Any]]]:
    """Header and rows with numbers as numbers, one value a column."""
    header = [f"{c.name}_{part}" if part else c.name for c in table.columns for part in PARTS.get(c.kind, ("",))]
    rows = []
    for row in table.rows:
        values: list[Any] = []
        for column in table.columns:
            value: Any = row.get(column.name)
            parts = PARTS.get(column.kind)
            values += [value] if not parts else [None] * len(parts) if value is None else value
        rows.append(values)
    return header, rows
