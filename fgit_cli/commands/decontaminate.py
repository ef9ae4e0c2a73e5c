"""Take out records that overlap with benchmarks.

Reads records with an instruction and a correct response and passes on, unchanged, those that overlap with no problem
of the benchmark files given by --against: HumanEval(+), MBPP(+), BigCodeBench, APPS, DS-1000, GSM8K, MultiPL-E, each
known by its fields. A record overlaps when a prompt, docstring or solution stands in it (white space and letter case
aside), when it shares enough of its 10-grams, or when a function in it is a solution with other names.

Each record taken out is named on stderr with what it matched; --rejects keeps it, with the matches under `matched`.
Holds in memory an index of the benchmarks, about 100 bytes a word of theirs.

Example: fgit decontaminate --against HumanEval.jsonl.gz --against mbpp.jsonl < evol.jsonl > clean.jsonl
"""

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fgit_cli import jsonl
from fgit_cli.core import fences, fields
from fgit_cli.core.languages import guess
from fgit_cli.core.overlap import Index, Match
from fgit_cli.core.problems import Problem, problem
from fgit_cli.errors import InputError, UsageError
from fgit_cli.options import FieldOptions, FilterOptions, option
from fgit_cli.stages.running import Tally, prepared, run_filter

NAMED = 5  # matches kept with a record: the surest


@dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, FieldOptions):
    """Options of `fgit decontaminate`."""

    against: list[str] = option(
        [], "A benchmark's file, JSONL or a JSON array, .gz too; may be repeated.", metavar="FILE"
    )
    ngram: int = option(10, "Words in a run that is compared.", unit="words", minimum=3, source="10-grams, as Qwen2.5")
    overlap: float = option(
        0.5,
        "Share of the 10-grams of a prompt, docstring or solution that a record may not reach.",
        minimum=0,
        maximum=1,
        source="our choice: a single shared 10-gram takes out 5 % of Evol-Instruct, for stock phrases; half, 0.6 %",
    )


def read_problems(files: list[str]) -> Iterator[Problem]:
    """The problems of all files. Raises InputError, with the place, for an entry that is no known benchmark's."""
    for name in files:
        found = 0
        for place, row in _rows(name):
            try:
                yield problem(row, found)
            except InputError as error:
                error.place = error.place or place
                raise
            found += 1
        if not found:
            raise InputError("holds no problems", name)


def _rows(name: str) -> Iterator[tuple[str, Any]]:
    """Place and value of each line, or of each entry of a JSON array.

    Read by the standard library: benchmarks' own files hold Infinity and NaN (MBPP+ does), which records may not.
    """
    with jsonl.open_input(name) as stream:
        try:
            first = stream.readline()
            if first.lstrip().startswith(b"["):
                for number, row in enumerate(json.loads(first + stream.read()), 1):
                    yield f"{name}, entry {number}", row
                return
            for number, line in enumerate(itertools.chain([first], stream), 1):
                if line.strip():
                    yield f"{name}:{number}", json.loads(line)
        except (ValueError, OSError, EOFError, RecursionError) as error:
            raise InputError(f"cannot be read as JSON lines or a JSON array: {error}", name) from None


def prepare(record: dict[str, Any], options: Options) -> dict[str, Any]:
    fields.standardise(record, **options.overrides)
    fields.identify(record)
    fields.response(record)
    return record


def matches(record: dict[str, Any], index: Index) -> list[Match]:
    """What the record's instruction and correct response, prose and code, overlap with."""
    response = fields.response(record)
    codes = [
        response[b.start : b.end]
        for b in fences.blocks(response)
        if guess(response[b.start : b.end], b.language) == "python"
    ]
    return index.matches(f"{fields.instruction(record).text}\n{response}", codes)


def decontaminate(records: Iterable[dict[str, Any]], tally: Tally, index: Index) -> Iterator[dict[str, Any]]:
    """The heart: the records without a match."""
    for record, found in prepared(records, tally, lambda record: record, lambda record: matches(record, index)):
        if not found:
            yield record
            continue
        place = getattr(record, "place", "")
        tally.note(f"{place} ({record['id']}): {describe(found[0])}{_more(len(found) - 1)}")
        named = [dataclasses.asdict(match) for match in found[:NAMED]]
        tally.reject({**record, "matched": named}, f"overlapping with {found[0].benchmark}")


def describe(match: Match) -> str:
    """One match in words."""
    share = "" if match.share == 1 else f", {match.share:.0%} of it"
    task = match.task if "/" in match.task else f"{match.benchmark} {match.task}"
    return f"{task}, {match.part} by {match.by}{share}"


def _more(count: int) -> str:
    return f", and {count} more" if count else ""


def run(options: Options) -> None:
    if not options.against:
        raise UsageError("--against FILE is missing: the benchmark files to compare with")
    counts: Counter[str] = Counter()

    def counted() -> Iterator[Problem]:
        for found in read_problems(options.against):
            counts[found.benchmark] += 1
            yield found

    index = Index(counted(), options.ngram, options.overlap)

    def heart(records: Iterable[dict[str, Any]], tally: Tally) -> Iterator[dict[str, Any]]:
        held = ", ".join(f"{n} of {name}" for name, n in counts.items())
        tally.note(f"comparing with {sum(counts.values())} problems ({held})")
        yield from decontaminate(records, tally, index)

    run_filter("decontaminate", options, lambda record: prepare(record, options), heart)
