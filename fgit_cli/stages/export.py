"""Turns pairs into what other trainers read, for `fgit export`: weighted token ids, or weighted spans of characters."""

from collections.abc import Iterable, Iterator
from typing import Any

from fgit_cli.core import fields
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.spans import value_spans
from fgit_cli.core.textdiff import Side
from fgit_cli.errors import InputError
from fgit_cli.stages.diff import TextPair, differing
from fgit_cli.stages.running import Tally

IGNORED = -100  # a label that counts in no loss, for transformers and TRL


def read_masked(record: dict[str, Any]) -> dict[str, Any]:
    """A record that `fgit mask` wrote. Raises InputError for another."""
    for ids, mask in (("prompt_ids", None), ("correct_ids", "correct_mask")):
        for name in filter(None, (ids, mask)):
            value = record.get(name)
            if not isinstance(value, list) or not all(type(v) is int and v >= 0 for v in value):
                raise InputError(f"no field `{name}` with a list of whole numbers; run `fgit mask` first")
    if len(record["correct_ids"]) != len(record["correct_mask"]):
        raise InputError("fields `correct_ids` and `correct_mask` differ in length; run `fgit mask` again")
    if not record["prompt_ids"] or not record["correct_ids"]:
        raise InputError("field `prompt_ids` or `correct_ids` is empty: nothing to learn")
    return record


def trl(records: Iterable[dict[str, Any]], tally: Tally, marked: float) -> Iterator[dict[str, Any]]:
    """`input_ids`, `labels` and `weights`, all as long; a marked token weighs `marked`, another of the response 1."""
    for record in records:
        with tally.each(record):
            prompt, correct = record["prompt_ids"], record["correct_ids"]
            yield {
                **({"id": record["id"]} if "id" in record else {}),
                "input_ids": [*prompt, *correct],
                "labels": [*[IGNORED] * len(prompt), *correct],
                "weights": [*[0.0] * len(prompt), *(marked if value else 1.0 for value in record["correct_mask"])],
            }


def spans(
    pairs: Iterable[TextPair], tally: Tally, made: Comparison, marked: float, gaps: bool
) -> Iterator[dict[str, Any]]:
    """Prompt and responses as texts, and each response's spans that weigh other than 1."""
    for pair in pairs:
        with tally.each(pair.record):
            sides = _sides(pair, tally, made)
            if sides is None:
                continue
            prompt = fields.instruction(pair.record)
            texts = {"response": (pair.correct, sides[0]), "incorrect": (pair.incorrect or "", sides[1])}
            out: dict[str, Any] = {"id": pair.record["id"], "prompt": prompt.messages}
            for name, (text, side) in texts.items():
                if name == "incorrect" and pair.incorrect is None:
                    out |= {"incorrect": None, "incorrect_spans": []}
                    continue
                found = [{**span._asdict(), "weight": marked} for span in value_spans(text, side, gaps)]
                out |= {name: text, "spans" if name == "response" else "incorrect_spans": found}
            yield out


def _sides(pair: TextPair, tally: Tally, made: Comparison) -> tuple[Side, Side] | None:
    """What differs on either side, as the record's `diff` has it or compared now; None, and a reject, where nothing."""
    if pair.incorrect is None:
        tally.count("unpaired")
        nothing = Side([], [], [])
        return nothing, nothing
    difference = differing(pair, pair.incorrect, tally, made, kept=True)
    return (difference.correct, difference.incorrect) if difference is not None else None
