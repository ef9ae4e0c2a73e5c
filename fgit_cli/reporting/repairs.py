"""Which kinds of fault a training run repaired and which it broke, against the baseline."""

from collections import Counter
from collections.abc import Iterable

from fgit_cli.core.fault_kinds import KINDS, kinds
from fgit_cli.reporting.failed_samples import NEAR, Nearest, comparable, headline
from fgit_cli.reporting.results import JudgedSample, Run
from fgit_cli.reporting.scores import Runs
from fgit_cli.reporting.table import Column, Table

FAR = f"more than {NEAR} lines away"
SAME = "no difference in code"  # in what the tested function reaches
ALONE = "nothing to compare with"


def faults(runs: Runs, nearest: Nearest, baseline: str) -> Table | None:
    """Kinds of fault in the failures of the baseline and of each other model, with what became of them.

    A failing sample's kinds are those of its difference from the nearest correct solution, where that is within NEAR
    changed lines; a sample may hold several. Greedy results only: the first sample of a task counts.
    """
    columns = [
        Column("model", "Model"), Column("bench", "Bench"), Column("kind", "Kind of fault"),
        Column("before", f"In {baseline}", "count"), Column("repaired", "Repaired", "count"),
        Column("broken", "Broken", "count"), Column("after", "Left or new", "count"),
    ]  # fmt: skip
    rows: list[dict] = []
    for (model, bench), run in runs.items():
        base = runs.get((baseline, bench))
        if model == baseline or base is None:
            continue
        theirs = base.shares("base")
        tasks = [task for task in run.shares("base") if task in theirs]
        before = {task: found for task in tasks if (found := task_kinds(nearest, bench, base, task)) is not None}
        after = {task: found for task in tasks if (found := task_kinds(nearest, bench, run, task)) is not None}
        counts = {
            "before": tally(before.values()), "after": tally(after.values()),
            "repaired": tally(found for task, found in before.items() if task not in after),
            "broken": tally(found for task, found in after.items() if task not in before),
        }  # fmt: skip
        for kind in (*KINDS, SAME, FAR, ALONE):
            row = {name: counted[kind] for name, counted in counts.items()}
            if any(row.values()):
                rows.append({"model": model, "bench": bench, "kind": kind} | row)
    if not rows:
        return None
    notes = [
        f"By the difference from the nearest correct solution, where it is within {NEAR} changed lines; "
        "a failure may hold several kinds. Repaired and broken: tasks that only the baseline, only the model fails.",
    ]
    return Table("faults", f"Kinds of fault repaired and broken against {baseline}", columns, rows, notes)


def tally(found: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(kind for kinds_of_task in found for kind in kinds_of_task)


def task_kinds(nearest: Nearest, bench: str, run: Run, task: str) -> frozenset[str] | None:
    """The kinds of fault of a task's first sample; None where it passes."""
    one: JudgedSample = next(one for one in run.tasks[task] if not one.infra)
    if one.passes(headline(run)):
        return None
    closest = nearest.closest(bench, one)
    if closest is None:
        return frozenset({ALONE})
    if closest[0] > NEAR:
        return frozenset({FAR})
    wrong, correct = ("\n".join(lines) + "\n" for lines in comparable(one.solution, closest[1]))
    return kinds(correct, wrong, "python") or frozenset({SAME})
