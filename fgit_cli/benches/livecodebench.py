"""LiveCodeBench's code generation, from a file in its format (Jain et al. 2024): stdin/stdout programs and functions.

The rules are those of its runner (`lcb_runner.evaluation.testing_util`, release v6): 6 s a test, every test must pass;
printed lines are compared stripped, equal as text or number by number as decimals; a function's tuple counts as a list.
One difference: floats that a function returns are compared within 1e-6, not by equality.
"""

import base64
import json
import pickletools
import zlib
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from fgit_cli.benches import evalplus_data
from fgit_cli.benches.bench import Bench, Checked, Failure, Task, seeds_of
from fgit_cli.errors import InputError, UsageError
from fgit_cli.executor import CallJob, Executor, Expected, Outcome, encode
from fgit_cli.executor.seeds import over_seeds

FIELDS = ("question_id", "question_content", "contest_date", "starter_code", "public_test_cases", "private_test_cases")
TIME_LIMIT = 6.0  # seconds a test (lcb_runner's --timeout)
OUTPUT_FLOOR = 64 * 1024  # bytes of printed output, beside four times what is expected
SYSTEM = (
    "You are an expert Python programmer. You will be given a question (problem specification) and will generate a "
    "correct Python program that matches the specification and passes all tests. You will NOT return anything except "
    "for the program."
)
FORMAT_FUNCTION = (
    "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters."
)
FORMAT_STDIN = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows."
)
# The names that a solution finds there without importing them.
_STAR = (
    "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics", "itertools",
    "functools", "operator", "io", "sys", "json", "builtins", "typing",
)  # fmt: skip
_MODULES = tuple(m for m in _STAR if m not in ("builtins", "typing"))
PRELUDE = (
    "".join(f"from {m} import *\n" for m in _STAR)
    + "".join(f"import {m}\n" for m in _MODULES)
    + "sys.setrecursionlimit(50000)\n"
)


class InputOutput(NamedTuple):
    """One test: what goes in and what must come out, as the file has them."""

    input: str
    output: str


class LiveCodeBench(Bench):
    """The problems whose contest was on a day from `since` to `until`, both included."""

    name = "livecodebench"
    max_new_tokens = 2000  # lcb_runner's --max_tokens

    def __init__(self, path: Path, since: date | None = None, until: date | None = None) -> None:
        rows, self.md5 = evalplus_data.read_rows(path, FIELDS, key="question_id")
        self.path = path
        self.tasks = {}
        outside = []
        for row in rows:
            day = _day(row, path)
            task = Task(str(row["question_id"]), row["question_content"], _function(row), row)
            self.tasks[task.task_id] = task
            if (since and day < since) or (until and day > until):
                outside.append(task.task_id)
        self.unusable = dict.fromkeys(outside, "outside --from and --to")
        if not self.usable:
            raise UsageError(f"no problem of {path} is from --from {since or 'ever'} to --to {until or 'now'}")

    def chat(self, task: Task) -> list[dict[str, str]]:
        """The generic form of lcb_runner.prompts.code_generation; the answer is fenced, nothing is prefilled."""
        starter = task.row["starter_code"]
        form, fence = (FORMAT_FUNCTION, starter) if starter else (FORMAT_STDIN, "# YOUR CODE HERE")
        asked = (
            f"### Question:\n{task.prompt}\n\n### Format: {form}\n```python\n{fence}\n```\n\n"
            "### Answer: (use the provided format with backticks)\n\n"
        )
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": asked}]

    def text(self, task: Task) -> str:
        starter = task.row["starter_code"]
        return (
            f"### Question\n{task.prompt}\n\n" + f"### Starter Code\n{starter}\n\n" * bool(starter) + "### Answer\n\n"
        )

    def stops(self, chat: bool) -> tuple[str, ...]:
        return () if chat else ("###",)

    def solution(self, task: Task, completion: str) -> str:
        return completion  # the prompt is no code

    def continued(self, task: Task, answer: str) -> str:
        return answer

    def reference(self, task: Task) -> None:
        return None

    def check(self, task: Task, solution: str, executor: Executor) -> Checked:
        cases = _cases(task)
        checked = (
            _functional(task, cases, solution, executor) if task.entry_point else _stdin(cases, solution, executor)
        )
        difficulty = task.row.get("difficulty")  # easy, medium or hard, by the contest
        return replace(checked, extra={**checked.extra, "difficulty": difficulty}) if difficulty else checked


def _functional(task: Task, cases: list[InputOutput], solution: str, executor: Executor) -> Checked:
    """Every call returns what it must; a method of `Solution` where the solution has such a class."""
    owner = "Solution()" if "class Solution" in solution else None
    function = f"{owner}.{task.entry_point}" if owner else task.entry_point
    code = (
        f"{PRELUDE}\n{solution}\n\n_function = {function}\n\n"
        "def _answer(*inputs):\n    output = _function(*inputs)\n"
        "    return list(output) if isinstance(output, tuple) else output\n"
    )
    inputs = tuple(encode([json.loads(line) for line in case.input.split("\n")]) for case in cases)
    outputs = tuple(encode(json.loads(case.output)) for case in cases)
    verdict = executor.check(CallJob(code, "_answer", inputs, time_limits=TIME_LIMIT), Expected(outputs))
    return Checked(verdict.status, None, Failure.of(verdict.error), verdict.seconds, extra=seeds_of(verdict.seeds))


def _stdin(cases: list[InputOutput], solution: str, executor: Executor) -> Checked:
    """Every run of the program prints what it must; stops at the first that does not."""
    seconds, seeds = 0.0, 1
    for number, case in enumerate(cases):
        room = max(OUTPUT_FLOOR, 4 * len(case.output))

        def once(seed: int, case: InputOutput = case, room: int = room) -> tuple[Outcome, str | None]:
            program = f"{PRELUDE}\n{solution}"
            ran = executor.run_script(program, "", TIME_LIMIT, case.input, stdout_limit=room, seed=seed)
            return ran, difference(ran.stdout, case.output) if ran.status == "pass" else ran.message

        (ran, wrong), tried = over_seeds(once, lambda run: run[1] is None, lambda run: run[0].drew)
        seconds, seeds = seconds + ran.seconds, max(seeds, tried)
        if ran.status != "pass":
            failure = Failure(ran.error_type or ran.status, f"test {number}: {ran.message}")
            return Checked(ran.status, None, failure, seconds, extra=seeds_of(seeds))
        if wrong:
            return Checked(
                "fail", None, Failure("WrongOutput", f"test {number}: {wrong}"), seconds, extra=seeds_of(seeds)
            )
    return Checked("pass", None, None, seconds, extra=seeds_of(seeds))


def difference(printed: str, expected: str) -> str | None:
    """What is wrong with printed output, None where nothing is (lcb_runner's `grade_stdio`)."""
    ours, theirs = ([line.strip() for line in text.strip().split("\n")] for text in (printed, expected))
    if len(ours) != len(theirs):
        return f"{len(ours)} lines, not {len(theirs)}"
    for number, (line, right) in enumerate(zip(ours, theirs, strict=True), 1):
        if line != right and not _same_numbers(line, right):
            return f"line {number} is {line[:80]!r}, not {right[:80]!r}"
    return None


def _same_numbers(line: str, right: str) -> bool:
    try:
        return [Decimal(x) for x in line.split()] == [Decimal(x) for x in right.split()]
    except InvalidOperation:
        return False


def _day(row: dict[str, Any], path: Path) -> date:
    try:
        return date.fromisoformat(row["contest_date"][:10])
    except (TypeError, ValueError):
        raise InputError(
            f"{row['question_id']}: `contest_date` {row['contest_date']!r} is no date", str(path)
        ) from None


def _function(row: dict[str, Any]) -> str:
    """The name of the function to write, "" for a program that reads stdin."""
    metadata = row.get("metadata") or "{}"
    metadata = json.loads(metadata) if isinstance(metadata, str) else metadata
    return metadata.get("func_name") or ""


def _cases(task: Task) -> list[InputOutput]:
    """The public, then the private tests."""
    try:
        cases = [*_listed(task.row["public_test_cases"]), *_listed(task.row["private_test_cases"])]
        return [InputOutput(c["input"], c["output"]) for c in cases]
    except (ValueError, TypeError, KeyError, zlib.error, StopIteration) as error:
        raise InputError(f"{task.task_id}: its tests cannot be read: {error!r}") from None


def _listed(tests: Any) -> list[dict[str, str]]:
    """The tests of a field: a list, its JSON, or that JSON pickled, zlib-compressed and base64-encoded.

    The pickle holds one text; it is read off the pickle's instructions, nothing is unpickled.
    """
    if isinstance(tests, list):
        return tests
    try:
        return json.loads(tests)
    except ValueError:
        pickled = zlib.decompress(base64.b64decode(tests, validate=True))
        return json.loads(next(str(arg) for op, arg, _ in pickletools.genops(pickled) if "UNICODE" in op.name))


def load(data: str | None, since: date | None = None, until: date | None = None) -> LiveCodeBench:
    if data is None:
        raise UsageError("--bench livecodebench needs --data FILE, one of its test*.jsonl files (code_generation_lite)")
    return LiveCodeBench(Path(data), since, until)
