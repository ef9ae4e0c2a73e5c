"""Masked pairs to look at, for the page: each response's text cut where its tokens' values change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fgit_cli.core import fields
from fgit_cli.errors import InputError

# Of a tokenizer's name and a response: the ids, and the characters [start, end) of each token; None if not at hand.
Spans = Callable[[str, str], tuple[list[int], list[tuple[int, int]]] | None]
Piece = tuple[str, int]  # a text and its value: 0, 1 (on a changed line) or 2 (changed itself)


@dataclass(frozen=True)
class Shown:
    """One pair as the gallery shows it; `by_tokens` is false where characters had to do."""

    id: str
    instruction: str
    correct: list[Piece]
    incorrect: list[Piece]
    ends: tuple[int, int]
    by_tokens: bool


def show(record: dict[str, Any], spans: Spans) -> Shown | None:
    """A masked pair; None for a record that lost its texts on the way."""
    try:
        instruction, correct = fields.instruction(record).text, fields.response(record)
        incorrect = fields.incorrect(record) or ""
    except InputError:
        return None
    name = (record.get("tokenizer") or {}).get("name") or ""
    sides = {}
    by_tokens = True
    for side, text in (("correct", correct), ("incorrect", incorrect)):
        pieces = by_token(text, record[f"{side}_ids"], record[f"{side}_mask"], spans(name, text))
        if pieces is None:
            by_tokens = False
            pieces = by_character(text, (record.get("diff") or {}).get(side) or {})
        sides[side] = pieces
    ends = tuple(end_value(record[f"{side}_ids"], record[f"{side}_mask"], record) for side in ("correct", "incorrect"))
    return Shown(str(record.get("id", "")), instruction, sides["correct"], sides["incorrect"], ends, by_tokens)  # type: ignore[arg-type]


def end_value(ids: list[int], mask: list[int], record: dict[str, Any]) -> int:
    """The value of the end token: a marked last token that both sides end with."""
    other = record["incorrect_ids"] if ids is record["correct_ids"] else record["correct_ids"]
    return mask[-1] if ids and other and ids[-1] == other[-1] else 0


def by_token(
    text: str, ids: Sequence[int], mask: Sequence[int], encoded: tuple[list[int], list[tuple[int, int]]] | None
) -> list[Piece] | None:
    """The text cut at the marked tokens; None where the tokenizer at hand gives other ids than the record has."""
    if encoded is None:
        return None
    its_ids, spans = encoded
    n = min(len(its_ids), len(ids))
    if list(ids[:n]) != its_ids[:n] or len(ids) > len(its_ids) + 1:
        return None
    values, owner = [0] * len(text), [-1] * len(text)
    for token, (start, end) in enumerate(spans[:n]):
        for at in range(start, end):
            if mask[token] > values[at] or owner[at] < 0:
                values[at], owner[at] = max(values[at], mask[token]), token
    return pieces(text, [(v, o if v else -1) for v, o in zip(values, owner, strict=True)])


def by_character(text: str, side: dict[str, Any]) -> list[Piece]:
    """The text cut at the changed lines and characters that the record's `diff` names."""
    values = [0] * len(text)
    at = 0
    for number, line in enumerate(text.split("\n")):
        if number in set(side.get("lines") or ()):
            values[at : at + len(line)] = [1] * len(line)
        at += len(line) + 1
    for start, end in side.get("chars") or ():
        values[start:end] = [2] * (min(end, len(text)) - start)
    return pieces(text, [(v, -1) for v in values])


def pieces(text: str, keys: list[tuple[int, int]]) -> list[Piece]:
    """Runs of characters with one key, value first."""
    found: list[Piece] = []
    start = 0
    for at in range(1, len(text) + 1):
        if at == len(text) or keys[at] != keys[start]:
            found.append((text[start:at], keys[start][0]))
            start = at
    return found if text else []
