"""Shows how far a run is: one line on a terminal, drawn by rich; elsewhere a plain line now and then.

A thread looks now and then, so that a run that is at work on its first records, or stuck on one, says so, too. The
stages of a pipe share one terminal. The one that holds a lock on it draws; when that one ends another goes on, so that
no two ever write over each other.
"""

import contextlib
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from fgit_cli import jsonl, messages
from fgit_cli.errors import FgitError
from fgit_cli.options import FilterOptions

LINE_SECONDS = 10.0  # between plain lines of progress
STILL_SECONDS = 300.0  # the longest time between plain lines that say the same; it doubles with each
LOOK_SECONDS = 0.1  # between updates of the terminal's line
CONTROL_C = 3  # columns of the screen that a line leaves free
BEAT_SECONDS = 1.0  # between the looks of the thread


class Counts(Protocol):
    """What is read of a run's tally (running.py)."""

    command: str
    options: FilterOptions
    read: int
    written: int
    bad_lines: int
    expected: int | None
    rejects: Counter[str]
    unpaired: Counter[str]
    counts: Counter[str]
    detail: Callable[[], str]


class Progress:
    """A run's line of progress; `step` after each record, `clear` at the end."""

    def __init__(self, tally: Counts) -> None:
        self.tally = tally
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.silent = tally.options.quiet
        self._total: int | None = 0  # 0: not counted yet
        self._live: Any = None
        self._task: Any = None
        self._lock: int | None = None
        self._told: tuple[int, str] | None = None  # what the last plain line said
        self._pause = 0.0  # before it is said again
        self._drawing = threading.Lock()
        self._over = threading.Event()
        if not self.silent:
            threading.Thread(target=self._look, daemon=True).start()

    def step(self) -> None:
        """Show where the run is, if it is time for it."""
        if self._due(time.monotonic()):
            with self._drawing:
                self._show()

    def _due(self, now: float) -> bool:
        return not self.silent and now - self.shown >= (LOOK_SECONDS if self.terminal else LINE_SECONDS)

    def _look(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            # A count that grew while it was read will do at the next look; a file that cannot be counted is the run's.
            with contextlib.suppress(RuntimeError, OSError, FgitError):
                self.step()

    def _show(self) -> None:
        now = time.monotonic()
        if self._over.is_set() or not self._due(now):
            return
        if not self.terminal and not self._news(now):
            return
        self.shown = now
        if not self.terminal:
            messages.say(self.tally.command, self._text(now))
        elif self._live or self._begin():
            done, total = self._done(), self.total()
            self._live.update(self._task, completed=min(done, total or done), total=total, said=self._said(now))

    def _news(self, now: float) -> bool:
        """Whether there is something new to say, or time to say the same again."""
        state = (self._done(), self.tally.detail())
        if state != self._told:
            self._told, self._pause = state, 2 * LINE_SECONDS
            return True
        if now - self.shown < self._pause:
            return False
        self._pause = min(2 * self._pause, STILL_SECONDS)
        return True

    def clear(self) -> None:
        """Wipe the terminal's line and let another stage have it."""
        self._over.set()
        with self._drawing:
            if self._live:
                self._live.stop()
                self._live = None
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    def total(self) -> int | None:
        """How many records there will be; None where only reading on would tell (stdin, compressed files)."""
        if self.tally.expected is not None:
            return self.tally.expected
        if self._total == 0:
            self._total = jsonl.count(self.tally.options.files)
        return self._total

    def _begin(self) -> bool:
        """Take the terminal and begin to draw; False while another stage of the pipe has it."""
        self._lock = messages.lock_terminal()
        if self._lock is None:
            return False
        from rich.console import Console, ConsoleDimensions
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Live
        from rich.table import Column

        class Narrower(Console):
            """Leaves a ^C, which the terminal shows where the cursor stands, room on the line: it is wiped with it."""

            @property  # type: ignore[misc]  # rich's can be set, which nothing does here
            def size(self) -> ConsoleDimensions:
                width, height = super().size
                return ConsoleDimensions(max(1, width - CONTROL_C), height)

        columns: list[Any] = [TextColumn("{task.description}", table_column=Column(no_wrap=True))]
        if self.total():
            columns += [
                BarColumn(bar_width=16),
                MofNCompleteColumn(),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            ]
        columns.append(
            TextColumn("{task.fields[said]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"))
        )
        self._live = Live(*columns, console=Narrower(stderr=True), transient=True, expand=True)
        self._task = self._live.add_task(messages.name(self.tally.command), total=self.total(), said="")
        self._live.start()
        return True

    def _done(self) -> int:
        return self.tally.written + self.tally.rejects.total()

    def _said(self, now: float) -> str:
        """The counts in a few words, the most telling first, for what the terminal's width leaves."""
        tally, seconds = self.tally, max(now - self.started, 1e-9)
        words = [f"{tally.written} out", f"{tally.written / seconds:.1f}/s"]
        if detail := tally.detail():
            words.append(detail)
        if tally.rejects:
            reasons = ", ".join(f"{n} {reason}" for reason, n in tally.rejects.most_common(3))
            words.insert(1, f"{tally.rejects.total()} left out")
            words.append(reasons)
        return ", ".join(words)

    def _text(self, now: float) -> str:
        """The plain line."""
        tally, seconds = self.tally, max(now - self.started, 1e-9)
        text = f"{tally.written} out, {tally.rejects.total()} left out"
        if tally.rejects:
            text += f" ({', '.join(f'{n} {reason}' for reason, n in tally.rejects.most_common(3))})"
        text += f", {tally.written / seconds:.1f}/s"
        if (total := self.total()) and tally.read:
            done = self._done()
            text += f", {done / total:.0%} of {total}"
            text += f", ETA {_clock(seconds / done * (total - done))}" if done else ""
        if detail := tally.detail():
            text += f", {detail}"
        return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def summary_table(tally: Counts) -> None:
    """The counts of a finished run as a small table on the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [(tally.read, "in"), (tally.written, "out")]
    rows += [(n, f"left out: {reason}") for reason, n in tally.rejects.most_common()]
    rows += [(n, f"without a variant: {reason}") for reason, n in tally.unpaired.most_common()]
    if tally.bad_lines:
        rows.append((tally.bad_lines, "bad lines passed over"))
    rows += [(n, what) for what, n in tally.counts.items()]
    for number, what in rows:
        table.add_row(str(number), what)
    messages.heading(tally.command)
    with contextlib.suppress(BrokenPipeError):
        Console(stderr=True, highlight=False).print(table)
