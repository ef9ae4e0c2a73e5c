"""Eval results as scores need them: one `Run` for a model on a bench, its samples by task."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from fgit_cli.errors import InputError

Tests = Literal["base", "plus"]

VERDICTS = ("pass", "fail", "timeout", "error", "memory", "infra")


@dataclass(frozen=True)
class JudgedSample:
    """One sample's outcome on one task; `base` and `plus` are verdicts, or None where the bench has no such tests."""

    task_id: str
    bench: str
    number: int
    solution: str
    base: str | None
    plus: str | None
    error_type: str
    error_message: str
    difficulty: str = ""  # of the task, where the bench tells it

    @property
    def infra(self) -> bool:
        """The sandbox failed, not the sample: it counts in no score."""
        return "infra" in (self.base, self.plus)

    def passes(self, tests: Tests) -> bool:
        """Whether it passes the base tests; for `plus` those and the plus tests."""
        return self.base in ("pass", None) and (tests == "base" or self.plus == "pass")


def sample(record: dict[str, Any]) -> JudgedSample:
    """A record of `fgit eval`. Raises InputError for a verdict or field that is none."""
    for tests in ("base", "plus"):
        if record.get(tests) is not None and record[tests] not in VERDICTS:
            raise InputError(f"field `{tests}` is {record[tests]!r}; a verdict is one of {', '.join(VERDICTS)} or null")
    if record.get("base") is None and record.get("plus") is None:
        raise InputError("neither `base` nor `plus` has a verdict; this sample was not evaluated")
    task_id, bench, number = record["task_id"], record.get("bench"), record.get("sample", 0)
    if not isinstance(task_id, str) or not isinstance(bench, str) or not isinstance(number, int):
        raise InputError("an eval result needs the texts `task_id` and `bench` and the number `sample`")
    kind, message = _error(record.get("error"))
    return JudgedSample(
        task_id, bench, number, record.get("solution") or "", record.get("base"), record.get("plus"), kind, message,
        str(record.get("difficulty") or ""),
    )  # fmt: skip


def _error(error: Any) -> tuple[str, str]:
    """Type and message of the first failure, from an object with both or a text `Type: message`."""
    if isinstance(error, dict):
        return str(error.get("type") or ""), str(error.get("message") or "")
    kind, _, message = str(error or "").partition(":")
    return kind.strip(), message.strip()


@dataclass
class Run:
    """One model on one bench: its samples by task, in the order read."""

    model: str
    bench: str
    tasks: dict[str, list[JudgedSample]] = field(default_factory=dict)

    def add(self, one: JudgedSample, file: str) -> None:
        """Take in a sample. Raises InputError where it is there already."""
        others = self.tasks.setdefault(one.task_id, [])
        if any(other.number == one.number for other in others):
            raise InputError(
                f"sample {one.number} of {one.task_id} comes twice for {self.model!r}; name each run LABEL=FILE",
                file,
            )
        others.append(one)

    @property
    def samples(self) -> Iterable[JudgedSample]:
        return (one for samples in self.tasks.values() for one in samples)

    @property
    def tests(self) -> tuple[Tests, ...]:
        """Which tests the bench has."""
        has_plus = any(one.plus is not None for one in self.samples)
        return ("base", "plus") if has_plus else ("base",)

    @property
    def infra(self) -> int:
        return sum(one.infra for one in self.samples)

    def counts(self, tests: Tests) -> dict[str, tuple[int, int]]:
        """Per task how many samples count and how many of them pass; a task without any that counts is absent."""
        out = {}
        for task, samples in self.tasks.items():
            counted = [one for one in samples if not one.infra]
            if counted:
                out[task] = (len(counted), sum(one.passes(tests) for one in counted))
        return out

    def shares(self, tests: Tests) -> dict[str, float]:
        """Per task the share of its samples that pass."""
        return {task: c / n for task, (n, c) in self.counts(tests).items()}

    def pass_at_1(self, tests: Tests) -> float | None:
        """The mean share, in [0, 1]; None where no sample counts."""
        shares = self.shares(tests).values()
        return sum(shares) / len(shares) if shares else None
