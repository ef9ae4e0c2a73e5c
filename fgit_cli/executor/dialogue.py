"""Passes messages between a process with the tests and one with the code: the parent's part in a dialogue.

The parent reads none of the messages. The verdict is the word of the tests' process alone; of the code's process only
how it ended counts.
"""

from collections.abc import Iterator
from typing import Any, Literal, Protocol

from fgit_cli.executor import wire
from fgit_cli.executor.accounts import call_of, ended_as, utf8
from fgit_cli.executor.jobs import Call, Outcome
from fgit_cli.executor.sandbox import Frame, SandboxFailed
from fgit_cli.executor.split import CannotSplit, SplitPlan

_MESSAGE = 64 << 20  # bytes of one message
ODD = "the code gives the tests objects of its own"


class Runner(Protocol):
    """What runs one of the two jobs: a worker (worker.py)."""

    @property
    def patience(self) -> float: ...

    def events(self, job: dict[str, Any], texts: list[bytes]) -> Iterator[Frame | bytes | dict]: ...

    def tell(self, message: bytes) -> None: ...

    def stop(self) -> None: ...

    def timed_out_under_load(self, end: dict[str, Any]) -> bool: ...


class _Side:
    """One of the two processes, from its first frame to its account."""

    def __init__(self, worker: Runner, job: dict[str, Any], texts: list[bytes]) -> None:
        self._worker = worker
        self._trusted = job["kind"] == "tests"
        self._events = worker.events(job, texts)
        self.call: Call | None = None  # the exception that it ended with
        self.end: dict[str, Any] = {}
        self.odd = self.drew = False
        self.report = b""

    def next(self) -> Frame | None:
        """Its next LOADED or SAID; None once it has ended. Raises CannotSplit if the tests say so."""
        for event in self._events:
            if isinstance(event, dict):
                self.end = event
            elif isinstance(event, bytes):
                continue  # nothing printed is asked for
            elif event.kind in (wire.RAISED, wire.MEMORY):
                self.call = call_of(event)
            elif event.kind in (wire.LOADED, wire.SAID):
                return event
            elif event.kind == wire.DREW:
                self.drew = True
            elif not self._trusted:
                continue
            elif event.kind == wire.ODD:
                self.odd = True
            elif event.kind == wire.REPORT:
                self.report = event.content
            elif event.kind == wire.UNSPLIT:
                raise CannotSplit(event.content.decode(errors="replace"))
        return None

    def tell(self, message: bytes) -> None:
        self._worker.tell(message)

    def finish(self) -> None:
        """End it, if it has not ended, and read as far as its account."""
        if not self.end:
            self._worker.stop()
            while self.next():
                pass


def hold(
    code_worker: Runner,
    tests_worker: Runner,
    code: str,
    tests: str,
    plan: SplitPlan,
    limit: float,
    memory: int,
    seed: int,
) -> Outcome:
    """Run code and tests in a process each, `limit` seconds in all. Raises CannotSplit."""

    def job(kind: str) -> dict[str, Any]:
        return {
            "kind": kind, "limits": [limit], "load_limit": limit, "total_limit": limit, "output_limits": [_MESSAGE],
            "memory": memory, "stdin": False, "stdout_limit": 0, "patience": code_worker.patience,
            "seed": seed,
        }  # fmt: skip

    tested = None
    try:
        coded = _Side(code_worker, job("code"), [utf8(code)])
        try:
            if coded.next() is None:
                return _ended(coded, code_worker, "code")
            tested = _Side(tests_worker, {**job("tests"), "plan": plan.as_record()}, [utf8(tests)])
            while asked := tested.next():
                if asked.kind == wire.SAID:
                    coded.tell(asked.content)
                    answer = coded.next()
                    if answer is None:
                        return _ended(coded, code_worker, "tests")
                    tested.tell(answer.content)
        finally:
            for side in (tested, coded):
                if side:
                    side.finish()
        status, error_type, message = ended_as(tested.call, tested.end)
    except SandboxFailed as failed:
        return Outcome("infra", "SandboxFailed", str(failed))
    return Outcome(
        status, error_type, message, coded.end["seconds"], "tests", report=tested.report,
        forgeable=ODD if tested.odd else "", drew=coded.drew or tested.drew,
        timed_out_under_load=tests_worker.timed_out_under_load(tested.end),
    )  # fmt: skip


def _ended(coded: _Side, worker: Runner, stage: Literal["code", "tests"]) -> Outcome:
    """The outcome where the code's process ended before the tests' did; its own word that it finished says nothing."""

    end = {**coded.end, "reason": "closed"} if coded.end["reason"] == "finished" else coded.end
    status, error_type, message = ended_as(coded.call, end)
    return Outcome(
        status, error_type, message, end["seconds"], stage, timed_out_under_load=worker.timed_out_under_load(end)
    )
