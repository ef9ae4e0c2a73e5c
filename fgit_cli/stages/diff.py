"""Compares the two responses of each record by lines and characters, for `fgit diff`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from fgit_cli.core import fields
from fgit_cli.core.diff_field import Comparison, from_field, to_field
from fgit_cli.core.textdiff import Difference, TooLong
from fgit_cli.errors import InputError
from fgit_cli.stages.running import Tally


class TextPair(NamedTuple):
    """A record and its two texts; `incorrect` is None for a record passed on unpaired."""

    record: dict[str, Any]
    correct: str
    incorrect: str | None


def read_pair(record: dict[str, Any], named: Mapping[str, str | None], keep_unpaired: bool) -> TextPair:
    """Correct and incorrect response of a record; `named` are the fields that the user named.

    Raises InputError for a record without an incorrect response, unless `keep_unpaired` passes it on.
    """
    fields.standardise(record, **named)
    fields.identify(record)
    correct, incorrect = fields.response(record), fields.incorrect(record)
    if incorrect is None and not keep_unpaired:
        raise InputError(
            f"no incorrect response; give one of the fields {', '.join(fields.INCORRECT)}, or --incorrect-field, "
            "or pass such records on with --keep-unpaired"
        )
    return TextPair(record, correct, incorrect)


def diff(pairs: Iterable[TextPair], tally: Tally, made: Comparison) -> Iterator[dict[str, Any]]:
    """Each record with its `diff`; one without difference or too long to compare is left out."""
    for pair in pairs:
        with tally.each(pair.record):
            if compared(pair, tally, made):
                yield pair.record


def compared(pair: TextPair, tally: Tally, made: Comparison) -> bool:
    """Give the record its `diff`; False, and a reject, where it has none."""
    record, _, incorrect = pair
    if incorrect is None:
        tally.count("unpaired")
        return True
    difference = differing(pair, incorrect, tally, made)
    if difference is None:
        return False
    record["diff"] = to_field(difference, made)
    return True


def differing(pair: TextPair, incorrect: str, tally: Tally, made: Comparison, kept: bool = False) -> Difference | None:
    """How the correct response differs from the incorrect one; None, and a reject, where it does not or is too long.

    With `kept` it is what the record's own `diff` says, where it has one.
    """
    record, correct, _ = pair
    try:
        if kept and record.get("diff") is not None:
            difference, made = from_field(record["diff"], correct, incorrect)
        else:
            difference = made.compare(incorrect, correct)
    except TooLong as reason:
        tally.reject(record, str(reason))
        return None
    if difference.correct.empty and difference.incorrect.empty:
        tally.reject(record, made.why_none(incorrect, correct))
        return None
    return difference
