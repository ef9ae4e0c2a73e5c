"""A training pair: one prompt, a correct and an incorrect response as token ids, and which tokens are marked.

What `fgit mask` writes, as arrays. No torch here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from fgit_cli.errors import InputError

Ids = np.ndarray  # one-dimensional, int64
_SIDES = (("correct_ids", "correct_mask"), ("incorrect_ids", "incorrect_mask"))


def _array(value: Any) -> Ids:
    return np.asarray(value, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Pair:
    """Token ids and masks of a pair; sequences of integers are turned into arrays.

    `*_mask` holds V of docs/records.md (0: shared, 1: on a changed line or a changed token, 2: both), as long as its
    ids. A record for plain SFT has an empty incorrect side and zeros as its mask. `forks` [F, 2] holds for each hunk
    the numbers of the first tokens in which correct and incorrect side differ, read on from the hunk's start; None is
    the one at which the responses part. Raises InputError for ids and mask of different lengths, a negative value, an
    empty prompt (the first response token needs a token before it), an empty correct response, and for forks that are
    none of this pair.
    """

    id: str
    prompt_ids: Ids
    correct_ids: Ids
    incorrect_ids: Ids = field(default_factory=lambda: _array([]))
    correct_mask: Ids = field(default_factory=lambda: _array([]))
    incorrect_mask: Ids = field(default_factory=lambda: _array([]))
    forks: Any = None

    def __post_init__(self) -> None:
        for name in ("prompt_ids", "correct_ids", "incorrect_ids", "correct_mask", "incorrect_mask"):
            value = _array(getattr(self, name))
            if value.ndim != 1 or (value.size and value.min() < 0):
                raise InputError(f"field `{name}` is not a list of non-negative integers")
            object.__setattr__(self, name, value)
        if not len(self.correct_mask) and not len(self.incorrect_ids):
            object.__setattr__(self, "correct_mask", np.zeros_like(self.correct_ids))
        for ids, mask in _SIDES:
            if len(getattr(self, ids)) != len(getattr(self, mask)):
                raise InputError(f"fields `{ids}` and `{mask}` differ in length; run `fgit mask` again")
        if not len(self.prompt_ids):
            raise InputError("field `prompt_ids` is empty: nothing would predict the first token of the response")
        if not len(self.correct_ids):
            raise InputError("field `correct_ids` is empty: nothing to learn")
        object.__setattr__(self, "forks", self._parting() if self.forks is None else self._checked(self.forks))

    def _parting(self) -> Ids:
        """The fork where the responses part, [1, 2]; none, [0, 2], where one of them ends there."""
        at = self.shared
        inside = at < min(len(self.correct_ids), len(self.incorrect_ids))
        return _array([[at, at]]) if inside else _array([]).reshape(0, 2)

    def _checked(self, value: Sequence[Any]) -> Ids:
        try:
            forks = _array(value)
        except (TypeError, ValueError):  # not numbers, or lists of different lengths
            forks = _array(0)
        if not forks.size and forks.ndim:
            return _array([]).reshape(0, 2)
        if forks.ndim != 2 or forks.shape[1] != 2:
            raise InputError("field `forks` is not a list of pairs of whole numbers; run `fgit mask` again")
        if len(forks):
            j, i = forks.T
            inside = (
                min(j.min(), i.min()) >= 0 and j.max() < len(self.correct_ids) and i.max() < len(self.incorrect_ids)
            )
            if not inside or (self.correct_ids[j] == self.incorrect_ids[i]).any():
                raise InputError("field `forks` does not fit the responses; run `fgit mask` again")
        return forks

    @cached_property
    def active(self) -> bool:
        """Whether both sides have a marked token; else the pair's weight is alpha - 1 everywhere."""
        return bool(self.correct_mask.any() and self.incorrect_mask.any())

    @cached_property
    def shared_end(self) -> int:
        """How many tokens the two responses share at their ends, behind those that they share before."""
        return _alike(self.correct_ids[self.shared :][::-1], self.incorrect_ids[self.shared :][::-1])

    @cached_property
    def shared(self) -> int:
        """How many tokens the two responses share before their first difference."""
        return _alike(self.correct_ids, self.incorrect_ids)


def _alike(a: np.ndarray, b: np.ndarray) -> int:
    """How many ids two arrays begin with alike."""
    n = min(len(a), len(b))
    different = np.flatnonzero(a[:n] != b[:n])
    return int(different[0]) if len(different) else n


@dataclass(frozen=True, eq=False)
class Example:
    """A pair as one step of training uses it.

    `reference` is the frozen model's log P(correct) - log P(incorrect) over the tokens that the objective sums
    (`step.reference_margins`; 0 for objectives without a reference), `reference_correct` for kto its log P(correct).
    `whole` makes a target-dpo or target-rpo objective treat the pair as plain dpo or rpo (`--hybrid-fraction`).
    """

    pair: Pair
    reference: float = 0.0
    reference_correct: float = 0.0
    whole: bool = False
