"""`--bench mini`: the held-out tasks of the family, for any model; made by the program, so there is no data file."""

import hashlib

from fgit_cli.benches.bench import Bench, Checked, Failure, Task
from fgit_cli.benches.mini import family
from fgit_cli.core import fences
from fgit_cli.errors import UsageError
from fgit_cli.executor import CallJob, Executor, Expected, encode

TASKS = 600  # of the test split
TIME_LIMIT = 4.0  # seconds a call; the references take microseconds


class MiniBench(Bench):
    """Tasks of compositions that no training split holds. A model is asked with the instruction as it stands."""

    def __init__(self, made: list[family.Task]) -> None:
        self.name = "mini"
        self._made = {t.task_id: t for t in made}
        self.tasks = {t.task_id: Task(t.task_id, t.instruction, t.entry_point, t.record()) for t in made}
        text = "\n".join(f"{t.instruction}\n{t.tests}" for t in made)
        self.md5 = hashlib.md5(text.encode()).hexdigest()

    def chat(self, task: Task) -> list[dict[str, str]]:
        return [{"role": "user", "content": task.prompt}]

    def text(self, task: Task) -> str:
        return f'"""{task.prompt}"""\n\n'

    def stops(self, chat: bool) -> tuple[str, ...]:
        return () if chat else ('\n"""', "\nassert", "\nprint(", "\nif __name__")

    def solution(self, task: Task, completion: str) -> str:
        """The code of the answer: what stands in its fences, or all of it."""
        return fences.code(completion)

    def reference(self, task: Task) -> str:
        return self._made[task.task_id].solution

    def check(self, task: Task, solution: str, executor: Executor) -> Checked:
        made = self._made[task.task_id]
        inputs = tuple(encode(list(arguments)) for arguments in made.inputs)
        expected = Expected(tuple(encode(value) for value in made.expected))
        verdict = executor.check(CallJob(solution, task.entry_point, inputs, time_limits=TIME_LIMIT), expected)
        return Checked(verdict.status, None, Failure.of(verdict.error), verdict.seconds, (verdict.failed_input, None))


def load(data: str | None) -> MiniBench:
    """The bench. Raises UsageError when a data file is named: the tasks are made, not read."""
    if data is not None:
        raise UsageError("--data: the mini bench makes its own tasks; leave it out")
    return MiniBench(list(family.tasks("test", TASKS)))
