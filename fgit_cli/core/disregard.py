"""A comparison that leaves out what is no fault: white space at line ends, the comments of a response's code.

`--ignore space` (the default) is textdiff's own; `--ignore comments` takes the comments out of the texts first. A
comment takes the white space before it along, and its whole line where nothing else is on it. Docstrings count as
code here: they are part of what a student learns to write. Code in a language that is not known has no comments.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator

from fgit_cli.core import comments, languages, textdiff
from fgit_cli.core.fences import blocks
from fgit_cli.core.textdiff import Algorithm, Difference, Place, Side, Span, line_starts, split_lines, widened

SPACE, COMMENTS = "space", "comments"
_TRAILING = re.compile(r"[ \t\r]+(?=\n|\Z)")


def compare(incorrect: str, correct: str, algorithm: Algorithm, context: int, ignore: Collection[str]) -> Difference:
    """The difference of two texts without what `ignore` names, all marks at their places in the whole texts.

    Raises textdiff.TooLong.
    """
    if COMMENTS not in ignore:
        return textdiff.compare(incorrect, correct, algorithm, context, SPACE in ignore)
    a, c = _Cut(incorrect, comment_spans(incorrect)), _Cut(correct, comment_spans(correct))
    found = textdiff.compare(a.text, c.text, algorithm, 0, SPACE in ignore)
    restored = Difference(c.restore(found.correct), a.restore(found.incorrect), _restored(a, c, found.places or ()))
    return widened(restored, incorrect, correct, context)


def places(incorrect: str, correct: str, algorithm: Algorithm, ignore: Collection[str]) -> tuple[Place, ...]:
    """The hunks of a difference that left out what `ignore` names. Raises textdiff.TooLong."""
    if COMMENTS not in ignore:
        return textdiff.places(incorrect, correct, algorithm, SPACE in ignore)
    a, c = _Cut(incorrect, comment_spans(incorrect)), _Cut(correct, comment_spans(correct))
    return _restored(a, c, textdiff.places(a.text, c.text, algorithm, SPACE in ignore))


def _restored(a: "_Cut", c: "_Cut", found: Iterable[Place]) -> tuple[Place, ...]:
    """Places in the cut texts as places in the whole ones."""
    return tuple(Place(_pair(c.offsets([*place.correct])), _pair(a.offsets([*place.incorrect]))) for place in found)


def _pair(offsets: list[int]) -> Span:
    return offsets[0], offsets[1]


def left_out(text: str, ignore: Collection[str]) -> list[Span]:
    """The spans of a text that take no part in a comparison, ascending and apart."""
    found = [match.span() for match in _TRAILING.finditer(text)] if SPACE in ignore else []
    if COMMENTS in ignore:
        found += comment_spans(text)
    merged: list[Span] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def edit_gaps(
    incorrect: str, correct: str, difference: Difference, algorithm: Algorithm, ignore: Collection[str]
) -> tuple[list[int], list[int]]:
    """`textdiff.edit_gaps` for a difference that left out what `ignore` names. Raises textdiff.TooLong."""
    if COMMENTS not in ignore:
        return textdiff.edit_gaps(incorrect, correct, difference, algorithm, SPACE in ignore)
    a, c = _Cut(incorrect, comment_spans(incorrect)), _Cut(correct, comment_spans(correct))
    inside = Difference(
        Side([], c.inside(difference.correct.chars), []), Side([], a.inside(difference.incorrect.chars), [])
    )
    a_gaps, c_gaps = textdiff.edit_gaps(a.text, c.text, inside, algorithm, SPACE in ignore)
    return a.offsets(a_gaps), c.offsets(c_gaps)


def why_none(incorrect: str, correct: str, ignore: Collection[str]) -> str:
    """Why two texts have no difference, as the reason to leave the pair out."""
    if incorrect == correct:
        return "no difference"
    if COMMENTS in ignore:
        found = textdiff.compare(incorrect, correct, ignore_space=SPACE in ignore)
        if not (found.correct.empty and found.incorrect.empty):
            return "no difference but in comments"
    return "no difference but in white space"


def comment_spans(text: str) -> list[Span]:
    """The spans of the comments in the code of a response, ascending and apart."""
    spans: list[Span] = []
    for block in blocks(text):
        code = text[block.start : block.end]
        found = comments.spans(code, languages.guess(code, block.language))
        for start, end in _with_space(code, [(c.start, c.end) for c in found if not c.docstring]):
            spans.append((block.start + start, block.start + end))
    return spans


def _with_space(code: str, spans: list[Span]) -> Iterator[Span]:
    """The spans with the white space before them, and with the line's end where they are alone on their lines."""
    for start, end in spans:
        line = code.rfind("\n", 0, start) + 1
        while start > line and code[start - 1] in " \t":
            start -= 1
        rest = code.find("\n", end)
        stop = len(code) if rest < 0 else rest + 1
        if start == line and not code[end:stop].strip():
            end = stop
        yield start, end


class _Cut:
    """A text without some of its spans, and the way back to its own offsets."""

    def __init__(self, text: str, spans: list[Span]) -> None:
        self.whole = text
        self.pieces: list[tuple[int, int, int]] = []  # offset in the cut text, start and end in the whole
        at = length = 0
        for start, end in [*spans, (len(text), len(text))]:
            if at < start:
                self.pieces.append((length, at, start))
                length += start - at
            at = max(at, end)
        self.text = "".join(text[s:e] for _, s, e in self.pieces)

    def restore(self, side: Side) -> Side:
        """The side's marks at their places in the whole text."""
        chars = [span for start, end in side.chars for span in self._spans(start, end)]
        cut_at = line_starts(split_lines(self.text))
        whole_at = line_starts(split_lines(self.whole))
        lines: list[int] = []
        line = 0
        for number in side.lines:
            place = self._offset(cut_at[number])
            while whole_at[line + 1] <= place:
                line += 1
            lines.append(line)
        return Side(lines, chars, self.offsets(side.gaps))

    def offsets(self, places: list[int]) -> list[int]:
        """Places in the cut text as places in the whole one."""
        return [self._offset(place) for place in places]

    def inside(self, spans: list[Span]) -> list[Span]:
        """Spans of the whole text as spans of the cut text, as far as they are in it."""
        out = []
        for start, end in spans:
            for at, s, e in self.pieces:
                if max(s, start) < min(e, end):
                    out.append((at + max(s, start) - s, at + min(e, end) - s))
        return out

    def _spans(self, start: int, end: int) -> Iterator[Span]:
        for at, s, e in self.pieces[self._piece(start) :]:
            if at >= end:
                break
            yield s + max(start, at) - at, s + min(end, at + e - s) - at

    def _offset(self, offset: int) -> int:
        if offset == len(self.text):
            return len(self.whole)
        at, start, _ = self.pieces[self._piece(offset)]
        return start + offset - at

    def _piece(self, offset: int) -> int:
        return bisect_right(self.pieces, offset, key=lambda piece: piece[0]) - 1
