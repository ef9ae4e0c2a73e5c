"""Turns a job into a result: a worker has a sandbox and a comparator.

One thread at a time uses it.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from fgit_cli.executor import dialogue, wire
from fgit_cli.executor.accounts import call_of, call_that_ended, ended_as, failure_of, utf8
from fgit_cli.executor.comparator import Comparator, ComparisonStalled
from fgit_cli.executor.jobs import (
    GROUND_TRUTH_OUTPUT,
    OUTPUT_LIMIT,
    Call,
    CallJob,
    Calls,
    Check,
    Expected,
    Outcome,
    Status,
)
from fgit_cli.executor.sandbox import Frame, Sandbox, SandboxFailed
from fgit_cli.executor.split import SplitPlan
from fgit_cli.executor.values import plainly_different

_NO_TOTAL = 24 * 3600.0
_REPORT_LIMIT = 1 << 20  # bytes of a script's report
_REPORT_SECONDS = 1.0  # for decoding it
_PATIENCE = 1.5  # beside other jobs, which share caches and cores: times its limit that a busy sample may run
_LEAST_COMPARISON = 0.5  # seconds for a comparison, where the input's own limit is used up

# (tolerance before the input, tolerance at it, the expected output equals itself)
Tolerance = tuple[float, float, bool]


class Worker:
    """Owns a sandbox, started when it is first needed and again after it failed."""

    def __init__(self, start: Callable[[], Sandbox], memory: int) -> None:
        self._start, self._memory = start, memory
        self.alone = True  # no other job runs beside this worker's
        self._sandbox: Sandbox | None = None
        self._interrupted = False
        self._beside: Worker | None = None  # runs the tests of a dialogue
        self.comparator = Comparator(memory)

    @property
    def patience(self) -> float:
        return 1.0 if self.alone else _PATIENCE

    def timed_out_under_load(self, end: dict[str, Any]) -> bool:
        """Whether a limit was passed beside other jobs that a run alone might keep."""
        passed: bool = end["overran"] or end["reason"] in ("timeout", "total")
        return passed and not self.alone and not end["over_limit_alone"]

    def close(self) -> None:
        self.comparator.close()
        self.drop()

    def drop(self) -> None:
        """End the sandboxes; the next job gets a fresh one."""
        if self._beside:
            self._beside.drop()
        sandbox, self._sandbox = self._sandbox, None
        if sandbox:
            sandbox.close()

    def interrupt(self) -> None:
        """End the worker's use from another thread: the job that runs, or is about to, fails."""
        self._interrupted = True  # before the look at the sandbox: one that is being started sees it
        if sandbox := self._sandbox:
            sandbox.kill()
        if self._beside:
            self._beside.interrupt()

    def tell(self, message: bytes) -> None:
        """Send the child in a dialogue a message. Raises SandboxFailed."""
        if self._sandbox is None:
            raise SandboxFailed("the sandbox ended during a dialogue")
        self._sandbox.tell(message)

    def stop(self) -> None:
        """Ask for the end of the job that is running."""
        if self._sandbox:
            self._sandbox.stop()

    def events(self, job: dict[str, Any], texts: list[bytes]) -> Iterator[Frame | bytes | dict]:
        """The sandbox's events. It is dropped when it fails, or when the reader leaves before the end."""
        whole = False
        said = ""
        try:
            self._sandbox = self._sandbox or self._start()
            if self._interrupted:
                raise SandboxFailed("interrupted")
            for event in self._sandbox.run(job, texts):
                if isinstance(event, dict):
                    whole = True
                    if not event["began"] and event["reason"] != "stopped":
                        raise SandboxFailed(f"the process for the sample could not be confined{said}")
                elif isinstance(event, Frame) and event.kind == wire.RAISED:
                    said = f": {call_of(event).message}"
                yield event
        except SandboxFailed:
            whole = False
            raise
        finally:
            if not whole:
                self.drop()

    def call(self, job: CallJob, sink: Callable[[int, Call], bool], output_limits: list[int]) -> Calls:
        """Run a job of calls; `sink(number, call)` gets each (-1: the loading), says whether to go on."""
        count = len(job.inputs)
        limits = [job.time_limits] * count if isinstance(job.time_limits, float | int) else list(job.time_limits)
        header = {
            "kind": "calls", "entry_point": job.entry_point, "limits": limits, "load_limit": job.load_limit,
            "total_limit": job.total_limit or _NO_TOTAL, "output_limits": output_limits,
            "memory": job.memory or self._memory, "collect": job.collect, "keep_going": job.keep_going,
            "stdin": False, "stdout_limit": 0, "patience": self.patience, "seed": job.seed,
        }  # fmt: skip
        calls: list[Call] = []
        going, drew = True, False
        end: dict[str, Any] = {}
        try:
            for event in self.events(header, [utf8(job.code), *job.inputs]):
                if isinstance(event, dict):
                    end = event
                elif isinstance(event, Frame) and event.kind == wire.DREW:
                    drew = True
                elif isinstance(event, Frame) and going and event.kind in wire.STAMPED:
                    call = call_of(event)
                    calls.append(call)
                    if not sink(len(calls) - 2, call):
                        going = False
                        self.stop()
        except SandboxFailed as failed:
            return Calls(Call("died"), (), 0.0, infra=str(failed))
        if going and len(calls) <= count and (not calls or calls[-1].status == "ok" or job.keep_going):
            call = call_that_ended(end)
            calls.append(call)
            sink(len(calls) - 2, call)
        return Calls(
            calls[0], tuple(calls[1:]), end["seconds"], starved=end["starved"], drew=drew,
            timed_out_under_load=self.timed_out_under_load(end), out_of_total=end["reason"] == "total",
        )  # fmt: skip

    def outputs(self, job: CallJob) -> Calls:
        """Run a job for its outputs alone."""
        return self.call(job, lambda number, call: True, [job.output_limit or GROUND_TRUTH_OUTPUT])

    def check(self, job: CallJob, expected: Expected, tolerances: list[Tolerance]) -> Check:
        """Run a job and compare each output as it comes."""
        details: list[bool] = []
        first: list[tuple[int | None, Status, str | None]] = []  # the first failure
        each: list[float] = []

        def take(number: int, call: Call) -> bool:
            failure = failure_of(call)
            if failure is None and number >= 0:
                failure = self._compare(number, call, job, expected, tolerances[number])
            if number >= 0:
                details.append(failure is None)
                each.append(call.seconds)
            if failure and not first:
                first.append((number, *failure))
            return failure is None or (job.keep_going and number >= 0)

        limits = [job.output_limit or 4 * len(e) + OUTPUT_LIMIT for e in expected.outputs]
        done = self.call(job, take, limits)
        if done.infra:
            return Check("infra", None, (), done.infra, done.seconds)
        if not first and len(details) < len(job.inputs):
            first.append((len(details), "error", "the process ended before its answer"))
        if not first:
            first.append((None, "pass", None))
        number, status, error = first[0]
        return Check(
            status, number, tuple(details), error, done.seconds, tuple(each), 0, done.starved, done.drew,
            timed_out_under_load=done.timed_out_under_load, out_of_total=done.out_of_total,
        )  # fmt: skip

    def _compare(
        self, number: int, call: Call, job: CallJob, expected: Expected, tolerance: Tolerance
    ) -> tuple[Status, str] | None:
        before, here, same = tolerance
        if same and call.output == expected.outputs[number]:
            return None
        plain = expected.rules.kind == "equal" and plainly_different(call.output, expected.outputs[number], here == 0)
        limit = job.time_limits if isinstance(job.time_limits, float | int) else job.time_limits[number]
        try:
            equal = not plain and self.comparator.compare(
                expected.rules, call.output, expected.outputs[number], job.inputs[number], (before, here),
                max(limit - call.seconds, _LEAST_COMPARISON),
            )  # fmt: skip
        except ComparisonStalled:
            return "fail", "ComparisonStalled: comparing the output took longer than the input's time limit"
        return None if equal else ("fail", f"WrongOutput: input {number}: {_shown(call.output)}")

    def script(
        self, code: str, tests: str, limit: float, stdin: str, stdout_limit: int, memory: int | None, seed: int
    ) -> Outcome:
        """Run code, then tests."""
        header = {
            "kind": "script", "limits": [limit], "load_limit": limit, "total_limit": limit,
            "output_limits": [_REPORT_LIMIT], "memory": memory or self._memory, "stdin": bool(stdin),
            "stdout_limit": stdout_limit, "patience": self.patience, "seed": seed,
        }  # fmt: skip
        printed: list[bytes] = []
        stage: Literal["code", "tests"] = "code"
        ended: Call | None = None
        report, drew = b"", False
        end: dict[str, Any] = {}
        try:
            for event in self.events(header, [utf8(code), utf8(tests), utf8(stdin)]):
                if isinstance(event, bytes):
                    printed.append(event)
                elif isinstance(event, dict):
                    end = event
                elif event.kind == wire.LOADED:
                    stage = "tests"
                elif event.kind == wire.DREW:
                    drew = True
                elif event.kind == wire.REPORT:
                    report = event.content
                elif event.kind in (wire.RAISED, wire.MEMORY):
                    ended = call_of(event)
        except SandboxFailed as failed:
            return Outcome("infra", "SandboxFailed", str(failed))
        if report and not self.comparator.decodes(report, _REPORT_SECONDS):
            return Outcome("error", "MalformedReport", "the report cannot be decoded", end["seconds"], stage)
        status, error_type, message = ended_as(ended, end)
        return Outcome(
            status, error_type, message, end["seconds"], stage, b"".join(printed).decode(errors="replace"),
            end["reason"] == "output" and stdout_limit > 0, report, drew=drew,
            timed_out_under_load=self.timed_out_under_load(end),
        )  # fmt: skip

    def apart(self, code: str, tests: str, plan: SplitPlan, limit: float, memory: int | None, seed: int) -> Outcome:
        """Run code and tests in two processes. Raises CannotSplit where that turns out to be impossible."""
        if self._beside is None:
            self._beside = Worker(self._start, self._memory)
        self._beside.alone, self._beside._interrupted = self.alone, self._interrupted
        return dialogue.hold(self, self._beside, code, tests, plan, limit, memory or self._memory, seed)


def _shown(output: bytes) -> str:
    return output[:120].decode("ascii", "replace") + ("..." if len(output) > 120 else "")
