"""What the lab is asked: three primary claims, declared before their runs, and the comparisons that stand beside them.

A primary claim is a matrix [seeds, tasks] whose mean is said to lie above 0; Holm's correction is over the three.
Nothing else on the page is tested: a comparison has an interval, and whether it is shown to be within half a point.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from fgit_cli.core.crossed import Components
from lab import choice
from lab.arms import (
    CONFIRMING,
    FORK_CANDIDATES,
    HIGHER_RATES,
    MIDDLE,
    PAIRED_RATES,
    RATES,
    RESTYLED_RATES,
    SHARES,
    SIGNED,
    TABLES,
    at_level,
)
from lab.effects import effect
from lab.rows import moved, rows, verdicts
from lab.splits import compositions


@dataclass(frozen=True)
class Comparison:
    """`arm` against `than`, both at `rates` (a mean over them), in a table; `source` says who holds it to be better."""

    arm: str
    than: str
    source: str
    table: str = "ablations"
    rates: tuple[float, ...] = (MIDDLE,)


def _core(arm: str, than: str, source: str) -> Comparison:
    return Comparison(arm, than, source, "core", RATES)


def _paired(arm: str, than: str, source: str) -> Comparison:
    return Comparison(arm, than, source, "paired", PAIRED_RATES[1:])


_OWN, _WINNER = "FGit, own faults", "signed, alpha 5, own faults"
# dft reads no pairs: what it has over SFT is none of the fork's
OVER_DFT = Comparison(
    "fork + dft", "dft", "whether the gain is the fork's or that of dft, which reads no pairs", "dft-front", (5e-4,)
)
COMPARISONS = (
    _core("SFT", "base", "FGit, Table I"),
    _core("FGit, rules", "base", "FGit, Table I"),
    _core(_OWN, "base", "FGit, Table I"),
    _core("FGit, rules", "SFT", "FGit, Tables I and VI"),
    _core(_OWN, "SFT", "FGit, Table I"),
    _core(_OWN, "FGit, rules", "FGit, Table VI: better faults than a rule's"),
    _core("fixed 2, rules", "SFT", "FGit, Figure 6"),
    _core("fixed 2, own faults", "SFT", "FGit, Figure 6"),
    _core("FGit, rules", "fixed 2, rules", "FGit, Figure 6: dynamic over fixed"),
    _core(_OWN, "fixed 2, own faults", "FGit, Figure 6: dynamic over fixed"),
    *(
        Comparison(_WINNER, than, "ours, chosen on validation", "confirmation", RATES)
        for than in ("SFT", _OWN, "fixed 2, own faults")
    ),
    Comparison(_WINNER, "signed, alpha 5, rules", "ours", "confirmation", RATES),
    Comparison("signed, alpha 5, rules", "SFT", "ours", "confirmation", RATES),
    Comparison("signed, alpha 2, own faults", _OWN, "ours", "confirmation", RATES),
    *(
        Comparison(arm, than, who, "higher-rates", (rate,))
        for rate in HIGHER_RATES
        for arm, than, who in ((_OWN, "SFT", "FGit, Table I"), (_WINNER, "SFT", "ours"), (_WINNER, _OWN, "ours"))
    ),
    *(
        Comparison(arm, "SFT", "why so little is gained", "restyled", RESTYLED_RATES[:1])
        for arm in (_OWN, "fixed 2, own faults", "fixed 5, own faults", _WINNER)
    ),
    Comparison(_OWN, "FGit, line", "FGit, Table II: hybrid over line"),
    Comparison(_OWN, "FGit, token", "FGit, Table II: hybrid over token"),
    Comparison(_OWN, "FGit, gaps ignored", "open: what a forgotten line marks"),
    Comparison("fixed 2, own faults", "fixed 0", "FGit, Figure 6"),
    Comparison("fixed 2, own faults", "fixed 3", "FGit, Figure 6: 2 is the best"),
    Comparison("fixed 2, own faults", "fixed 5", "FGit, Figure 6: 2 is the best"),
    *(Comparison(_OWN, f"FGit, alpha {a}", "FGit, Figure 7: 2 is the best") for a in ("1", "1.5", "3", "5")),
    Comparison(_OWN, "FGit, no gradient through W", "open: whether the gradient through W matters"),
    Comparison("SFT, 2 epochs", "SFT", "a second epoch beside every weight"),
    Comparison("FGit, 2 epochs", "SFT, 2 epochs", "FGit, Figure 7"),
    _paired("FGit", "SFT", "FGit, Table I"),
    _paired("FGit", "DPO", "FGit, Table V"),
    _paired("Target-DPO", "DPO", "Target-DPO, Table 1"),
    _paired("Target-RPO", "RPO", "Target-DPO, Table 1"),
    _paired("Target-DPO", "SFT", "Target-DPO, Table 2"),
    _paired("Target-RPO", "SFT", "Target-DPO, Table 9"),
    *(
        _paired(f"Target-{x}", f"Target-{x}, {how}", "Target-DPO, Table 3")
        for x in ("DPO", "RPO")
        for how in ("half of the pairs whole", "symmetric")
    ),
    Comparison(SIGNED.name, "SFT", "what is left of `signed`", "signed-confirmation", RATES),
    Comparison(SIGNED.name, _OWN, "what is left of `signed`", "signed-confirmation", RATES),
    OVER_DFT,
    *(
        Comparison(arm.name, "SFT", "open", table, TABLES[table].rates)
        for table in ("fork-candidates", "fork-candidates-restyled")
        for arm in FORK_CANDIDATES
        if arm.name != "SFT"
    ),
    *(
        Comparison(
            at_level("fixed 2", level), at_level("SFT", level), "open: what a weight counts for", "shares", (rate,)
        )
        for rate in TABLES["shares"].rates
        for level in SHARES
    ),
)


@dataclass(frozen=True)
class Primary:
    """A claim declared before its runs: its mean is above 0.

    `values` gives [seeds, tasks] in the claim's own unit once rows are there. `before` are variances by earlier rows,
    `expected` the mean they let one expect (None: no earlier row tells), `runs` how many seeds are planned. `beside` is
    what must be read with it: how much of the effect another cause has.
    """

    says: str
    unit: str
    values: Callable[[], numpy.ndarray | None]
    tables: tuple[str, ...]
    before: Callable[[], Components]
    expected: Callable[[], float] | None
    runs: int
    beside: Comparison | None = None


def _slope() -> numpy.ndarray | None:
    """[seeds, tasks]: the least-squares slope of (fixed 2 − SFT) on ln of a weight's worth, over the levels."""
    found = rows("shares")
    rates = TABLES["shares"].rates
    worth = {(r["arm"], r["seed"]): math.log(r["share"]["weight_2"]) for r in found if r.get("share")}
    names = [(at_level("fixed 2", level), at_level("SFT", level)) for level in SHARES]
    weighed, plain = ([verdicts(found, pair[k], rates) for pair in names] for k in (0, 1))
    seeds = [s for s in TABLES["shares"].seeds if all(s in level for level in (*weighed, *plain))]
    if not seeds:
        return None
    slopes = []
    for seed in seeds:
        x = numpy.array([worth[name, seed] for name, _ in names])
        factors = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
        slopes.append(sum(f * (w[seed] - p[seed]) for f, w, p in zip(factors, weighed, plain, strict=True)))
    return numpy.array(slopes)


def _at_equal_forgetting() -> numpy.ndarray | None:
    """[seeds, tasks]: fork − SFT, each as chosen on the validation split."""
    points, found = choice.chosen(), rows(choice.FRONT)
    if points is None or not found:
        return None
    fork, sft = (verdicts(found, points[name].arm, (points[name].rate,)) for name in ("fork", "SFT"))
    shared = sorted(fork.keys() & sft.keys())
    return numpy.array([fork[s] - sft[s] for s in shared]) if shared else None


def _before(table: str, arm: str, rates: tuple[float, ...]) -> Components:
    values = moved(table, arm, "SFT", rates)
    assert values is not None, f"the rows of {table} are in the repository"
    return effect(values, TABLES[table].split).components


# Six levels, of which the lowest has s near 0.9 and the others near 0.02 (seed 20): the slope is the difference between
# the two ends over the 0.62 by which ln of a weight's worth differs, and five of six levels stand at one end.
_SPREAD, _ENDS = 0.62, 1 + 1 / 5


def _slope_before() -> Components:
    """The slope's variances as though the levels' differences were independent, each as at 100 %."""
    one = _before("restyled", "fixed 2, own faults", RESTYLED_RATES[:1])
    return Components(*(v * _ENDS / _SPREAD**2 for v in one))


def _slope_expected() -> float:
    ends = moved("restyled", "fixed 2, own faults", "SFT", RESTYLED_RATES[:1]), moved("core", _FIXED, "SFT", RATES)
    high, low = (float(values.mean()) for values in ends if values is not None)
    return (high - low) / 2 / _SPREAD  # halved: at the lower of the two rates nothing is learned under full restyling


_FIXED = "fixed 2, own faults"
PRIMARY = (
    Primary(
        "FGit is better than SFT with the student's own faults (mean of three rates)", "points",
        lambda: moved("core-confirmation", _OWN, "SFT", RATES), ("core-confirmation",),
        lambda: _before("core", _OWN, RATES), lambda: _expected("core", _OWN, RATES), len(CONFIRMING),
    ),
    Primary(
        "A fixed weight of 2 gains more over SFT where the faults are less of the gradient: the slope of the gain on "
        "ln(2 / √(1 + 3 s)) over six levels of restyling, at 2e-4 and 5e-4", "points for each unit of ln",
        _slope, ("shares",), _slope_before, _slope_expected, len(TABLES["shares"].seeds),
    ),
    Primary(
        "A loss at the fork is better than SFT at equal forgetting, all records restyled: each at the arm and rate, "
        "chosen on the validation split, of highest pass@1 among those that keep 98 % of what the base solves on "
        "untuned shapes", "points",
        _at_equal_forgetting, ("front-validation", choice.FRONT),
        lambda: _before("restyled", _WINNER, RESTYLED_RATES[:1]), None, len(CONFIRMING), OVER_DFT,
    ),
)  # fmt: skip
GROUPS = len(set(compositions("confirmation")))


def _expected(table: str, arm: str, rates: tuple[float, ...]) -> float:
    values = moved(table, arm, "SFT", rates)
    return float(values.mean()) if values is not None else 0.0
