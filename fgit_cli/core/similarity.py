"""How near a variant is to the correct code without a model, and in what order candidates are chosen."""

from collections.abc import Iterable
from dataclasses import dataclass

from fgit_cli.core.textdiff import comparable, hunks, split_lines

DECIMALS = 7  # cosines are rounded here: beyond, and now and then in the last one, fp32 differs with what shares a pass


def edit_distance(correct: str, variant: str) -> int:
    """Levenshtein distance in characters."""
    import Levenshtein

    return Levenshtein.distance(correct, variant)


def edit_similarity(correct: str, variant: str) -> float:
    """1 − distance / longer length, in [0, 1]; 1 for two empty texts."""
    longer = max(len(correct), len(variant))
    return 1.0 - edit_distance(correct, variant) / longer if longer else 1.0


def changed_lines(correct: str, variant: str) -> tuple[int, int]:
    """The numbers of changed lines of the correct code and of the variant (docs/records.md), line ends aside.

    Raises textdiff.TooLong.
    """
    a, c = (comparable(split_lines(code), ignore_space=True) for code in (variant, correct))
    found = list(hunks(a, c))
    return sum(j2 - j1 for _, _, j1, j2 in found), sum(i2 - i1 for i1, i2, _, _ in found)


@dataclass(frozen=True)
class Candidate:
    """One usable variant: its place among the record's variants, similarity to the correct code, edit distance."""

    place: int
    similarity: float
    distance: int


def ranked(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The most similar first; of equals the one with the fewest changed characters, of those the first."""
    return sorted(candidates, key=lambda c: (-c.similarity, c.distance, c.place))
