"""What differs between an incorrect and a correct text: lines, characters, and the gaps where a side lacks lines.

Definitions of docs/records.md; all offsets are 0-based and count characters. Lines are split at `\\n` only and compared
without it; with `ignore_space` without line ends and trailing blanks, which are then no changed characters either. Line
matching is difflib's (computed by cydifflib, which gives the same opcodes), rapidfuzz's LCS, or common prefix and
suffix; characters are compared inside each replaced hunk by python-Levenshtein. These packages are imported where they
are used, so that `--help` answers at once.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, islice
from typing import Any, Literal, NamedTuple

Algorithm = Literal["difflib", "lcs", "prefix-suffix"]
Span = tuple[int, int]
Hunk = tuple[int, int, int, int]  # unmatched lines: incorrect [i1, i2), correct [j1, j2)

# Bounds on work, ours: a few seconds on one core. What would take more is left out by name.
LINE_STEPS = 1_000_000_000  # steps of difflib's inner loop
LCS_CELLS = 4_000_000_000  # pairs of lines; rapidfuzz keeps a bit for each, half a gigabyte
CHARACTER_CELLS = 100_000_000_000  # pairs of characters in one hunk; likewise

BLANKS = " \t\r\n"  # at a line's end, what `ignore_space` leaves out


class TooLong(ValueError):
    """The texts are too long to be compared in bounded time; the message is the reason for the rejects."""


@dataclass(frozen=True)
class Side:
    """The marks of one text: line numbers, character spans (merged, half-open), gap offsets; each ascending."""

    lines: list[int]
    chars: list[Span]
    gaps: list[int]

    @property
    def empty(self) -> bool:
        return not (self.lines or self.chars or self.gaps)


class Place(NamedTuple):
    """Where a hunk stands in either text, in characters, its lines whole; empty on the side that has no lines."""

    correct: Span
    incorrect: Span


@dataclass(frozen=True)
class Difference:
    """Both sides of one comparison, and its hunks where they are known."""

    correct: Side
    incorrect: Side
    places: tuple[Place, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Lines:
    """A text's lines as they are compared (`keys`), and where each begins; last in `starts` stands the text's length.

    `ends`: whether a line end is a character that may be changed.
    """

    keys: list[str]
    starts: list[int]
    ends: bool

    @classmethod
    def of(cls, text: str, ignore_space: bool = False) -> "Lines":
        """The lines of a text."""
        lines = split_lines(text)
        return cls(comparable(lines, ignore_space), line_starts(lines), not ignore_space)

    def place(self, first: int, offset: int) -> int:
        """Where in the text stands character `offset` of the keys from line `first` on, joined by `\n`."""
        line = first
        while offset > len(self.keys[line]):
            offset -= len(self.keys[line]) + 1
            line += 1
        return self.starts[line] + offset


def comparable(lines: Iterable[str], ignore_space: bool = False) -> list[str]:
    """The lines as they are compared: without `\n`, or without line end, trailing blanks and tabs."""
    if ignore_space:
        return [line.rstrip(BLANKS) for line in lines]
    return [line.removesuffix("\n") for line in lines]


def split_lines(text: str) -> list[str]:
    """The lines with their `\\n`; what follows a final `\\n` is not a line; the empty text has none."""
    lines = text.split("\n")
    last = lines.pop()
    lines = [line + "\n" for line in lines]
    if last:
        lines.append(last)
    return lines


def line_starts(lines: Iterable[str]) -> list[int]:
    """The offset of each line and, last, the length of the text."""
    starts = [0]
    at = 0
    for line in lines:
        at += len(line)
        starts.append(at)
    return starts


def hunks(incorrect: list[str], correct: list[str], algorithm: Algorithm = "difflib") -> list[Hunk]:
    """The maximal runs of unmatched lines, in order; the lines as `comparable` gives them. Raises TooLong."""
    if algorithm == "difflib":
        blocks = _difflib_blocks(incorrect, correct)
    elif algorithm == "lcs":
        if len(incorrect) * len(correct) > LCS_CELLS:
            raise TooLong("too long to compare by lines")
        from rapidfuzz.distance import LCSseq

        blocks = [(o.src_start, o.dest_start, o.src_end - o.src_start)
                  for o in LCSseq.opcodes(incorrect, correct) if o.tag == "equal"]  # fmt: skip
    else:
        blocks = _affixes(incorrect, correct)
    return list(_between(blocks, len(incorrect), len(correct)))


def _between(blocks: Iterable[tuple[int, int, int]], n: int, m: int) -> Iterator[Hunk]:
    i = j = 0
    for a, b, size in [*blocks, (n, m, 0)]:
        if i < a or j < b:
            yield i, a, j, b
        i, j = a + size, b + size


def _difflib_blocks(a: list[str], b: list[str]) -> list[tuple[int, int, int]]:
    """difflib's matching blocks. Raises TooLong."""
    from cydifflib import SequenceMatcher

    matcher = SequenceMatcher(None, a, b, autojunk=False)
    positions = matcher.b2j
    pairs = list(accumulate((len(positions.get(line, ())) for line in a), initial=0))
    if pairs[-1] * min(len(a), len(b)) <= LINE_STEPS:
        return matcher.get_matching_blocks()
    return counted_blocks(matcher, pairs, LINE_STEPS)


def counted_blocks(matcher: Any, pairs: list[int], limit: int) -> list[tuple[int, int, int]]:
    """A SequenceMatcher's search for the longest match, then left and right of it, within `limit` steps.

    One look costs a step for each pair of equal lines in its range (`pairs` counts them up to each line), so that the
    worst case, many equal lines in many blocks, is cubic. Raises TooLong.
    """
    found, steps = [], 0
    todo = [(0, len(matcher.a), 0, len(matcher.b))]
    while todo:
        alo, ahi, blo, bhi = todo.pop()
        steps += pairs[ahi] - pairs[alo]
        if steps > limit:
            raise TooLong("too many equal lines to compare")
        i, j, size = matcher.find_longest_match(alo, ahi, blo, bhi)
        if size:
            found.append((i, j, size))
            if alo < i and blo < j:
                todo.append((alo, i, blo, j))
            if i + size < ahi and j + size < bhi:
                todo.append((i + size, ahi, j + size, bhi))
    return sorted(found)


def _affixes(a: list[str], b: list[str]) -> list[tuple[int, int, int]]:
    """The longest common prefix, then the longest common suffix that does not overlap it (Target-DPO, C.7)."""
    shorter = min(len(a), len(b))
    prefix = 0
    while prefix < shorter and a[prefix] == b[prefix]:
        prefix += 1
    suffix = 0
    while suffix < shorter - prefix and a[-1 - suffix] == b[-1 - suffix]:
        suffix += 1
    return [(0, 0, prefix), (len(a) - suffix, len(b) - suffix, suffix)]


def compare(
    incorrect: str,
    correct: str,
    algorithm: Algorithm = "difflib",
    context: int = 0,
    ignore_space: bool = False,
) -> Difference:
    """Lines, characters and gaps of both sides; `context` marks so many lines around each changed line too.

    Raises TooLong.
    """
    found = _compare(Lines.of(incorrect, ignore_space), Lines.of(correct, ignore_space), algorithm)
    return widened(found, incorrect, correct, context)


def places(
    incorrect: str, correct: str, algorithm: Algorithm = "difflib", ignore_space: bool = False
) -> tuple[Place, ...]:
    """The hunks alone, of a difference made so. Raises TooLong."""
    a_lines, c_lines = Lines.of(incorrect, ignore_space), Lines.of(correct, ignore_space)
    return tuple(_place(hunk, a_lines, c_lines) for hunk in hunks(a_lines.keys, c_lines.keys, algorithm))


def _place(hunk: Hunk, a_lines: Lines, c_lines: Lines) -> Place:
    i1, i2, j1, j2 = hunk
    return Place((c_lines.starts[j1], c_lines.starts[j2]), (a_lines.starts[i1], a_lines.starts[i2]))


def _compare(a_lines: Lines, c_lines: Lines, algorithm: Algorithm) -> Difference:
    a, c = Side([], [], []), Side([], [], [])
    found: list[Place] = []
    a_gaps: set[int] = set()
    c_gaps: set[int] = set()
    for i1, i2, j1, j2 in hunks(a_lines.keys, c_lines.keys, algorithm):
        found.append(_place((i1, i2, j1, j2), a_lines, c_lines))
        a.lines.extend(range(i1, i2))
        c.lines.extend(range(j1, j2))
        if i1 == i2:
            _mark_lines(c_lines, j1, j2, c.chars)
            a_gaps.add(anchor(a_lines, i1, c_lines, j1))
        elif j1 == j2:
            _mark_lines(a_lines, i1, i2, a.chars)
            c_gaps.add(anchor(c_lines, j1, a_lines, i1))
        else:
            _edit(a_lines, (i1, i2), c_lines, (j1, j2), a.chars, c.chars)
    a.gaps.extend(sorted(a_gaps))
    c.gaps.extend(sorted(c_gaps))
    return Difference(c, a, tuple(found))


def _mark_lines(lines: Lines, first: int, end: int, spans: list[Span]) -> None:
    """Add every character of the lines that counts."""
    if lines.ends:
        _append(spans, lines.starts[first], lines.starts[end])
        return
    for line in range(first, end):
        _append(spans, lines.starts[line], lines.starts[line] + len(lines.keys[line]))


def _edit(a_lines: Lines, a_hunk: Span, c_lines: Lines, c_hunk: Span, a: list[Span], c: list[Span]) -> None:
    """Add the edited characters of one replaced hunk, given by its lines on either side."""
    old, new = "\n".join(a_lines.keys[slice(*a_hunk)]), "\n".join(c_lines.keys[slice(*c_hunk)])
    prefix = common_prefix(old, new)
    suffix = common_suffix(old, new, min(len(old), len(new)) - prefix)
    if (len(old) - prefix - suffix) * (len(new) - prefix - suffix) > CHARACTER_CELLS:
        raise TooLong("too long to compare by characters")
    import Levenshtein

    a_marks, c_marks = [], []
    for op, i, j in Levenshtein.editops(old, new):
        if op != "insert":
            a_marks.append(i)
        if op != "delete":
            c_marks.append(j)
    _mark_characters(a_lines, a_hunk[0], old, a_marks, a)
    _mark_characters(c_lines, c_hunk[0], new, c_marks, c)


def _mark_characters(lines: Lines, line: int, joined: str, marks: list[int], spans: list[Span]) -> None:
    """Add characters of a hunk, numbered (ascending) in its lines' keys joined, at their places in the text."""
    at = 0  # where the line begins in `joined`
    for mark in marks:
        while mark > at + len(lines.keys[line]):
            at += len(lines.keys[line]) + 1
            line += 1
        if lines.ends or joined[mark] != "\n":
            place = lines.starts[line] + mark - at
            _append(spans, place, place + 1)


def _append(spans: list[Span], start: int, end: int) -> None:
    """Add a span that lies after the others, merged with the last where they touch."""
    if start == end:
        return
    if spans and spans[-1][1] >= start:
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
    else:
        spans.append((start, end))


def common_prefix(a: Sequence[Any], b: Sequence[Any]) -> int:
    """The number of equal characters (or ids) at the start of both, by bisection over slices."""
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    step = 64
    while a[low : low + step] == b[low : low + step]:  # short prefixes are the rule
        low += step
        step *= 2
    high = min(high, low + step)
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def common_suffix(a: str, b: str, most: int) -> int:
    """The number of equal characters at the end of both texts, at most `most`."""
    return common_prefix(a[: -most - 1 : -1], b[: -most - 1 : -1]) if most else 0


def anchor(lines: Lines, line: int, other: Lines, other_line: int) -> int:
    """Where a text, read on from a gap before `line`, first differs from the other; its length where it ends first."""
    for key, other_key in zip(islice(lines.keys, line, None), islice(other.keys, other_line, None), strict=False):
        if key != other_key:
            return lines.starts[line] + common_prefix(key, other_key)
        line += 1
    return lines.starts[line]


def edit_gaps(
    incorrect: str, correct: str, difference: Difference, algorithm: Algorithm, ignore_space: bool = False
) -> tuple[list[int], list[int]]:
    """The gaps inside replaced hunks whose edits all lie on one side, for marks on characters alone.

    Returns the offsets for incorrect and correct text: of the character that follows the first edit. Up to that edit
    both sides of the hunk agree. Raises TooLong.
    """
    a_lines, c_lines = Lines.of(incorrect, ignore_space), Lines.of(correct, ignore_space)
    a_gaps: list[int] = []
    c_gaps: list[int] = []
    for i1, i2, j1, j2 in hunks(a_lines.keys, c_lines.keys, algorithm):
        if i1 == i2 or j1 == j2:
            continue
        c_marked, a_marked = changed_in(difference, _place((i1, i2, j1, j2), a_lines, c_lines))
        if a_marked == c_marked:
            continue
        shared = common_prefix("\n".join(a_lines.keys[i1:i2]), "\n".join(c_lines.keys[j1:j2]))
        if a_marked:
            c_gaps.append(c_lines.place(j1, shared))
        else:
            a_gaps.append(a_lines.place(i1, shared))
    return a_gaps, c_gaps


def changed_in(difference: Difference, place: Place) -> tuple[bool, bool]:
    """Whether the correct and the incorrect side have a changed character in the hunk."""
    return _any_in(difference.correct.chars, *place.correct), _any_in(difference.incorrect.chars, *place.incorrect)


def _any_in(spans: list[Span], start: int, end: int) -> bool:
    at = bisect_right(spans, start, key=lambda span: span[1])
    return at < len(spans) and spans[at][0] < end


def widened(difference: Difference, incorrect: str, correct: str, context: int) -> Difference:
    """The difference with `context` lines before and after each changed line (Target-DPO, Diff-Augmentation)."""
    if not context:
        return difference
    return replace(
        difference,
        correct=_widen(difference.correct, correct, context),
        incorrect=_widen(difference.incorrect, incorrect, context),
    )


def _widen(side: Side, text: str, context: int) -> Side:
    count = len(split_lines(text))
    lines: list[int] = []
    for line in side.lines:
        first = max(line - context, lines[-1] + 1 if lines else 0)
        lines.extend(range(first, min(line + context + 1, count)))
    return Side(lines, side.chars, side.gaps)
