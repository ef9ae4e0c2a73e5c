"""The executor itself: its workers each have a sandbox process that forks per sample, and a comparator beside it."""

import platform
import queue
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from fgit_cli.errors import EngineError, FgitError, UsageError
from fgit_cli.executor import split
from fgit_cli.executor.jobs import CallJob, Calls, Check, Expected, Isolation, Outcome, Profile
from fgit_cli.executor.levels import probe
from fgit_cli.executor.sandbox import Sandbox, unprivileged_user
from fgit_cli.executor.seeds import draws_entropy, over_seeds
from fgit_cli.executor.worker import Tolerance, Worker

T = TypeVar("T")
R = TypeVar("R")
Answer = TypeVar("Answer", Calls, Check, Outcome)
_REFERENCES_KEPT = 2048  # references whose outcome is remembered
_TASKS_KEPT = 2048  # expected outputs whose tolerances are remembered


class Executor:
    """A context manager that runs untrusted code. Thread-safe: each call takes a free worker, waiting for one.

    `isolation`: "auto" takes the strongest level that the probe finds (`level` says which); a named level that does not
    work here raises UsageError. `workers`: processes at a time. `profile`: "pure" or "open". `memory`: bytes of
    address space a sample (EvalPlus: 4 GiB). `preload`: modules imported once a worker, before any sample; a missing
    one raises UsageError naming it.
    """

    def __init__(
        self,
        isolation: Isolation = "auto",
        workers: int = 1,
        profile: Profile = "pure",
        memory: int = 4 << 30,
        preload: tuple[str, ...] = ("numpy",),
    ) -> None:
        if workers < 1:
            raise UsageError(f"an executor needs at least one worker, not {workers}")
        self.isolation, self.count, self.profile = isolation, workers, profile
        self.memory, self.preload = memory, preload
        self.level = self.reason = ""
        self._workers: list[Worker] = []
        self._free: queue.LifoQueue[Worker] = queue.LifoQueue()  # the one used last is warm; others are not started
        self._turns = _Turns()
        self._tolerances: OrderedDict[tuple, list[Tolerance]] = OrderedDict()
        self._lock = threading.Lock()
        self._references: OrderedDict[tuple, _Tried] = OrderedDict()
        self._leaving = False  # the reader of `imap` went away: what still runs is not run again

    def __enter__(self) -> "Executor":
        self.level, self.reason = probe(self.isolation, self.profile)
        self._workers = [Worker(self._sandbox, self.memory) for _ in range(self.count)]
        for worker in self._workers:
            self._free.put(worker)
        return self

    def __exit__(self, *exc: Any) -> None:
        for worker in self._workers:
            worker.close()
        self._workers = []

    def _sandbox(self) -> Sandbox:
        sandbox = Sandbox(self.level, self.profile, unprivileged_user(), self.preload)
        if sandbox.missing:
            sandbox.close()
            raise UsageError(
                f"cannot import {', '.join(sandbox.missing)}; install what is missing or do not preload it"
            )
        return sandbox

    @contextmanager
    def _worker(self, alone: bool = False) -> Iterator[Worker]:
        with self._turns.alone() if alone else self._turns.shared():
            worker = self._free.get()
            worker.alone = alone or self.count == 1
            try:
                yield worker
            finally:
                self._free.put(worker)

    def _decided(self, run: Callable[[Worker], Answer], failure: Callable[[Answer], bool]) -> tuple[Answer, int]:
        """Run the job; once more in a fresh box after a failure of ours, or alone after a limit was passed.

        Returns the result and the number of reruns.

        A busy sample that used up its limit and half as much again is over its limit alone, too: sharing caches and
        cores with other jobs costs less. So what hangs holds up its own worker, not all of them.
        """
        with self._worker() as worker:
            if self._leaving:
                raise EngineError("the executor is ending")
            result = run(worker)
            failed = failure(result)
            if self._leaving or not (failed or result.timed_out_under_load):
                return result, 0
        with self._worker(alone=True) as worker:
            if self._leaving:
                return result, 0
            if failed:
                worker.drop()
            return run(worker), 1

    def run_calls(self, job: CallJob) -> Calls:
        """Run the job and give back every output uncompared, as for the ground truth's outputs and times."""
        return self._decided(lambda worker: worker.outputs(job), lambda done: done.infra is not None)[0]

    def check(self, job: CallJob, expected: Expected) -> Check:
        """Run the job and compare each output as it comes; stops at the first that fails (unless `job.keep_going`).

        A timeout is decided on the time the process ran or slept, not on the time it waited for a processor: on the
        spot where it kept a processor busy far beyond the limit, else by running it again alone. Raises ValueError
        where an expected output cannot be decoded. Where random numbers are drawn, all of SEEDS must pass.
        """
        if len(job.inputs) != len(expected.outputs):
            raise ValueError(f"{len(job.inputs)} inputs but {len(expected.outputs)} expected outputs")

        def check(seed: int) -> Check:
            seeded = replace(job, seed=seed)

            def run(worker: Worker) -> Check:
                return worker.check(seeded, expected, self._tolerances_of(worker, job, expected))

            result, reruns = self._decided(run, lambda check: check.status == "infra")
            return replace(result, reruns=reruns, drew=result.drew or draws_entropy(job.code))

        result, seeds = over_seeds(check, lambda check: check.status == "pass", lambda check: check.drew)
        return replace(result, seeds=seeds)

    def _tolerances_of(self, worker: Worker, job: CallJob, expected: Expected) -> list[Tolerance]:
        key = (expected.outputs, expected.rules)
        with self._lock:
            known = self._tolerances.get(key)
        if known is None:
            here = worker.comparator.tolerances(expected.outputs, job.inputs, expected.rules)
            before = [expected.rules.atol, *(atol for atol, _ in here)]
            known = [(b, atol, same) for b, (atol, same) in zip(before, here, strict=False)]
            with self._lock:
                self._tolerances[key] = known
                while len(self._tolerances) > _TASKS_KEPT:
                    self._tolerances.popitem(last=False)
        return known

    def run_script(
        self,
        code: str,
        tests: str = "",
        limit: float = 10.0,
        stdin: str = "",
        stdout_limit: int = 0,
        memory: int | None = None,
        seed: int = 0,
    ) -> Outcome:
        """Execute `code`, then `tests` in the same namespace, in a fresh process, within `limit` seconds in all.

        The tests run beside the code they judge, so a hostile sample can forge this verdict where it cannot forge
        `check`'s; an exit before the end of the tests does not count as a pass. `__name__` is "__main__".
        `stdout_limit`: bytes of standard output to give back, 0 for none. `seed`: of `random` and numpy's generator.
        """

        def run(worker: Worker) -> Outcome:
            return worker.script(code, tests, limit, stdin, stdout_limit, memory, seed)

        result, reruns = self._decided(run, lambda outcome: outcome.status == "infra")
        return replace(result, reruns=reruns, drew=result.drew or draws_entropy(code))

    def run_tests(
        self,
        code: str,
        tests: str,
        limit: float = 10.0,
        reference: str | None = None,
        text: str | None = None,
        memory: int | None = None,
    ) -> Outcome:
        """Run the tests on the code, apart from it where that can be: in a process where the code is not.

        Arguments and results then cross as data and no program can forge the verdict. `reference`: code that should
        pass; where it passes apart, so must `code`; where it passes only in one process, the tests are run there.
        Without it, tests are split where their text does not say that they cannot. `text`: the tests as they were
        written, where `tests` is a program that runs them. `forgeable` in the answer is empty, or says why the tests
        ran beside the code, or why they rely on its word. Where random numbers are drawn, all of SEEDS must pass.
        """
        run = _TestRun(tests, text or tests, limit, memory)
        tried = None if reference is None else self._tried(reference, run)
        if tried and code == reference:
            return tried.outcome
        if tried and (plan := tried.plan):
            return self._seeded(lambda seed: self.run_apart(code, tests, plan, limit, memory, seed))
        if tried and tried.outcome.status == "pass":
            return self._beside(code, run, tried.outcome.forgeable)
        try:
            return self._apart(code, run, split.plan(code, run.text, sure=False))
        except split.CannotSplit as why:
            return self._beside(code, run, str(why))

    def run_apart(
        self,
        code: str,
        tests: str,
        plan: split.SplitPlan,
        limit: float = 10.0,
        memory: int | None = None,
        seed: int = 0,
    ) -> Outcome:
        """Run tests that are known to run apart from the code: by the plan, which another program's run has shown.

        What cannot cross is then the code's fault, an error.
        """
        try:
            return self._talk(code, _TestRun(tests, tests, limit, memory), plan, seed)
        except split.CannotSplit as why:
            return Outcome("error", "CannotCross", str(why), stage="tests")

    def _tried(self, reference: str, run: "_TestRun") -> "_Tried":
        """How the reference fares and in which way, which is the way for all that are judged by these tests."""
        key = (reference, run)
        with self._lock:
            known = self._references.get(key)
        if known is None:
            known = self._try(reference, run)
            if known.outcome.status != "infra":
                with self._lock:
                    self._references[key] = known
                    while len(self._references) > _REFERENCES_KEPT:
                        self._references.popitem(last=False)
        return known

    def _try(self, reference: str, run: "_TestRun") -> "_Tried":
        try:
            plan = split.plan(reference, run.text, sure=True)
            outcome = self._apart(reference, run, plan)
            if outcome.status in ("pass", "infra"):
                return _Tried(outcome, replace(plan, odd=bool(outcome.forgeable)))
            why = f"apart from them the reference fails: {outcome.error_type}"
        except split.CannotSplit as reason:
            why = str(reason)
        return _Tried(self._beside(reference, run, why), None)

    def _apart(self, code: str, run: "_TestRun", plan: split.SplitPlan) -> Outcome:
        return self._seeded(lambda seed: self._talk(code, run, plan, seed))

    def _talk(self, code: str, run: "_TestRun", plan: split.SplitPlan, seed: int) -> Outcome:
        def talk(worker: Worker) -> Outcome:
            return worker.apart(code, run.tests, plan, run.limit, run.memory, seed)

        result, reruns = self._decided(talk, lambda outcome: outcome.status == "infra")
        return replace(result, reruns=reruns, drew=result.drew or draws_entropy(code))

    def _beside(self, code: str, run: "_TestRun", why: str) -> Outcome:
        def script(seed: int) -> Outcome:
            return self.run_script(code, run.tests, run.limit, memory=run.memory, seed=seed)

        return replace(self._seeded(script), forgeable=why)

    def _seeded(self, run: Callable[[int], Outcome]) -> Outcome:
        outcome, seeds = over_seeds(run, lambda outcome: outcome.status == "pass", lambda outcome: outcome.drew)
        return replace(outcome, seeds=seeds)

    def imap(self, function: Callable[[T], R], items: Iterable[T], ahead: int = 2) -> Iterator[R]:
        """`function(item)` for each item, in input order, at most `ahead` times as many in flight as there are workers.

        When the reader leaves before the end (Ctrl-C), what is running is ended at once; so is the executor's use.
        """
        with ThreadPoolExecutor(self.count) as threads:
            waiting: deque = deque()
            try:
                for item in items:
                    waiting.append(threads.submit(function, item))
                    if len(waiting) >= ahead * self.count:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            except BaseException as error:
                for future in waiting:
                    future.cancel()
                if isinstance(error, Exception) and not isinstance(error, FgitError):
                    raise  # a bug in the function; who calls may go on with other items
                self._leaving = True
                for worker in self._workers:
                    worker.interrupt()
                raise

    def describe(self) -> dict[str, Any]:
        """What a result records: level, reason, profile, workers, memory, Python and system."""
        return {
            "isolation": self.level, "reason": self.reason, "profile": self.profile, "workers": self.count,
            "memory": self.memory, "preload": list(self.preload), "python": platform.python_version(),
            "system": f"{sys.platform} {platform.release()} {platform.machine()}",
        }  # fmt: skip


class _TestRun(NamedTuple):
    """Tests to be run: the program, the text that it was made of, the time for code and tests, the memory."""

    tests: str
    text: str
    limit: float
    memory: int | None


class _Tried(NamedTuple):
    """What came of a reference under its tests; `plan`: how to run them apart, None where they run beside the code."""

    outcome: Outcome
    plan: split.SplitPlan | None


class _Turns:
    """Jobs run beside each other, or one runs alone; who waits to be alone goes before new ones."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._running = self._wanting = 0
        self._held = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._held and not self._wanting)
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._wanting += 1
            self._changed.wait_for(lambda: not self._held and not self._running)
            self._wanting -= 1
            self._held = True
        try:
            yield
        finally:
            with self._changed:
                self._held = False
                self._changed.notify_all()
