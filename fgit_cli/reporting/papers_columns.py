"""Columns of a published table that are made of several results, as the papers make them: means, averages, errors."""

from collections import Counter

from fgit_cli.reporting.failed_samples import cause, failures
from fgit_cli.reporting.results import Run
from fgit_cli.reporting.scores import Runs, benches, percent

AVERAGE, MEAN, SUM = "average", "-mean", "Sum"


def makeable(columns: tuple[str, ...], errors_on: str, runs: Runs) -> list[str]:
    """Those of a table's columns that are no benchmark's and can be made of what was run, in the table's order."""
    if errors_on:
        return list(columns) if errors_on in benches(runs) else []
    there = set(benches(runs))
    there |= {bench.removesuffix("+") for bench in there} | {bench.removesuffix("+") + MEAN for bench in there}
    made = [c for c in columns if c.endswith(MEAN) and c in there]
    if AVERAGE in columns and all(c in there for c in columns if c != AVERAGE):
        made.append(AVERAGE)
    return made


def figure(column: str, columns: tuple[str, ...], runs: Runs, model: str) -> float | None:
    """One model's figure in percent; None where a result that it takes is not there.

    A `-mean` is that of base and plus tests; the average is that of the table's other columns, base and plus apart.
    """
    if column == AVERAGE:
        return _mean([figure(c, columns, runs, model) for c in columns if c != AVERAGE])
    if column.endswith(MEAN):
        bench = column.removesuffix(MEAN)
        return _mean([figure(bench, columns, runs, model), figure(f"{bench}+", columns, runs, model)])
    if column.endswith("+"):
        return percent(runs.get((model, column)), "plus")
    return percent(runs.get((model, column)) or runs.get((model, f"{column}+")), "base")


def errors(columns: tuple[str, ...], run: Run | None) -> dict[str, int | None]:
    """For each type of error how many samples fail by it first; `Sum` is that of the others."""
    if run is None:
        return dict.fromkeys(columns)
    counted = Counter(cause(one) for one in failures(run))
    total = sum(counted[c] for c in columns if c != SUM)
    return {c: total if c == SUM else counted[c] for c in columns}


def _mean(parts: list[float | None]) -> float | None:
    there = [part for part in parts if part is not None]
    return sum(there) / len(there) if there and len(there) == len(parts) else None
