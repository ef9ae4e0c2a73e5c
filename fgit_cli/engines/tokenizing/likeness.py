"""Finds out what a tokenizer does: whether it can spell code, and whether two of different files are the same."""

import json
from pathlib import Path
from typing import Any

from fgit_cli.engines.tokenizing import tokenizers
from fgit_cli.errors import UsageError

TEXTS = 100  # of the data, whose ids are compared
END = 8  # ids at the end of a text that was cut, which may lie within a character or a merge

SPELLED = {
    "line breaks": "if a:\nb\n\nc",
    "indentation": "    a\n        b",
    "capital letters": "ABC = Abc",
    "brackets and operators": "d = {f(x): [a < b, ~c ^ d]}",
}
PARTS = {
    "vocabulary": ("model", "vocab"),
    "merges": ("model", "merges"),
    "normaliser": ("normalizer",),
    "pre-tokenizer": ("pre_tokenizer",),
    "decoder": ("decoder",),
}


def not_spelled(tokenizer: tokenizers.Tokenizer) -> list[str]:
    """What of code is lost when a text is encoded and decoded; empty where nothing is."""
    found = [tokenizer.decode(ids) for ids in tokenizer.encode_responses(list(SPELLED.values()))]
    return [what for (what, text), back in zip(SPELLED.items(), found, strict=True) if back != text]


def unlike(tokenizer: tokenizers.Tokenizer, made: dict[str, Any], responses: list[list[int]]) -> str | None:
    """How the tokenizer that pairs were made with differs from this one in what it does, as a phrase; None if nowhere.

    `made` is what records say of it; `responses` are ids that it gave. Flags of added tokens, by which the files of
    one tokenizer differ from version to version, do not count.
    """
    if other := _still_there(made):
        one, two = (json.loads(t.serialised) for t in (tokenizer, other))
        parts = [name for name, path in PARTS.items() if _at(one, path) != _at(two, path)]
        if parts:
            return f"other {', '.join(parts)}"
    known = tokenizer.fast().get_vocab_size()
    wrong = sum(max(ids, default=0) >= known or not _gives(tokenizer, ids) for ids in responses[:TEXTS])
    return f"it gives other ids for {wrong} of the first {len(responses[:TEXTS])} texts" if wrong else None


def _still_there(made: dict[str, Any]) -> tokenizers.Tokenizer | None:
    """The tokenizer itself where its folder still holds it."""
    name = str(made.get("name"))
    if not Path(name).is_dir():
        return None
    try:
        found = tokenizers.load(name)
    except UsageError:
        return None
    return found if found.sha256 == made.get("sha256") else None


def _at(state: dict[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = state
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if path[-1] == "merges" and found:  # pairs in newer files, pairs joined by a blank in older ones
        return [tuple(merge.split(" ", 1)) if isinstance(merge, str) else tuple(merge) for merge in found]
    return found


def _gives(tokenizer: tokenizers.Tokenizer, ids: list[int]) -> bool:
    """Whether the text of these ids has these ids; an end token is none of the text's."""
    ended = bool(ids) and ids[-1] in {token_id for token_id, _ in tokenizer.controls.values()}
    whole = ids[:-1] if ended else ids
    sure = len(whole) if ended else max(0, len(whole) - END)
    return tokenizer.encode_responses([tokenizer.decode(whole)])[0][:sure] == whole[:sure]
