"""Starts a fresh Python that runs one module of fgit; nothing on its import path comes before the standard library.

A folder of packages may hold anything: a `typing.py` for Pythons of ten years ago is enough to keep an interpreter
that finds it first from starting. So the folders of packages follow the standard library, whatever put them elsewhere,
and fgit itself is loaded from its own files and from no import path.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
from typing import IO

import fgit_cli

# Runs first in the new process, before anything of fgit. `os` is there from the interpreter's own start.
_BOOT = """
import os, sys
standard = os.path.dirname(os.__file__)
sys.path += [p for p in {packages!r} if p not in sys.path]
sys.path.sort(key=lambda p: p not in (standard, os.path.join(standard, "lib-dynload")))
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("fgit_cli", {package!r})
sys.modules["fgit_cli"] = package = module_from_spec(spec)
spec.loader.exec_module(package)
from {module} import main
main({arguments})
"""
_ERROR = re.compile(r"[\w.]*(Error|Exception|error)\b")
_LONGEST = 300  # characters of a last line that are passed on
_ENDING = 2.0  # seconds that a process whose pipe has closed may take to end


def command(module: str, arguments: str = "") -> list[str]:
    """The command that imports `module` in a fresh Python and calls its `main(arguments)`."""
    boot = _BOOT.format(packages=package_folders(), package=fgit_cli.__file__, module=module, arguments=arguments)
    return [sys.executable, "-s", "-P", "-c", boot]


def package_folders() -> list[str]:
    """The folders that this process imports installed packages from, in its own order (a user's own among them)."""
    return [os.path.abspath(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]


def errors_file() -> IO[bytes]:
    """A file without a name, for a process's standard error; `last_words` reads it."""
    if sys.platform == "linux":
        return open(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()


def last_words(process: subprocess.Popen, errors: IO[bytes]) -> str:
    """Why a process ended: the last line of its standard error that names an error, else the last; else its status."""
    try:
        status = process.wait(_ENDING)
    except subprocess.TimeoutExpired:
        status = None
    size = os.fstat(errors.fileno()).st_size
    text = os.pread(errors.fileno(), 1 << 16, max(0, size - (1 << 16))).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines:
        return next((line for line in reversed(lines) if _ERROR.match(line)), lines[-1])[:_LONGEST]
    if status is None:
        return "it closed its connection"
    number = -status if status < 0 else status - 128
    return f"killed by {signal_name(number)}" if number > 0 else f"exit status {status}"


def signal_name(number: int) -> str:
    """The signal's name, or its number where it has none."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
