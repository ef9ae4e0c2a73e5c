"""Make lab/RESULTS.md anew from the rows in lab/results: primary claims and figures first, then every comparison.

python -m lab.results
"""

from collections import defaultdict
from pathlib import Path

import numpy

from fgit_cli.core.crossed import Effect
from fgit_cli.core.statistics import holm
from fgit_cli.reporting.formats import markdown
from fgit_cli.reporting.repeated_runs import lab as runs_table
from fgit_cli.reporting.repeated_runs import lab_run
from fgit_cli.reporting.table import Column, Table
from lab import figures, real_table
from lab.arms import BATCH, RECORDS, TABLES
from lab.choice import FRONT, KEEP, cells, chosen
from lab.claims import COMPARISONS, GROUPS, PRIMARY, Comparison, Primary
from lab.effects import MARGIN, effect, power, smallest, without_strongest
from lab.rows import joined, moved, rows, verdicts
from lab.splits import TASKS, compositions, tasks_of

HERE = Path(__file__).parent
STRICT = 0.05 / len(PRIMARY)  # the level that Holm's correction asks of the smallest p
HEAD = f"""# The papers in miniature

Made by `make lab`; nothing here is typed by hand. The mini student (fgit_cli/benches/mini/student, 0.95 million
parameters) is tuned on {RECORDS} instructions of the training split, batch {BATCH}, one epoch unless the arm says
otherwise; a seed draws its own instructions, wrong variants and order, which all arms share. The metric is greedy
pass@1, by executed tests, on {TASKS} tasks. Everything is conditional on this one student.

Three claims are primary: declared in lab/claims.py, with expected power, before their runs, and tested with Holm's
correction over the three. Everything else is an estimate with a 95 % interval. Intervals and tests are over seeds and
compositions together (tasks of one composition pass and fail together: {len(set(compositions("test")))} compositions in
the test split, {GROUPS} in the confirmation split); core/crossed.py says how, and its coverage is tested by simulation.
"""
BEFORE_FORKS = """
Rows of these tables with `signed` or `changed tokens` in their arm were made when a side without a changed token was
compared by all its marked ones; that is so in two of three pairs of this student, and is no more (docs/records.md).
They say what that weight did, not what `signed` does now; `signed-confirmation` has the latter.
"""


def percent(value: float) -> str:
    return f"{100 * value:+.2f}"


def interval(found: Effect) -> str:
    return f"{percent(found.mean)} ({percent(found.low)} to {percent(found.high)})"


def primary() -> str:
    """The three claims: what the rows say, or what is missing and what the runs could show."""
    found = {claim: claim.values() for claim in PRIMARY}
    effects = {c: effect(v, "confirmation") for c, v in found.items() if v is not None and complete(c)}
    tested = [c for c in effects if effects[c].p is not None]
    adjusted = dict(zip(tested, holm([effects[c].p or 0.0 for c in tested]), strict=True))
    lines = ["\n## The three primary claims\n\n"]
    for number, claim in enumerate(PRIMARY, 1):
        lines.append(f"{number}. {claim.says}. ")
        if len(effects) < len(PRIMARY) or claim not in adjusted:
            lines.append(f"**Not run yet** ({missing(claim)}). {planned(claim)}\n")
            continue
        told, values = effects[claim], found[claim]
        assert values is not None
        left = without_strongest(values, "confirmation")
        holds = told.mean > 0 and adjusted[claim] < 0.05
        lines.append(
            f"**{'Holds' if holds else 'Not shown'}**: {interval(told)} {claim.unit}, p {told.p:.2g}, after Holm "
            f"{adjusted[claim]:.2g}, {told.runs} seeds; without the {left.tasks} tasks with `{left.construct}` "
            f"{interval(left.effect)}. {beside(claim)}{planned(claim)}\n"
        )
    return "".join(lines)


def beside(claim: Primary) -> str:
    """What must be read with a claim, if there is anything and its rows are there."""
    this = claim.beside
    values = moved(this.table, this.arm, this.than, this.rates) if this else None
    if this is None or values is None:
        return ""
    told, rest = effect(values, "confirmation"), without_strongest(values, "confirmation")
    return (
        f"Beside it, {this.source}: {this.arm} − {this.than} {interval(told)}, {told.runs} seeds; without "
        f"`{rest.construct}` {interval(rest.effect)}. "
    )


def complete(claim: Primary) -> bool:
    return all(not left(table) and list(cells(table)) for table in claim.tables)


def left(table: str) -> list[tuple[str, float, int]]:
    """The runs of a table that are missing."""
    done = {(r["arm"], r["rate"], r["seed"]) for r in rows(table)}
    return [(arm.name, rate, seed) for arm, rate, seed in cells(table) if (arm.name, rate, seed) not in done]


def missing(claim: Primary) -> str:
    counts = []
    for table in claim.tables:
        if table == FRONT and chosen() is None:
            counts.append(f"`{table}` follows from the choice on validation")
        else:
            counts.append(f"{len(left(table))} of {len(list(cells(table)))} runs of `{table}` are missing")
    return "; ".join(counts)


def planned(claim: Primary) -> str:
    """What the planned runs can show, by the variances of the rows there were when the claim was declared."""
    components = claim.before()
    least = [100 * smallest(components, claim.runs, GROUPS, level) for level in (0.05, STRICT)]
    told = (
        f"Declared: {claim.runs} seeds show {least[0]:.2f} with 80 % power alone and {least[1]:.2f} at Holm's strictest"
    )
    if claim.expected is None:
        return f"{told}; no earlier row tells what to expect."
    mean = claim.expected()
    powers = [power(components, claim.runs, GROUPS, mean, level) for level in (0.05, STRICT)]
    expected = f"at the {100 * mean:.2f} that earlier rows let expect"
    return f"{told}; {expected} the power is {powers[0]:.2f} and {powers[1]:.2f}."


def drawn() -> str:
    made = figures.made()
    out = []
    for name, (plot, _) in figures.FIGURES.items():
        out.append(f"\n## Figure: {plot.title}\n\n")
        out.append(f"![{plot.title}](figures/{made[name].name})\n" if name in made else "Its runs are not there yet.\n")
    if points := chosen():
        told = "; ".join(
            f"{method}: {p.arm} at {p.rate:g} (pass@1 {100 * p.passed:.1f} %, kept {100 * p.kept:.1f} %)"
            for method, p in points.items()
        )
        out.append(f"\nChosen on the validation split among those that keep {KEEP:.0%}: {told}.\n")
    return "".join(out)


def comparisons() -> str:
    """Each comparison with its interval, whether it is within half a point, and what its strongest construct leaves."""
    lines = [
        "\n## Comparisons\n\n",
        "Differences in points of pass@1, a mean over the rates named. `equal` is shown where the hypothesis that the "
        f"difference lies outside ± {100 * MARGIN:g} points has p below 0.05 (two one-sided tests). Beside it the "
        "effect without the tasks of the construct that carries the most of it, chosen by the same rows, and how many "
        "tasks those are. None of these is a test of a claim.\n\n",
        "| comparison | difference (95 %) | equal | without its strongest construct (95 %) | seeds | "
        "table | rates | who says so |\n",
        f"{'|---' * 8}|\n",
    ]
    lines += [line for comparison in COMPARISONS for line in _compared(comparison)]
    return "".join([*lines, BEFORE_FORKS])


def _compared(asked: Comparison) -> list[str]:
    values = moved(asked.table, asked.arm, asked.than, asked.rates)
    if values is None:
        return []
    split = TABLES[asked.table].split
    found, rest = effect(values, split), without_strongest(values, split)
    p = found.within(MARGIN)
    equal = "–" if p is None else f"**yes**, p {p:.2g}" if p < 0.05 else f"p {p:.2g}"
    rates = ", ".join(f"{rate:g}" for rate in asked.rates)
    return [
        f"| {asked.arm} − {asked.than} | {interval(found)} | {equal} | {interval(rest.effect)}, `{rest.construct}` "
        f"({rest.tasks}) | {found.runs} | {asked.table} | {rates} | {asked.source} |\n"
    ]


SHOWN = (
    "arm", "rate", "seeds", "pass_at_1", "interval", "difference", "difference_interval", "kept", "tokens", "seconds",
)  # fmt: skip


def report(table: str) -> str:
    """The table of its runs, as `fgit report` has it, without tests; `kept` is of the tasks that the base solves."""
    split = "confirmation" if table == FRONT else TABLES[table].split
    groups = {str(i): task.composition for i, task in enumerate(tasks_of(split))}
    found = joined(table)
    passed = [{str(i): int(v) for i, v in enumerate(r["verdicts"])} for r in found]
    runs = [lab_run(r | {"passed": p, "groups": groups}) for r, p in zip(found, passed, strict=True)]
    made = runs_table(runs, "SFT")
    assert made is not None
    solved = next(numpy.array([int(v) for v in r["verdicts"]]) for r in found if r["arm"] == "base") == 1
    for row in made.rows:
        by_seed = verdicts(found, row["arm"], (row["rate"],)).values()
        row["kept"] = 100 * float(numpy.mean([passed[solved] for passed in by_seed]))
    columns = [column for column in (*made.columns, Column("kept", "Kept", "percent")) if column.name in SHOWN]
    columns.sort(key=lambda column: SHOWN.index(column.name))
    return markdown([Table(made.name, made.title, columns, made.rows, made.notes[:1])], []).partition("\n\n")[2]


MEASURED = {
    "nll_fault": "−log P, marked tokens", "nll_rest": "−log P, others", "weight": "W",
    "incorrect_preferred": "pairs with H̄a > H̄c", "inactive": "inactive",
}  # fmt: skip


def looked_at(table: str) -> str:
    """What training saw in its first step, which is the same at every rate; means over seeds."""
    first: dict[str, dict[int, dict[str, float | None]]] = defaultdict(dict)
    for row in rows(table):
        if row.get("first"):
            first[row["arm"]][row["seed"]] = row["first"]
    lines = []
    for arm, seeds in first.items():
        columns = [[v for f in seeds.values() if (v := f[name]) is not None] for name in MEASURED]
        lines.append(f"| {arm} | {' | '.join(f'{sum(c) / len(c):.3g}' if c else '–' for c in columns)} |\n")
    head = f"| first step | {' | '.join(MEASURED.values())} |\n|---|{'---:|' * len(MEASURED)}\n"
    return "\n" + head + "".join(lines) if lines else ""


def main() -> None:
    out = [HEAD, primary(), drawn(), real_table.section(), comparisons()]
    for name in (*TABLES, FRONT):
        title, split = (
            (TABLES[name].title, TABLES[name].split) if name in TABLES else ("What was chosen", "confirmation")
        )
        out.append(f"\n## {title}, on the {split} split (`python -m lab.run {name}`)\n\n")
        if rows(name):
            out += [report(name), looked_at(name)]
        wanted = len(list(cells(name)))
        out.append(f"\n{wanted - len(left(name))} of {wanted} runs are in it.\n")
    (HERE / "RESULTS.md").write_text("".join(out), encoding="utf-8")
    print(f"wrote {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
