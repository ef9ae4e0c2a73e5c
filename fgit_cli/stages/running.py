"""Runs a stage: records go in and come out in order; what is left out is counted by reason and kept.

The inside of a filter is its stage generator, `stage(items, tally)`. It takes what `prepare` made of each record,
yields whole output records, and calls `tally.reject` for those that it leaves out. It may read ahead: a line that
cannot be used ends its input, and is raised only after everything before it is out.
"""

import contextlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from fgit_cli import jsonl, messages
from fgit_cli.core import fields
from fgit_cli.core.shard import Shard
from fgit_cli.errors import AnswerIsNo, InputError, UsageError
from fgit_cli.jsonl import Record
from fgit_cli.options import FilterOptions
from fgit_cli.stages.bugs import Bug, bug_of
from fgit_cli.stages.progress import summary_table

Item = TypeVar("Item")
Made = TypeVar("Made")

IN_A_ROW = 3  # unexpected errors on records that follow each other stop a run


class Rejected(NamedTuple):
    """Why a record is left out. `reason` is the same for all of a kind, so that it can be counted."""

    reason: str
    detail: str = ""


class Tally:
    """The counts of one run: records in and out, rejects by reason, anything else worth a number."""

    def __init__(self, command: str, options: FilterOptions, said: Callable[[str], Any] | None = None) -> None:
        """What there is to say goes to stderr, or to `said`."""
        self.command, self.options, self._said = command, options, said
        self.read = self.written = 0
        self.bad_lines = 0
        self.passed_over = 0  # records read that are another run's, such as another shard's
        self.rejects: Counter[str] = Counter()
        self.unpaired: Counter[str] = Counter()  # records passed on without a wrong variant, by why they have none
        self.bugs: Counter[str] = Counter()
        self._in_a_row = self.unprepared_in_a_row = 0  # records that met a bug
        self.counts: Counter[str] = Counter()
        self.totals: Counter[Any] = Counter()  # what more is summed over the parts of a run; in no summary
        self.before: Mapping[str, int] = {}  # of records that are numbered: how many of each name came before this run
        self.expected: int | None = None  # records, where the stage knows it and the input does not tell
        self.detail: Callable[[], str] = lambda: ""  # a few words more for a line of progress
        if options.rejects and options.output and os.path.realpath(options.rejects) == os.path.realpath(options.output):
            raise UsageError("--rejects and --output name the same file")
        self.rejected = jsonl.Writer(options.rejects, "--rejects") if options.rejects else None

    def reject(self, record: dict[str, Any], reason: str, detail: str = "") -> None:
        """Leave the record out, by reason; `--rejects` gets it whole, with the field `reason`.

        Reasons are counted, so they are the same words for all of a kind; what is known beyond is the `detail`.
        """
        self.done()
        self._leave_out(record, reason, detail)

    def _leave_out(self, record: dict[str, Any], reason: str, detail: str) -> None:
        self.rejects[reason] += 1
        if self.rejected:
            said = f"{reason}: {detail}" if detail else reason
            try:
                self.rejected.write({**record, "reason": said})
            except (ValueError, TypeError, RecursionError):  # what JSON cannot carry is no record of the input's
                self.rejected.write({"id": str(record.get("id")), "reason": said})

    def done(self) -> None:
        """A record was dealt with as it should be."""
        self._in_a_row = 0

    @contextlib.contextmanager
    def each(self, record: dict[str, Any]) -> Iterator[None]:
        """What is done with one record: an error that no code foresaw leaves the record out, and the run goes on."""
        try:
            yield
        except BaseException as error:
            self.bug(record, bug_of(error))

    def bug(self, record: dict[str, Any], bug: Bug, prepared: bool = True) -> None:
        """Leave out a record on which an unexpected error was met. Raises AnswerIsNo where that should end the run.

        `prepared`: it was met by the stage, not by the reader, which runs ahead.
        """
        self._leave_out(record, str(bug), bug.text)
        self.bugs[str(bug)] += 1
        if prepared:
            self._in_a_row += 1
        else:
            self.unprepared_in_a_row += 1
        if self.bugs.total() == 1 or self.options.strict:
            place = getattr(record, "place", "") or record.get("id") or "a record"
            self.say(f"{place}: {bug}: {bug.text} (left out; a bug in fgit that is worth a report)")
        if self.options.strict:
            raise AnswerIsNo(f"--strict: stopped at the first unexpected error; {self.report()}")
        if max(self._in_a_row, self.unprepared_in_a_row) >= IN_A_ROW:
            raise AnswerIsNo(f"{IN_A_ROW} records in a row met an unexpected error; {self.report()}")

    def end(self) -> None:
        """Raises AnswerIsNo where a record met an unexpected error."""
        if self.bugs:
            raise AnswerIsNo(f"{self.bugs.total()} records met an unexpected error; {self.report()}")

    def report(self) -> str:
        """What to do about the bugs that were met."""
        kinds = ", ".join(f"{n} {bug}" for bug, n in self.bugs.most_common(5))
        kept = self.options.rejects or "kept by --rejects FILE"
        return f"{kinds}: a bug in fgit, please report it with such a record ({kept}) and `fgit doctor`"

    def count(self, what: str, by: int = 1) -> None:
        """Add to a number of the summary."""
        self.counts[what] += by

    def odd(self, what: str, place: str = "") -> None:
        """Count what is odd about a record that can be used, and say it of the first."""
        if not self.counts[what]:
            self.note(f"{place}: {what}" if place else what)
        self.counts[what] += 1

    def bad_line(self, error: InputError) -> None:
        self.bad_lines += 1
        self.say(f"{error} (passed over)")

    def say(self, message: str) -> None:
        if self._said:
            self._said(message)
        else:
            messages.say(self.command, message)

    def note(self, message: str) -> None:
        """Say what is worth knowing but no error; silent with --quiet."""
        if not self.options.quiet:
            self.say(message)

    def summary(self) -> str:
        """One line: in, out, left out by reason."""
        if not self.read and not self.bad_lines:
            piped = not self.options.files or self.options.files == ["-"]
            return "the input is empty: no records" + ("; did the stage before fail?" if piped else "")
        parts = [f"{self.read} in, {self.written} out"]
        if self.rejects:
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.rejects.most_common())
            parts.append(f"{self.rejects.total()} left out ({reasons})")
        if self.unpaired:
            reasons = ", ".join(f"{n} {reason}" for reason, n in self.unpaired.most_common())
            parts.append(f"{self.unpaired.total()} of them without a variant ({reasons})")
        if self.bad_lines:
            parts.append(f"{self.bad_lines} bad lines passed over")
        parts += [f"{n} {what}" for what, n in self.counts.items()]
        return "; ".join(parts)

    def sum_up(self) -> None:
        """Say what came of it: a small table on a terminal, else one line; silent with --quiet."""
        if self.options.quiet:
            return
        if sys.stderr.isatty() and self.read:
            summary_table(self)
        else:
            self.say(self.summary())

    def close(self, whole: bool) -> None:
        """Give the file of --rejects its name, when it is `whole`."""
        if self.rejected:
            self.rejected.close(whole)


class Source(Iterable[Item]):
    """The prepared records; the first one that cannot be used ends it and is kept in `error`."""

    def __init__(
        self,
        options: FilterOptions,
        prepare: Callable[[Record], Item],
        tally: Tally,
        spread: Callable[[Record], Iterable[Record]] | None = None,
    ) -> None:
        """`spread` gives the records that one of the input stands for. Raises UsageError for a wrong `--shard`."""
        self.options, self.prepare, self.tally = options, prepare, tally
        self.spread = spread or (lambda record: (record,))
        self.shard = Shard.parse(options.shard) if options.shard else None
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[Item]:
        options = self.options
        bad_line = self.tally.bad_line if options.skip_bad_lines else None
        try:
            for read in jsonl.read(options.files, bad_line, options.longest_line << 20):
                for record in self.spread(read):
                    record.place = read.place
                    item = self._item(record)
                    if item is not None:
                        yield item
        except InputError as error:
            self.error = error

    def _item(self, record: Record) -> Item | None:
        """The item of a record; None where there is none to go on with. Raises InputError for what ends the run."""
        tally = self.tally
        try:
            item = self.prepare(record)
            in_shard = self.shard is None or self.shard.has(record)
        except InputError as error:
            error.place = error.place or record.place
            if not self.options.skip_bad_lines:
                raise
            tally.bad_line(error)
            return None
        except BaseException as error:
            tally.read += 1
            tally.bug(record, bug_of(error), prepared=False)
            return None
        tally.read += 1
        tally.unprepared_in_a_row = 0
        if not in_shard:
            tally.passed_over += 1
            tally.count("in other shards")
            return None
        for what in fields.oddities(record):
            tally.odd(what, record.place)
        return item


def prepared(
    items: Iterable[Item], tally: Tally, record: Callable[[Item], dict[str, Any]], make: Callable[[Item], Made]
) -> Iterator[tuple[Item, Made]]:
    """Each item with what `make` makes of it; `record` gives the record that is left out on an unexpected error."""
    for item in items:
        with tally.each(record(item)):
            yield item, make(item)
