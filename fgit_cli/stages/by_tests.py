"""Judges a variant by its record's own tests, in the executor's sandbox. Nothing else in fgit decides that.

The tests judge only where the correct response passes them. A variant is wrong only if it then fails them twice: a test
that fails now and then shows nothing, and neither does what runs out of time or memory or could not be run.
"""

from typing import TYPE_CHECKING

from fgit_cli.core import written_tests
from fgit_cli.options import ExecutionOptions

if TYPE_CHECKING:
    from fgit_cli.executor import Executor, Outcome

CORRECT_FAILS = "the correct response fails its own tests"
NOT_INSTALLED = f"{CORRECT_FAILS}, which need a package that is not installed"
UNTESTED = "untested"  # in a variant's origin: its record has no tests, so that nothing shows it to be wrong
FAILED = "fails its record's tests"
FORGEABLE = "records judged by tests that ran beside the code (forgeable)"
SOMETIMES = "fails the tests only sometimes"
WRONG = ("fail", "error")  # an assertion failed, or the code or the tests raised
REASONS = {
    "pass": "passes the tests",
    "timeout": "runs out of time",
    "memory": "runs out of memory",
    "infra": "could not be run",
}


def open_executor(options: ExecutionOptions, *preload: str) -> "Executor":
    """The sandbox of the options, a context manager; `preload` are modules that the code imports."""
    from fgit_cli.executor import Executor

    return Executor(options.isolation, options.processes, options.profile, preload=("numpy", *preload))


class NoTest(Exception):
    """Tests that the correct code passes, and that test nothing; the message says why."""


class RecordsTests:
    """The tests of one record, with the correct code that must pass them.

    They are run apart from the code where they can be; `forgeable` says why they could not, and is empty until the
    correct code was run.
    """

    def __init__(self, executor: "Executor", correct: str, tests: str, limit: float) -> None:
        self._executor, self._correct, self._tests, self._limit = executor, correct, tests, limit
        self.forgeable = ""

    def why_not_correct(self) -> str | None:
        """None when the correct code passes its tests within the limit, else why the tests cannot judge.

        Raises NoTest where they pass without having tested it.
        """
        from fgit_cli.executor import plain_report

        outcome = self._run(self._correct)
        self.forgeable = outcome.forgeable
        if outcome.status == "pass":
            if why := written_tests.no_test(plain_report(outcome.report)):
                raise NoTest(why)
            return None
        if outcome.stage == "tests" and outcome.error_type == "ModuleNotFoundError":
            return NOT_INSTALLED
        return REASONS["infra"] if outcome.status == "infra" else CORRECT_FAILS

    def why_not_wrong(self, code: str) -> str | None:
        """None when the variant fails the tests twice, else the reason why it is not shown to be wrong."""
        status = self._run(code).status
        return self.why_not_wrong_again(code) if status in WRONG else REASONS[status]

    def why_not_wrong_again(self, code: str) -> str | None:
        """The same as `why_not_wrong`, of code that has failed the tests once already."""
        status = self._run(code).status
        if status in WRONG:
            return None
        return SOMETIMES if status == "pass" else REASONS[status]

    def judged(self) -> dict[str, str]:
        """What the origin of a variant that they showed to be wrong records."""
        return {"judged": FAILED} | ({"forgeable": self.forgeable} if self.forgeable else {})

    def _run(self, code: str) -> "Outcome":
        program = written_tests.script(self._tests)
        return self._executor.run_tests(code, program, self._limit, self._correct, self._tests)


def said(outcome: "Outcome") -> str:
    """The error as a person is shown it: type and message on one line."""
    return f"{outcome.error_type}: {outcome.message}".strip(": ") or outcome.status
