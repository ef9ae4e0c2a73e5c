"""Whether a record's own tests show a variant to be wrong, in the executor's sandbox.

A variant is wrong only if it fails twice: a test that fails now and then shows nothing. What runs out of time or
memory, or could not be run, shows nothing either.
"""

from typing import Protocol

from fgit_cli.executor import Outcome

CORRECT_FAILS = "the correct response fails its own tests"
REASONS = {
    "pass": "passes the tests",
    "timeout": "runs out of time",
    "memory": "runs out of memory",
    "infra": "could not be run",
}
SOMETIMES = "fails the tests only sometimes"
WRONG = ("fail", "error")  # an assertion failed, or the code or the tests raised


class Runner(Protocol):
    """The part of the executor that is used here."""

    def run_script(self, code: str, tests: str = "", limit: float = 10.0) -> Outcome: ...


def why_not_correct(runner: Runner, code: str, tests: str, limit: float) -> str | None:
    """None when the correct code passes its tests within `limit` seconds, else why the tests cannot judge."""
    status = runner.run_script(code, tests, limit).status
    if status == "pass":
        return None
    return REASONS["infra"] if status == "infra" else CORRECT_FAILS


def why_not_wrong(runner: Runner, code: str, tests: str, limit: float) -> str | None:
    """None when the variant fails its tests twice, else the reason why it is not shown to be wrong."""
    status = runner.run_script(code, tests, limit).status
    if status not in WRONG:
        return REASONS[status]
    again = runner.run_script(code, tests, limit).status
    if again in WRONG:
        return None
    return SOMETIMES if again == "pass" else REASONS[again]
