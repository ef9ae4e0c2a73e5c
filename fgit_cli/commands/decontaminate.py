"""Take out records that overlap with benchmarks.

Reads records with an instruction and a correct response and passes on, unchanged, those that overlap with no problem
of the benchmark files given by --against: HumanEval(+), MBPP(+), BigCodeBench, APPS, DS-1000, GSM8K, MultiPL-E, each
known by its fields. A record overlaps when a prompt, docstring, solution or test stands in it (white space and letter
case aside), when it tells a task in the same words, when it shares enough of a part's 10-grams, or when a function in
it is a solution with other names. Both responses, variants and tests are looked at, and text that was written for HTML
or JSON is read as what it stands for.

Each record taken out is named on stderr with what it matched; --rejects keeps it, with the matches under `matched`.
Holds in memory an index of the benchmarks, about 100 bytes a word of theirs.

Example: fgit decontaminate --against HumanEval.jsonl.gz --against mbpp.jsonl < evol.jsonl > clean.jsonl
"""

# The inside of this command: stages/decontaminate.py.

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.overlap import Index
from fgit_cli.core.problems import Problem
from fgit_cli.errors import UsageError
from fgit_cli.options import FieldOptions, FilterOptions, option
from fgit_cli.stages.decontaminate import decontaminate, prepare, read_problems
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.run import run_filter
from fgit_cli.stages.running import Tally


@dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, FieldOptions):
    """Options of `fgit decontaminate`."""

    against: list[str] = option(
        [], "A benchmark's file, in any format that FILE may have; may be repeated.", metavar="FILE"
    )
    ngram: int = option(10, "Words in a run that is compared.", unit="words", minimum=3, source="10-grams, as Qwen2.5")
    overlap: float = option(
        0.5,
        "Share of the 10-grams of a prompt, docstring or solution that a record may not reach.",
        minimum=0,
        maximum=1,
        source="our choice: a single shared 10-gram takes out 5 % of Evol-Instruct, for stock phrases; half, 0.6 %",
    )


@contextmanager
def opened(options: Options) -> Iterator[Filter]:
    """The filter, with the index of the benchmarks."""
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Problem]:
        for found in read_problems(options.against):
            counts[found.benchmark] += 1
            yield found

    index = Index(counted(), options.ngram, options.overlap)

    def stage(records: Iterable[dict[str, Any]], tally: Tally) -> Iterator[dict[str, Any]]:
        held = ", ".join(f"{n} of {name}" for name, n in counts.items())
        tally.note(f"comparing with {sum(counts.values())} problems ({held})")
        yield from decontaminate(records, tally, index)

    yield Filter(lambda record: prepare(record, options.overrides), stage, spread(options.turns))


def run(options: Options) -> None:
    if not options.against:
        raise UsageError("--against FILE is missing: the benchmark files to compare with")
    run_filter("decontaminate", options, opened)
