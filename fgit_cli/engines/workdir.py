"""Keeps a folder for work that cost money or hours, so that the same command takes it up again.

Its name is `.fgit/COMMAND-HASH`: the hash covers the content of the input files and the recorded options, so another
input or another model never meets the wrong work. Options that only say where or how fast are left out of the hash
(`recorded=False`), so that a run may be taken up with another server or another concurrency.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.formats import places
from fgit_cli.messages import note
from fgit_cli.options import resolved

LOCK = "lock"  # in the folder; held by the command that works there


@contextlib.contextmanager
def open_workdir(command: str, options: Any, inputs: list[str]) -> Iterator[Path]:
    """The command's work folder, made if need be, named on stderr, and this command's alone until the end.

    `options` is the command's Options (its `work_dir`, when set, is taken as it is); `inputs` the files it reads, none
    or `-` for stdin. A folder made here that is empty at the end is taken away. Raises InputError for a file that
    cannot be read, UsageError for a folder that cannot be made or in which another command is at work.
    """
    given = getattr(options, "work_dir", None)
    path = Path(given) if given else Path(".fgit") / f"{command}-{identity(command, options, inputs)}"
    made = [p for p in (path, *path.parents) if not p.exists()]
    try:
        lock = _locked(path)
    except OSError as error:
        raise UsageError(f"--work-dir {path}: {error.strerror}; name a folder that can be written") from None
    existed = any(p.name != LOCK for p in path.iterdir())
    note(command, options, f"{'takes up the work in' if existed else 'keeps its work in'} {path}")
    try:
        yield path
    finally:
        if [p.name for p in path.iterdir()] == [LOCK]:
            (path / LOCK).unlink()
            with contextlib.suppress(OSError):  # somebody else keeps something there
                for folder in made:
                    folder.rmdir()
        os.close(lock)


def _locked(path: Path) -> int:
    """The folder, made and locked: what to close at the end. Ends with the process, and is not its children's.

    Raises UsageError where another process has the lock, OSError for a folder that cannot be written.
    """
    while True:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)  # prompts and answers are nobody else's
        try:
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileNotFoundError:  # another command has ended in between, and taken its folder away
            continue
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            os.close(lock)
            raise UsageError(
                f"{path} is in use by another fgit; wait for its end, or give another --work-dir"
            ) from None
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)  # of a file that is gone


def identity(command: str, options: Any, inputs: list[str]) -> str:
    """12 hex digits of SHA-256 over the command, its recorded options and the content of its inputs."""
    parts = [command, resolved(options), [_content(name) for name in places.expanded(inputs or ["-"])]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _content(name: str) -> str:
    """What identifies an input: the hash of its bytes; `stdin` where it cannot be read twice (a pipe)."""
    if name == "-":
        try:
            descriptor = sys.stdin.fileno()
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "stdin"
            return _digest_at(descriptor, os.lseek(descriptor, 0, os.SEEK_CUR))
        except (OSError, ValueError, AttributeError):
            return "stdin"
    return places.identity(name)


def _digest_at(descriptor: int, at: int) -> str:
    """The hash of a file from an offset on; the file's own position stays where it is."""
    digest = hashlib.sha256()
    while chunk := os.pread(descriptor, 1 << 20, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()
