"""How sure a score is, and whether two models differ: Wilson interval, paired tests, Holm's correction.

All fractions are in [0, 1]. Two models are compared on the same tasks, task by task: that is what makes 164 tasks
say anything. What needs scipy imports it where it is used; the interval does not.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

Answer = Literal["better", "worse", "cannot tell"]

LEVEL = 0.05  # below it a p tells
RESAMPLES = 9_999  # of bootstrap and sign flips; with them p is known to about 0.005 near 0.05


def wilson(fraction: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval (1927) for a fraction seen on `n` independent tasks, without continuity correction.

    With several samples a task, `fraction` is the mean over tasks of their shares and `n` still the number of tasks:
    shares vary less than single verdicts, so the interval is then on the safe side.
    Raises ValueError for n < 1 or a fraction outside [0, 1].
    """
    if n < 1 or not 0 <= fraction <= 1:
        raise ValueError(f"no interval for the fraction {fraction} of {n}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = fraction + z * z / (2 * n)
    half = z * math.sqrt(fraction * (1 - fraction) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low, high = (centre - half) / scale, (centre + half) / scale
    return (0.0 if fraction == 0 else max(0.0, low), 1.0 if fraction == 1 else min(1.0, high))


def mcnemar(wins: int, losses: int) -> float:
    """Exact two-sided p of McNemar's test: tasks that one model alone solves, as tosses of a fair coin.

    `wins` and `losses` are the discordant tasks; tasks on which both agree say nothing. 1.0 where there are none.
    """
    from scipy.stats import binomtest

    if wins + losses == 0:
        return 1.0
    return float(binomtest(wins, wins + losses, 0.5).pvalue)


def needed(disagreements: int, level: float = LEVEL) -> int | None:
    """The fewest net wins among so many disagreeing tasks that McNemar's test calls a difference, if any are."""
    return next((net for net in range(disagreements % 2, disagreements + 1, 2)
                 if mcnemar((disagreements + net) // 2, (disagreements - net) // 2) < level), None)  # fmt: skip


def sign_flips(differences: Sequence[float], seed: int = 0) -> float:
    """Two-sided p of the paired permutation test: each task's difference keeps or turns its sign.

    For tasks with several samples, whose shares are no yes or no; with one sample a task it is McNemar's test. Exact
    up to 13 differing tasks, else by RESAMPLES draws.
    """
    import numpy
    from scipy.stats import permutation_test

    moved = numpy.array([d for d in differences if d])
    if not len(moved):
        return 1.0
    if len(moved) == 1:
        return 1.0  # either sign is as far from nought

    def mean(a, b, axis):
        return numpy.round(numpy.mean(a - b, axis=axis), 12)  # sums that are equal stay equal

    found = permutation_test(
        (moved, numpy.zeros_like(moved)), mean,
        permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, random_state=numpy.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


def tango(wins: int, losses: int, tasks: int, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval (1998) of the difference of two paired fractions, (wins - losses) / tasks.

    It keeps its coverage at few tasks and few disagreements, where resampling says "0 to 0". Where the exact McNemar
    test cannot tell the two apart at this confidence, the interval is stretched until it holds 0, so that the two never
    contradict each other. Raises ValueError for counts that cannot be.
    """
    if not 0 <= wins + losses <= tasks or min(wins, losses) < 0 or tasks < 1:
        raise ValueError(f"no interval for {wins} wins and {losses} losses on {tasks} tasks")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if mcnemar(wins, losses) >= 1 - confidence:
        z = max(z, abs(_score(wins, losses, tasks, 0.0)))
    seen = (wins - losses) / tasks
    low = _crossing(lambda delta: _score(wins, losses, tasks, delta) - z, -1.0, seen)
    high = _crossing(lambda delta: _score(wins, losses, tasks, delta) + z, seen, 1.0)
    return low, high


def _score(wins: int, losses: int, tasks: int, delta: float) -> float:
    """The score statistic of a true difference `delta`: how many standard errors the seen difference is above it."""
    linear = (2 * tasks - wins + losses) * delta - wins - losses
    constant = -losses * delta * (1 - delta)
    lost = (math.sqrt(max(0.0, linear * linear - 8 * tasks * constant)) - linear) / (4 * tasks)  # its likeliest rate
    variance = tasks * (2 * lost + delta * (1 - delta))
    distance = wins - losses - tasks * delta
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance) if distance else 0.0


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that falls from above 0 to below 0 crosses it; an end where it does not."""
    if falling(low) <= 0:
        return low
    if falling(high) >= 0:
        return high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def of_shares(differences: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the mean difference of two models' shares, task by task, each in [-1, 1].

    Bonett and Price's adjusted Wald interval (2012) carried over from single verdicts to shares: two tasks more take
    part, which differ as far as any did, one each way; and Student's t, for shares have a spread of their own.
    Resampling covers far less where few tasks differ. Raises ValueError without tasks.
    """
    from scipy.stats import t

    if not differences:
        raise ValueError("no interval for no tasks")
    if len(differences) == 1:
        return -1.0, 1.0
    tasks, largest = len(differences) + 2, max(map(abs, differences)) or 1.0
    centre = sum(differences) / tasks
    spread = (sum(d * d for d in differences) + 2 * largest**2) / tasks - centre**2
    half = float(t.ppf((1 + confidence) / 2, len(differences) - 1)) * math.sqrt(spread / tasks)
    return max(-1.0, centre - half), min(1.0, centre + half)


def agreeing(interval: tuple[float, float], difference: float, p: float) -> tuple[float, float]:
    """The interval with an end moved to 0 where it contradicts the test: that holds 0 which the p does not refuse."""
    low, high = interval
    if p >= LEVEL:
        return min(low, 0.0), max(high, 0.0)
    return (max(low, 0.0), high) if difference > 0 else (low, min(high, 0.0))


def bootstrap(differences: Sequence[float], confidence: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile interval of the mean difference, by drawing tasks with replacement (both models together)."""
    import numpy
    from scipy.stats import bootstrap as resample

    values = numpy.asarray(differences, dtype=float)
    if len(values) < 2 or numpy.ptp(values) == 0:  # every draw is the same
        mean = float(values.mean())
        return mean, mean
    found = resample(
        (values,), numpy.mean, n_resamples=RESAMPLES, confidence_level=confidence, method="percentile",
        batch=1_000, random_state=numpy.random.default_rng(seed),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment (1979): the p of each comparison, given that so many were made; input order."""
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


@dataclass(frozen=True)
class Paired:
    """Two models on the same tasks; `difference` and its interval are in [-1, 1], model minus baseline."""

    tasks: int
    wins: int
    losses: int
    difference: float
    low: float
    high: float
    p: float
    test: Literal["McNemar, exact", "sign flips"]


def compare(model: Sequence[float], baseline: Sequence[float]) -> Paired:
    """Compare two models by their shares of passing samples, task by task in the same order.

    Exact McNemar where every share is 0 or 1, else the sign-flip test. Raises ValueError for unequal or no tasks.
    """
    if len(model) != len(baseline) or not model:
        raise ValueError("a paired comparison needs the same tasks, at least one")
    differences = [a - b for a, b in zip(model, baseline, strict=True)]
    wins, losses = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    binary = all(share in (0, 1) for share in (*model, *baseline))
    difference = sum(differences) / len(differences)
    p = mcnemar(wins, losses) if binary else sign_flips(differences)
    low, high = tango(wins, losses, len(model)) if binary else agreeing(of_shares(differences), difference, p)
    return Paired(
        tasks=len(model), wins=wins, losses=losses, difference=difference, low=low, high=high, p=p,
        test="McNemar, exact" if binary else "sign flips",
    )  # fmt: skip


def answer(difference: float, p: float, level: float = LEVEL) -> Answer:
    """What an adjusted p lets one say of the model against its baseline."""
    if p >= level or difference == 0:
        return "cannot tell"
    return "better" if difference > 0 else "worse"


def kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa (1960) of two judges' answers, how far they agree beyond chance; None where chance is all.

    1 is full agreement, 0 what their shares of yes give by chance.
    """
    n = len(pairs)
    agreed = sum(a == b for a, b in pairs) / n
    first, second = (sum(pair[i] for pair in pairs) / n for i in (0, 1))
    by_chance = first * second + (1 - first) * (1 - second)
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)
