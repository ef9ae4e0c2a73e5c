"""Imports once, forks per sample and has each child watched (watch.py): the first process in the box.

It reads jobs from the parent's socket and holds no expected value.
"""

import fcntl  # noqa: F401  # imported now, for the child has no time for it
import gc
import importlib
import json
import os
import signal
import socket
import sys
import time
import traceback
from typing import NoReturn

from fgit_cli.executor import code_side, linux, runner, tests_side, wire
from fgit_cli.executor.confine import Box, high
from fgit_cli.executor.entering import enter
from fgit_cli.executor.values import decode, enable_numpy, encode
from fgit_cli.executor.watch import Watch

_ENVIRONMENT = {"HOME": "/tmp", "TMPDIR": "/tmp", "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_DIALOGUES = ("code", "tests")  # the two kinds of job that talk to each other
# What solutions import most; imported once here, so that a sample does not pay for it.
_COMMON = str.split(
    "abc array ast base64 bisect calendar cmath collections contextlib copy csv dataclasses datetime decimal enum "
    "fractions functools hashlib heapq inspect io itertools json math numbers operator pprint queue random re "
    "statistics string struct textwrap time traceback typing unicodedata unittest uuid"
)

_ORDINARY = """
from typing import Any, Dict, List, Optional, Set, Tuple, Union
import collections, itertools, math, re, string
def f(a: List[float], b: str, c: Dict[int, Tuple[Any, ...]]) -> Optional[Tuple[List[int], str, Dict[str, int]]]:
    return sorted(a), re.sub("[0-9]", "x", b), {str(k): len(v) for k, v in c.items()}
"""


def main(fd: int) -> NoReturn:
    """Serve jobs on the socket `fd` until it closes."""
    control = socket.socket(fileno=fd)
    frames = wire.Frames()
    try:
        [(_, _, content)] = _next(control, frames)
        config, _ = wire.unpack_json(content)
        box = enter(config["level"], config["profile"], config["user"])
        box.shared_scratch = config["scratch"]
        missing = _preload(config["preload"])
        box.null = high(os.open(os.devnull, os.O_RDWR))
        wire.send(control, wire.READY, 0, json.dumps({"missing": missing}).encode())
        _serve(control, frames, box)
    except wire.Closed:
        pass
    except BaseException:
        try:
            wire.send(control, wire.FATAL, 0, traceback.format_exc().encode())
        except wire.Closed:
            pass
    os._exit(0)


def _next(control: socket.socket, frames: wire.Frames) -> list[tuple[bytes, int, bytes]]:
    while True:
        got = wire.receive(control, frames)
        if got:
            return got


def _preload(names: list[str] | None) -> list[str]:
    """Import what samples use; the names of `names` that cannot be imported. None: nothing at all, for a self-test."""
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    missing = []
    for name in [] if names is None else [*_COMMON, *names]:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    if "numpy" in sys.modules:
        enable_numpy()
        sys.modules["numpy"].random.seed(0)  # its first use takes a while
    if names is not None:
        _warm_up()
    gc.collect()
    gc.freeze()
    return missing


def _warm_up() -> None:
    """Do a few times what every child does, so that it finds the caches filled and the bytecode specialised."""
    for n in range(20):
        namespace: dict[str, object] = {}
        exec(_ORDINARY, namespace)
        output = namespace["f"](*decode(encode([[n, 0.5], f"{n}", {n: (n, None, True)}])))  # type: ignore[operator]
        encode(output)
        json.dumps([n])


def _serve(control: socket.socket, frames: wire.Frames, box: Box) -> None:
    while True:
        for kind, number, content in _next(control, frames):
            if kind == wire.JOB:  # a STOP here is for a job that has ended
                _run(control, frames, box, number, content)


def _run(control: socket.socket, frames: wire.Frames, box: Box, number: int, content: bytes) -> None:
    """Do one job: fork the child, have it watched, kill it and all that it started, and give account."""
    job, blobs = wire.unpack_json(content)
    results, result_end = os.pipe()
    output, output_end = os.pipe() if job["stdout_limit"] else (-1, -1)
    questions, questions_end = os.pipe() if job["kind"] in _DIALOGUES else (-1, -1)
    box.before_fork()
    started = time.monotonic()
    pid = linux.fork() if sys.platform == "linux" else os.fork()
    if not pid:
        _child(box, job, blobs, result_end, output_end, questions)
    for fd in (result_end, output_end, questions):
        if fd >= 0:
            os.close(fd)
    watch = Watch(control, frames, box, number, job, pid, questions_end)
    try:
        reason = watch.until_end(results, output)
    finally:
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        box.clear()
        for fd in (results, output, questions_end, watch.schedule):
            if fd >= 0:
                os.close(fd)
    account = {
        "reason": reason, "index": watch.index, "exit": os.waitstatus_to_exitcode(status), "began": watch.began,
        "cpu": usage.ru_utime + usage.ru_stime, "starved": watch.starved, "seconds": time.monotonic() - started,
        "overran": watch.overran, "over_limit_alone": watch.over_limit_alone,
    }  # fmt: skip
    watch.hand_over(*wire.pack(wire.END, number, json.dumps(account).encode()))


def _child(box: Box, job: dict, blobs: memoryview, result_end: int, output_end: int, questions: int) -> NoReturn:
    """Put the descriptors in place, shut this process in, and run the code under test."""
    try:
        texts, start = [], 0
        for length in job["lengths"]:
            texts.append(bytes(blobs[start : start + length]))
            start += length
        results = high(result_end)
        asked = high(questions) if questions >= 0 else -1
        output = high(output_end) if output_end >= 0 else box.null
        stdin = _file_of(texts[2]) if job["stdin"] else box.null
        places = [(stdin, 0), (output, 1), (box.null, 2), (results, runner.RESULTS)]
        places += [(asked, runner.QUESTIONS)] if asked >= 0 else []
        for source, target in places:
            os.dup2(source, target, inheritable=True)
        _close_all_but([fd for fd in (*box.kept, box.ruleset) if fd >= 0], len(places))
        if box.scratch:
            os.environ["TMPDIR"] = os.environ["HOME"] = box.scratch
        box.confine(job["memory"])
    except BaseException as error:  # nothing untrusted has run: without BEGIN the parent takes it for our fault
        runner.raised(error)
        os._exit(1)
    runner.seed(job["seed"])
    gc.enable()
    runner.emit(wire.BEGIN)
    code = texts[0].decode("utf-8", "surrogatepass")
    if job["kind"] == "code":
        code_side.run(code)
    if job["kind"] == "tests":
        tests_side.run(job["plan"], code)
    if job["kind"] == "calls":
        runner.run_calls(code, job["entry_point"], texts[1:], job["collect"], job["keep_going"])
    runner.run_script(code, texts[1].decode("utf-8", "surrogatepass"))


def _file_of(content: bytes) -> int:
    """A file that holds the content and has no name."""
    if sys.platform == "linux":
        fd = high(os.memfd_create("stdin"))
    else:
        import tempfile

        with tempfile.TemporaryFile() as f:
            fd = high(os.dup(f.fileno()))
    with open(fd, "wb", closefd=False) as f:
        f.write(content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _close_all_but(kept: list[int], start: int) -> None:
    """Close all descriptors from `start` on but those that are kept."""
    for fd in sorted(kept):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, 1 << 16)
