"""What surrounds a filter's heart: records in, in order; records out; what is left out, counted by reason and kept.

A heart is a generator `heart(items, tally)`: it takes what `prepare` made of each record and yields whole output
records, and calls `tally.reject` for those it leaves out. It may read ahead: a line that cannot be used ends its
input, and is raised only after everything before it is out.
"""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from fgit_cli import jsonl, messages
from fgit_cli.errors import AnswerIsNo, InputError, UsageError
from fgit_cli.jsonl import Record
from fgit_cli.options import FilterOptions

Item = TypeVar("Item")
PROGRESS_SECONDS = 10.0  # between plain lines of progress; a terminal's bar is redrawn ten times a second


class Tally:
    """The counts of one run: records in and out, rejects by reason, anything else worth a number."""

    def __init__(self, command: str, options: FilterOptions) -> None:
        self.command, self.options = command, options
        self.read = self.written = 0
        self.bad_lines = 0
        self.passed_over = 0  # records read that are another run's, such as another shard's
        self.rejects: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.detail: Callable[[], str] = lambda: ""  # a few words more for a line of progress
        if options.rejects and options.output and os.path.realpath(options.rejects) == os.path.realpath(options.output):
            raise UsageError("--rejects and --output name the same file")
        self.rejected = jsonl.Writer(options.rejects, "--rejects") if options.rejects else None

    def reject(self, record: dict[str, Any], reason: str, detail: str = "") -> None:
        """Leave the record out, by reason; `--rejects` gets it whole, with the field `reason`.

        Reasons are counted, so they are the same words for all of a kind; what is known beyond is the `detail`.
        """
        self.rejects[reason] += 1
        if self.rejected:
            self.rejected.write({**record, "reason": f"{reason}: {detail}" if detail else reason})

    def count(self, what: str, by: int = 1) -> None:
        """Add to a number of the summary."""
        self.counts[what] += by

    def bad_line(self, error: InputError) -> None:
        self.bad_lines += 1
        self.say(f"{error} (passed over)")

    def say(self, message: str) -> None:
        messages.say(self.command, message)

    def note(self, message: str) -> None:
        """Say what is worth knowing but no error; silent with --quiet."""
        if not self.options.quiet:
            self.say(message)

    def summary(self) -> str:
        """One line: in, out, left out by reason."""
        if not self.read and not self.bad_lines:
            return "the input is empty: no records"
        parts = [f"{self.read} in, {self.written} out"]
        if self.rejects:
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.rejects.most_common())
            parts.append(f"{self.rejects.total()} left out ({reasons})")
        if self.bad_lines:
            parts.append(f"{self.bad_lines} bad lines passed over")
        parts += [f"{n} {what}" for what, n in self.counts.items()]
        return "; ".join(parts)

    def close(self, whole: bool) -> None:
        """Give the file of --rejects its name, when it is `whole`."""
        if self.rejected:
            self.rejected.close(whole)


class Progress:
    """A line on stderr now and then: redrawn in place on a terminal, a plain line every ten seconds elsewhere."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.started = self.shown = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.silent = tally.options.quiet
        self.total: int | None = 0  # 0: not counted yet

    def step(self) -> None:
        now = time.monotonic()
        if self.silent or now - self.shown < (0.1 if self.terminal else PROGRESS_SECONDS):
            return
        self.shown = now
        rate = self.tally.written / max(now - self.started, 1e-9)
        text = f"{self.tally.written} out, {self.tally.rejects.total()} left out"
        if self.tally.rejects:
            text += f" ({', '.join(f'{n} {reason}' for reason, n in self.tally.rejects.most_common(3))})"
        text += f", {rate:.1f}/s"
        if (total := self._total()) and self.tally.read:
            done = self.tally.written + self.tally.rejects.total()
            left = (now - self.started) / max(done, 1) * (total - done)
            text += f", {done / total:.0%} of {total}, ETA {_clock(left)}"
        if detail := self.tally.detail():
            text += f", {detail}"
        messages.progress(self.tally.command, text, self.terminal)

    def _total(self) -> int | None:
        """How many records there are; None where only reading on would tell (stdin, compressed files)."""
        if self.total == 0:
            self.total = jsonl.count(self.tally.options.files)
        return self.total

    def clear(self) -> None:
        if self.terminal and not self.silent:
            messages.clear_progress()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


class Source(Iterable[Item]):
    """The prepared records; the first one that cannot be used ends it and is kept in `error`."""

    def __init__(self, options: FilterOptions, prepare: Callable[[Record], Item], tally: Tally) -> None:
        self.options, self.prepare, self.tally = options, prepare, tally
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[Item]:
        skip = self.options.skip_bad_lines
        try:
            for record in jsonl.read(self.options.files, self.tally.bad_line if skip else None):
                try:
                    item = self.prepare(record)
                except InputError as error:
                    error.place = error.place or record.place
                    if not skip:
                        raise
                    self.tally.bad_line(error)
                    continue
                self.tally.read += 1
                yield item
        except InputError as error:
            self.error = error


def run_filter(
    command: str,
    options: FilterOptions,
    prepare: Callable[[Record], Item],
    heart: Callable[[Iterable[Item], Tally], Iterator[dict[str, Any]]],
) -> Tally:
    """Run one filter from its input to its output and say on stderr what happened.

    Raises InputError after the records before the bad one are out, AnswerIsNo above `--max-rejects`.
    """
    tally = Tally(command, options)
    progress = Progress(tally)
    source = Source(options, prepare, tally)
    writer = jsonl.Writer(options.output)
    whole = False
    try:
        for record in heart(source, tally):
            writer.write(record)
            tally.written += 1
            progress.step()
        if source.error:
            raise source.error
        whole = True
    finally:
        progress.clear()
        writer.close(whole)
        tally.close(whole)
        for file, what in ((writer, "finished"), (tally.rejected, "left-out")):
            if not whole and file and file.name and not file.direct:
                tally.say(f"{file.count} {what} records are in {file.partial}")
    if not options.quiet:
        tally.say(tally.summary())
    limit = options.max_rejects
    taken = tally.read - tally.passed_over
    if limit is not None and taken and tally.rejects.total() > limit * taken:
        raise AnswerIsNo(f"{tally.rejects.total()} of {taken} records left out, more than --max-rejects {limit:g}")
    return tally
