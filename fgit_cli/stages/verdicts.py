"""Is code wrong by the record's own tests? Asked twice, in the sandbox, because a flaky verdict is none."""

import dataclasses

from fgit_cli.executor import Executor, Isolation, Outcome
from fgit_cli.options import Common, cores, option, workers_option

WRONG = frozenset({"fail", "error"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionOptions(Common):
    """How code is run against tests."""

    isolation: Isolation = option(
        "auto", "The sandbox; auto takes the strongest that works here (fgit doctor shows it).", panel="Execution"
    )
    test_limit: float = option(
        10.0, "Longest run of code and tests.", unit="seconds", source="our choice", minimum=0.1, panel="Execution"
    )
    workers: int | None = workers_option("Programs run at a time", panel="Execution")


def open_executor(options: ExecutionOptions) -> Executor:
    """The sandbox of the options; its own context manager."""
    return Executor(isolation=options.isolation, workers=options.workers or cores())


def not_wrong(executor: Executor, code: str, tests: str, limit: float) -> str | None:
    """Why the code is not known to be wrong; None where it fails the tests twice.

    A timeout, too much memory and our own failure are no verdict: they leave the code out.
    """
    for _ in range(2):
        outcome = executor.run_script(code, tests, limit=limit)
        if outcome.status == "pass":
            return "passes the tests"
        if outcome.status not in WRONG:
            return f"undecided by the tests: {outcome.status}"
    return None


def said(outcome: Outcome) -> str:
    """The error as a person is shown it: type and message on one line."""
    return f"{outcome.error_type}: {outcome.message}".strip(": ") or outcome.status
