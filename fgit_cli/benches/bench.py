"""What a benchmark is to `fgit eval`: tasks, prompts for a model, and how a solution becomes a verdict.

One file of this folder per benchmark, named in the table `BENCHES` and imported when it is asked for. A benchmark holds
its tasks in the order of its data and says, for each solution, what came of it (`check`). It runs nothing itself: it is
given a sandbox (fgit_cli/executor), which takes code and inputs and gives back outputs.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from fgit_cli.benches import prompts
from fgit_cli.errors import UsageError

T = TypeVar("T")
R = TypeVar("R")
VERDICTS = ("pass", "fail", "timeout", "error", "memory", "infra")


class Entry(NamedTuple):
    """Where a benchmark is loaded, `module:function`, and which settings beside `--data` the function takes."""

    function: str
    settings: tuple[str, ...] = ()


BENCHES = {
    "humaneval": Entry("fgit_cli.benches.humaneval:load"),
    "humaneval+": Entry("fgit_cli.benches.humaneval:load_plus"),
    "mbpp": Entry("fgit_cli.benches.mbpp:load"),
    "mbpp+": Entry("fgit_cli.benches.mbpp:load_plus"),
    "bigcodebench": Entry("fgit_cli.benches.bigcodebench:load", ("prompt", "calibrated")),
    "bigcodebench-hard": Entry("fgit_cli.benches.bigcodebench:load_hard", ("prompt", "calibrated")),
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
    plus input, where there are such. `extra` holds further fields of the result record.
    """

    base: str | None
    plus: str | None = None
    error: Failure | None = None
    seconds: float = 0.0
    failed: tuple[int | None, int | None] = (None, None)
    extra: dict[str, Any] = field(default_factory=dict)

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


class Verdict(Protocol):
    """What a check of calls says: `status` is one of VERDICTS, `error` "Type: message" of the first failure."""

    @property
    def status(self) -> str: ...
    @property
    def failed_input(self) -> int | None: ...
    @property
    def error(self) -> str | None: ...
    @property
    def seconds(self) -> float: ...


class Outcome(Protocol):
    """What came of a script: `status` is one of VERDICTS; `report` what it left in its global `__report__`.

    `stdout`: what it printed, where that was asked for.
    """

    @property
    def status(self) -> str: ...
    @property
    def error_type(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def stdout(self) -> str: ...
    @property
    def report(self) -> bytes: ...


class Sandbox(Protocol):
    """What a benchmark needs of the executor. Values cross as bytes (`encode`, `decode`). Safe to call from threads.

    `encoding` names the way of encoding, so that what another one wrote is not compared.
    """

    encoding: str

    def encode(self, value: Any) -> bytes: ...
    def decode(self, data: bytes) -> Any: ...

    def imap(self, function: Callable[[T], R], items: Iterable[T], ahead: int = 2) -> Iterator[R]:
        """`function(item)` for each item, in input order, `ahead` items a worker in flight; ends at once when left."""
        ...

    def reference(
        self, code: str, entry_point: str, inputs: tuple[bytes, ...]
    ) -> tuple[tuple[bytes, ...], tuple[float, ...]]:
        """Outputs and seconds of a trusted program, one an input. Raises EngineError where it gives none."""
        ...

    def calls(
        self,
        code: str,
        entry_point: str,
        inputs: tuple[bytes, ...],
        outputs: tuple[bytes, ...],
        *,
        kind: str = "equal",
        atol: float = 0.0,
        time_limits: float | tuple[float, ...],
        total_limit: float | None = None,
    ) -> Verdict:
        """Call the entry point of untrusted code with every input and compare what it returns with the outputs."""
        ...

    def script(self, code: str, tests: str, *, limit: float, stdin: str = "", stdout_limit: int = 0) -> Outcome:
        """Run untrusted code, then the tests, in one process; pass when both come to their end."""
        ...


class Bench(ABC):
    """A benchmark, loaded. Subclasses fill the attributes and say how a solution is checked."""

    name: str
    tasks: dict[str, Task]
    path: Path | None = None  # of the data, where it is a file
    md5: str  # of the data's text
    has_plus = False
    profile: Literal["pure", "open"] = "pure"  # of the sandbox
    max_new_tokens = prompts.MAX_NEW_TOKENS
    unusable: Mapping[str, str] = MappingProxyType({})  # tasks that are not judged, with the reason
    label = ""  # put beside every score, where the score needs a caution

    @property
    def usable(self) -> list[Task]:
        """The tasks that are judged."""
        return [task for task in self.tasks.values() if task.task_id not in self.unusable]

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

    def prepare(self, sandbox: Sandbox, say: Callable[[str], None]) -> None:
        """Called once, before the first `check`: what has to be known of this machine."""
        return

    @abstractmethod
    def check(self, task: Task, solution: str, sandbox: Sandbox) -> Checked:
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
