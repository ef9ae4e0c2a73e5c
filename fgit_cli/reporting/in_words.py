"""The answer in words: which model is better than which, by how much, how sure. Made of the tables.

A finding is about two models over all benches that both have, by base and plus tests where a bench has both; without
comparisons it is about one model's scores. Nothing is reckoned here: figures and p are those of the tables
`comparison`, `between`, `intervals` and `lab`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fgit_cli.core.statistics import LEVEL
from fgit_cli.reporting.scores import tested_title
from fgit_cli.reporting.table import Table, text

MOST_SAID = 12  # findings, before the rest is left to the tables
ANSWERS = ("better", "worse", "cannot tell")


@dataclass(frozen=True)
class Measure:
    """One figure of a finding: on which bench (or at which rate), what may be said, by how much and how sure.

    `value` and `interval` are in percent, or in points of it where two models are compared.
    """

    place: str
    answer: str
    value: float
    interval: tuple[float, float]
    words: str


@dataclass
class Finding:
    """What the results say of `model`, compared with `against` unless that is empty."""

    model: str
    against: str
    measures: list[Measure] = field(default_factory=list)

    @property
    def answer(self) -> str:
        """The one that holds on some bench without being contradicted on another; empty where two do, or for scores."""
        told = {measure.answer for measure in self.measures} - {"cannot tell", ""}
        if not self.against or len(told) > 1:
            return ""
        return told.pop() if told else "cannot tell"

    @property
    def title(self) -> str:
        return f"{self.model} against {self.against}" if self.against else self.model

    @property
    def claim(self) -> str:
        """`fgit is better than base on HumanEval+ and cannot be told from it on MBPP+`."""
        if not self.against:
            return f"{self.model} solves " + listed(f"{text('percent', m.value)} % of {m.place}" for m in self.measures)
        places = {a: listed(m.place for m in self.measures if m.answer == a) for a in ANSWERS}
        parts = [f"is {a} than {self.against} on {places[a]}" for a in ANSWERS[:2] if places[a]]
        if places["cannot tell"]:
            parts.append(f"cannot be told from {'it' if parts else self.against} on {places['cannot tell']}")
        return f"{self.model} {listed(parts)}"

    def lines(self) -> Iterator[str]:
        """The claim with its figures: one line, or one for each bench below it."""
        if len(self.measures) == 1:
            yield f"{self.claim}: {self.measures[0].words}."
            return
        yield f"{self.claim}:"
        yield from (f"  {measure.place}: {measure.words}" for measure in self.measures)


def findings(tables: list[Table]) -> list[Finding]:
    """The comparisons with the baseline, then those between the others; without any the scores."""
    there = {table.name: table for table in tables}
    found: dict[tuple[str, str], Finding] = {}

    def add(model: str, against: str, measure: Measure) -> None:
        found.setdefault((model, against), Finding(model, against)).measures.append(measure)

    for name in ("comparison", "between"):
        for row in by_bench(there[name].rows) if name in there else ():
            add(row["model"], row["against"], compared(row))
    if "lab" in there:
        against = there["lab"].title.removeprefix("Runs, against ")
        for row in there["lab"].rows:
            if row.get("answer"):
                add(row["arm"], against, repeated(row))
    if not found and "intervals" in there:
        for row in by_bench(there["intervals"].rows):
            add(row["model"], "", scored(row))
    return list(found.values())


def the_rest(found: list[Finding]) -> list[str]:
    """A line that says how many findings are not told in words, where there are such."""
    more = len(found) - MOST_SAID
    return [f"{more} more {'is' if more == 1 else 'are'} in the tables below."] if more > 0 else []


def by_bench(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each pair of models and bench: that of base and plus together where there is one."""
    return list({(row["model"], row.get("against"), row["bench"]): row for row in rows}.values())


def compared(row: dict[str, Any]) -> Measure:
    how = f"{row['wins']} won and {row['losses']} lost of {counted(row['tasks'])}"
    return difference(row, tested_title(row["bench"], row["tests"] != "base"), row["interval"], how)


def repeated(row: dict[str, Any]) -> Measure:
    how = f"over {row['seeds']} seeds and {row['tasks']} tasks"
    return difference(row, f"learning rate {row['rate']:g}", row["difference_interval"], how)


def difference(row: dict[str, Any], place: str, interval: tuple[float, float], how: str) -> Measure:
    p, adjusted = (text("p", row[name]) for name in ("p", "p_holm"))
    sure = f"p {p.replace('<', '< ') if p.startswith('<') else f'= {p}'}"
    if row["p"] < LEVEL <= row["p_holm"]:  # the interval, of this comparison alone, leaves out 0
        sure += f" alone, but {adjusted} after Holm for so many comparisons"
    elif adjusted != p:
        sure += f", after Holm {adjusted}"
    words = f"{text('points', row['difference'])} points, 95 % interval {text('interval', interval)}, {how}, {sure}"
    return Measure(place, row["answer"], row["difference"], interval, words)


def scored(row: dict[str, Any]) -> Measure:
    words = f"95 % interval {text('interval', row['interval'])}, over {counted(row['tasks'])}"
    return Measure(tested_title(row["bench"], row["tests"] != "base"), "", row["pass_at_1"], row["interval"], words)


def counted(tasks: int) -> str:
    return f"{tasks} task{'s' * (tasks != 1)}"


def listed(words: Iterator[str] | list[str]) -> str:
    """`a, b and c`."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last
