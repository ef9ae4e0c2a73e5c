"""The tasks that arms are judged by: the family's validation and test split, and a fourth, which nobody has looked at.

`confirmation` has the compositions of the test split, the only ones left that neither the student nor any arm was
brought up on, in new tasks: constants, names and words are drawn anew. A meaning that stands in the test split is taken
only where its composition has no other, and then in other words; a task that a constant answer passes is drawn again.
"""

import functools
from collections.abc import Hashable
from random import Random
from typing import Literal

import numpy

from fgit_cli.benches.mini.family import OPENINGS, Task, split_of, task_of, tasks
from fgit_cli.benches.mini.shapes import Draft, draw

TASKS = 600
Split = Literal["validation", "test", "confirmation"]
KNOWN = 15_000  # drafts looked at for the meanings that a composition has; more of them find hardly one more
TUNED = ("fold", "neighbours", "characters", "search")  # shapes tuned on where forgetting is measured on the others


@functools.cache
def tasks_of(split: Split) -> tuple[Task, ...]:
    """The split's TASKS tasks, always the same."""
    return confirmation() if split == "confirmation" else tuple(tasks(split, TASKS))


def confirmation() -> tuple[Task, ...]:
    """The fourth split."""
    spent = {task.draft.meaning for task in tasks_of("test")}
    spoken = {task.instruction for task in tasks_of("test")}
    unspent: dict[str, dict[str, Draft]] = {}
    random = Random("confirmation/meanings")
    for _ in range(KNOWN):
        draft = draw(random)
        if split_of(draft.composition) == "test" and draft.meaning not in spent:
            unspent.setdefault(draft.composition, {}).setdefault(draft.meaning, draft)

    random, taken = Random("confirmation"), set()
    made: list[Task] = []
    while len(made) < TASKS:
        draft, opening = draw(random), random.choice(OPENINGS)
        if split_of(draft.composition) != "test":
            continue
        fresh = [d for meaning, d in unspent.get(draft.composition, {}).items() if meaning not in taken]
        draft = random.choice(fresh) if fresh else draft
        if draft.meaning in taken:
            continue
        task = task_of(draft, opening, f"Mini/confirmation/{len(made)}")
        if task.instruction in spoken or constant(task):
            continue
        taken.add(draft.meaning)
        made.append(task)
    return tuple(made)


def constant(task: Task) -> bool:
    """Whether one and the same answer passes all tests of the task."""
    return len({(type(value), repr(value)) for value in task.expected}) == 1


def compositions(split: Split) -> list[Hashable]:
    """The composition of each task, which is the unit of every interval."""
    return [task.composition for task in tasks_of(split)]


def having(split: Split, construct: str) -> numpy.ndarray:
    """Which tasks hold the construct, [tasks] bool."""
    return numpy.array([construct in task.draft.constructs for task in tasks_of(split)])


def constructs(split: Split) -> list[str]:
    """All constructs in which a task of the split can go wrong."""
    return sorted({construct for task in tasks_of(split) for construct in task.draft.constructs})


def untuned(split: Split) -> numpy.ndarray:
    """Which tasks have a shape that is not in TUNED, [tasks] bool."""
    return numpy.array([shape(task) not in TUNED for task in tasks_of(split)])


def shape(task: Task) -> str:
    return task.composition.split("/")[0]
