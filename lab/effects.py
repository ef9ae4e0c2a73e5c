"""What is known of a difference: its interval over seeds and compositions, what its strongest construct leaves."""

from typing import NamedTuple

import numpy

from fgit_cli.core.crossed import LEVEL, Components, Effect, crossed
from lab.splits import Split, compositions, constructs, having

MARGIN = 0.005  # within half a point two arms count as equal


class Without(NamedTuple):
    """The effect on the tasks without a construct, the one whose tasks carry the most of it."""

    construct: str
    tasks: int
    effect: Effect


def effect(values: numpy.ndarray, split: Split) -> Effect:
    """Of differences [seeds, tasks]: their mean with its interval; seeds and compositions are drawn."""
    return crossed(values, compositions(split))


def without_strongest(values: numpy.ndarray, split: Split) -> Without:
    """The effect left when the tasks with its strongest construct are taken away.

    The construct is chosen by the same rows, so what is left errs towards nothing.
    """
    sign = numpy.sign(values.mean()) or 1.0

    def carried(construct: str) -> float:
        return float(sign * values[:, having(split, construct)].sum())

    strongest = max(constructs(split), key=carried)
    kept = ~having(split, strongest)
    groups = [group for group, keep in zip(compositions(split), kept, strict=True) if keep]
    return Without(strongest, int((~kept).sum()), crossed(values[:, kept], groups))


def power(components: Components, seeds: int, groups: int, mean: float, level: float = LEVEL) -> float:
    """The chance that a two-sided test calls a true mean better, by the variances of earlier rows."""
    from scipy.stats import nct, t

    error, freedom = components.error(seeds, groups)
    if not error:
        return 1.0 if mean > 0 else 0.0
    return float(nct.sf(t.isf(level / 2, freedom), freedom, mean / error))


def smallest(components: Components, seeds: int, groups: int, level: float = LEVEL, wanted: float = 0.8) -> float:
    """The smallest true mean that is called better with the chance `wanted`."""
    from scipy.optimize import brentq

    return float(brentq(lambda mean: power(components, seeds, groups, mean, level) - wanted, 0.0, 1.0))
