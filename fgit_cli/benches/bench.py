"""What a benchmark is to `fgit eval`: tasks, prompts for a model, and how a solution becomes a verdict.

One file of this folder per benchmark, named in the table `BENCHES` and imported when it is asked for. A benchmark holds
its tasks in the order of its data and says, for each solution, what came of it (`check`). It runs nothing itself: it is
given an executor (fgit_cli/executor), which takes code and inputs and says what came of them.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fgit_cli.benches import prompts
from fgit_cli.errors import UsageError

if TYPE_CHECKING:
    from fgit_cli.executor import Executor, Profile

VERDICTS = ("pass", "fail", "timeout", "error", "memory", "infra")


class Entry(NamedTuple):
    """Where a benchmark is loaded, `module:function`, and which settings beside `--data` the function takes."""

    function: str
    settings: tuple[str, ...] = ()


BENCHES = {
    "humaneval": Entry("fgit_cli.benches.humaneval:load", ("limits",)),
    "humaneval+": Entry("fgit_cli.benches.humaneval:load_plus", ("limits",)),
    "mbpp": Entry("fgit_cli.benches.mbpp:load", ("limits",)),
    "mbpp+": Entry("fgit_cli.benches.mbpp:load_plus", ("limits",)),
    "bigcodebench": Entry("fgit_cli.benches.bigcodebench:load", ("split", "calibrated")),
    "bigcodebench-hard": Entry("fgit_cli.benches.bigcodebench:load_hard", ("split", "calibrated")),
    "livecodebench": Entry("fgit_cli.benches.livecodebench:load", ("since", "until")),
    "mini": Entry("fgit_cli.benches.mini.bench:load"),
}


@dataclass(frozen=True)
class Task:
    """One problem. `prompt` is what a completion follows; `row` is the benchmark's own record of it."""

    task_id: str
    prompt: str
    entry_point: str
    row: dict[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Failure:
    """The first failure of a solution: an exception's type, or `WrongOutput` and its like, and what it says."""

    type: str
    message: str

    @classmethod
    def of(cls, error: str | None) -> "Failure | None":
        """Of the text "Type: message"."""
        if error is None:
            return None
        name, _, message = error.partition(": ")
        return cls(name, message)

    def as_record(self) -> dict[str, str]:
        return {"type": self.type, "message": self.message}


@dataclass(frozen=True)
class Checked:
    """What came of one solution. `base`, `plus`: one of VERDICTS, or None where there are no such tests.

    `seconds` is the time that the solution's runs took together. `failed`: the number of the first failing base and
    plus input, where there are such. `beyond_peer`: it passed, and the benchmark's own harness would have stopped it
    for its time. `extra` holds further fields of the result record. `forgeable`: why a program that means to could have
    forged the verdict, which its tests reached in its own process; empty where it could not.
    """

    base: str | None
    plus: str | None = None
    error: Failure | None = None
    seconds: float = 0.0
    failed: tuple[int | None, int | None] = (None, None)
    beyond_peer: bool = False
    extra: dict[str, Any] = field(default_factory=dict)
    forgeable: str = ""

    @property
    def infra(self) -> bool:
        """No verdict: the sandbox failed, not the solution."""
        return "infra" in (self.base, self.plus)

    @property
    def passed_base(self) -> bool:
        return self.base == "pass"

    @property
    def passed(self) -> bool:
        """Base and plus alike, which is what pass@1 (+) counts."""
        return self.base == "pass" and self.plus in ("pass", None)


def seeds_of(seeds: int) -> dict[str, int]:
    """The field of a result that says with how many random seeds a solution was run, where it drew random numbers."""
    return {"seeds": seeds} if seeds > 1 else {}


class Bench(ABC):
    """A benchmark, loaded. Subclasses fill the attributes and say how a solution is checked."""

    name: str
    tasks: dict[str, Task]
    path: Path | None = None  # of the data, where it is a file
    md5: str  # of the data's text
    has_plus = False
    profile: "Profile" = "pure"  # of the sandbox
    max_new_tokens = prompts.MAX_NEW_TOKENS
    unusable: Mapping[str, str] = MappingProxyType({})  # tasks that are not judged, with the reason

    @property
    def usable(self) -> list[Task]:
        """The tasks that are judged."""
        return [task for task in self.tasks.values() if task.task_id not in self.unusable]

    def describe(self) -> dict[str, Any]:
        """What a verdict depends on beside the data, for the record of how it was made."""
        return {}

    # What a model is asked. A chat model gets `chat`, whose last turn, an assistant's, it continues; a base model
    # continues `text`. `stops` ends either kind of answer.

    @abstractmethod
    def chat(self, task: Task) -> list[dict[str, str]]:
        """Turns `{"role", "content"}` for a chat model."""

    @abstractmethod
    def text(self, task: Task) -> str:
        """The text that a base model continues."""

    @abstractmethod
    def stops(self, chat: bool) -> tuple[str, ...]:
        """The strings before which an answer ends."""

    def solution(self, task: Task, completion: str) -> str:
        """The program that a `completion` stands for: what follows the task's prompt."""
        return task.prompt + completion

    def continued(self, task: Task, answer: str) -> str:
        """The program that a base model's answer to `text` stands for."""
        return self.text(task) + answer

    @abstractmethod
    def reference(self, task: Task) -> str | None:
        """The benchmark's own correct program, or None where it gives none."""

    # How a solution is judged.

    def prepare(self, executor: "Executor", say: Callable[[str], None]) -> None:
        """Called once, before the first `check`: what has to be known of this machine."""
        return

    def progress(self) -> str:
        """A few words for a line of progress, about what is done beside judging."""
        return ""

    def notes(self) -> list[str]:
        """What is worth knowing once all samples are judged."""
        return []

    @abstractmethod
    def check(self, task: Task, solution: str, executor: "Executor") -> Checked:
        """Run one solution and judge it. Called from several threads at once."""


def entry(name: str) -> Entry:
    """The benchmark of that name, or that of the path of a file. Raises UsageError for what is neither."""
    found = BENCHES.get(name) or (Entry("fgit_cli.benches.jsonl_file:load") if Path(name).is_file() else None)
    if found is None:
        raise UsageError(f"--bench {name}: no such benchmark or file; there are {', '.join(BENCHES)}")
    return found


def load(name: str, data: str | None, given: Mapping[str, Any] = MappingProxyType({})) -> Bench:
    """The benchmark of that name, or for the path of a file the tasks in it.

    `given`: the settings that the user gave, all of them the benchmark's. Raises UsageError for an unknown name.
    """
    module, function = entry(name).function.split(":")
    return getattr(importlib.import_module(module), function)(name if name not in BENCHES else data, **given)


def keep_only(bench: Bench, wanted: str) -> None:
    """Leave out the tasks that are not in the list: ids, numbers and ranges of numbers, with commas.

    Raises UsageError for what names no task that is judged.
    """
    numbers = {task_id.rpartition("/")[2]: task_id for task_id in bench.tasks}
    chosen = set()
    for word in (w.strip() for w in wanted.split(",")):
        first, dash, last = word.partition("-")
        named = {numbers.get(word, word)} & bench.tasks.keys()
        if not named and dash and first.isdigit() and last.isdigit():
            named = {numbers[n] for n in numbers if n.isdigit() and int(first) <= int(n) <= int(last)}
        if not named:
            raise UsageError(f"--tasks {word}: {bench.name} has no such task")
        chosen |= named
    others = [task_id for task_id in bench.tasks if task_id not in chosen]
    bench.unusable = {**dict.fromkeys(others, "not among --tasks"), **bench.unusable}
    if not bench.usable:
        why = ", ".join(sorted({bench.unusable[task_id] for task_id in chosen}))
        raise UsageError(f"--tasks {wanted}: none of them is judged ({why})")
