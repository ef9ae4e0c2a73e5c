"""What fgit says to people on stderr: every line `fgit COMMAND: ...`, and how an option is spelled."""

import contextlib
import sys
from typing import Any

from fgit_cli.options import Spec, specs


def name(command: str | None) -> str:
    """What a message begins with: `fgit mask`, or `fgit` alone outside of any command."""
    return f"fgit {command}" if command else "fgit"


def say(command: str | None, message: str) -> None:
    """Write one line under the command's name. A reader of stderr that went away is no error."""
    _write(f"{name(command)}: {message}\n")


def note(command: str | None, options: Any, message: str) -> None:
    """Say what is worth knowing but no error; nothing with --quiet."""
    if not options.quiet:
        say(command, message)


def _write(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(text, end="", file=sys.stderr, flush=True)


def flags(field: str, spec: Spec) -> tuple[str, ...]:
    """The spellings of an option on the command line: `max_length` is `--max-length` unless it has its own."""
    return spec.flags or (f"--{field.replace('_', '-')}",)


def flag(field: str, options: type | None = None) -> str:
    """An option as messages name it: its first spelling in the command's `options`, else the one of its name."""
    known = specs(options) if options else {}
    return flags(field, known[field][1] if field in known else Spec(help=""))[0]
