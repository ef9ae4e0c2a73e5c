"""Training logs as a table: where each run began and ended."""

from collections.abc import Sequence
from typing import Any

from fgit_cli.reporting.table import Column, Table

# What fgit train logs (training/metrics.py), in the order shown. Absent ones are left out.
SHOWN = {
    "loss": "Loss", "nll_fault": "NLL on fault tokens", "nll_rest": "NLL on the rest", "weight": "W",
    "correct_probability": "H̄c", "incorrect_probability": "H̄a", "incorrect_preferred": "Share H̄a > H̄c",
    "margin": "Margin", "eval_nll": "Held-out NLL", "eval_told_apart": "Held out, told apart",
}  # fmt: skip
ENDS = 10  # logged steps averaged at each end, and never more than a quarter of the run

Logs = dict[str, list[Any]]


def training(logs: Logs) -> Table | None:
    """One row a run and measure: its mean over the first and the last logged steps."""
    columns = [
        Column("run", "Run"), Column("measure", "Measure"), Column("steps", "Steps", "count"),
        Column("first", "First", "number"), Column("last", "Last", "number"), Column("change", "Change", "number"),
    ]  # fmt: skip
    rows = []
    for run, log in logs.items():
        for key, name in SHOWN.items():
            series = values(log, key)
            if not series:
                continue
            ends = max(1, min(ENDS, len(series) // 4))
            first, last = mean(series[:ends]), mean(series[-ends:])
            row = {"run": run, "measure": name, "steps": int(log[-1]["step"]), "first": first, "last": last}
            rows.append(row | {"change": last - first})
    if not rows:
        return None
    return Table("training", "Training", columns, rows, [f"Means of the first and last {ENDS} logged steps at most."])


def values(log: Sequence[Any], key: str) -> list[float]:
    return [float(record[key]) for record in log if isinstance(record.get(key), int | float)]


def mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
