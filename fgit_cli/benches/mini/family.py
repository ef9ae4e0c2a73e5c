"""Tasks from a seed: drawn by shape, told in varied words, split by composition, with tests from the reference."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from fgit_cli.benches.mini.shapes import Draft, draw

MOST_FRUITLESS = 5000  # draws in a row that give nothing new before a split counts as used up
Split = Literal["train", "validation", "test"]

OPENINGS = (
    "Write a Python function `{signature}` that returns {asked}.",
    "Implement `{signature}` in Python. It returns {asked}.",
    "Complete the Python function `{signature}`. Its result is {asked}.",
    "I need a Python function `{signature}`. It must return {asked}.",
)


@dataclass(frozen=True)
class Task:
    """One task; `expected[i]` is what `entry_point(*inputs[i])` must return."""

    task_id: str
    composition: str
    instruction: str
    entry_point: str
    solution: str
    inputs: list[tuple]
    expected: list[Any]
    draft: Draft

    @property
    def tests(self) -> str:
        """The same tests as Python that is run after the code."""
        return "".join(
            f"assert {self.entry_point}({', '.join(map(repr, arguments))}) == {value!r}\n"
            for arguments, value in zip(self.inputs, self.expected, strict=True)
        )

    def record(self) -> dict[str, Any]:
        """An instruction record, as `fgit mutate` reads it."""
        return {
            "id": self.task_id,
            "instruction": self.instruction,
            "response": self.solution,
            "tests": self.tests,
            "composition": self.composition,
        }


def split_of(composition: str) -> Split:
    """A fifth of the compositions is for testing, a tenth for validation; told by the composition's hash alone."""
    tenth = hashlib.sha256(composition.encode()).digest()[0] % 10
    return "test" if tenth < 2 else "validation" if tenth == 2 else "train"


def tasks(split: Split, count: int, seed: int = 0) -> Iterator[Task]:
    """`count` tasks of a split that differ in more than names; the same seed gives the same tasks.

    More tasks of a seed begin with fewer. Raises ValueError when the split has not so many (train about 4,000, test
    1,200, validation 600).
    """
    random = Random(f"{split}/{seed}")
    seen: set[str] = set()
    fruitless = 0
    while len(seen) < count:
        draft = draw(random)
        opening = random.choice(OPENINGS)
        meaning = draft.meaning
        if split_of(draft.composition) != split or meaning in seen:
            fruitless += 1
            if fruitless > MOST_FRUITLESS:
                raise ValueError(
                    f"the {split} split has hardly more than {len(seen)} distinct tasks; {count} are asked"
                )
            continue
        fruitless = 0
        seen.add(meaning)
        yield task_of(draft, opening, f"Mini/{split}/{seed}/{len(seen) - 1}")


def task_of(draft: Draft, opening: str, task_id: str) -> Task:
    """The draft as a task: told in the opening's words, with inputs from its meaning and the reference's answers."""
    inputs = draft.arguments(Random(draft.meaning))
    solution = draft.solution()
    return Task(
        task_id=task_id,
        composition=draft.composition,
        instruction=opening.format(signature=draft.signature, asked=draft.description),
        entry_point=draft.name,
        solution=solution,
        inputs=inputs,
        expected=_answers(solution, draft.name, inputs),
        draft=draft,
    )


def _answers(solution: str, name: str, inputs: list[tuple]) -> list[Any]:
    """The reference's answers. The solution is our own text, made by shapes.py; nothing of a model runs here."""
    namespace: dict[str, Any] = {}
    exec(solution, namespace)
    return [namespace[name](*(list(a) if isinstance(a, list) else a for a in arguments)) for arguments in inputs]
