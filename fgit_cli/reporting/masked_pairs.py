"""Masked pairs summed up as they stream by: how long they are, how much is marked; the first few kept to look at."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fgit_cli.errors import InputError
from fgit_cli.reporting.table import Column, Table

KEPT = 24  # pairs for the page's gallery


@dataclass
class Pairs:
    """One file's masked pairs: sums, and the first KEPT whole."""

    name: str
    count: int = 0
    inactive: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    similarities: list[float] = field(default_factory=list)
    settings: Counter[str] = field(default_factory=Counter)
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, record: dict[str, Any]) -> None:
        """Count one pair in. Raises InputError where ids and mask do not go together."""
        for side in ("correct", "incorrect"):
            ids, mask = record.get(f"{side}_ids"), record[f"{side}_mask"]
            if not isinstance(ids, list) or not isinstance(mask, list) or len(ids) != len(mask):
                raise InputError(f"`{side}_ids` and `{side}_mask` are no lists of one length")
            self.sums[f"{side}_tokens"] += len(ids)
            self.sums[f"{side}_marked"] += sum(value > 0 for value in mask)
            self.sums[f"{side}_twice"] += sum(value > 1 for value in mask)
        self.count += 1
        self.inactive += not (any(record["correct_mask"]) and any(record["incorrect_mask"]))
        self.sums["prompt_tokens"] += len(record.get("prompt_ids") or [])
        if isinstance(record.get("similarity"), int | float):
            self.similarities.append(float(record["similarity"]))
        made = record.get("mask") or {}
        self.settings[", ".join(str(made[k]) for k in ("algorithm", "granularity", "gaps") if k in made)] += 1
        if len(self.kept) < KEPT:
            self.kept.append(record)


def table(all_pairs: list[Pairs]) -> Table | None:
    columns = [
        Column("file", "Pairs of"), Column("made", "Masked by"), Column("pairs", "Pairs", "count"),
        Column("inactive", "Inactive", "count"), Column("prompt", "Prompt tokens", "percent"),
        Column("correct", "Correct tokens", "percent"), Column("incorrect", "Incorrect tokens", "percent"),
        Column("marked", "Marked, correct %", "percent"), Column("marked_incorrect", "Marked, incorrect %", "percent"),
        Column("similarity", "Similarity", "number"),
    ]  # fmt: skip
    rows = []
    for p in all_pairs:
        rows.append({
            "file": p.name, "made": "; ".join(p.settings), "pairs": p.count, "inactive": p.inactive,
            "prompt": p.sums["prompt_tokens"] / p.count, "correct": p.sums["correct_tokens"] / p.count,
            "incorrect": p.sums["incorrect_tokens"] / p.count,
            "marked": 100 * p.sums["correct_marked"] / max(1, p.sums["correct_tokens"]),
            "marked_incorrect": 100 * p.sums["incorrect_marked"] / max(1, p.sums["incorrect_tokens"]),
            "similarity": sum(p.similarities) / len(p.similarities) if p.similarities else None,
        })  # fmt: skip
    notes = ["Means over pairs; marked: the share of response tokens with a value above 0."]
    return Table("pairs", "Masked pairs", columns, rows, notes) if rows else None
