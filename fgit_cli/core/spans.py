"""A difference as spans of characters with values, for programs that have tokens of their own.

The values are those of tokens (core/masks.py, hybrid): 1 on changed lines, 2 on changed characters, and at least 1
where a side lacks lines. A token has the largest value of the spans that it overlaps; an empty span at the text's end
is the token that ends the response.
"""

from itertools import pairwise
from typing import NamedTuple

from fgit_cli.core.masks import line_spans
from fgit_cli.core.textdiff import Side


class ValueSpan(NamedTuple):
    """Characters [start, end) of a text with one value."""

    start: int
    end: int
    value: int


def value_spans(text: str, side: Side, gaps: bool) -> list[ValueSpan]:
    """The spans of a side with a value above 0, in order, none overlapping; `gaps`: places without lines count."""
    marked = [(start, end, 1) for start, end in [*line_spans(text, side.lines), *side.chars]]
    marked += [(gap, min(gap + 1, len(text)), 0) for gap in side.gaps if gaps]
    edges = sorted({edge for start, end, _ in marked for edge in (start, end)})
    out: list[ValueSpan] = []
    for start, end in pairwise(edges):
        over = [by for from_, to, by in marked if from_ <= start and end <= to]
        value = max(sum(over), 1) if over else 0
        if not value:
            continue
        if out and out[-1].end == start and out[-1].value == value:
            out[-1] = out[-1]._replace(end=end)
        else:
            out.append(ValueSpan(start, end, value))
    if gaps and len(text) in side.gaps:
        out.append(ValueSpan(len(text), len(text), 1))
    return out
