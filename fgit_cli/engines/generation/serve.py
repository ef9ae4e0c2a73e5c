"""Runs `vllm serve` for as long as fgit needs it, and stops it whatever happens."""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from fgit_cli.errors import EngineError, MissingExtra

TAIL = 15  # lines of the log that are shown when the server dies
STOP_SECONDS = 30.0  # between asking it to end and killing it
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@contextlib.contextmanager
def serve(
    model: str, arguments: str, folder: Path, deadline: float, note: Callable[[str], None]
) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Run a `vllm serve` for the model on the local GPUs; yields its base URL, and what says how it ended.

    `arguments` are further words for `vllm serve`; without any, the model is split over all GPUs. `deadline`: seconds
    until it must answer. Its log is `folder/serve.log`. Raises MissingExtra without vLLM; EngineError, with the log's
    tail on stderr, when the server dies or does not answer in time.
    """
    program = shutil.which("vllm")
    if program is None:
        raise MissingExtra("--serve", "vllm")
    port = _free_port()
    words = shlex.split(arguments) or _all_gpus()
    # vLLM fills what a request does not say from the model's generation config; "vllm" switches that off
    command = [
        program,
        "serve",
        model,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--generation-config",
        "vllm",
        *words,
    ]
    log = folder / "serve.log"
    with open(log, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=_die_with,
        )
    try:
        note(f"started {shlex.join(command)}; its log is {log}")
        started = time.monotonic()
        _wait_for(process, f"http://127.0.0.1:{port}/health", deadline, log, note)
        note(f"the server answers after {time.monotonic() - started:.0f} s")
        yield f"http://127.0.0.1:{port}/v1", lambda: _ended(process, log, note)
    finally:
        _stop(process)


def _wait_for(process: subprocess.Popen, health: str, deadline: float, log: Path, note: Callable[[str], None]) -> None:
    end = time.monotonic() + deadline
    while True:
        if ended := _ended(process, log, note):
            raise EngineError(ended)
        try:
            if httpx.get(health, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        if time.monotonic() > end:
            _show(log, note)
            raise EngineError(f"vllm serve did not answer within {deadline:g} s (--serve-deadline); its log is {log}")
        time.sleep(0.5)


def _ended(process: subprocess.Popen, log: Path, note: Callable[[str], None]) -> str | None:
    """How the server ended, the tail of its log shown; None while it runs."""
    if process.poll() is None:
        return None
    _show(log, note)
    status = process.returncode
    how = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"vllm serve ended with {how}; its log is {log}"


def _show(log: Path, note: Callable[[str], None]) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
    for line in lines:
        note(f"| {line}")


def _stop(process: subprocess.Popen) -> None:
    """End the server and everything it started (it leads its own process group)."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # workers that outlived their leader


def _die_with() -> None:
    """Have the kernel end this process, a child, when fgit dies without a chance to say so (kill -9)."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _all_gpus() -> list[str]:
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    count = sum(line.startswith("GPU ") for line in listed.splitlines())
    return ["--tensor-parallel-size", str(count)] if count > 1 else []
