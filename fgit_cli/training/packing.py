"""Which examples of a global batch run together in a pass, and on which rank.

Best fit, decreasing: the longest example first, each into the fullest pass that still has room for it. Every rank gets
the same count of passes, because sharded wrappers (ZeRO-3) need the same forwards everywhere; one may be empty.
"""

from collections.abc import Sequence

from fgit_cli.training.layout import LayoutName, row_sizes
from fgit_cli.training.objective import Objective
from fgit_cli.training.pairs import Example


class _Bin:
    def __init__(self, padded: bool, alone: int | None) -> None:
        self.padded, self.alone = padded, alone
        self.examples: list[Example] = []
        self.rows: list[int] = []

    def cost(self, rows: list[int]) -> int:
        """Positions the pass would have with one more example of these rows; padded rows count at full length."""
        together = self.rows + rows
        return len(together) * max(together) if self.padded else sum(together)

    def has_room(self, rows: list[int], token_budget: int) -> bool:
        """Whether the example fits: an empty pass takes any; one that must be alone shares none."""
        if not self.rows:
            return True
        apart = self.alone is not None and max(*rows, *self.rows) > self.alone
        return not apart and self.cost(rows) <= token_budget

    def add(self, example: Example, rows: list[int]) -> None:
        self.examples.append(example)
        self.rows += rows


Sized = tuple[list[int], Example]


def plan_passes(
    examples: Sequence[Example],
    objective: Objective,
    layout: LayoutName,
    token_budget: int,
    ranks: int = 1,
    alone: int | None = None,
) -> list[list[list[Example]]]:
    """For each rank its passes, each a list of examples; together they hold every example once.

    A pass has at most `token_budget` positions, padding included, unless a single example is longer. An example with a
    row of more than `alone` tokens has a pass of its own. The plan depends on nothing but the arguments, so every rank
    can make it for itself.
    """
    padded = layout == "plain"
    sized = [(row_sizes(objective, e, layout), e) for e in examples]
    sized.sort(key=lambda s: -max(s[0]) if padded else -sum(s[0]))
    bins: list[_Bin] = []
    for rows, example in sized:
        room = [b for b in bins if b.has_room(rows, token_budget)]
        if room:
            best = max(room, key=lambda b: b.cost(rows))
        else:
            best = _Bin(padded, alone)
            bins.append(best)
        best.add(example, rows)
    if len(bins) % ranks:
        bins = _spread(sized, bins, ranks, token_budget)
    return [[b.examples for b in bins[rank::ranks]] for rank in range(ranks)]


def _spread(sized: list[Sized], packed: list[_Bin], ranks: int, token_budget: int) -> list[_Bin]:
    """The examples over a multiple of `ranks` passes, evenly: the longest first, each into the emptiest pass.

    Where that would overfill one, the packed passes and empty ones.
    """
    padded, alone = packed[0].padded, packed[0].alone
    count = -(-len(packed) // ranks) * ranks
    bins = [_Bin(padded, alone) for _ in range(count)]
    for rows, example in sized:
        emptiest = min(bins, key=lambda b: b.cost(rows))
        if not emptiest.has_room(rows, token_budget):
            return packed + [_Bin(padded, alone) for _ in range(count - len(packed))]
        emptiest.add(example, rows)
    return bins
