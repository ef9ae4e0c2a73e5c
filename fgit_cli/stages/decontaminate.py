"""Finds the records that overlap with benchmarks, for `fgit decontaminate`."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from fgit_cli.core import fences, fields
from fgit_cli.core.languages import guess
from fgit_cli.core.overlap import Index, Match, plainly
from fgit_cli.core.problems import Problem, problem
from fgit_cli.errors import InputError
from fgit_cli.formats import places
from fgit_cli.formats.reading import loose_rows
from fgit_cli.stages.running import Tally, prepared

NAMED = 5  # matches kept with a record: the surest


def read_problems(files: list[str]) -> Iterator[Problem]:
    """The problems of all files. Raises InputError, with the place, for an entry that is no known benchmark's."""
    for name in places.expanded(files):
        found = 0
        for place, row in loose_rows(name):
            try:
                yield problem(row, found)
            except InputError as error:
                error.place = error.place or place
                raise
            found += 1
        if not found:
            raise InputError("holds no problems", name)


def prepare(record: dict[str, Any], named: Mapping[str, str | None]) -> dict[str, Any]:
    """The record with its standard fields; `named` are the fields that the user named."""
    fields.standardise(record, **named)
    fields.identify(record)
    fields.response(record)
    return record


def matches(record: dict[str, Any], index: Index) -> list[Match]:
    """What the record overlaps with: instruction, responses of both sides, variants and tests, prose and code.

    Text that was written for HTML or JSON (`&lt;`, `\\n` in two characters) is read as what it stands for, too.
    """
    answers = [fields.response(record), fields.incorrect(record) or ""]
    answers += [
        v["text"] for v in record.get("variants") or [] if isinstance(v, dict) and isinstance(v.get("text"), str)
    ]
    with suppress(InputError):  # tests that could not be run; here they are text
        answers.append(fields.tests(record) or "")
    texts = [fields.instruction(record).text, *answers]
    written = [plainly(text) for text in texts]
    texts += [text for text, before in zip(written, texts, strict=True) if text != before]
    return index.matches("\n".join(texts), [code for text in texts for code in _python(text)])


def _python(text: str) -> Iterator[str]:
    """The blocks of Python in a text, and the body of a function that stands alone."""
    for block in fences.blocks(text):
        code = block.code(text)
        if guess(code, block.language) == "python" or code.lstrip().startswith("return "):
            yield code


def decontaminate(records: Iterable[dict[str, Any]], tally: Tally, index: Index) -> Iterator[dict[str, Any]]:
    """The records without a match."""
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
