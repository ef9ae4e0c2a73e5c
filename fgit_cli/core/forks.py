"""Where the tokens of two responses part: the choices at which a model goes the correct way or the incorrect one.

For each hunk of the difference both sides are read on from the hunk's start, token by token; the first two that differ
are a fork. Where white space or comments take no part in the comparison, tokens that differ in nothing else are read
over.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from fgit_cli.core.align import Spans
from fgit_cli.core.textdiff import Place, Span, common_prefix

Fork = tuple[int, int]  # numbers of a correct and of an incorrect token


@dataclass(frozen=True)
class SideTokens:
    """A response's ids, the end token last; the characters of all but that; and the spans that are not compared."""

    text: str
    ids: list[int]
    spans: Spans
    ignored: Sequence[Span] = ()

    def at(self, offset: int) -> int:
        """The number of the token that holds the character; of the end token for the text's end."""
        return bisect_right(self.spans.ends, offset)

    def start(self, number: int) -> int:
        """Where the token begins."""
        return self.spans.starts[number] if number < len(self.spans.starts) else len(self.text)

    def compared(self, number: int) -> str:
        """What of the token's text takes part in the comparison."""
        at, end = self.spans.starts[number], self.spans.ends[number]
        kept = []
        for start, stop in self.ignored[bisect_right(self.ignored, at, key=lambda span: span[1]) :]:
            if start >= end:
                break
            kept.append(self.text[at:start])
            at = max(at, min(stop, end))
        return "".join((*kept, self.text[at:end]))

    def ends_at(self, number: int) -> bool:
        """Whether from this token on nothing follows, or a line end alone."""
        more = range(number, len(self.spans.ends))
        return len(more) <= 3 and "".join(map(self.compared, more)) in ("", "\n")

    @property
    def unended(self) -> bool:
        """Whether the last line lacks its line end."""
        return not self.text.endswith("\n")


def forks(correct: SideTokens, incorrect: SideTokens, places: Sequence[Place]) -> list[Fork | None]:
    """The fork of each hunk, in order; None where both sides go on alike to their ends."""
    return [_parting(correct, incorrect, *_start(correct, incorrect, place)) for place in places]


def _start(correct: SideTokens, incorrect: SideTokens, place: Place) -> Fork:
    """The tokens at which to begin: they start at one and the same place of the text, in the hunk or before it.

    A token may begin before the hunk, on one side alone too (`\n` and the hunk's indentation are often one token).
    """
    c, a = place.correct[0], place.incorrect[0]
    if correct.unended and c == len(correct.text) and incorrect.text[:a].endswith("\n"):
        a -= 1  # where the correct text ends, the other one's line does
    elif incorrect.unended and a == len(incorrect.text) and correct.text[:c].endswith("\n"):
        c -= 1
    first = j, i = correct.at(c), incorrect.at(a)
    while min(j, i) >= 0 and (before := c - correct.start(j)) != (other := a - incorrect.start(i)):
        j, i = (j - 1, i) if before < other else (j, i - 1)
    alike = min(j, i) >= 0 and correct.text[correct.start(j) : c] == incorrect.text[incorrect.start(i) : a]
    return (j, i) if alike else first


def _parting(correct: SideTokens, incorrect: SideTokens, j: int, i: int) -> Fork | None:
    """The first tokens from these on that differ in more than what is ignored."""
    while True:
        shared = common_prefix(correct.ids[j:], incorrect.ids[i:])
        j, i = j + shared, i + shared
        if j == len(correct.ids) or i == len(incorrect.ids):
            return None
        if correct.ends_at(j) and incorrect.ends_at(i):  # a last line end that one of them lacks is no difference
            return None
        after = _read_over(correct, incorrect, j, i)
        if after is None:
            return j, i
        j, i = after


@dataclass
class _Read:
    """What was read of a side from a token on."""

    tokens: SideTokens
    number: int
    text: str = ""
    left_out: bool = False

    @property
    def ended(self) -> bool:
        return self.number == len(self.tokens.ids) - 1

    def take(self) -> None:
        more = self.tokens.compared(self.number)
        self.left_out |= len(more) < self.tokens.spans.ends[self.number] - self.tokens.spans.starts[self.number]
        self.text += more
        self.number += 1


def _read_over(correct: SideTokens, incorrect: SideTokens, j: int, i: int) -> Fork | None:
    """Where both sides go on after tokens that differ in ignored text alone; None where they differ in more."""
    left, right = _Read(correct, j), _Read(incorrect, i)
    while left.text.startswith(right.text) or right.text.startswith(left.text):
        shorter, longer = (left, right) if len(left.text) <= len(right.text) else (right, left)
        if shorter.ended and (longer.ended or longer.text):
            return None
        (longer if shorter.ended else shorter).take()
        if left.text == right.text:  # else the same text in other tokens
            return (left.number, right.number) if left.left_out or right.left_out else None
    return None
