"""Compare the pair by lines and by characters.

Reads records with a correct and an incorrect response; adds `diff`: the changed lines, characters and gaps of both
sides. Holds one record at a time.

fgit diff < pairs.jsonl | fgit mask --tokenizer Qwen/Qwen2.5-Coder-7B-Instruct
"""

# The inside of this command: stages/diff.py.

import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from fgit_cli.core import fields
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.disregard import COMMENTS, SPACE
from fgit_cli.core.textdiff import Algorithm, Difference, Side
from fgit_cli.errors import UsageError
from fgit_cli.jsonl import Record
from fgit_cli.options import FilterOptions, PairFieldOptions, UnpairedOptions, option
from fgit_cli.stages.diff import TextPair, diff, read_pair
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.run import refuse_with_ray, run_filter
from fgit_cli.stages.running import Tally

View = Literal["auto", "json", "side-by-side", "unified"]
NONE = "none"  # --ignore: nothing is left out
HTML_HELP = "Write a page of the first 500 pairs too, to look at in a browser."


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompareOptions(FilterOptions, UnpairedOptions, PairFieldOptions):
    """How two responses are compared; the same in `diff` and `mask`."""

    algorithm: Algorithm = option(
        "difflib",
        "How lines are matched: Python's difflib, the longest common subsequence, or common prefix and suffix alone.",
        source="FGit, Line-Level Differences; lcs and prefix-suffix: Target-DPO, Algorithm 1 and C.7",
    )
    context: int = option(
        0, "Mark so many lines around each changed line too.", unit="lines", minimum=0,
        source="Target-DPO, Diff-Augmentation",
    )  # fmt: skip
    ignore: list[str] = option(
        [SPACE],
        "What takes no part: `space` at line ends, `comments` in code; may be repeated. `none`: all counts.",
        metavar="space|comments|none",
        words=lambda: (SPACE, COMMENTS, NONE),
        source="our choice: how a line ends is no fault; none: the papers to the letter",
    )

    @property
    def made(self) -> Comparison:
        """How the responses are compared. Raises UsageError for words that --ignore does not know."""
        words = [word for value in self.ignore for word in value.split(",")]
        if words == [NONE]:
            words = []
        for word in words:
            if word not in (SPACE, COMMENTS):
                known = f"{SPACE}, {COMMENTS}, or {NONE} alone"
                raise UsageError(f"--ignore {' '.join(self.ignore)}: {word!r} cannot stand there; it takes {known}")
        return Comparison(self.algorithm, self.context, tuple(w for w in (SPACE, COMMENTS) if w in words))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(CompareOptions):
    view: View = option(
        "auto", "On stdout: records, or the pairs for people; auto: for people on a terminal.", recorded=False
    )
    html: str | None = option(None, HTML_HELP, metavar="FILE", recorded=False)


def looked_at(
    records: Iterable[dict[str, Any]],
    tally: Tally,
    made: Comparison,
    *looks: "Look",
) -> Iterator[dict[str, Any]]:
    """The records, each shown to `looks` first: the page's data of the pair, and its difference."""
    from fgit_cli.views.pair_data import diff_data

    for record in records:
        with tally.each(record):
            if "diff" in record:
                correct, incorrect = fields.response(record), fields.incorrect(record) or ""
                difference = Difference(Side(**record["diff"]["correct"]), Side(**record["diff"]["incorrect"]))
                data = diff_data(record, incorrect, correct, difference, made)
                for look in looks:
                    look(data, difference)
            yield record


def printer(view: View) -> "Look":
    """What prints one pair on the terminal."""
    from fgit_cli.views import terminal

    console = terminal.console()
    split = view == "side-by-side" or (view == "auto" and console.width >= terminal.WIDE)
    console.print(terminal.legend_of_differences())
    return lambda data, difference: console.print(
        terminal.difference(data, difference.incorrect, difference.correct, split)
    )


Look = Callable[[dict[str, Any], Difference], None]


@contextmanager
def opened(options: Options, looks: Sequence[Look] = (), written: bool = True) -> Iterator[Filter]:
    """The filter; `looks` see each pair, and without `written` no record comes out."""
    made = options.made

    def stage(pairs: Iterable[TextPair], tally: Tally) -> Iterator[dict[str, Any]]:
        records = diff(pairs, tally, made)
        for record in looked_at(records, tally, made, *looks) if looks else records:
            if written:
                yield record
            else:
                tally.written += 1

    def prepare(record: Record) -> TextPair:
        return read_pair(record, options.overrides, options.keep_unpaired)

    yield Filter(prepare, stage, spread(options.turns))


def run(options: Options) -> None:
    from fgit_cli.views.pair_page import PairPage

    refuse_with_ray(options, "html")
    for_people = options.view not in ("auto", "json") or (
        options.view == "auto" and options.output is None and sys.stdout.isatty()
    )
    if for_people and options.output:
        raise UsageError(f"--view {options.view} writes no records; leave --output out, or use --html beside it")
    compared_by = f"{options.made.algorithm}, compared by fgit diff"
    page = PairPage(options.html, "diff", compared_by) if options.html else None
    looks: list[Look] = [printer(options.view)] if for_people else []
    if page:
        looks.append(lambda data, _: page.add(data))
    run_filter("diff", options, partial(opened, looks=looks, written=not for_people) if looks else opened)
    if page:
        page.write()
