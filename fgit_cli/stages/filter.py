"""Runs a filter from its input to its output: on this machine, or its shards on a cluster (cluster.py).

A command gives a builder, `opened(options)`: a context in which its engines are open, and which yields the `Filter`.
The builder knows no command line, so that the command, a worker process and a test run the same.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from fgit_cli import jsonl
from fgit_cli.core.each_turn import each_turn
from fgit_cli.errors import AnswerIsNo, UsageError
from fgit_cli.jsonl import Record
from fgit_cli.messages import flag
from fgit_cli.options import FilterOptions
from fgit_cli.stages.bugs import bug_of
from fgit_cli.stages.progress import Progress
from fgit_cli.stages.running import Source, Tally


class Filter(NamedTuple):
    """A stage that is ready to run, several times if need be: nothing of one run stays for the next.

    `prepare` makes an item of a record; `stage(items, tally)` yields whole output records; `spread` gives the records
    that one of the input stands for.
    """

    prepare: Callable[[Record], Any]
    stage: Callable[[Iterable[Any], Tally], Iterator[dict[str, Any]]]
    spread: Callable[[Record], Iterable[Record]] | None = None


def spread(turns: str) -> Callable[[Record], Iterable[Record]] | None:
    """What `--turns` asks for: each assistant turn in a record of its own, or the record as it is."""
    return each_turn if turns == "all" else None


def refuse_with_ray(options: FilterOptions, *names: str) -> None:
    """Raises UsageError for an option that makes no sense over a cluster and is set beside --ray."""
    for name in names:
        if options.ray and getattr(options, name):
            raise UsageError(f"{flag(name, type(options))} does not go with --ray; leave one of them out")


Numbered = Callable[[Record], str | None]
Opened = Callable[[Any], contextlib.AbstractContextManager[Filter]]


def nothing(tally: Tally) -> None:
    """Nothing to tell and nothing to refuse."""


def run_filter(
    command: str,
    options: FilterOptions,
    opened: Opened,
    tell: Callable[[Tally], None] = nothing,
    refuse: Callable[[Tally], None] = nothing,
    numbered: Numbered | None = None,
) -> Tally:
    """Run one filter and say on stderr what happened.

    `numbered` names what a record is one of, where those are numbered from the beginning of the input (`Tally.before`).
    `tell` says more, before the counts; `refuse` may raise AnswerIsNo, behind everything else. Raises InputError after
    the records before the bad one are out, AnswerIsNo above `--max-rejects` and where a record met an unexpected error.
    """
    if options.ray:
        from fgit_cli.stages.cluster.driver import run_pieces

        tally = run_pieces(command, options, opened, numbered)
    else:
        tally = Tally(command, options)
        with opened(options) as ready:
            write_all(ready, tally)
    tell(tally)
    conclude(tally)
    refuse(tally)
    return tally


def write_all(ready: Filter, tally: Tally) -> None:
    """Write all records that the filter makes of the input; the files get their names when they are whole.

    Raises InputError for a bad line, after the records before it are out.
    """
    options = tally.options
    source = Source(options, ready.prepare, tally, ready.spread)
    progress = Progress(tally)
    writer = jsonl.Writer(options.output)
    whole = False
    try:
        with contextlib.closing(ready.stage(source, tally)) as records:  # type: ignore[type-var]
            for record in records:
                try:
                    writer.write(record)
                except (ValueError, TypeError, RecursionError) as error:
                    tally.bug(record, bug_of(error))
                    continue
                tally.written += 1
                tally.done()
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


def conclude(tally: Tally) -> None:
    """Say the counts. Raises AnswerIsNo where they are not what was asked for."""
    tally.sum_up()
    limit = tally.options.max_rejects
    taken = tally.read - tally.passed_over
    if limit is not None and taken and tally.rejects.total() > limit * taken:
        raise AnswerIsNo(f"{tally.rejects.total()} of {taken} records left out, more than --max-rejects {limit:g}")
    tally.end()


def some_variant(tally: Tally) -> None:
    """Raises AnswerIsNo where every record was left out or passed on without a variant."""
    without = tally.rejects + tally.unpaired
    if without and tally.written == tally.unpaired.total():
        reason, times = without.most_common(1)[0]
        what = "no record has a variant" if tally.unpaired else "every record was left out"
        raise AnswerIsNo(f"{what}, {times} of {without.total()} for this: {reason}")
