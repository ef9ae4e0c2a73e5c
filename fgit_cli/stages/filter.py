"""A filter that is ready to run, and how it runs from its input to its output.

A command gives a builder, `opened(options)`: a context in which its engines are open, and which yields the `Filter`.
The builder knows no command line, so that the command, a worker process and a test run the same.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from fgit_cli import jsonl
from fgit_cli.core.each_turn import each_turn
from fgit_cli.jsonl import Record
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


Numbered = Callable[[Record], str | None]
Opened = Callable[[Any], contextlib.AbstractContextManager[Filter]]


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
