"""The mini bench: its tasks are distinct, split by composition, solved by their references, and their tests bite."""

from random import Random

import pytest

from fgit_cli.benches.mini.family import split_of, tasks
from lab.mutation_score import answers, further, score

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("split", SPLITS)
def test_tasks_are_distinct_and_of_their_split(split):
    made = list(tasks(split, 150))
    assert len({(t.composition, t.draft.body()) for t in made}) == 150
    assert {split_of(t.composition) for t in made} == {split}
    assert [t.task_id for t in made[:20]] == [t.task_id for t in tasks(split, 20)]
    assert [t.instruction for t in made[:20]] == [t.instruction for t in tasks(split, 20)]


def test_a_split_that_is_used_up_says_so():
    with pytest.raises(ValueError, match="the validation split has hardly more than"):
        list(tasks("validation", 10_000))


def test_seeds_give_other_tasks():
    assert [t.instruction for t in tasks("test", 20, 0)] != [t.instruction for t in tasks("test", 20, 1)]


@pytest.mark.parametrize("split", SPLITS)
def test_the_reference_passes_and_each_usual_mistake_fails_unless_it_means_the_same(split):
    same = total = 0
    for task in tasks(split, 150):
        exec(task.solution + task.tests, {})
        more = further(task, Random(task.task_id))
        for construct in task.draft.constructs:
            total += 1
            wrong = task.draft.solution(frozenset({construct}))
            assert wrong != task.solution
            if answers(wrong, task.entry_point, more) == answers(task.solution, task.entry_point, more):
                same += 1
                continue
            with pytest.raises(Exception):  # noqa: B017, PT011 - any failure will do
                exec(wrong + task.tests, {})
    assert same < total / 10


def test_an_instruction_names_its_function_and_says_what_empty_input_gives():
    for task in tasks("test", 200):
        signature = task.solution.split("\n")[0].removeprefix("def ").removesuffix(":")
        assert f"`{signature}`" in task.instruction
        if "best = None" in task.solution:
            assert "(None if" in task.instruction


def test_mutation_score_is_at_least_95_percent():
    killed, total, _ = score(150)
    assert total > 1000
    assert killed / total >= 0.95
