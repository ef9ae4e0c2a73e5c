"""Pairs that `refine` made, summed up as they stream by: what a pair costs, how soon code passes, what tests cover.

Reads what `refine` wrote as its output and as its rejects; only both together say what a pair costs.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fgit_cli.core.codeflow import TENTHS, by_tenths
from fgit_cli.errors import InputError
from fgit_cli.reporting.table import Column, Kind, Table

METHODS = {"refine": "debugging", "sampling": "sampling"}
COST = "Published: 10.4 answers of the teacher for each pair (Target-DPO, C.6)."
ROUNDS = "Published: 36.7 % at the first attempt, 67.5 % after five repairs (Target-DPO, A.1); 51.9 % of five samples."
REACHED = "Share of the correct code's lines that its tests run, by coverage.py (Target-DPO, equation 9 and Figure 7)."
WITHOUT_REJECTS = "without the records that were left out; give what --rejects wrote under the same label"


@dataclass
class Refined:
    """One label's records of `refine`."""

    name: str
    pairs: int = 0
    left_out: int = 0
    calls: int = 0
    uncounted: int = 0  # records that do not say how many answers they took
    teachers: Counter[str] = field(default_factory=Counter)
    passed_at: Counter[int] = field(default_factory=Counter)  # records by the attempt that passed, from 0
    last: int = 0  # the last attempt of any record
    coverage: list[float] = field(default_factory=list)

    @property
    def records(self) -> int:
        return self.pairs + self.left_out

    def add(self, record: dict[str, Any]) -> None:
        """Count one record in, a pair or a reject. Raises InputError for fields that `refine` does not write so."""
        origin, attempts = record["origin"], record["attempts"]
        if not all(isinstance(attempt, dict) and isinstance(attempt.get("status"), str) for attempt in attempts):
            raise InputError("field `attempts` is not a list of objects with a `status`")
        if "passed_at" in origin:  # of pairs alone
            self.pairs += 1
            if isinstance(origin.get("coverage"), int | float):
                self.coverage.append(float(origin["coverage"]))
        else:
            self.left_out += 1
        if isinstance(origin.get("calls"), int):
            self.calls += origin["calls"]
        else:
            self.uncounted += 1
        self.teachers[f"{origin.get('model', 'unknown')}, {METHODS[origin['method']]}"] += 1
        self.last = max(self.last, len(attempts) - 1)
        if attempts and attempts[-1]["status"] == "pass":
            self.passed_at[len(attempts) - 1] += 1


def is_refined(record: dict[str, Any]) -> bool:
    """Whether `refine` wrote the record."""
    origin = record.get("origin")
    return (
        isinstance(record.get("attempts"), list)
        and isinstance(origin, dict)
        and isinstance(origin.get("method"), str)
        and origin["method"] in METHODS
    )


def costs(all_refined: list[Refined]) -> Table | None:
    """What pairs cost, a row each label."""
    columns = [
        Column("file", "Pairs of"), Column("teacher", "Made by"), Column("records", "Records", "count"),
        Column("pairs", "Pairs", "count"), Column("share", "Pairs %", "percent"),
        Column("calls", "Answers for each pair", "number"), Column("coverage", "Lines covered %", "percent"),
    ]  # fmt: skip
    rows = []
    for one in all_refined:
        rows.append({
            "file": one.name, "teacher": "; ".join(one.teachers), "records": one.records, "pairs": one.pairs,
            "share": 100 * one.pairs / one.records,
            "calls": one.calls / one.pairs if one.pairs and not one.uncounted else None,
            "coverage": 100 * sum(one.coverage) / len(one.coverage) if one.coverage else None,
        })  # fmt: skip
    notes = [
        "Answers: all that the teacher gave, the judge's too, also for records that gave no pair; coverage: the mean "
        "over pairs.",
        *(f"{one.name}: {WITHOUT_REJECTS}." for one in all_refined if not one.left_out),
        COST,
    ]
    return Table("refined", "Pairs from instructions", columns, rows, notes) if rows else None


def rounds(all_refined: list[Refined]) -> Table | None:
    """The share of records whose code passed by each attempt; None without the records that were left out."""
    whole = [one for one in all_refined if one.left_out]
    columns = [
        Column("attempt", "Attempt", "count"),
        *(Column(f"{one.name} %", f"{one.name} %", "percent") for one in whole),
    ]
    rows = [
        {"attempt": attempt}
        | {f"{one.name} %": 100 * sum(one.passed_at[i] for i in range(attempt + 1)) / one.records for one in whole}
        for attempt in range(max((one.last for one in whole), default=-1) + 1)
    ]
    notes = [
        "Share of records whose code has passed; attempt 0 is the first answer, the others are repairs or further "
        "answers.",
        ROUNDS,
    ]
    return Table("rounds", "Code that passes, by attempt", columns, rows, notes) if rows else None


def coverage(all_refined: list[Refined]) -> Table | None:
    """A histogram of what the tests of the pairs cover, a column of counts and one of shares each label."""
    measured = [one for one in all_refined if one.coverage]
    shown: tuple[tuple[str, Kind], ...] = (("pairs", "count"), ("%", "percent"))
    columns = [Column("covered", "Lines covered, %")]
    for one in measured:
        columns += [Column(f"{one.name} {what}", f"{one.name} {what}", kind) for what, kind in shown]
    rows: list[dict[str, Any]] = [{"covered": f"{low} to {low + 9}" if low < 100 else "100"} for low in TENTHS]
    for one in measured:
        for row, count in zip(rows, by_tenths(one.coverage).values(), strict=True):
            row |= {f"{one.name} pairs": count, f"{one.name} %": 100 * count / len(one.coverage)}
    return Table("coverage", "Pairs by what their tests cover", columns, rows, [REACHED]) if measured else None
