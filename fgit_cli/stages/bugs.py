"""Tells errors that no code foresaw, which are bugs in fgit, from errors of data, disk or memory."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from fgit_cli.errors import FgitError, one_line

T = TypeVar("T")
R = TypeVar("R")
_PACKAGE = Path(__file__).parents[1]
_TEXT = 300  # characters of an error's text


class Bug(NamedTuple):
    """An error that no code foresaw: its type, its place in fgit, its text. Picklable."""

    kind: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"unexpected {self.kind} at {self.place}"


def is_bug(error: BaseException) -> bool:
    """Whether an error on a record is fgit's own fault: no interrupt, none of fgit's errors, no disk's, no memory's."""
    names = {c.__name__ for c in type(error).__mro__}
    if names & {"OutOfMemoryError", "AcceleratorError"}:  # torch's
        return False
    if "PanicException" in names:  # of the libraries written in Rust; it is no Exception
        return True
    return isinstance(error, Exception) and not isinstance(error, FgitError | OSError | MemoryError)


def bug_of(error: BaseException) -> Bug:
    """What is said of an error that no code foresaw. Raises the error where it is none."""
    if not is_bug(error):
        raise error
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(_PACKAGE)]
    at = (own or frames)[-1]
    name = Path(at.filename)
    place = name.relative_to(_PACKAGE).as_posix() if own else name.name
    return Bug(type(error).__name__, f"{place}:{at.lineno}", one_line(error, _TEXT))


def or_bug(function: Callable[[T], R]) -> Callable[[T], "R | Bug"]:
    """The function, giving the bug that it met where it would raise it; for functions that run in other threads."""

    def guarded(item: T) -> R | Bug:
        try:
            return function(item)
        except BaseException as error:
            return bug_of(error)

    return guarded
