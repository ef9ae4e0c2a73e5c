"""What HumanEval(+) and MBPP(+) share: EvalPlus's tasks, inputs, ground truth and rules of comparison.

A task's reference solution is run on its base and plus inputs; a solution passes where it returns the same, within
time limits taken from the reference's own times. The rules are those of evalplus 0.3.1 (`evalplus.eval`).
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fgit_cli.benches import evalplus_data, ground_truth, prompts
from fgit_cli.benches.bench import Bench, Checked, Failure, Task, seeds_of
from fgit_cli.executor import CallJob, Check, Executor, Expected, Kind, Rules, encode

FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input", "atol")
TIME_FACTOR = 4.0  # times the reference's own time on an input (EvalPlus's GT_TIME_LIMIT_FACTOR)
TIME_TOTAL = 60.0  # seconds for all inputs of one verdict (EvalPlus's EVALPLUS_TIMEOUT_PER_TASK)
MEMORY = 4 << 30  # bytes of address space (EvalPlus's EVALPLUS_MAX_MEMORY_BYTES)

# Of the plus inputs, where the base inputs have used up the time of all inputs: no answer to them could let it pass.
_OUT_OF_TIME = Check("timeout", None, (), "Timeout: the base inputs used up the total time limit", 0.0)
KEPT = 64 << 20  # bytes of tasks' inputs and outputs that are held in memory

LimitsName = Literal["fgit", "evalplus"]


@dataclass(frozen=True)
class Limits:
    """How long a solution may run: at least `floor` seconds an input, and at most 60 s for all together.

    With `loading`, all together have no more than the sum of the inputs' limits and so many seconds for the rest.
    fgit's floor is 4 s, because EvalPlus's 1 s fails canonical solutions on a loaded machine.
    """

    floor: float
    loading: float | None = None

    def each(self, reference: tuple[float, ...]) -> tuple[float, ...]:
        """Seconds for each input, by the reference solution's own."""
        return tuple(max(self.floor, TIME_FACTOR * seconds) for seconds in reference)

    def total(self, reference: tuple[float, ...]) -> float:
        """Seconds for all inputs together."""
        if self.loading is None:
            return TIME_TOTAL
        return min(TIME_TOTAL, sum(self.each(reference))) + self.loading

    def passed(self, reference: tuple[float, ...], seconds: tuple[float, ...]) -> bool:
        """Whether a run of these seconds an input stays within the limits."""
        within = all(took <= limit for took, limit in zip(seconds, self.each(reference), strict=False))
        return within and sum(seconds) <= self.total(reference)


LIMITS: dict[LimitsName, Limits] = {
    "fgit": Limits(floor=4.0),
    "evalplus": Limits(floor=1.0, loading=1.0),  # evalplus/eval/__init__.py, untrusted_check
}

Known = tuple[tuple[bytes, ...], ground_truth.Truth]


class EvalPlusBench(Bench):
    """HumanEval or MBPP, with the plus inputs or without. `family` is the name without the `+`."""

    family: str

    def __init__(self, path: Path, plus: bool, limits: LimitsName = "fgit") -> None:
        self.path, self.limits = path, limits
        rows, self.md5 = evalplus_data.read_rows(path, FIELDS)
        self.has_plus = plus
        self.name = self.family + "+" * plus
        self.tasks = {r["task_id"]: Task(r["task_id"], r["prompt"], r["entry_point"], r) for r in rows}
        self._known: OrderedDict[tuple[str, str], Known] = OrderedDict()
        self._held = 0  # bytes in it
        self._lock = threading.Lock()
        self._making = {task_id: threading.Lock() for task_id in self.tasks}

    def describe(self) -> dict[str, Any]:
        return {"limits": self.limits}

    def chat(self, task: Task) -> list[dict[str, str]]:
        return prompts.chat(task.prompt)

    def text(self, task: Task) -> str:
        return prompts.text(task.prompt)

    def stops(self, chat: bool) -> tuple[str, ...]:
        return prompts.STOPS + (prompts.STOPS_CHAT if chat else prompts.STOPS_TEXT[self.family])

    def reference(self, task: Task) -> str:
        return task.prompt + task.row["canonical_solution"]

    def calls(self, task: Task, part: str) -> list[list[Any]]:
        """The argument lists of one part (`base_input`, `plus_input`), with the types that the function takes."""
        return task.row[part]

    def kind(self, task: Task) -> Kind:
        """The rule by which an output is compared (fgit_cli/executor/jobs.py, `Rules`)."""
        return "equal"

    def check(self, task: Task, solution: str, executor: Executor) -> Checked:
        base = self._verdict(task, "base_input", solution, executor)
        if not self.has_plus:
            return Checked(
                base.status,
                None,
                Failure.of(base.error),
                base.seconds,
                failed=(base.failed_input, None),
                extra=seeds_of(base.seeds),
                beyond_peer=self._beyond_evalplus(task, {"base_input": base}, executor),
            )
        plus = _OUT_OF_TIME if base.out_of_total else self._verdict(task, "plus_input", solution, executor)
        return Checked(
            base.status,
            plus.status,
            Failure.of(base.error or plus.error),
            base.seconds + plus.seconds,
            failed=(base.failed_input, plus.failed_input),
            extra=seeds_of(max(base.seeds, plus.seeds)),
            beyond_peer=self._beyond_evalplus(task, {"base_input": base, "plus_input": plus}, executor),
        )

    def _beyond_evalplus(self, task: Task, checks: dict[str, Check], executor: Executor) -> bool:
        """Whether the solution passes here and took longer than EvalPlus's limits allow."""
        if self.limits == "evalplus" or any(check.status != "pass" for check in checks.values()):
            return False
        return not all(
            LIMITS["evalplus"].passed(self._know(task, part, executor)[1].seconds, check.seconds_each)
            for part, check in checks.items()
        )

    def _verdict(self, task: Task, part: str, solution: str, executor: Executor) -> Check:
        inputs, truth = self._know(task, part, executor)
        rules = Rules(self.kind(task), float(task.row["atol"]))
        job = CallJob(
            solution,
            task.entry_point,
            inputs,
            time_limits=LIMITS[self.limits].each(truth.seconds),
            total_limit=LIMITS[self.limits].total(truth.seconds),
            memory=MEMORY if self.limits == "evalplus" else None,
            collect=rules.kind == "set",
        )
        return executor.check(job, Expected(truth.outputs, rules))

    def _know(self, task: Task, part: str, executor: Executor) -> Known:
        """The encoded inputs and the ground truth of a task's part; the last few are held, made once."""
        key = task.task_id, part
        with self._making[task.task_id]:
            with self._lock:
                if key in self._known:
                    self._known.move_to_end(key)
                    return self._known[key]
            inputs = tuple(encode(list(call)) for call in self.calls(task, part))
            known = inputs, self._truth(task, inputs, executor)
            with self._lock:
                self._known[key] = known
                self._held += _size(known)
                while self._held > KEPT and len(self._known) > 1:
                    self._held -= _size(self._known.popitem(last=False)[1])
            return known

    def _truth(self, task: Task, inputs: tuple[bytes, ...], executor: Executor) -> ground_truth.Truth:
        if self.kind(task) == "not-none":  # their outputs (matches of regular expressions) are no JSON
            wrapper = f"\n\ndef _is_some(*inputs):\n    return {task.entry_point}(*inputs) is not None\n"
            return ground_truth.of(self.reference(task) + wrapper, "_is_some", inputs, executor)
        return ground_truth.of(self.reference(task), task.entry_point, inputs, executor)


def _size(known: Known) -> int:
    return sum(map(len, known[0])) + sum(map(len, known[1].outputs))


def loader(bench: type[EvalPlusBench], release: evalplus_data.Release, plus: bool) -> Any:
    """A function of `--data` that loads the benchmark."""
    return partial(_load, bench, release, plus)


def _load(
    bench: type[EvalPlusBench],
    release: evalplus_data.Release,
    plus: bool,
    data: str | None,
    limits: LimitsName = "fgit",
) -> EvalPlusBench:
    return bench(evalplus_data.find(release, data), plus, limits)
