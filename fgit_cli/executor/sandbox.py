"""Starts one zygote, sends it jobs, reads what comes of them, and stops it: the parent's handle."""

import itertools
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgit_cli.executor import interpreter, wire

START_SECONDS = 60.0  # for a fresh interpreter to shut itself in and import what is preloaded
_GRACE = 30.0  # seconds beyond every limit before a silent zygote counts as dead
_PATIENCE = 20.0  # times the total limit that a starved child may take, as in zygote.py
_BUFFER = 4 << 20
_STARTED = itertools.count()


class SandboxFailed(Exception):
    """The sandbox itself failed: it could not be started, or died, or fell silent."""


@dataclass(frozen=True)
class Frame:
    """A frame of the child's (untrusted), with the time it took as the zygote saw it; 0 for those that end nothing."""

    kind: bytes
    content: bytes
    seconds: float


class Sandbox:
    """One zygote. Not thread-safe; a worker owns it."""

    def __init__(self, level: str, profile: str, user: int | None, preload: tuple[str, ...] | None) -> None:
        self.missing: list[str] = []
        self.user = user
        self._number = 0
        self._scratch = _scratch(user) if level in ("container", "none") else ""
        ours, theirs = socket.socketpair()
        for s in (ours, theirs):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0",
            "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "Agg",
            "PYTHONDONTWRITEBYTECODE": "1",
            "MALLOC_ARENA_MAX": "2",  # else each thread takes 64 MB of the address space that is limited
        }  # fmt: skip
        self._errors = interpreter.errors_file()
        self._process = subprocess.Popen(
            interpreter.command("fgit_cli.executor.zygote", str(theirs.fileno())),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._errors,
            env=environment, cwd="/", pass_fds=[theirs.fileno()], start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._socket, self._frames = ours, wire.Frames()
        self._waiting: list[tuple[bytes, int, bytes]] = []
        try:
            config = {
                "level": level,
                "profile": profile,
                "user": user,
                "preload": preload,
                "scratch": self._scratch,
            }
            wire.send(ours, wire.CONFIG, 0, wire.pack_json(config))
            _, content = self._next(time.monotonic() + START_SECONDS)
            self.missing = json.loads(content)["missing"]
        except wire.Closed:
            said = self._last_words()
            self.close()
            raise SandboxFailed(f"the sandbox ended: {said}") from None
        except BaseException:
            self.close()
            raise

    def run(self, job: dict[str, Any], texts: list[bytes]) -> Iterator[Frame | bytes | dict]:
        """Run a job: yields the child's frames, `bytes` of its standard output, and last the zygote's account, a dict.

        The account: `reason` (see watch.py), `index` (the input that
        was running, -1 the loading), `exit`, `cpu`, `seconds`, `began`. Raises SandboxFailed.
        """
        self._number += 1
        number = self._number
        header = wire.pack_json({**job, "lengths": [len(t) for t in texts]})
        deadline = time.monotonic() + _PATIENCE * job["total_limit"] + _GRACE
        try:
            wire.send(self._socket, wire.JOB, number, header, *texts)
        except wire.Closed:
            raise SandboxFailed(f"the sandbox ended: {self._last_words()}") from None
        child = _ChildFrames()
        while True:
            kind, content = self._next(deadline)
            if kind == wire.DATA:
                count = content[0] << 8 | content[1]
                stamps = [s for (s,) in wire.STAMP.iter_unpack(content[2 : 2 + wire.STAMP.size * count])]
                yield from child.feed(memoryview(content)[2 + wire.STAMP.size * count :], stamps)
            elif kind == wire.STDOUT:
                yield content
            elif kind == wire.END:
                yield json.loads(content)
                return

    def tell(self, message: bytes) -> None:
        """Send the child in a dialogue a message. Raises SandboxFailed."""
        try:
            wire.send(self._socket, wire.TELL, self._number, message)
        except wire.Closed:
            raise SandboxFailed("the sandbox ended during a dialogue") from None

    def stop(self) -> None:
        """Ask for the end of the job that is running. The caller goes on reading until its account."""
        try:
            wire.send(self._socket, wire.STOP, self._number)
        except wire.Closed:
            pass  # the reader finds out

    def _next(self, deadline: float) -> tuple[bytes, bytes]:
        while not self._waiting:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SandboxFailed("the sandbox fell silent")
            self._socket.settimeout(left)
            try:
                self._waiting = wire.receive(self._socket, self._frames)
            except TimeoutError:
                continue
            except wire.Closed:
                raise SandboxFailed(f"the sandbox ended: {self._last_words()}") from None
        kind, _, content = self._waiting.pop(0)
        if kind == wire.FATAL:
            raise SandboxFailed(content.decode(errors="replace").strip().splitlines()[-1])
        return kind, content

    def _last_words(self) -> str:
        return interpreter.last_words(self._process, self._errors)

    def kill(self) -> None:
        """End the zygote and everything in its box; the reader finds out."""
        self._process.kill()

    def close(self) -> None:
        """End the zygote and everything in its box."""
        self._socket.close()
        self.kill()
        self._process.wait()
        self._errors.close()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)


class _ChildFrames:
    """The child's bytes, put together to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: Any, stamps: list[float]) -> Iterator[Frame]:
        buffer, size = self._buffer, wire.CHILD_HEADER.size
        buffer += data
        times, start = iter(stamps), 0
        while len(buffer) - start >= size:
            kind, length = wire.CHILD_HEADER.unpack_from(buffer, start)
            end = start + size + length
            if len(buffer) < end or kind not in wire.CHILD_KINDS:
                break
            seconds = next(times, 0.0) if kind in wire.STAMPED else 0.0
            yield Frame(kind, bytes(memoryview(buffer)[start + size : end]), seconds)
            start = end
        del buffer[:start]


def _scratch(user: int | None) -> str:
    """A directory that holds the samples' own directories, where there is no private file system."""
    try:
        folder = tempfile.mkdtemp(prefix="fgit-")
    except OSError as error:
        raise SandboxFailed(f"{error.strerror}; name one that can be written by TMPDIR") from None
    if user is not None:
        os.chown(folder, user, user)
    return folder


def unprivileged_user() -> int | None:
    """Where this is root: a user id that nobody else has, to run untrusted code as; else None.

    None too for the root of a user namespace to which no other id is mapped: it has no root's rights outside.
    """
    if os.name != "posix" or os.geteuid() != 0:
        return None
    user = 61000 + (os.getpid() * 16 + next(_STARTED)) % 3500
    try:
        mapped = [[int(word) for word in line.split()] for line in Path("/proc/self/uid_map").read_text().splitlines()]
    except OSError:
        return user
    return user if any(first <= user < first + count for first, _, count in mapped) else None
