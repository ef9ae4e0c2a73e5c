"""Solutions before and after tuning, for the page: one item for each task that the baseline and a model differ on."""

from collections.abc import Iterable
from dataclasses import dataclass

from cydifflib import SequenceMatcher

from fgit_cli.reporting.comparison import shared_tasks, verdict
from fgit_cli.reporting.failed_samples import LONGEST, headline
from fgit_cli.reporting.results import Run
from fgit_cli.reporting.scores import Runs

MOST = 400  # items on one page


@dataclass(frozen=True)
class ChangedTask:
    """A task won or lost; each side's lines with whether they changed."""

    model: str
    bench: str
    task_id: str
    outcome: str
    verdicts: tuple[str, str]
    before: list[tuple[str, bool]]
    after: list[tuple[str, bool]]


def items(runs: Runs, baseline: str) -> list[ChangedTask]:
    """Won tasks first in each model and bench; at most MOST in all."""
    found = []
    for model, bench, tests, new, old in shared_tasks(runs, baseline):
        run, base = runs[model, bench], runs[baseline, bench]
        if tests != headline(run) or tests != headline(base):
            continue
        differing = [task for task in new if new[task] != old[task]]
        for task in sorted(differing, key=lambda task: new[task] < old[task]):
            outcome = "won" if new[task] > old[task] else "lost"
            before, after = changed(first(base, task), first(run, task))
            verdicts = verdict(base, task), verdict(run, task)
            found.append(ChangedTask(model, bench, task, outcome, verdicts, before, after))
    return found[:MOST]


def first(run: Run, task: str) -> str:
    return run.tasks[task][0].solution


def changed(before: str, after: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """The lines of both, each with whether the other lacks it; nothing is marked where they are too long to compare."""
    a, b = before.split("\n"), after.split("\n")
    if len(a) * len(b) > LONGEST:
        return flagged(a, ()), flagged(b, ())
    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    changes = [code for code in codes if code[0] != "equal"]
    return flagged(a, [(i, j) for _, i, j, _, _ in changes]), flagged(b, [(i, j) for _, _, _, i, j in changes])


def flagged(lines: list[str], spans: Iterable[tuple[int, int]]) -> list[tuple[str, bool]]:
    inside = {n for i, j in spans for n in range(i, j)}
    return [(line, number in inside) for number, line in enumerate(lines)]
