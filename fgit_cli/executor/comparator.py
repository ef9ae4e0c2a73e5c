"""Decodes and compares outputs in a process that holds expected values and never code under test; it can be killed.

An output is data, but data can stall a comparison (a set of integers with one hash), so the parent gives each
comparison a time and starts a new process when it runs out.
"""

import json
import os
import resource
import struct
import subprocess
import sys
import time
from functools import partial
from typing import Any

from fgit_cli.errors import EngineError
from fgit_cli.executor import equality, interpreter
from fgit_cli.executor.jobs import Rules
from fgit_cli.executor.values import decode

_LENGTH = struct.Struct("<Q")
_MEMORY = 4 << 30
_READY = b"ready"
_PREPARE_SECONDS = 600.0  # for a task's expected outputs, which are trusted
_WALL = 2.0  # a comparator that waits for a processor gets at most this many times its limit, by the clock


class ComparisonStalled(Exception):
    """A comparison used up its time or its memory; the process is gone."""


class Comparator:
    """The parent's handle; the process starts at the first request and again after a stall. One thread at a time."""

    def __init__(self, memory: int = _MEMORY) -> None:
        """`memory`: bytes that a comparison may take, beside what the process takes itself."""
        self._memory = memory
        self._process: subprocess.Popen | None = None

    def tolerances(self, outputs: tuple[bytes, ...], inputs: tuple[bytes, ...], how: Rules) -> list[tuple[float, bool]]:
        """Per input: the tolerance as it stands there, and whether the expected output equals itself (a NaN does not).

        Raises ValueError where an expected output cannot be decoded.
        """
        asked = {"what": "prepare", "kind": how.kind, "atol": how.atol}
        try:
            answer = self._ask(asked, [*outputs, *inputs], _PREPARE_SECONDS)
        except ComparisonStalled:
            raise ValueError("decoding the expected outputs took too long or too much memory") from None
        if "error" in answer:
            raise ValueError(answer["error"])
        return [(atol, same) for atol, same in answer["each"]]

    def compare(self, how: Rules, output: bytes, expected: bytes, arguments: bytes, atols: tuple[float, float],
                limit: float) -> bool:  # fmt: skip
        """Whether the output passes. `atols`: the tolerance before this input and at it. Raises ComparisonStalled."""
        before, here = atols
        asked = {"what": "compare", "kind": how.kind, "before": before, "here": here, "memory": self._memory}
        return self._ask(asked, [output, expected, arguments], limit)["equal"]

    def decodes(self, data: bytes, limit: float) -> bool:
        """Whether the bytes are a value that can be decoded within the limit."""
        try:
            return self._ask({"what": "decode", "memory": self._memory}, [data], limit)["equal"]
        except ComparisonStalled:
            return False

    def _ask(self, question: dict, blobs: list[bytes], limit: float) -> Any:
        process = self._process or self._start()
        head = json.dumps({**question, "lengths": [len(b) for b in blobs]}).encode()
        assert process.stdin is not None
        try:
            process.stdin.write(b"".join([_LENGTH.pack(len(head)), head, *blobs]))
            process.stdin.flush()
            if not self._answered(process, limit):
                raise ComparisonStalled
            (length,) = _LENGTH.unpack(self._read(process, _LENGTH.size))
            return json.loads(self._read(process, length))
        except (BrokenPipeError, EOFError, ComparisonStalled):
            self.close()
            raise ComparisonStalled from None
        except BaseException:
            self.close()
            raise

    def _read(self, process: subprocess.Popen, size: int) -> bytes:
        assert process.stdout is not None
        data = process.stdout.read(size)
        if len(data) < size:
            raise EOFError
        return data

    def _answered(self, process: subprocess.Popen, limit: float) -> bool:
        """Wait for the answer; the limit counts the process's own processor time, where the system tells it."""
        import select

        poller = select.poll()
        poller.register(process.stdout, select.POLLIN)  # type: ignore[arg-type]
        used = partial(_processor_seconds, process.pid)
        start, began = time.monotonic(), used()
        while not poller.poll(min(limit, 0.1) * 1000 + 1):
            waited = time.monotonic() - start
            if waited > limit and (not used() - began < limit or waited > _WALL * limit):
                return False
        return True

    def _start(self) -> subprocess.Popen:
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        with interpreter.errors_file() as errors:
            process = self._process = subprocess.Popen(
                interpreter.command(__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=environment, cwd="/", start_new_session=True,
            )  # fmt: skip
            if process.stdout.read(len(_READY)) != _READY:  # type: ignore[union-attr]
                said = interpreter.last_words(process, errors)
                self.close()
                raise EngineError(f"the process that compares outputs does not start: {said}")
        return process

    def close(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process:
            process.kill()
            for stream in (process.stdin, process.stdout):
                try:
                    stream.close()  # type: ignore[union-attr]
                except BrokenPipeError:
                    pass
            process.wait()


def _processor_seconds(pid: int) -> float:
    """Processor time of another process; infinite where the system does not tell it."""
    if sys.platform != "linux":
        return float("inf")
    from fgit_cli.executor import linux

    return linux.processor_seconds(pid)


# in the process


def main() -> None:
    """Answer requests on stdin until it closes."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.set_int_max_str_digits(0)
    import numpy  # noqa: F401  # now, for without it every float would compare as wrong

    source, sink = sys.stdin.buffer, sys.stdout.buffer
    sink.write(_READY)
    sink.flush()
    while head := source.read(_LENGTH.size):
        (length,) = _LENGTH.unpack(head)
        asked = json.loads(source.read(length))
        blobs = [source.read(n) for n in asked["lengths"]]
        _allow(asked.get("memory"))
        answer = json.dumps(_ANSWERS[asked["what"]](asked, blobs)).encode()
        sink.write(_LENGTH.pack(len(answer)) + answer)
        sink.flush()
        _allow(None)


def _allow(memory: int | None) -> None:
    """Let what is done next take so many bytes more than the process has now; with None, `_MEMORY` in all."""
    if sys.platform != "linux":
        return
    limit = _MEMORY
    if memory is not None:
        with open("/proc/self/statm", encoding="ascii") as pages:
            limit = min(limit, int(pages.read().split()[0]) * resource.getpagesize() + memory)
    resource.setrlimit(resource.RLIMIT_AS, (limit, _MEMORY))


def _prepare(asked: dict, blobs: list[bytes]) -> dict:
    count = len(blobs) // 2
    try:
        expected = [decode(b) for b in blobs[:count]]
    except ValueError as error:
        return {"error": str(error)}
    each = []
    atols = equality.tolerances(expected, asked["atol"])
    before = asked["atol"]
    for blob, arguments, atol in zip(blobs[:count], blobs[count:], atols, strict=True):
        same = equality.equal(asked["kind"], decode(blob), decode(blob), decode(arguments), atol, before)
        each.append([atol, same])
        before = atol
    return {"each": each}


def _compare(asked: dict, blobs: list[bytes]) -> dict:
    try:
        output, expected, arguments = map(decode, blobs)
    except (ValueError, MemoryError):
        return {"equal": False}
    return {"equal": equality.equal(asked["kind"], output, expected, arguments, asked["here"], asked["before"])}


def _decode(asked: dict, blobs: list[bytes]) -> dict:
    try:
        decode(blobs[0])
    except (ValueError, MemoryError):
        return {"equal": False}
    return {"equal": True}


_ANSWERS = {"prepare": _prepare, "compare": _compare, "decode": _decode}
