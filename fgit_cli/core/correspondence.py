"""Which code of an answer stands for which block of the correct response, so that nothing is lost and nothing doubled.

Every block of the answer is used, or the answer is refused: as many blocks as the response has are taken in order; more
or fewer are read as one code and cut where the correct code's own seams are found in it. A block that the answer does
not give again stays as it is. A block that only quotes the correct code, or lines of another block, is no variant.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fgit_cli.core.comments import spans, without
from fgit_cli.core.equivalence import normalise
from fgit_cli.core.textdiff import BLANKS, hunks
from fgit_cli.core.variants import CodeBlock
from fgit_cli.core.whole import why_not_whole

NO_PARTNER = "the answer's blocks do not correspond to the response's"
OTHER_LANGUAGE = "the answer's code is in another language"

_FAMILIES = (frozenset({"c", "cpp"}), frozenset({"javascript", "typescript"}))
_ALIKE = 0.6  # of a block and its partner, the least likeness by which an answer in as many blocks is taken in order
_SURE = 0.75  # the same where it has fewer blocks
_TELLING = 8  # characters of a line that is no mere bracket or keyword

Codes = dict[int, str]  # number of a block of the response: the answer's code for it


class Unusable(ValueError):
    """An answer that gives no variant; the text is the reason, short and the same for all of its kind."""


def assigned(correct: Sequence[CodeBlock], answer: Sequence[CodeBlock], whole: bool = True) -> Codes:
    """The answer's code for each block of the response that it gives again.

    `whole`: the answer was to repeat the code with a fault, so that what is much shorter or longer is refused. Raises
    Unusable, textdiff.TooLong.
    """
    made: Codes = {}
    left = list(answer)
    for group in _by_language(correct):
        fitting = [block for block in left if any(_fits(block.language, mine.language) for mine in group)]
        left = [block for block in left if block not in fitting]
        if fitting:
            made |= _of_one_language(group, fitting, whole)
    if not made:
        raise Unusable(OTHER_LANGUAGE)
    if left:
        raise Unusable(NO_PARTNER)
    return made


def _by_language(blocks: Sequence[CodeBlock]) -> list[list[CodeBlock]]:
    groups: list[list[CodeBlock]] = []
    for block in blocks:
        group = next((g for g in groups if _fits(g[0].language, block.language)), None)
        if group is None:
            groups.append([block])
        else:
            group.append(block)
    return groups


def _fits(one: str, other: str) -> bool:
    """Whether two languages may be the same; one that is not known fits any."""
    return not one or not other or one == other or any({one, other} <= family for family in _FAMILIES)


def _of_one_language(correct: list[CodeBlock], answer: list[CodeBlock], whole: bool) -> Codes:
    reason = None
    for codes in _readings(correct, answer):
        why = _why_unsound(correct, codes, whole)
        if whole and why is None and len(correct) != len(answer) and not _one_fault(correct, codes):
            why = NO_PARTNER
        if why is None:
            return codes
        reason = reason or why
    raise Unusable(reason if reason and len(correct) == len(answer) == 1 else NO_PARTNER)


def _readings(correct: list[CodeBlock], answer: list[CodeBlock]) -> Iterator[Codes]:
    """What the answer's blocks may stand for, the likeliest first."""
    if len(correct) == len(answer) == 1:
        yield {correct[0].number: answer[0].code}
        return
    seen: list[list[CodeBlock]] = []
    for drop in (_all, _other_half, _once, _not_restated, _not_quoted):
        chosen = drop(correct, answer)
        if not chosen or chosen in seen:
            continue
        seen.append(chosen)
        if len(chosen) == len(correct) and len(_once(correct, chosen)) == len(chosen):
            yield from _in_order(correct, chosen)
        yield from _cut(correct, chosen)
        if len(chosen) < len(correct):
            yield from _likest(correct, chosen)


def _all(correct: list[CodeBlock], answer: list[CodeBlock]) -> list[CodeBlock]:
    return answer


def _other_half(correct: list[CodeBlock], answer: list[CodeBlock]) -> list[CodeBlock]:
    """Without a half that is the correct code again, block by block, or that repeats the other half."""
    half = len(answer) // 2
    first, second = ([normalise(block.code) for block in part] for part in (answer[:half], answer[half:]))
    known = [normalise(block.code) for block in correct]
    if first in (known, second):
        return answer[half:]
    return answer[:half] if second == known else answer


def _once(correct: list[CodeBlock], answer: list[CodeBlock]) -> list[CodeBlock]:
    """The answer's blocks without repetitions of one another that the correct code has not."""
    known = Counter(normalise(block.code) for block in correct)
    kept: list[CodeBlock] = []
    seen: Counter[str] = Counter()
    for block in answer:
        code = normalise(block.code)
        seen[code] += 1
        if seen[code] <= max(1, known[code]):
            kept.append(block)
    return kept


def _not_restated(correct: list[CodeBlock], answer: list[CodeBlock]) -> list[CodeBlock]:
    """Without blocks that give the correct code itself, or all of it, first."""
    known = {normalise(block.code) for block in correct}
    known.add(normalise("\n".join(block.code for block in correct)))
    return [block for block in _once(correct, answer) if normalise(block.code) not in known]


def _not_quoted(correct: list[CodeBlock], answer: list[CodeBlock]) -> list[CodeBlock]:
    """Without blocks that only quote some lines of a larger one, or of the correct code."""
    blocks = _not_restated(correct, answer)
    texts = [_lined(block.code) for block in blocks]
    known = [_lined(block.code) for block in correct]
    return [
        block
        for block, text in zip(blocks, texts, strict=True)
        if not any(text != other and text in other for other in [*texts, *known])
    ]


def _lined(code: str) -> str:
    """The lines without indentation, each between line ends, so that runs of lines are found as texts."""
    return "\n" + "".join(f"{line}\n" for line in _keys(code))


def _keys(code: str) -> list[str]:
    return [key for line in code.split("\n") if (key := line.strip(BLANKS))]


def likeness(one: str, other: str) -> float:
    """How like two codes are, from 0 to 1: by characters, white space at the ends of lines aside."""
    from rapidfuzz.distance import Indel

    return Indel.normalized_similarity("\n".join(_keys(one)), "\n".join(_keys(other)))


def _in_order(correct: list[CodeBlock], answer: list[CodeBlock]) -> Iterator[Codes]:
    """As many blocks as there are, one for one."""
    pairs = list(zip(correct, answer, strict=True))
    if all(
        _fits(mine.language, theirs.language) and likeness(mine.code, theirs.code) >= _ALIKE for mine, theirs in pairs
    ):
        yield {mine.number: theirs.code for mine, theirs in pairs}


def _likest(correct: list[CodeBlock], answer: list[CodeBlock]) -> Iterator[Codes]:
    """Fewer blocks than there are: each stands for the one that it is surely nearest to."""
    made: Codes = {}
    for theirs in answer:
        ranked = sorted(correct, key=lambda mine: -likeness(mine.code, theirs.code))
        best, second = (likeness(mine.code, theirs.code) for mine in ranked[:2])
        if best < _SURE or best - second < 0.05 or ranked[0].number in made:
            return
        made[ranked[0].number] = theirs.code
    yield made


@dataclass(frozen=True)
class _Joined:
    """Codes one after the other: all lines, the places of those that are not blank, where each code begins in these."""

    lines: list[str]
    places: list[int]
    starts: list[int]

    @classmethod
    def of(cls, codes: Sequence[str]) -> "_Joined":
        lines: list[str] = []
        places: list[int] = []
        starts: list[int] = []
        for code in codes:
            starts.append(len(places))
            for line in code.removesuffix("\n").split("\n"):
                if line.strip(BLANKS):
                    places.append(len(lines))
                lines.append(line)
        return cls(lines, places, starts)

    @property
    def keys(self) -> list[str]:
        return [self.lines[place].strip(BLANKS) for place in self.places]

    def part(self, start: int, end: int) -> str:
        """The code from one of the lines that are not blank to before another."""
        stop = self.places[end] if end < len(self.places) else len(self.lines)
        return "\n".join([*self.lines[self.places[start] : stop], ""])


def _cut(correct: list[CodeBlock], answer: list[CodeBlock]) -> Iterator[Codes]:
    """All of the answer as one code, cut where the correct code's seams are found in it."""
    mine, theirs = _Joined.of([b.code for b in correct]), _Joined.of([b.code for b in answer])
    found = hunks(theirs.keys, mine.keys)
    if not _all_used(theirs, mine, found):
        return
    cuts = [0]
    for seam in mine.starts[1:]:
        place = _place(seam, found, theirs.starts[1:])
        if place is None or place < cuts[-1]:
            return
        cuts.append(place)
    cuts.append(len(theirs.places))
    yield {
        block.number: theirs.part(start, end)
        for block, start, end in zip(correct, cuts, cuts[1:], strict=False)
        if start < end
    }


def _place(seam: int, found: list[tuple[int, int, int, int]], own: list[int]) -> int | None:
    """Where in the answer's lines a seam of the correct code lies; None where that cannot be told.

    `own` are the answer's own seams, which tell where its changed lines belong.
    """
    shift = 0
    for i1, i2, j1, j2 in found:
        if seam < j1:
            break
        if seam <= j2:
            inside = [place for place in own if i1 <= place <= i2]
            if len(inside) == 1:
                return inside[0]
            if i2 - i1 == j2 - j1 or (seam == j1 < j2 and i2 - i1 <= j2 - j1):
                return i1 + seam - j1
            if (seam == j2 > j1 and i2 - i1 <= j2 - j1) or i1 == i2:
                return i2
            return None
        shift = i2 - j2
    return seam + shift


def _all_used(theirs: _Joined, mine: _Joined, found: list[tuple[int, int, int, int]]) -> bool:
    """Whether half of each of the answer's blocks is the correct code's, to the line or nearly."""
    from rapidfuzz.distance import Indel

    known = set(range(len(theirs.places)))
    keys, wanted = theirs.keys, mine.keys
    for i1, i2, j1, j2 in found:
        known -= set(range(i1, i2))
        if i2 - i1 == j2 - j1:
            pairs = zip(range(i1, i2), range(j1, j2), strict=True)
            known |= {i for i, j in pairs if Indel.normalized_similarity(keys[i], wanted[j]) >= _ALIKE}
    for start, end in zip(theirs.starts, [*theirs.starts[1:], len(theirs.places)], strict=True):
        if sum(i in known for i in range(start, end)) * 2 < end - start:
            return False
    return True


def _one_fault(correct: list[CodeBlock], codes: Codes) -> bool:
    """Whether one block at most is another program, by one line more at most; comments do not count.

    So it is with a fault; an answer that had to be cut or joined may hold more by mistake.
    """
    changed = 0
    for block in correct:
        pair = [codes.get(block.number, block.code), block.code]
        new, old = (
            normalise(without(code, [s for s in spans(code, block.language) if not s.docstring])) for code in pair
        )
        changed += new != old
        if len(new.split("\n")) > len(old.split("\n")) + 1:
            return False
    return changed <= 1


def _why_unsound(correct: list[CodeBlock], codes: Codes, whole: bool) -> str | None:
    """Why this reading loses or doubles code; None where it does not."""
    restated = [block for block in correct if block.number in codes]
    if whole:
        for block in restated:
            if why := why_not_whole(codes[block.number], block.code, block.language):
                return why
    if _swaps(correct, codes):
        return NO_PARTNER
    kept = [block for block in correct if block.number not in codes]
    if kept and (_nearer(codes, restated, kept) or _doubles(codes, restated, kept)):
        return NO_PARTNER
    if whole and len(restated) > 1:
        made = "\n".join(codes[block.number] for block in restated)
        return why_not_whole(made, "\n".join(block.code for block in restated), restated[0].language)
    return None


def _swaps(correct: list[CodeBlock], codes: Codes) -> bool:
    """Whether a code is another block's, unchanged."""
    known = {normalise(block.code) for block in correct}
    restated = {block.number: normalise(block.code) for block in correct}
    return any(normalise(code) in known - {restated[number]} for number, code in codes.items())


def _nearer(codes: Codes, restated: list[CodeBlock], kept: list[CodeBlock]) -> bool:
    """Whether a code is as like to a block that stays as it is as to the one that it stands for."""
    for block in restated:
        own = likeness(codes[block.number], block.code)
        if any(likeness(codes[block.number], other.code) >= own for other in kept):
            return True
    return False


def _doubles(codes: Codes, restated: list[CodeBlock], kept: list[CodeBlock]) -> bool:
    """Whether the answer has a line more that is, or is like, one of a block that stays as it is."""
    from rapidfuzz.distance import Indel

    surplus = Counter(key for code in codes.values() for key in _keys(code))
    surplus -= Counter(key for block in restated for key in _keys(block.code))
    there = [key for block in kept for key in _keys(block.code)]
    own = [key for block in restated for key in _keys(block.code)]

    def nearest(key: str, keys: list[str]) -> float:
        return max((Indel.normalized_similarity(key, other) for other in keys), default=0.0)

    for key in surplus:
        if len(key) > 2 and key in there:
            return True
        if len(key) >= _TELLING and nearest(key, there) > max(0.7, nearest(key, own)):
            return True
    return False
