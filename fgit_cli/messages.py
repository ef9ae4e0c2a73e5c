"""What fgit says to people on stderr: every line `fgit COMMAND: ...`, and how an option is spelled."""

import contextlib
import fcntl
import os
import shlex
import sys
from collections.abc import Container
from typing import Any

from fgit_cli.options import Spec, specs


def name(command: str | None) -> str:
    """What a message begins with: `fgit mask`, or `fgit` alone outside of any command."""
    return f"fgit {command}" if command else "fgit"


def say(command: str | None, message: str) -> None:
    """Write one line under the command's name. A reader of stderr that went away is no error."""
    _write(f"{name(command)}: {message}\n")


def heading(command: str | None) -> None:
    """Write the command's name alone, over what it tells in several lines."""
    _write(f"{name(command)}\n")


def note(command: str | None, options: Any, message: str) -> None:
    """Say what is worth knowing but no error; nothing with --quiet."""
    if not options.quiet:
        say(command, message)


def _write(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(_wiped() + text, end="", file=sys.stderr, flush=True)


def _wiped() -> str:
    """What wipes the line under the cursor where another stage of the pipe has drawn its progress there; else nothing.

    While this process draws itself, rich stands in for stderr and puts the text above the line.
    """
    if sys.stderr is not sys.__stderr__ or sys.stderr is None or not sys.stderr.isatty():
        return ""
    held = lock_terminal()
    if held is None:
        return "\r\x1b[2K"
    os.close(held)
    return ""


def lock_terminal() -> int | None:
    """A descriptor that holds the lock on stderr's terminal; None while another process has it.

    A terminal that cannot be locked is taken as it is.
    """
    try:
        held = os.open(os.ttyname(sys.stderr.fileno()), os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    except OSError:
        pass
    return held


def flags(field: str, spec: Spec) -> tuple[str, ...]:
    """The spellings of an option on the command line: `max_length` is `--max-length` unless it has its own."""
    return spec.flags or (f"--{field.replace('_', '-')}",)


def flag(field: str, options: type | None = None) -> str:
    """An option as messages name it: its first spelling in the command's `options`, else the one of its name."""
    known = specs(options) if options else {}
    return flags(field, known[field][1] if field in known else Spec(help=""))[0]


def words(field: str, value: Any, options: type) -> list[str]:
    """An option with its value as words of the command line; none for what needs no word."""
    spelled = flag(field, options)
    if isinstance(value, bool):
        yes, _, no = spelled.partition("/")
        return [word for word in (yes if value else no,) if word]
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [word for one in values for word in (spelled, str(one))]


def typed(command: str, options: Any, leave_out: Container[str] = ()) -> str:
    """The command line that gives these options, with those that were set and are not to be left out."""
    line = ["fgit", command]
    for name, (_, spec) in specs(type(options)).items():
        if spec.argument:
            line += getattr(options, name)
        elif name in options.given and name not in leave_out:
            line += words(name, getattr(options, name), type(options))
    return shlex.join(line)
