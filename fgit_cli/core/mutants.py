"""From many possible mutations of a response to the few that are kept: drawn by seed, evenly over the operators."""

import random
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from fgit_cli.core import equivalence

Candidate = TypeVar("Candidate")
Change = tuple[str, str, str]  # correct code, variant's code, language

BROKEN = frozenset({equivalence.NOT_PARSED, equivalence.NOT_COMPILED})
# What universalmutator itself calls invalid or redundant, and never keeps.
INVALID = BROKEN | {equivalence.EQUAL, equivalence.SAME_AST, equivalence.SAME_BYTECODE}


def no_fault(changes: Sequence[Change]) -> str | None:
    """Why a variant that differs in these blocks is no wrong variant; None where it is one.

    One block with a fault is enough, one that no longer parses is too many.
    """
    reasons = [equivalence.reason(correct, variant, language) for correct, variant, language in changes]
    broken = [r for r in reasons if r in BROKEN]
    if broken:
        return broken[0]
    return None if None in reasons else (reasons[0] if reasons else equivalence.EQUAL)


def evenly(candidates: Iterable[tuple[Hashable, Candidate]], seed: str) -> Iterator[Candidate]:
    """Candidates in a random order in which every operator has its turn before one comes twice.

    `candidates` are pairs (operator, candidate); the order depends on them and on the seed alone.
    """
    draw = random.Random(seed)
    by_operator: dict[Hashable, list[Candidate]] = {}
    for operator, candidate in candidates:
        by_operator.setdefault(operator, []).append(candidate)
    for group in by_operator.values():
        draw.shuffle(group)
    groups = list(by_operator.values())
    while groups:
        draw.shuffle(groups)
        for group in groups:
            yield group.pop()
        groups = [group for group in groups if group]


def usual(reasons: Counter[str], otherwise: str) -> str:
    """The most frequent reason."""
    return reasons.most_common(1)[0][0] if reasons else otherwise
