"""The value of each token: how much of the fault it carries (FGit, "Hybrid Level Vectors").

V_line is 1 on tokens of changed lines, V_token 1 on tokens of changed characters, hybrid their sum. Where a side of the
pair lacks the lines, the token at the gap is anchored: its value is at least 1. Where it lacks changed tokens, the one
at the fork may count as changed.
"""

from collections.abc import Iterable
from typing import Literal

from fgit_cli.core.align import Spans
from fgit_cli.core.textdiff import Side, Span, line_starts, split_lines

Granularity = Literal["hybrid", "line", "token"]
REVISION = 2  # of what is marked: raised when the same texts and options come to other masks; 1 is that of fgit 0.1


def line_spans(text: str, lines: list[int]) -> list[Span]:
    """The character spans of the numbered lines, neighbours merged."""
    starts = line_starts(split_lines(text))
    out: list[Span] = []
    for line in lines:
        start, end = starts[line], starts[line + 1]
        if out and out[-1][1] == start:
            out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def values(
    text: str, spans: Spans, side: Side, granularity: Granularity, gaps: Iterable[int]
) -> tuple[list[int], list[int]]:
    """One value for each token and, last, one for the end token; and the numbers of the anchored tokens.

    `gaps` are the offsets to anchor; the text's length stands for the end token.
    """
    count = len(spans.ends)
    out = [0] * (count + 1)
    if granularity != "token":
        for start, end in line_spans(text, side.lines):
            _add(out, spans, start, end)
    if granularity != "line":
        marked = -1  # a token that two spans overlap is marked once
        for start, end in side.chars:
            touched = spans.overlapping(start, end)
            for k in range(max(touched.start, marked + 1), touched.stop):
                out[k] += spans.starts[k] < spans.ends[k]
            marked = max(marked, touched.stop - 1)
    anchored: list[int] = []
    for gap in gaps:
        for k in spans.overlapping(gap, gap + 1) if gap < len(text) else (count,):
            out[k] = max(1, out[k])
            anchored.append(k)
    return out, anchored


def count_changed(mask: list[int], token: int, granularity: Granularity) -> None:
    """Give a token the value of a changed one: 2 in hybrid, 1 in token, as it is in line."""
    if granularity != "line":
        mask[token] = 2 if granularity == "hybrid" else 1


def _add(out: list[int], spans: Spans, start: int, end: int) -> None:
    for k in spans.overlapping(start, end):
        out[k] = max(out[k], int(spans.starts[k] < spans.ends[k]))
