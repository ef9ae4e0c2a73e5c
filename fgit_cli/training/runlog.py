"""Where a run's records go: stdout, `steps.jsonl` in the output folder, trackers, and a live view on a terminal."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli import jsonl, messages
from fgit_cli.training.options import Options

PLAIN_SECONDS = 10.0  # between plain lines of progress where stderr is no terminal


class RunLog:
    """One for each rank; all but the main process's are silent. Records are flat JSON objects with `step`."""

    def __init__(self, options: Options, accelerator: Any, stdout: BinaryIO, steps: int, first: int) -> None:
        self.speaks = accelerator.is_main_process
        self.accelerator, self.options, self.stdout, self.steps = accelerator, options, stdout, steps
        self.path = Path(options.output_dir) / "steps.jsonl"
        self.view = LiveView(steps, first) if self.speaks and not options.quiet else None
        if self.speaks:
            self._forget_after(first)
            self.file = open(self.path, "ab", buffering=0)

    def _forget_after(self, step: int) -> None:
        """Take out the records of steps that a resumed run will do again."""
        if self.path.exists():
            lines = self.path.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if step and 0 <= _step_of(line) <= step]
            partial = self.path.with_name("steps.jsonl.partial")
            partial.write_bytes(b"".join(kept))
            os.replace(partial, self.path)

    def write(self, record: dict[str, Any]) -> None:
        """A record of a step, or of an evaluation after it. A reader that goes away does not end the training."""
        if not self.speaks:
            return
        line = jsonl.dumps(record)
        self.file.write(line)
        if self.view:
            self.view.clear()
        try:
            self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:
            say(f"nobody reads stdout any more; the records go on in {self.path}")
            self.stdout = open(os.devnull, "wb")
        if self.view:
            self.view.show(record)
        if self.options.report_to:
            numbers = {k: v for k, v in record.items() if isinstance(v, int | float) and k != "step"}
            self.accelerator.log(numbers, step=record["step"])

    def note(self, message: str) -> None:
        """Something worth knowing, once, unless `--quiet`."""
        if self.speaks and not self.options.quiet:
            if self.view:
                self.view.clear()
            say(message)

    def close(self) -> None:
        if self.speaks:
            self.file.close()
            if self.view:
                self.view.clear()


def _step_of(line: bytes) -> int:
    """The step of a line of `steps.jsonl`; -1 for one that is not whole, as a crash may leave it."""
    try:
        return int(json.loads(line)["step"]) if line.endswith(b"\n") else -1
    except (ValueError, KeyError, TypeError):
        return -1


class LiveView:
    """The last record as a small table on a terminal, redrawn in place; elsewhere a plain line now and then."""

    def __init__(self, steps: int, first: int) -> None:
        from rich.console import Console
        from rich.live import Live

        self.steps, self.first = steps, first
        self.started = self.shown = time.monotonic()
        self.eval: dict[str, Any] = {}
        console = Console(stderr=True)
        self.live = Live(console=console, auto_refresh=False, transient=True) if sys.stderr.isatty() else None
        self.running = False

    def show(self, record: dict[str, Any]) -> None:
        if any(name.startswith("eval_") for name in record):
            self.eval = record
            return
        if self.live:
            if not self.running:
                self.live.start()
                self.running = True
            self.live.update(self._table(record), refresh=True)
        elif time.monotonic() - self.shown >= PLAIN_SECONDS:
            self.shown = time.monotonic()
            say(f"step {record['step']} of {self.steps}, loss {record['loss']:.4f}, {self._left(record['step'])} left")

    def clear(self) -> None:
        if self.live and self.running:
            self.live.stop()
            self.running = False

    def _left(self, step: int) -> str:
        per_step = (time.monotonic() - self.started) / max(1, step - self.first)
        return duration(per_step * (self.steps - step))

    def _table(self, record: dict[str, Any]) -> Any:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        left = f"{self._left(record['step'])} left"
        table.add_row(f"step {record['step']}/{self.steps}", ProgressBar(self.steps, record["step"], width=40), left)
        for cells in _cells(record | {k: v for k, v in self.eval.items() if k != "step"}):
            table.add_row(*cells)
        return table


ROWS = (
    (("loss", "loss"), ("nll_fault", "NLL on fault tokens"), ("nll_rest", "on the rest")),
    (("correct_probability", "H̄c"), ("incorrect_probability", "H̄a"), ("weight", "W")),
    (("incorrect_preferred", "share H̄a > H̄c"), ("inactive", "inactive"), ("margin", "margin")),
    (("lr", "lr"), ("grad_norm", "gradient"), ("tokens_per_second", "tokens/s")),
    (("fed", "fed / SFT"), ("padding", "padding"), ("peak_memory_gib", "peak GiB")),
    (("eval_nll", "held-out NLL"), ("eval_told_apart", "held-out told apart"), ("eval_pass_at_1", "pass@1")),
)


def _cells(record: dict[str, Any]) -> list[list[str]]:
    rows = [[f"{label} {record[key]:.4g}" for key, label in row if record.get(key) is not None] for row in ROWS]
    return [row for row in rows if row]


def duration(seconds: float) -> str:
    """`1 h 05 min`, `3 min 20 s`, `12 s`."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {s:02d} s" if minutes else f"{s} s"


def say(message: str) -> None:
    messages.say("train", message)
