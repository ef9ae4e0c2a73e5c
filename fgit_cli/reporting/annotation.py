"""A sheet on which two people say which variants are true faults, and how far they agree.

The sheet is a CSV of variants drawn by chance, a line each, with an empty column for each annotator; a spreadsheet or
an editor fills them. Read again, the columns give each one's share of true faults and Cohen's kappa.
"""

import csv
import difflib
import hashlib
import heapq
import io
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from fgit_cli import jsonl
from fgit_cli.core.statistics import kappa, wilson
from fgit_cli.errors import InputError
from fgit_cli.reporting.table import Column, Table

SIZE = 50  # variants on a sheet
ANNOTATORS = ("annotator 1", "annotator 2")
YES = frozenset({"1", "y", "yes", "t", "true", "fault"})
NO = frozenset({"0", "n", "no", "f", "false", "none"})
_BEFORE_FORMULA = ("=", "+", "-", "@")  # a spreadsheet reads a cell that begins so as a formula


@dataclass(order=True)
class _Drawn:
    """A variant with the number by which it is drawn; the smallest numbers stay."""

    number: int
    cells: tuple[str, ...]


class Sheet:
    """SIZE of the variants that it is offered, drawn by a hash of what they are: the same from the same file."""

    def __init__(self) -> None:
        self._kept: list[_Drawn] = []

    def offer(self, name: str, language: str, instruction: str, correct: str, variant: str) -> None:
        """Take a variant in, or not."""
        number = -int.from_bytes(hashlib.sha256(f"{name}\0{variant}".encode()).digest()[:8])
        if len(self._kept) == SIZE and number <= self._kept[0].number:
            return
        lines = difflib.unified_diff(correct.splitlines(), variant.splitlines(), "correct", "variant", lineterm="")
        drawn = _Drawn(number, (name, language, instruction, "\n".join(lines), variant))
        if len(self._kept) < SIZE:
            heapq.heappush(self._kept, drawn)
        else:
            heapq.heapreplace(self._kept, drawn)

    def text(self) -> str:
        """The sheet as CSV."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("id", "language", "instruction", "difference", "variant", *ANNOTATORS))
        for drawn in sorted(self._kept, reverse=True):
            writer.writerow([f" {c}" if c.startswith(_BEFORE_FORMULA) else c for c in drawn.cells] + ["", ""])
        return out.getvalue()


Judgements = dict[str, list[bool | None]]  # by annotator, one a line of the sheet; None where the cell is empty


def read(file: str) -> Judgements:
    """What the annotators wrote into their columns. Raises InputError with the place of what is neither yes nor no."""
    found: Judgements = {}
    for record in jsonl.read([file]):
        names = [name for name in record if name.startswith("annotator")]
        if len(names) < 2:
            raise InputError("fewer than two columns whose names begin with `annotator`", record.place)
        for name in names:
            found.setdefault(name, []).append(_judgement(record[name], name, record.place))
    if not found:
        raise InputError("no lines", file)
    return found


def _judgement(cell: object, name: str, place: str) -> bool | None:
    word = str("" if cell is None else cell).strip().lower()
    if word and word not in YES | NO:
        raise InputError(f"column `{name}` is {cell!r}; write 1 for a true fault, 0 for none", place)
    return None if not word else word in YES


def agreement(judgements: Judgements) -> Table:
    """One row for each two annotators, over the variants that both judged."""
    columns = [
        Column("annotators", "Annotators"), Column("variants", "Variants", "count"),
        Column("first", "Faults by the first %", "percent"), Column("second", "By the second %", "percent"),
        Column("agreed", "Agreed %", "percent"), Column("kappa", "Cohen's kappa", "number"),
        Column("both", "Faults by both %", "percent"), Column("interval", "95 % interval", "interval"),
    ]  # fmt: skip
    rows = []
    for (one, left), (other, right) in itertools.combinations(judgements.items(), 2):
        both = [(a, b) for a, b in zip(left, right, strict=True) if a is not None and b is not None]
        row: dict[str, object] = {"annotators": f"{one}, {other}", "variants": len(both)}
        if both:
            faults = share(a and b for a, b in both)
            low, high = wilson(faults, len(both))
            row |= {
                "first": 100 * share(a for a, _ in both), "second": 100 * share(b for _, b in both),
                "agreed": 100 * share(a == b for a, b in both), "kappa": kappa(both), "both": 100 * faults,
                "interval": (100 * low, 100 * high),
            }  # fmt: skip
        rows.append(row)
    notes = ["Over variants that both judged. Kappa is not there where both gave all variants one and the same answer."]
    return Table("annotations", "True faults, as people judge", columns, rows, notes)


def share(answers: Iterable[bool]) -> float:
    """The share of yes among the answers, of which there are some."""
    told = list(answers)
    return sum(told) / len(told)
