"""Any benchmark in a file: JSON lines of `{task_id, prompt, entry_point, tests}`, the tests Python run after the code.

`test` with `entry_point` (the original HumanEval) and `test_list` (the original MBPP) serve as tests too, see
fgit_cli/core/fields.py; fgit_cli/core/written_tests.py runs them in whatever style they are written.

The tests run in a process of their own where they can (fgit_cli/executor/split.py); where they cannot, a solution that
means to can forge its verdict, and the record says so.
"""

from pathlib import Path

from fgit_cli.benches import evalplus_data, prompts
from fgit_cli.benches.bench import Bench, Checked, Failure, Task, seeds_of
from fgit_cli.core import fields, written_tests
from fgit_cli.errors import InputError
from fgit_cli.executor import Executor, plain_report

TIME_LIMIT = 10.0  # seconds for code and tests together; our choice


class JsonlBench(Bench):
    """The tasks of a file, called as the file is. Raises InputError for what is no such task."""

    def __init__(self, path: Path) -> None:
        rows, self.md5 = evalplus_data.read_rows(path, ("task_id",))
        self.path, self.name = path, path.name.removesuffix(".gz").removesuffix(".jsonl")
        self.tasks = {}
        self._tests: dict[str, str] = {}
        for row in rows:
            try:
                tests, prompt = fields.tests(row), fields.instruction(row).text
            except InputError as error:
                raise InputError(f"task {row['task_id']}: {error.message}", str(path)) from None
            if tests is None:
                raise InputError(f"task {row['task_id']} has no tests; give `tests`, `test` or `test_list`", str(path))
            if not written_tests.can_fail(tests):
                raise InputError(f"task {row['task_id']}: {written_tests.ASSERT_NOTHING}", str(path))
            task = Task(str(row["task_id"]), prompt, row.get("entry_point") or "", row)
            self.tasks[task.task_id] = task
            self._tests[task.task_id] = tests

    def chat(self, task: Task) -> list[dict[str, str]]:
        return prompts.chat(task.prompt)

    def text(self, task: Task) -> str:
        return prompts.text(task.prompt)

    def stops(self, chat: bool) -> tuple[str, ...]:
        return prompts.STOPS + (prompts.STOPS_CHAT if chat else prompts.STOPS_TEXT["humaneval"])

    def reference(self, task: Task) -> str | None:
        solution = task.row.get("canonical_solution")
        return None if solution is None else task.prompt + solution

    def check(self, task: Task, solution: str, executor: Executor) -> Checked:
        text = self._tests[task.task_id]
        outcome = executor.run_tests(solution, written_tests.script(text), TIME_LIMIT, self.reference(task), text)
        status, failure = outcome.status, None
        if status != "pass":
            failure = Failure(outcome.error_type or status, outcome.message)
        elif why := written_tests.no_test(plain_report(outcome.report)):
            status, failure = "error", Failure("NoTest", why)
        extra = seeds_of(outcome.seeds)
        return Checked(status, None, failure, outcome.seconds, extra=extra, forgeable=outcome.forgeable)


def load(file: str) -> JsonlBench:
    return JsonlBench(Path(file))
