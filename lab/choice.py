"""What is chosen on the validation split by a rule written down first, and the runs that follow from the choice.

Equal forgetting: of a method's arms and rates those that keep at least KEEP of what the base solves on untuned shapes
(where none does, the one that keeps most); among these the one of the highest pass@1.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy

from lab.arms import CONFIRMING, TABLES, Arm
from lab.rows import rows, verdicts
from lab.splits import untuned

KEEP = 0.98
METHODS = {
    "SFT": ("SFT", "SFT, 2 epochs"),
    "fork": tuple(a.name for a in TABLES["front-validation"].arms if a.name.startswith("fork")),
}
FRONT = "front"  # the table of what was chosen


class Point(NamedTuple):
    """An arm at a rate: pass@1 of all tasks, gained on tuned shapes over the base, kept on untuned ones; [0, 1].

    `divergence`: KL(base ‖ tuned) a token on untuned prompts, in nats (lab/forgetting.py).
    """

    arm: str
    rate: float
    passed: float
    gained: float
    kept: float
    divergence: float = 0.0


def points(table: str) -> list[Point]:
    """Each arm and rate of a table that has rows, means over its seeds."""
    found, split = rows(table), TABLES[table].split if table != FRONT else "confirmation"
    base = next((numpy.array([int(v) for v in r["verdicts"]]) for r in found if r["arm"] == "base"), None)
    out = []
    for arm, rate in dict.fromkeys((r["arm"], r["rate"]) for r in found if r["arm"] != "base"):
        passed = numpy.mean(list(verdicts(found, arm, (rate,)).values()), axis=0)
        other = untuned(split)
        kept = passed[other & (base == 1)].mean()
        moved = numpy.mean([r.get("divergence", 0.0) for r in found if (r["arm"], r["rate"]) == (arm, rate)])
        out.append(Point(arm, rate, passed.mean(), (passed - base)[~other].mean(), kept, float(moved)))
    return out


def chosen() -> dict[str, Point] | None:
    """A point for each method; None while runs of the validation table are missing."""
    found = {(p.arm, p.rate): p for p in points("front-validation")}
    done = {(r["arm"], r["rate"], r["seed"]) for r in rows("front-validation")}
    if any((arm.name, rate, seed) not in done for arm, rate, seed in TABLES["front-validation"].cells()):
        return None
    return {method: best([p for (arm, _), p in found.items() if arm in arms]) for method, arms in METHODS.items()}


def best(found: list[Point]) -> Point:
    """By the rule of the module's text."""
    keeping = [p for p in found if p.kept >= KEEP]
    return max(keeping, key=lambda p: p.passed) if keeping else max(found, key=lambda p: p.kept)


def cells(table: str) -> Iterator[tuple[Arm, float, int]]:
    """(arm, rate, seed) of each run of a table; of FRONT none while its choice is open."""
    if table != FRONT:
        yield from TABLES[table].cells()
        return
    arms = {arm.name: arm for arm in TABLES["front-validation"].arms}
    for seed in CONFIRMING:
        for point in (chosen() or {}).values():
            yield arms[point.arm], point.rate, seed
