"""BigCodeBench and its Hard subset: 1,140 (148) functions that call many libraries (Zhuo et al. 2024, v0.1.4).

A solution passes when every test that stands in the task's `TestCases` reports ok (a skipped one is not ok). The tests
run in a process of their own where the reference solution passes them there, so that the verdict cannot be forged;
elsewhere they run beside the solution, which fails if they pass with its function replaced too, and the record says
`forgeable` (see bigcodebench_box.py). Its package is no dependency; tasks whose libraries are not installed
are left out and named, and the reference solutions' own pass rate here is said.
"""

import ast
import importlib.util
import os
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from fgit_cli import install
from fgit_cli.benches import bigcodebench_box, evalplus_data, ground_truth, prompts
from fgit_cli.benches.bench import Bench, Checked, Failure, Task, seeds_of
from fgit_cli.core.python_parse import parse
from fgit_cli.errors import UsageError
from fgit_cli.executor import Executor, Outcome, Profile, plain_report, split
from fgit_cli.executor.seeds import over_seeds

VERSION = "v0.1.4"
FIELDS = ("task_id", "complete_prompt", "instruct_prompt", "code_prompt", "canonical_solution", "test", "entry_point")
URL = f"https://github.com/bigcode-project/bigcodebench-annotation/releases/download/{VERSION}/BigCodeBench.jsonl.gz"
TIME_FLOOR = 60.0  # seconds for a solution and its tests
TIME_FACTOR = 4.0  # times what the reference solution took here
TIME_MOST = 240.0  # seconds; what bigcodebench itself waits
UNTRIED = "the reference solution was not run"
MAX_NEW_TOKENS = 1280  # bigcodebench's default
_SUSPICIOUS = {  # names that a solution of these tasks has no use for, unless it means its tests
    "_getframe", "_exit", "settrace", "setprofile", "__report__", "TestCases", "TestCase", "TestResult", "TestLoader",
    "unittest", "gc", "ctypes", "atexit", "builtins", "__builtins__", "__subclasses__", "addaudithook", "currentframe",
    "__traceback__", "tb_frame", "f_back", "f_locals", "f_globals", "f_builtins", "gi_frame", "cr_frame", "ag_frame",
    "__build_class__", "_current_frames", "exc_info",
}  # fmt: skip

# The numbers of the Hard subset (bigcode/bigcodebench-hard, v0.1.4; Apache-2.0).
HARD = frozenset((
    13, 15, 17, 19, 34, 37, 82, 89, 92, 93, 99, 100, 101, 108, 120, 123, 124, 129, 139, 147, 161, 162, 177, 184,
    187, 199, 208, 211, 214, 227, 239, 241, 267, 273, 274, 287, 302, 308, 310, 313, 324, 326, 341, 346, 360, 367,
    368, 374, 399, 401, 409, 417, 418, 424, 443, 445, 454, 458, 461, 477, 486, 492, 501, 502, 503, 509, 511, 513,
    526, 528, 530, 532, 553, 560, 567, 574, 579, 582, 583, 587, 590, 592, 593, 594, 618, 636, 637, 654, 655, 657,
    678, 720, 723, 752, 760, 763, 765, 771, 777, 785, 800, 826, 845, 854, 857, 865, 870, 879, 897, 906, 914, 915,
    916, 917, 928, 942, 945, 952, 955, 963, 964, 969, 971, 985, 988, 990, 998, 999, 1003, 1004, 1006, 1008, 1012,
    1013, 1015, 1019, 1020, 1022, 1039, 1040, 1042, 1053, 1057, 1077, 1085, 1124, 1129, 1137,
))  # fmt: skip


class Way(NamedTuple):
    """How a task's tests are run: `apart`, those that run in a process of their own; others run beside it.

    `odd`: the reference solution gives them objects that do not cross as data. `why` the others do not run apart.
    """

    apart: list[str]
    odd: bool
    why: str


class Tried(NamedTuple):
    """What came of a reference solution, and the way that it shows."""

    checked: Checked
    apart: list[str]
    odd: bool
    why: str


class BigCodeBench(Bench):
    """BigCodeBench, or its harder 148 tasks.

    `split`, in BigCodeBench's own words: `complete` (code to go on with) or `instruct` (words). `calibrated`: the
    task's imports and signature stand before the solution, as in the published scores.
    """

    profile: Profile = "open"
    max_new_tokens = MAX_NEW_TOKENS

    def __init__(self, path: Path, hard: bool, split: str = "complete", calibrated: bool = True) -> None:
        self.path = path
        rows, self.md5 = evalplus_data.read_rows(path, FIELDS)
        self.name = "bigcodebench" + "-hard" * hard + "-instruct" * (split == "instruct")
        self.instruct, self.calibrated = split == "instruct", calibrated
        rows = [r for r in rows if not hard or int(r["task_id"].rpartition("/")[2]) in HARD]
        self.tasks = {r["task_id"]: Task(r["task_id"], r["complete_prompt"], r["entry_point"], r) for r in rows}
        self._seconds: dict[str, float] = {}
        self._ways: dict[str, Way] = {}
        self._passed: dict[str, bool] = {}  # whether the reference solution passes here, of tasks that have samples
        self._knowing = {task_id: threading.Lock() for task_id in self.tasks}

    def chat(self, task: Task) -> list[dict[str, str]]:
        if self.instruct:
            return prompts.chat_of_words(task.row["instruct_prompt"])
        return prompts.chat(task.prompt)

    def text(self, task: Task) -> str:
        return prompts.text(task.prompt)

    def stops(self, chat: bool) -> tuple[str, ...]:
        return prompts.STOPS + (prompts.STOPS_CHAT if chat else prompts.STOPS_TEXT["humaneval"])

    def reference(self, task: Task) -> str:
        return task.prompt + task.row["canonical_solution"]

    def prepare(self, executor: Executor, say: Callable[[str], None]) -> None:
        """Leave out tasks whose libraries are missing."""
        missing = {t.task_id: lacks for t in self.usable if (lacks := _missing(t))}
        wanted = len(self.usable)
        self.unusable = {**self.unusable, **dict.fromkeys(missing, "library missing")}
        if missing:
            by_library = Counter(name for lacks in missing.values() for name in lacks)
            named = ", ".join(f"{name} ({count})" for name, count in by_library.most_common())
            say(
                f"{len(missing)} of {wanted} tasks need libraries that are missing: {named}; to have them, "
                + install.advice("bigcodebench")
            )
            say(f"left out: {', '.join(task_id.rpartition('/')[2] for task_id in missing)}")

    def progress(self) -> str:
        """How many reference solutions were run, each before the first sample of its task."""
        return f"{len(self._passed)} reference solutions run"

    def notes(self) -> list[str]:
        """How the reference solutions of the judged tasks fared on this machine."""
        judged = [self.tasks[task_id] for task_id in self._passed]
        failing = sorted((t.task_id.rpartition("/")[2] for t in judged if not self._passed[t.task_id]), key=int)
        found = [
            f"{len(judged) - len(failing)} of {len(judged)} reference solutions pass here"
            + (f"; not: {', '.join(failing)}" if failing else "")
        ]
        beside = sum(len(way.apart) < len(test_names(self.tasks[t].row["test"])) for t, way in self._ways.items())
        if beside:
            found.append(f"{beside} of {len(judged)} tasks have tests that run beside the solution only: forgeable")
        return found if judged else []

    def _know(self, task: Task, executor: Executor) -> None:
        """Run the task's reference solution before its first sample, once a machine."""
        with self._knowing[task.task_id]:
            if task.task_id not in self._passed:
                self._passed[task.task_id] = self._reference_passes(task, executor)

    def _reference_passes(self, task: Task, executor: Executor) -> bool:
        solution = self._program(task, self.reference(task))
        known = ground_truth.Kept(["bigcodebench, apart", solution, task.row["test"], _versions(task)])
        found = known.read()
        if found is None:
            ran = self._try(task, solution, executor)
            if ran.checked.infra:
                return False
            found = {**ran._asdict(), "checked": None, "base": ran.checked.base, "seconds": ran.checked.seconds}
            known.write(found)
        self._ways[task.task_id] = Way(found["apart"], found["odd"], found["why"])
        if found["base"] != "pass":  # how long it took to fail says nothing about a solution
            return False
        self._seconds[task.task_id] = found["seconds"]
        return True

    def check(self, task: Task, solution: str, executor: Executor) -> Checked:
        self._know(task, executor)
        limit = min(TIME_MOST, max(TIME_FLOOR, TIME_FACTOR * self._seconds.get(task.task_id, 0.0)))
        program, way = self._program(task, solution), self._ways.get(task.task_id, Way([], False, UNTRIED))
        checked, seeds = over_seeds(
            lambda seed: self._checked(task, program, way, executor, limit, seed),
            lambda checked: checked.passed_base,
            lambda checked: checked.extra["drew"],
        )
        return replace(checked, extra={"suspicious": suspicious(solution)} | seeds_of(seeds))

    def _program(self, task: Task, solution: str) -> str:
        return f"{task.row['code_prompt']}\n    pass\n{solution}" if self.calibrated else solution

    def _try(self, task: Task, program: str, executor: Executor) -> Tried:
        """What comes of the reference solution, and which of its tests pass in a process of their own."""
        beside = self._checked(task, program, Way([], False, UNTRIED), executor, TIME_MOST, 0)
        if beside.base != "pass":
            return Tried(beside, [], False, "the reference fails")
        try:
            outcome = self._outcome_apart(task, program, executor, TIME_MOST, True, 0)
        except split.CannotSplit as reason:
            return Tried(beside, [], False, str(reason))
        told = _report(outcome.report)
        apart = [name for name in test_names(task.row["test"]) if told.get(name, [""])[0] == "ok"]
        return Tried(beside, apart, bool(outcome.forgeable), "apart from them the reference fails")

    def _checked(self, task: Task, program: str, way: Way, executor: Executor, limit: float, seed: int) -> Checked:
        """The verdict with one seed: of the tests that run apart first, then of all beside the solution."""
        names, seconds = test_names(task.row["test"]), 0.0
        if way.apart:
            apart = self._verdict(way.apart, self._outcome_apart(task, program, executor, limit, way.odd, seed))
            if apart.base != "pass" or len(way.apart) == len(names):
                return apart
            seconds = apart.seconds
        beside = self._beside(task, program, executor, limit, seed)
        return replace(beside, seconds=seconds + beside.seconds, forgeable=way.why)

    def _outcome_apart(
        self, task: Task, program: str, executor: Executor, limit: float, odd: bool, seed: int
    ) -> Outcome:
        """Tests in a process of their own. Raises CannotSplit where the task's reference solution does not parse."""
        plan = split.plan(self._program(task, self.reference(task)), task.row["test"], sure=True)
        programs = bigcodebench_box.apart(program, task.row["test"], task.entry_point)
        return executor.run_apart(*programs, replace(plan, odd=odd), limit, seed=seed)

    def _beside(self, task: Task, program: str, executor: Executor, limit: float, seed: int) -> Checked:
        """The verdict of tests in the solution's process: every one ok, and not all of them without its function."""
        first = self._once(task, program, executor, limit, seed, control=False)
        if first.base != "pass":
            return first
        control = self._once(task, program, executor, limit, seed, control=True)
        seconds = first.seconds + control.seconds
        if control.infra:
            return replace(first, base="infra", error=control.error, seconds=seconds)
        if control.base == "pass":
            tampered = Failure("Tampered", "the tests pass without the solution's function as well")
            return replace(first, base="fail", error=tampered, seconds=seconds)
        return replace(first, seconds=seconds)

    def _once(self, task: Task, program: str, executor: Executor, limit: float, seed: int, control: bool) -> Checked:
        programs = bigcodebench_box.beside(program, task.row["test"], task.entry_point, control)
        return self._verdict(test_names(task.row["test"]), executor.run_script(*programs, limit=limit, seed=seed))

    def _verdict(self, names: list[str], outcome: Outcome) -> Checked:
        """Of the tests of these names."""
        status, failed = outcome.status, None
        if status != "pass":
            failed = Failure(outcome.error_type or status, outcome.message)
        elif failed := _first_not_ok(names, _report(outcome.report)):
            status = "fail"
        extra = {"drew": outcome.drew}
        return Checked(status, None, failed, outcome.seconds, extra=extra, forgeable=outcome.forgeable)


def _report(report: bytes) -> dict[str, list[str]]:
    """What the tests report, each by name; nothing where that is no such report."""
    value = plain_report(report)
    if not isinstance(value, dict):
        return {}
    return {k: v for k, v in value.items() if isinstance(v, list) and len(v) == 2 and all(type(t) is str for t in v)}


def _first_not_ok(names: list[str], report: dict[str, list[str]]) -> Failure | None:
    """The first of the tests that did not report ok."""
    for name in names:
        what, message = report.get(name, ["did not run", ""])
        if what != "ok":
            return Failure(f"{name} {what}", message)
    return None


@lru_cache(maxsize=256)
def test_names(tests: str) -> list[str]:
    """The names of the tests that stand in the class `TestCases`, by the text alone."""
    cases = [n for n in parse(tests).body if isinstance(n, ast.ClassDef) and n.name == "TestCases"]
    names = [
        n.name
        for case in cases
        for n in case.body
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test")
    ]
    return list(dict.fromkeys(names))


def suspicious(solution: str) -> list[str]:
    """The names in a solution that hint at tampering with its tests, sorted; a hint, no verdict."""
    try:
        nodes = list(ast.walk(parse(solution)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    names = {n.id for n in nodes if isinstance(n, ast.Name)} | {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    names |= {part for n in nodes if isinstance(n, ast.Import) for a in n.names for part in a.name.split(".")}
    names |= {part for n in nodes if isinstance(n, ast.ImportFrom) for part in (n.module or "").split(".")}
    return sorted(names & _SUSPICIOUS)


def _imported(task: Task) -> set[str]:
    """The top-level modules that the task's own code and tests import."""
    found = set()
    for text in (
        task.row["code_prompt"] + "    pass\n",
        task.row["test"],
        task.prompt + task.row["canonical_solution"],
    ):
        for node in ast.walk(parse(text)):
            if isinstance(node, ast.Import):
                found |= {a.name.partition(".")[0] for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found


@lru_cache(maxsize=1024)
def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _missing(task: Task) -> set[str]:
    return {name for name in _imported(task) if not _installed(name)}


def _versions(task: Task) -> list[str]:
    """The versions of the libraries that a task uses, so that another one is tried anew."""
    from importlib.metadata import packages_distributions, version

    owners = _distributions(packages_distributions)
    return sorted(f"{d} {version(d)}" for name in _imported(task) for d in set(owners.get(name, ())))


@lru_cache(maxsize=1)
def _distributions(read: Callable) -> dict[str, list[str]]:
    return read()


def load(data: str | None, hard: bool = False, split: str = "complete", calibrated: bool = True) -> BigCodeBench:
    """The benchmark of a file, else of bigcodebench's cache. Raises UsageError, saying where it is had, for neither."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "bigcodebench"
    path = Path(data) if data else cache / f"BigCodeBench-{VERSION}.jsonl"
    if data is None and not path.exists():
        raise UsageError(f"BigCodeBench is not in {path}; download {URL} and give it by --data FILE")
    return BigCodeBench(path, hard, split, calibrated)


def load_hard(data: str | None, split: str = "complete", calibrated: bool = True) -> BigCodeBench:
    return load(data, True, split, calibrated)
