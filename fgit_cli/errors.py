"""The ways to fail, and the table of exit codes. May be imported anywhere.

| code | meaning |
|---|---|
| 0 | done (also when the reader went away, and for empty input, which is said) |
| 1 | finished, but the answer is no |
| 2 | the command line |
| 3 | the input |
| 4 | an engine failed; try again |
| 130 | interrupted; everything finished is flushed |

A message is one line: the place, what is wrong, what to do. A traceback means a bug in fgit.
"""

from fgit_cli import install

INTERRUPTED = 130


class FgitError(Exception):
    """Anything fgit refuses or could not do; `exit_code` is the process's exit status."""

    exit_code = 4


class AnswerIsNo(FgitError):
    """The command finished and the answer is no: too many rejects, verdicts that could not be reached."""

    exit_code = 1


class UsageError(FgitError):
    """The command line (or its `--config` file) asks for something that cannot be."""

    exit_code = 2


class InputError(FgitError):
    """A record, a line or a file that cannot be used. `place` is `FILE:LINE`, put before the message.

    Code that has a record but not its place raises without one; the reader that knows it adds it.
    """

    exit_code = 3

    def __init__(self, message: str, place: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class EngineError(FgitError):
    """A server, a model or a sandbox failed; the same command again goes on where it stopped."""

    exit_code = 4


class MissingExtra(UsageError):
    """A package of an extra is not installed; the message is the one line that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs packages that are not installed; {install.advice(extra)}")
        self.extra = extra


def one_line(what: object, longest: int | None = None) -> str:
    """What an error or a text says, in one line of at most `longest` characters: libraries write theirs in several."""
    return " ".join(str(what).split())[:longest]
