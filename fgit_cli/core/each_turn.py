"""Makes a record of each assistant turn of a conversation, for `--turns all`."""

from typing import Any, TypeVar

from fgit_cli.core import conversations, fields
from fgit_cli.errors import InputError

R = TypeVar("R", bound=dict[str, Any])


def each_turn(record: R) -> list[R]:
    """A record for each assistant turn that says something, its `id` with `#1`, `#2`, ... behind it.

    Its prompt is what comes before the turn. A pair, a record with one such turn, one that was made so before, and one
    that cannot be read come back as they are.
    """
    if any(record.get(name) is not None for name in (*fields.INCORRECT, "variants")):
        return [record]
    try:
        made = _of_conversation(record) or _of_history(record)
        if len(made) < 2:
            return [record]
        whole = dict(record)
        fields.identify(whole)
    except InputError:
        return [record]
    if str(whole["id"]).endswith(f"#{len(made)}"):
        return [record]
    for number, one in enumerate(made, 1):
        one["id"] = f"{whole['id']}#{number}"
    return made


def _of_conversation(record: R) -> list[R]:
    name = next((name for name in conversations.FIELDS if isinstance(record.get(name), list)), None)
    if name is None or any(record.get(one) is not None for one in fields.RESPONSE if one not in conversations.FIELDS):
        return []
    turns = conversations.turns(record[name], name)
    ends = [i for i, turn in enumerate(turns) if i and turn["role"] == "assistant" and turn["content"].strip()]
    return [type(record)(record | {name: record[name][: end + 1]}) for end in ends]


def _of_history(record: R) -> list[R]:
    """Of Alpaca's `history`, whose last question and answer are the record's own."""
    history = record.get("history")
    if not isinstance(history, list) or conversations.is_conversation(history):
        return []
    conversations.alpaca_history(history)
    rest = {name: value for name, value in record.items() if name not in ("input", "history")}
    earlier = [
        type(record)(rest | {"instruction": asked, "response": answer, "history": history[:number]})
        for number, (asked, answer) in enumerate(history)
    ]
    return [*earlier, type(record)(record)]
