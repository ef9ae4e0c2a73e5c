"""A mean over repeated runs and tasks, where both are draws: runs from all seeds, groups of tasks from all groups.

Tasks of one group pass and fail together (one composition in other words, say), so the group is the unit and not the
task. Runs and groups are crossed: every run answers every task. Values are fractions; a run is a row.
"""

import functools
import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fgit_cli.core.statistics import RESAMPLES

if TYPE_CHECKING:
    from numpy import ndarray

FEWEST_RUNS = 3  # for a p
LEVEL = 0.05


class Components(NamedTuple):
    """Variances of one observation: between runs, between groups, and what is left (a run's with a group)."""

    runs: float
    groups: float
    rest: float

    def error(self, runs: int, groups: int) -> tuple[float, float]:
        """Standard error of a mean over so many runs and groups, and its degrees of freedom (Satterthwaite, 1946)."""
        squares = (  # what varies in each mean square, and its degrees of freedom
            (groups * self.runs + self.rest, runs - 1),
            (runs * self.groups + self.rest, groups - 1),
            (self.rest, (runs - 1) * (groups - 1)),
        )
        variance = self.runs / runs + self.groups / groups + self.rest / (runs * groups)
        spread = sum(square**2 / freedom for square, freedom in squares if freedom) / (runs * groups) ** 2
        return math.sqrt(variance), variance**2 / spread if spread else math.inf


@dataclass(frozen=True)
class Effect:
    """A mean with what is known of it; `low` and `high` bound it at 95 %. `p` is two-sided against 0."""

    mean: float
    low: float
    high: float
    error: float
    freedom: float
    runs: int
    groups: int
    components: Components

    @property
    def p(self) -> float | None:
        """None with fewer than FEWEST_RUNS runs."""
        if self.runs < FEWEST_RUNS:
            return None
        return min(1.0, 2 * self._above(abs(self.mean)))

    def within(self, margin: float) -> float | None:
        """p of the hypothesis that the mean lies outside ± margin (two one-sided tests, Schuirmann 1987)."""
        return None if self.runs < FEWEST_RUNS else self._above(margin - abs(self.mean))

    def _above(self, distance: float) -> float:
        """The chance of so large a distance, or a larger one, where there is none."""
        from scipy.stats import t

        if not self.error:
            return 0.0 if distance > 0 else 1.0 if distance < 0 else 0.5
        return float(t.sf(distance / self.error, self.freedom))


def crossed(values: "ndarray", groups: Sequence[Hashable]) -> Effect:
    """The mean of `values` [runs, tasks], whose columns belong to `groups`, with its interval and error.

    Error: the variances of a two-way random-effects analysis, none below 0, over the groups' sums as a ratio to their
    sizes. Interval: percentiles of a bootstrap that draws runs and groups together, stretched about the mean until it
    is as wide as error and degrees of freedom ask. Alone it is too narrow with five runs and too wide where most of
    the variance is neither the runs' nor the groups'. With one run the interval is over the groups alone.
    """
    import numpy

    names = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    member = numpy.zeros((len(groups), len(names)))
    member[numpy.arange(len(groups)), [names[group] for group in groups]] = 1
    sums, sizes = values @ member, member.sum(0)
    mean = float(values.mean())
    components = _components(sums, sizes, mean)
    error, freedom = components.error(*sums.shape)
    low, high = _interval(sums, sizes, mean, error, freedom)
    return Effect(mean, low, high, error, freedom, len(sums), len(sizes), components)


def _components(sums: "ndarray", sizes: "ndarray", mean: float) -> Components:
    """The variances by analysis of variance over parts, which are sums made comparable and have the same mean."""
    runs, groups = sums.shape
    if groups < 2:
        return Components(float((sums / sizes).var(ddof=1)) if runs > 1 else 0.0, 0.0, 0.0)
    parts = mean + (sums - mean * sizes) * (groups / sizes.sum())
    if runs < 2:
        return Components(0.0, float(parts.var(ddof=1)), 0.0)
    by_run, by_group = parts.mean(1), parts.mean(0)
    rest = parts - by_run[:, None] - by_group + mean
    left = float((rest**2).sum()) / ((runs - 1) * (groups - 1))
    between_runs = max(0.0, float(by_run.var(ddof=1)) - left / groups)
    between_groups = max(0.0, float(by_group.var(ddof=1)) - left / runs)
    return Components(between_runs, between_groups, left)


def _interval(
    sums: "ndarray", sizes: "ndarray", mean: float, error: float, freedom: float
) -> tuple[float, float]:  # fmt: skip
    import numpy
    from scipy.stats import norm, t

    runs, groups = draws(*sums.shape)
    drawn = ((runs @ sums) * groups).sum(1) / (groups @ sizes)
    spread = float(drawn.std())
    if not spread or not error:
        return mean, mean
    low, high = numpy.quantile(drawn, (LEVEL / 2, 1 - LEVEL / 2))
    stretch = t.isf(LEVEL / 2, freedom) * error / (norm.isf(LEVEL / 2) * spread) if len(sums) > 1 else 1.0
    return mean + float(low - mean) * float(stretch), mean + float(high - mean) * float(stretch)


@functools.lru_cache(maxsize=4)
def draws(runs: int, groups: int, seed: int = 0) -> "tuple[ndarray, ndarray]":
    """How often each run is drawn, as shares [RESAMPLES, runs], and each group [RESAMPLES, groups]."""
    import numpy

    generator = numpy.random.default_rng(seed)
    drawn = generator.multinomial(runs, [1 / runs] * runs, RESAMPLES) / runs
    return drawn, generator.multinomial(groups, [1 / groups] * groups, RESAMPLES).astype(float)
