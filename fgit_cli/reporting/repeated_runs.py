"""Results of repeated runs (lab/run.py): each arm at each rate over its seeds, and against a baseline arm, paired.

A row is one run: `arm`, `rate`, `seed` and `passed`, which maps every task to 1 or 0. Runs differ by their seed as well
as tasks by their difficulty, so intervals draw both anew; the test takes each seed's difference as one observation.
"""

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.statistics import RESAMPLES, answer, holm
from fgit_cli.errors import InputError
from fgit_cli.reporting.table import Column, Table

USUAL = ("SFT", "sft", "base")  # baselines taken in this order where none is named
FEWEST_SEEDS = 3  # for a test over seeds


@dataclass(frozen=True)
class LabRun:
    """One run's verdicts."""

    arm: str
    rate: float
    seed: int
    passed: dict[str, int]
    seconds: float | None
    tokens: int | None = None  # fed to the model in training


def lab_run(record: dict[str, Any]) -> LabRun:
    """A row of the lab. Raises InputError where a field is missing or none."""
    arm, rate, seed, passed = (record.get(name) for name in ("arm", "rate", "seed", "passed"))
    if not isinstance(arm, str) or not isinstance(rate, int | float) or not isinstance(seed, int):
        raise InputError("a lab result needs the text `arm` and the numbers `rate` and `seed`")
    if not isinstance(passed, dict) or not passed or not all(value in (0, 1) for value in passed.values()):
        raise InputError("field `passed` is not an object of tasks, each 1 or 0")
    return LabRun(arm, float(rate), seed, passed, record.get("cpu_seconds"), record.get("tokens"))


def lab(runs: list[LabRun], baseline: str | None) -> Table | None:
    """One row an arm and rate; compared with the baseline arm at the same rate and seeds, where it has them."""
    if not runs:
        return None
    cells: dict[tuple[str, float], dict[int, LabRun]] = defaultdict(dict)
    for run in runs:
        cells[run.arm, run.rate][run.seed] = run
    arms = list(dict.fromkeys(run.arm for run in runs))
    against = baseline if baseline in arms else next((arm for arm in USUAL if arm in arms), arms[0])
    rows = [row(arm, rate, seeds, cells.get((against, rate))) for (arm, rate), seeds in cells.items()]
    tested = [r for r in rows if r.get("p") is not None]
    for r, p in zip(tested, holm([r["p"] for r in tested]), strict=True):
        r["p_holm"] = p
        r["answer"] = answer(r["difference"], p)
    columns = [
        Column("arm", "Arm"), Column("rate", "Learning rate", "number"), Column("seeds", "Seeds", "count"),
        Column("tasks", "Tasks", "count"), Column("pass_at_1", "pass@1", "percent"),
        Column("interval", "95 % interval", "interval"), Column("difference", f"Against {against}", "points"),
        Column("difference_interval", "95 % interval", "interval"), Column("p", "p", "p"),
        Column("p_holm", "p, Holm", "p"), Column("answer", "Answer"), Column("tokens", "Tokens fed", "count"),
        Column("seconds", "CPU seconds", "number"),
    ]  # fmt: skip
    notes = [
        "Means over seeds and tasks; intervals by bootstrap of both. Differences are in points, at the same rate and "
        "over the seeds that both have.",
        f"p: paired t-test over seeds (at least {FEWEST_SEEDS}), two-sided; Holm over the {len(tested)} of this table.",
    ]
    return Table("lab", f"Runs, against {against}", columns, rows, notes)


def row(arm: str, rate: float, seeds: dict[int, LabRun], base: dict[int, LabRun] | None) -> dict[str, Any]:
    import numpy
    from scipy.stats import ttest_rel

    own = matrix(list(seeds.values()))
    seconds = [run.seconds for run in seeds.values() if run.seconds is not None]
    tokens = [run.tokens for run in seeds.values() if run.tokens is not None]
    low, high = both_drawn(own)
    found: dict[str, Any] = {
        "arm": arm, "rate": rate, "seeds": own.shape[0], "tasks": own.shape[1], "pass_at_1": 100 * float(own.mean()),
        "interval": (100 * low, 100 * high), "seconds": sum(seconds) / len(seconds) if seconds else None,
        "tokens": round(sum(tokens) / len(tokens)) if tokens else None,
    }  # fmt: skip
    shared = [seed for seed in seeds if base and seed in base and base[seed] is not seeds[seed]]
    if not base or not shared:
        return found
    pairs = [(seeds[seed], base[seed]) for seed in shared]
    tasks = sorted(set.intersection(*(set(run.passed) for pair in pairs for run in pair)))
    if not tasks:
        return found
    differences = numpy.array([[a.passed[t] - b.passed[t] for t in tasks] for a, b in pairs], dtype=float)
    low, high = both_drawn(differences)
    found |= {"difference": 100 * float(differences.mean()), "difference_interval": (100 * low, 100 * high)}
    if len(shared) >= FEWEST_SEEDS:
        new, old = (
            [sum(run.passed[t] for t in tasks) / len(tasks) for run in side] for side in zip(*pairs, strict=True)
        )
        moved = numpy.subtract(new, old)
        found["p"] = float(ttest_rel(new, old).pvalue) if numpy.ptp(moved) > 1e-12 else (0.0 if moved.any() else 1.0)
    return found


def matrix(runs: list[LabRun]) -> Any:
    """Seeds × tasks, over the tasks that all the runs have. Raises InputError where there is none."""
    import numpy

    tasks = sorted(set.intersection(*(set(run.passed) for run in runs)))
    if not tasks:
        raise InputError(f"the runs of {runs[0].arm} have no task in common")
    return numpy.array([[run.passed[task] for task in tasks] for run in runs], dtype=float)


def both_drawn(values: Any, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean of [seeds, tasks], both drawn with replacement."""
    import numpy

    rows, columns = draws(*values.shape, seed)
    low, high = numpy.quantile(((rows @ values) * columns).sum(1), (0.025, 0.975))
    return float(low), float(high)


@functools.lru_cache(maxsize=4)
def draws(n: int, m: int, seed: int) -> tuple[Any, Any]:
    """How often each of n seeds and of m tasks is drawn, as shares: [RESAMPLES, n] and [RESAMPLES, m]."""
    import numpy

    generator = numpy.random.default_rng(seed)
    seeds = generator.multinomial(n, [1 / n] * n, RESAMPLES) / n
    return seeds, generator.multinomial(m, [1 / m] * m, RESAMPLES) / m
