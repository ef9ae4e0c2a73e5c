"""A recipe in small: the same lines on the mini student, with tasks of the mini family and a teacher with a script."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fgit_cli.benches.mini import family
from recipes.parts import Data, Recipe, Step, Student
from recipes.teacher import served

ROOT = Path(__file__).parent.parent
MINI = ROOT / "fgit_cli" / "benches" / "mini" / "student"
STUDENT = Student("mini", str(MINI), (4, 128, 128, 128, 384, 600))
RECORDS = 48  # of each data set
SEEDS = {"evol-instruct": 1, "oss-instruct": 2, "pyx": 3, "evol-codealpaca": 4, "instructions": 5}  # of their tasks


def recipe_of(recipe: Recipe) -> Recipe:
    """The same arms with each of their data sets, on one student: rows that differ in the student alone are one."""
    own = any(not arm.data for arm in recipe.arms if arm.train)  # whether an arm is tuned on its row's data
    sets = {data.name: data for _, data in recipe.rows} if own else {"": recipe.rows[0][1]}
    rows = tuple((STUDENT, _data(data)) for data in sets.values())
    arms = tuple(replace(arm, data=_data(arm.data)) if arm.data else arm for arm in recipe.arms)
    return replace(recipe, rows=rows, arms=arms, benches=("mini",))


def _data(data: Data) -> Data:
    """The data set with the records of `first_steps`; similarity is by edit distance, for which no model is needed."""
    by_edit = (f"{line} --by edit" if line.startswith("fgit select") else line for line in data.lines)
    return replace(data, lines=tuple(by_edit))


def first_steps(recipe: Recipe) -> Iterator[Step]:
    """The records of the data sets."""
    for file in {d.file: None for _, row in recipe.rows for a in recipe.arms if a.train for d in [a.data or row]}:
        made = f"data/{file}.jsonl"
        yield Step(
            f"python -m fgit_cli.benches.mini --split train --count {RECORDS} --seed {SEEDS[file]} > {made}", made
        )


@contextmanager
def teacher() -> Iterator[None]:
    """The teacher is where fgit looks for one, until the end of the `with`."""
    tasks = [task for seed in SEEDS.values() for task in family.tasks("train", RECORDS, seed)]
    before = os.environ.get("OPENAI_BASE_URL")
    with served(tasks) as url:
        os.environ["OPENAI_BASE_URL"] = url
        try:
            yield
        finally:
            os.environ.pop("OPENAI_BASE_URL")
            if before is not None:
                os.environ["OPENAI_BASE_URL"] = before
