"""A program that draws random numbers is run with several seeds, and must pass with all: luck is no verdict."""

import re
from collections.abc import Callable
from typing import TypeVar

SEEDS = (0, 1, 2)
# Generators that no seed of ours reaches: each run draws other numbers.
_ENTROPY = re.compile(r"\b(SystemRandom|urandom|secrets|default_rng|RandomState|uuid4|uuid1|Random|getrandom)\b")
Run = TypeVar("Run")


def draws_entropy(code: str) -> bool:
    """Whether the code names a generator of random numbers that is not seeded for it."""
    return _ENTROPY.search(code) is not None


def over_seeds(
    run: Callable[[int], Run], passed: Callable[[Run], bool], drew: Callable[[Run], bool]
) -> tuple[Run, int]:
    """The run with the first seed, or the first that does not pass; and how many seeds were tried.

    `run(seed)` makes a run, `passed` says whether it passed, `drew` whether it drew random numbers.
    """
    first = run(SEEDS[0])
    if not passed(first) or not drew(first):
        return first, 1
    for number, seed in enumerate(SEEDS[1:], 2):
        again = run(seed)
        if not passed(again):
            return again, number
    return first, len(SEEDS)
