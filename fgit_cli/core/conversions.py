"""The line of jq that turns what a record has into what fgit reads, for the message that refuses it."""

from collections.abc import Container
from typing import Any

_KEYS = (
    ("speaker", "text"), ("role", "value"), ("from", "content"), ("from", "text"), ("role", "text"), ("user", "text"),
    ("author", "content"), ("name", "content"),
)  # fmt: skip


def to_turns(value: Any) -> str | None:
    """The filter that makes turns of a list that holds a conversation in another form; None where none is known."""
    if not isinstance(value, list) or not value:
        return None
    first = value[0]
    if isinstance(first, dict):
        if {"role", "content"} <= first.keys() or {"from", "value"} <= first.keys():
            return "."
        keys = next((k for k in _KEYS if all(isinstance(first.get(name), str) for name in k)), None)
        return f"map({{role: .{keys[0]}, content: .{keys[1]}}})" if keys else None
    if all(isinstance(text, str) for text in value):
        role = '(if .key % 2 == 0 then "user" else "assistant" end)'
        return f"[to_entries[] | {{role: {role}, content: .value}}]"
    if all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        return '[.[] | {role: "user", content: .[0]}, {role: "assistant", content: .[1]}]'
    return None


def to_text(name: str, value: Any) -> str:
    """How a field becomes text, as the end of a sentence; empty where that would be a guess."""
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return f"; jq -c '.{name} |= .[0]' takes the first of them"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"; jq -c '.{name} |= tostring' converts it"
    if isinstance(value, dict):
        texts = [key for key, text in value.items() if isinstance(text, str)]
        return f"; jq -c '.{name} |= .{texts[0]}' takes a text out of it" if texts else ""
    return ""


def instead(record: dict[str, Any], what: str, known: Container[str]) -> str:
    """Which of the record's other fields may hold `what` is missing, as the end of a sentence; empty for none."""
    others = {name: value for name, value in record.items() if name not in known and value is not None}
    for name, value in others.items():
        if (converted := to_turns(value)) is not None:
            return f"; there is a conversation in `{name}`: jq -c '.messages = (.{name} | {converted})' converts it"
    texts = [name for name, value in others.items() if isinstance(value, str) and value]
    if texts:
        named = ", ".join(f"`{name}`" for name in texts[:5])
        return f"; there is text in {named}: jq -c '.{what} = .{texts[0]}' takes the first"
    objects = [name for name, value in others.items() if isinstance(value, dict)]
    return f"; there is an object in `{objects[0]}`: jq -c '. + .{objects[0]}' takes its fields out" if objects else ""
