"""Results of repeated runs (lab/run.py): each arm at each rate over its seeds, and against a baseline arm, paired.

A row is one run: `arm`, `rate`, `seed` and `passed`, which maps every task to 1 or 0; `groups`, where a row has it,
maps every task to its group, whose tasks pass and fail together. Runs differ by their seed as well as groups by their
difficulty, and both count in intervals and p (core/crossed.py).
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from fgit_cli.core.crossed import FEWEST_RUNS, Effect, crossed
from fgit_cli.core.statistics import answer, holm
from fgit_cli.errors import InputError
from fgit_cli.reporting.table import Column, Table

USUAL = ("SFT", "sft", "base")  # baselines taken in this order where none is named


@dataclass(frozen=True)
class LabRun:
    """One run's verdicts."""

    arm: str
    rate: float
    seed: int
    passed: dict[str, int]
    seconds: float | None
    tokens: int | None = None  # fed to the model in training
    groups: dict[str, str] = field(default_factory=dict)  # of tasks; one that is not named is a group of its own


def lab_run(record: dict[str, Any]) -> LabRun:
    """A row of the lab. Raises InputError where a field is missing or none."""
    arm, rate, seed, passed = (record.get(name) for name in ("arm", "rate", "seed", "passed"))
    if not isinstance(arm, str) or not isinstance(rate, int | float) or not isinstance(seed, int):
        raise InputError("a lab result needs the text `arm` and the numbers `rate` and `seed`")
    if not isinstance(passed, dict) or not passed or not all(value in (0, 1) for value in passed.values()):
        raise InputError("field `passed` is not an object of tasks, each 1 or 0")
    groups = record.get("groups") or {}
    if not isinstance(groups, dict) or not all(isinstance(group, str) for group in groups.values()):
        raise InputError("field `groups` is not an object of tasks, each with the name of its group")
    return LabRun(arm, float(rate), seed, passed, record.get("cpu_seconds"), record.get("tokens"), groups)


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
        "Means over seeds and tasks; intervals by bootstrap of seeds and groups of tasks. Differences are in points, "
        "at the same rate and over the seeds that both have.",
        f"p: two-sided, over seeds (at least {FEWEST_RUNS}) and groups; Holm over the {len(tested)} of this table.",
    ]
    return Table("lab", f"Runs, against {against}", columns, rows, notes)


def row(arm: str, rate: float, seeds: dict[int, LabRun], base: dict[int, LabRun] | None) -> dict[str, Any]:
    runs = list(seeds.values())
    seconds = [run.seconds for run in runs if run.seconds is not None]
    tokens = [run.tokens for run in runs if run.tokens is not None]
    own = effect([run.passed for run in runs], runs[0].groups)
    if own is None:
        raise InputError(f"the runs of {arm} have no task in common")
    found: dict[str, Any] = {
        "arm": arm, "rate": rate, "seeds": len(runs), "tasks": len(set.intersection(*(set(r.passed) for r in runs))),
        "pass_at_1": 100 * own.mean, "interval": (100 * own.low, 100 * own.high),
        "seconds": sum(seconds) / len(seconds) if seconds else None,
        "tokens": round(sum(tokens) / len(tokens)) if tokens else None,
    }  # fmt: skip
    pairs = [(run, base[seed]) for seed, run in seeds.items() if base and seed in base and base[seed] is not run]
    moved = effect([_difference(*pair) for pair in pairs], runs[0].groups) if pairs else None
    if moved:
        found |= {
            "difference": 100 * moved.mean,
            "difference_interval": (100 * moved.low, 100 * moved.high),
            "p": moved.p,
        }
    return found


def _difference(run: LabRun, base: LabRun) -> dict[str, int]:
    return {task: run.passed[task] - base.passed[task] for task in run.passed.keys() & base.passed.keys()}


def effect(runs: list[dict[str, int]], groups: dict[str, str]) -> Effect | None:
    """The mean over runs and the tasks that all of them have; None where there is no such task."""
    import numpy

    tasks = sorted(set.intersection(*map(set, runs)))
    if not tasks:
        return None
    values = numpy.array([[run[task] for task in tasks] for run in runs], dtype=float)
    return crossed(values, [groups.get(task, task) for task in tasks])
