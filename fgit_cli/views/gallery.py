"""The gallery of pairs on a page: differences side by side, and the values of tokens; drawn by gallery.js.

The script reads `{"kind", "pairs"}` from the page's data; a pair may have a `kind` of its own.
"""

from typing import Any

from fgit_cli.core import fields
from fgit_cli.core.align import TokenBytes
from fgit_cli.core.diff_field import Comparison, from_field
from fgit_cli.core.textdiff import TooLong
from fgit_cli.errors import InputError
from fgit_cli.views.markup import Html, join, tag
from fgit_cli.views.page import asset
from fgit_cli.views.pair_data import diff_data, mask_data

GAP = "gap: the other side has lines here that this one lacks"
BY_TEXT = "its tokenizer is not at hand: changed characters, not tokens"


def legend(kind: str) -> Html:
    """What the colours mean, for pairs of a kind (`diff` or `mask`)."""
    if kind == "diff":
        return join(
            _sign("abc", "changed in the incorrect response", "del"),
            _sign("abc", "changed in the correct response", "add"),
            _sign("◆", GAP, "gap"),
        )
    return join(
        _sign("x", "0, shared", "t mono"),
        _sign("x", "1, on a changed line", "t v1 mono"),
        _sign("x", "2, changed itself", "t v2 mono"),
        _sign("x", "anchored: the other side has lines here that this one lacks", "t v1 anchor mono"),
    )


def _sign(sign: str, meaning: str, kind: str) -> Html:
    return tag("span", tag("i", sign, class_=kind), meaning)


def container(*kinds: str) -> Html:
    """The element in which the pairs are drawn: legends, a choice of layout where there are differences, pages."""
    layout = tag(
        "select",
        tag("option", "side by side", value="split"),
        tag("option", "unified"),
        id="gallery-layout",
        title="Layout",
    )
    pager = tag(
        "div",
        layout if "diff" in kinds else "",
        tag("button", "←", id="gallery-back", type="button", title="The page before"),
        tag("span", "", id="gallery-where"),
        tag("button", "→", id="gallery-on", type="button", title="The next page"),
        class_="pager",
    )
    bar = tag("div", tag("div", *(legend(kind) for kind in kinds), class_="legend"), pager, class_="bar")
    return tag("div", bar, tag("div", "", id="gallery-pairs"), tag("div", "", id="gallery-tip"), class_="gallery")


def style() -> str:
    return asset("gallery.css")


def script() -> str:
    return asset("gallery.js")


def of_tokens(record: dict[str, Any], table: TokenBytes) -> dict[str, Any]:
    """The data of a pair as `fgit mask` wrote it. A last token that both sides share is taken for the end token."""
    correct, incorrect = record["correct_ids"], record["incorrect_ids"]
    end = correct[-1] if correct and incorrect and correct[-1] == incorrect[-1] else -1
    return {**mask_data(record, {"correct": [], "incorrect": []}, end, table), "kind": "mask"}


def of_texts(record: dict[str, Any]) -> dict[str, Any] | None:
    """The data of a pair by its texts alone; None for a record without texts or with texts too long to compare."""
    try:
        correct, incorrect = fields.response(record), fields.incorrect(record) or ""
        fields.instruction(record)
    except InputError:
        return None
    try:
        difference, made = from_field(record.get("diff"), correct, incorrect)
    except InputError:  # none, or one that does not fit: the texts are compared anew
        made = Comparison()
        try:
            difference = made.compare(incorrect, correct)
        except TooLong:
            return None
    data = diff_data(record, incorrect, correct, difference, made)
    return {**data, "kind": "diff", "note": f"{data['note']}; {BY_TEXT}"}
