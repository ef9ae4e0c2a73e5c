"""Tables on a terminal: whole where they fit, else with cells wrapped between words, else lifted and split.

Lifted: the first column becomes a heading over the rows that share it. Split: the columns stand in parts below each
other, each of which repeats the columns that name a row, so that figures still stand below one another to be compared.
No figure is ever folded, and no word that is shorter than LEAST_TEXT.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len, chop_cells
from rich.text import Text

from fgit_cli.reporting.table import Table, text

LEAST_TEXT = 20  # columns of the screen that a text column keeps where its words are longer
KEYS = 2  # columns that name a row beside a lifted one, at most: bench, tests
WIDE_GAP, NARROW_GAP = 3, 2  # between two columns
BREAKABLE = re.compile(r"[^\s-]*-+\s*|[^\s-]+\s*")  # what is never broken unless it is longer than a line
INDENT = 2  # of the rows under a heading


@dataclass(frozen=True)
class Measured:
    """A column as text, the width that shows it whole and the least that it can do with."""

    title: str
    cells: list[str]
    numeric: bool
    full: int
    least: int


def lines(table: Table, width: int) -> Iterator[Text]:
    """The table's lines for a screen so wide; only a screen narrower than a few words is not wide enough."""
    if not table.rows:
        return
    columns = [measured(table, number) for number in range(len(table.columns))]
    first, *rest = columns
    if fits([c.full for c in columns], WIDE_GAP, width):
        yield from part(columns, [c.full for c in columns], WIDE_GAP)
    elif fits([first.full, *(c.least for c in rest)], NARROW_GAP, width):
        yield from part(columns, [first.full, *shared_out(rest, width - first.full - NARROW_GAP)], NARROW_GAP)
    else:
        for number, shown in enumerate(split(rest, width - INDENT)):
            if number:
                yield Text()
            over = ["\n".join(wrapped(cell, width)) for cell in first.cells]
            yield from part(shown, shared_out(shown, width - INDENT), NARROW_GAP, over)


def measured(table: Table, number: int) -> Measured:
    column = table.columns[number]
    cells = [text(column.kind, row.get(column.name)) for row in table.rows]
    words = [column.title, *cells] if not column.numeric else [column.title]
    longest = min(LEAST_TEXT, max((cell_len(word) for cell in words for word in cell.split()), default=1))
    least = max([longest, *map(cell_len, cells)]) if column.numeric else longest
    return Measured(column.title, cells, column.numeric, max(map(cell_len, [column.title, *cells])), least)


def fits(widths: list[int], gap: int, width: int) -> bool:
    return sum(widths) + gap * (len(widths) - 1) <= width


def split(columns: list[Measured], width: int) -> list[list[Measured]]:
    """The columns in as few parts as fit; each begins with those that name a row."""
    leading = next((n for n, c in enumerate(columns) if c.numeric), len(columns))
    keys = columns[: min(leading, KEYS, len(columns) - 1)]
    parts = [list(keys)]
    for column in columns[len(keys) :]:
        if len(parts[-1]) > len(keys) and not fits([c.least for c in [*parts[-1], column]], NARROW_GAP, width):
            parts.append(list(keys))
        parts[-1].append(column)
    return parts


def shared_out(columns: list[Measured], width: int) -> list[int]:
    """Widths between each column's least and full one: what is to spare goes to those first that want little."""
    widths = [c.least for c in columns]
    spare = width - sum(widths) - NARROW_GAP * (len(columns) - 1)
    wanting = sorted(range(len(columns)), key=lambda n: columns[n].full - columns[n].least)
    for place, number in enumerate(wanting):
        given = max(0, min(columns[number].full - widths[number], spare // (len(wanting) - place)))
        widths[number] += given
        spare -= given
    return widths


def part(columns: list[Measured], widths: list[int], gap: int, over: list[str] | None = None) -> Iterator[Text]:
    """Heading, rule and rows of these columns; `over` are the rows' headings, each shown where it changes."""
    indent = " " * (INDENT if over else 0)

    def row(cells: list[str], style: str = "") -> Iterator[Text]:
        broken = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
        for pieces in zip_longest(*broken, fillvalue=""):
            padded = (
                " " * (width - cell_len(piece)) + piece if column.numeric else piece + " " * (width - cell_len(piece))
                for piece, width, column in zip(pieces, widths, columns, strict=True)
            )
            yield Text(indent + (" " * gap).join(padded), style)

    yield from row([column.title for column in columns], "bold")
    yield Text("─" * (len(indent) + sum(widths) + gap * (len(widths) - 1)))
    shown = None
    for number, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
        if over and over[number] != shown:
            shown = over[number]
            yield from map(Text, shown.split("\n"))
        yield from row(list(cells))


def wrapped(cell: str, width: int) -> list[str]:
    """The text broken between words, or after a hyphen, into lines of at most `width` columns of the screen."""
    if cell_len(cell) <= width:
        return [cell]
    least = max(2, width)  # a sign of CJK takes two
    pieces = [part for word in BREAKABLE.findall(cell) for part in chop_cells(word, least)]
    lines = [""]
    for piece in pieces:
        if lines[-1] and cell_len(lines[-1] + piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]
