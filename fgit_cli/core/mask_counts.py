"""What a run of `mask` has to tell: how much of the responses is marked, and how long the faults are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fgit_cli.core.textdiff import common_prefix


@dataclass
class SideCounts:
    """Tokens of one side, over all pairs."""

    tokens: int = 0
    ones: int = 0
    twos: int = 0

    def add(self, mask: list[int]) -> None:
        self.tokens += len(mask)
        self.ones += mask.count(1)
        self.twos += mask.count(2)

    def text(self) -> str:
        if not self.tokens:
            return "none"
        return f"{self.ones / self.tokens:.1%} marked 1 and {self.twos / self.tokens:.1%} marked 2"


@dataclass
class MaskCounts:
    """Running counts; memory does not grow with the input."""

    correct: SideCounts = field(default_factory=SideCounts)
    incorrect: SideCounts = field(default_factory=SideCounts)
    pairs: int = 0
    branches: float = 0.0  # the sum over pairs of the branch's share of the response

    def add(
        self, correct_ids: list[int], correct_mask: list[int], incorrect_ids: list[int], incorrect_mask: list[int]
    ) -> None:
        """Count one pair."""
        self.correct.add(correct_mask)
        self.incorrect.add(incorrect_mask)
        self.pairs += 1
        self.branches += branch(correct_ids, correct_mask, incorrect_ids) / max(1, len(correct_ids))

    def numbers(self) -> dict[str, float]:
        """The counts as numbers that can be added up over the parts of a run."""
        sides = {"correct": self.correct, "incorrect": self.incorrect}
        of_sides = {f"{side} {name}": n for side, counts in sides.items() for name, n in vars(counts).items()}
        return {**of_sides, "pairs": self.pairs, "branches": self.branches}

    @classmethod
    def of(cls, numbers: Mapping[str, float]) -> "MaskCounts":
        """The counts again, from their sums; those that are not there are 0."""
        correct, incorrect = (
            SideCounts(*(int(numbers.get(f"{side} {name}", 0)) for name in ("tokens", "ones", "twos")))
            for side in ("correct", "incorrect")
        )
        return cls(correct, incorrect, int(numbers.get("pairs", 0)), numbers.get("branches", 0.0))

    def text(self) -> str:
        """One line for stderr."""
        return (
            f"tokens of correct responses: {self.correct.text()}; of incorrect ones: {self.incorrect.text()}; branch, "
            f"from the first differing token to the last marked: {self.branches / max(1, self.pairs):.1%} of a response"
        )


def branch(correct_ids: list[int], correct_mask: list[int], incorrect_ids: list[int]) -> int:
    """The tokens of the correct response from the first that differs to the last marked one; 0 where there is none."""
    first = common_prefix(correct_ids, incorrect_ids)
    last = next((k for k in range(len(correct_mask) - 1, -1, -1) if correct_mask[k]), -1)
    return max(0, last + 1 - first)
