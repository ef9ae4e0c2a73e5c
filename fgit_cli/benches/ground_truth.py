"""What a task's reference solution returns and how long it takes, measured on this machine and kept as JSON lines.

One file a task, under the user's cache folder, named by a hash of program, inputs, Python and processor: another data
version, another machine or another Python never meets the wrong one. A file that is not whole is measured anew.
"""

import functools
import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

from fgit_cli.errors import EngineError
from fgit_cli.executor import CallJob, Executor, values
from fgit_cli.executor.jobs import GROUND_TRUTH_OUTPUT
from fgit_cli.jsonl import write_text_whole

FORMAT = 2  # of the files; counts up when their meaning changes
TIME_LIMIT = 600.0  # seconds an input of a trusted program


class Truth(NamedTuple):
    """Encoded outputs and seconds, one an input."""

    outputs: tuple[bytes, ...]
    seconds: tuple[float, ...]


def folder() -> Path:
    """Where the files are: `fgit/ground-truth` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "fgit" / "ground-truth"


@functools.cache
def machine() -> str:
    """The processor, for the times, and the Python, for the outputs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, Python {platform.python_version()}"


class Kept:
    """One file: a JSON object on the first line, then any number of lines of bytes."""

    def __init__(self, identity: list[Any], *inputs: bytes) -> None:
        digest = hashlib.sha256(json.dumps([FORMAT, machine(), identity]).encode())
        for item in inputs:
            digest.update(b"\0" + item)
        self.path = folder() / f"{digest.hexdigest()[:32]}.jsonl"

    def read(self) -> dict[str, Any] | None:
        """The object, the lines under `lines`; None where the file is absent or not whole."""
        try:
            head, *lines = self.path.read_bytes().split(b"\n")
            found = json.loads(head)
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or len(lines) != found.get("count", -1) + 1 or lines[-1] != b"":
            return None
        return {**found, "lines": lines[:-1]}

    def write(self, found: dict[str, Any], lines: tuple[bytes, ...] = ()) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps({"machine": machine(), "count": len(lines), **found})
        write_text_whole(self.path, "\n".join([head, *(line.decode() for line in lines), ""]))


@functools.cache
def encoding() -> str:
    """What tells the way of encoding values, so that what another one wrote is not compared."""
    return hashlib.sha256(Path(values.__file__).read_bytes()).hexdigest()[:16]


def of(code: str, entry_point: str, inputs: tuple[bytes, ...], executor: Executor) -> Truth:
    """The ground truth of one program: from the cache, else by running it. Raises EngineError where it fails."""
    kept = Kept([encoding(), code, entry_point], *inputs)
    found = kept.read()
    if found and len(found["lines"]) == len(inputs) == len(found["seconds"]):
        return Truth(tuple(found["lines"]), tuple(found["seconds"]))
    truth = measured(code, entry_point, inputs, executor)
    kept.write({"seconds": truth.seconds}, truth.outputs)
    return truth


def measured(code: str, entry_point: str, inputs: tuple[bytes, ...], executor: Executor) -> Truth:
    """Outputs and seconds of a trusted program. Raises EngineError where it gives none for some input."""
    job = CallJob(
        code, entry_point, inputs, time_limits=TIME_LIMIT, load_limit=TIME_LIMIT, output_limit=GROUND_TRUTH_OUTPUT
    )
    ran = executor.run_calls(job)
    try:
        return Truth(ran.outputs(), tuple(call.seconds for call in ran.calls))
    except ValueError as error:
        raise EngineError(f"the reference solution of {entry_point} gives no output here: {error}") from None
