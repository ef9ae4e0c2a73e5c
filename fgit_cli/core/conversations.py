"""Conversations in the forms in which data sets keep them, as turns: OpenAI's messages, ShareGPT's, TRL's, with tools.

A turn is a dictionary with `role` (system, user, assistant, tool) and `content`, a text; a turn that calls tools has
`tool_calls` too, as chat templates read them.
"""

import json
from typing import Any

from fgit_cli.core import conversions
from fgit_cli.errors import InputError

Turn = dict[str, Any]

FIELDS = ("messages", "conversations")
_ROLES = {
    "human": "user", "user": "user", "prompter": "user", "gpt": "assistant", "assistant": "assistant",
    "chatgpt": "assistant", "bot": "assistant", "bard": "assistant", "bing": "assistant", "model": "assistant",
    "ai": "assistant", "system": "system", "developer": "system", "tool": "tool", "observation": "tool",
    "function": "tool", "function_response": "tool", "ipython": "tool", "function_call": "call", "tool_call": "call",
}  # fmt: skip
_PASSED_ON = ("tool_calls", "tool_call_id", "name")  # what chat templates know beside role and content
NO_TURNS = "no list of turns, each with texts `role` and `content`"


def turns(value: Any, field: str) -> list[Turn]:
    """The turns that a field holds: a list of `{role, content}` or `{from, value}`, or a single one.

    Raises InputError, with the line of jq that converts it where one is known.
    """
    listed = [value] if isinstance(value, dict) else value
    if not isinstance(listed, list):
        raise InputError(f"field `{field}` is {NO_TURNS}")
    return [_turn(item, field, number, listed) for number, item in enumerate(listed, 1)]


def is_conversation(value: Any) -> bool:
    """Whether a field that may hold a text holds turns."""
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def split(conversation: list[Turn], field: str) -> tuple[list[Turn], str]:
    """The turns before the last assistant turn, and that turn's text. Raises InputError where nothing is answered."""
    last = max((i for i, turn in enumerate(conversation) if turn["role"] == "assistant"), default=None)
    if not last:
        raise InputError(f"field `{field}` has no assistant turn that answers another turn")
    if "tool_calls" in conversation[last] and not conversation[last]["content"]:
        raise InputError(f"field `{field}` ends with a call of a tool and no text, which is no response to compare")
    return conversation[:last], conversation[last]["content"]


def _turn(item: Any, field: str, number: int, listed: list[Any]) -> Turn:
    if not isinstance(item, dict):
        raise InputError(f"field `{field}` is {NO_TURNS}{_converted(listed, field)}")
    if isinstance(item.get("from"), str) and "value" in item:
        role = _ROLES.get(item["from"].lower())
        if role is None:
            made = f'(.{field}[] | select(.from == "{item["from"]}").from) = "human"'
            raise InputError(
                f"field `{field}`, turn {number}: `from` is {item['from']!r}; it is human, gpt, system, function_call "
                f"or observation: jq -c '{made}' makes it one"
            )
        content = item["value"]
    elif isinstance(item.get("role"), str) and ("content" in item or "tool_calls" in item):
        role, content = item["role"], item.get("content")
        role = _ROLES.get(role.lower(), role)
    else:
        raise InputError(
            f"field `{field}` is {NO_TURNS}; turn {number} has "
            f"{', '.join(f'`{name}`' for name in item) or 'nothing'}{_converted(listed, field)}"
        )
    if role == "call":
        return {"role": "assistant", **_call(content)}
    turn: Turn = {"role": role, "content": _content(content, field, number)}
    turn |= {key: item[key] for key in _PASSED_ON if item.get(key) and (key != "name" or role == "tool")}
    if content is None and "tool_calls" not in turn:
        raise InputError(f"field `{field}`, turn {number}: `content` is null, not text")
    return turn


def _content(content: Any, field: str, number: int) -> str:
    """The text of a turn: itself, or the text of its parts. Raises InputError for parts that are no text."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InputError(f"field `{field}`, turn {number}: `content` is neither a text nor a list of parts of text")
    texts = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, dict) else "text"
        if kind in ("thinking", "reasoning", "redacted_thinking"):
            continue
        text = part.get("text", part.get("content")) if isinstance(part, dict) else part
        if kind not in ("text", "input_text", "output_text") or not isinstance(text, str):
            raise InputError(
                f"field `{field}`, turn {number}: a part of type {kind!r} is no text; to go on without such parts: "
                f'jq -c \'.{field}[].content |= (if type == "array" then map(select(.type == "text")) else . end)\''
            )
        texts.append(text)
    return "".join(texts)


def _call(content: Any) -> dict[str, Any]:
    """A turn of LLaMA-Factory's `function_call`, whose text is JSON, as chat templates read it."""
    try:
        calls = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        return {"content": content}
    calls = calls if isinstance(calls, list) else [calls]
    if not all(isinstance(call, dict) for call in calls):
        return {"content": str(content)}
    return {"content": "", "tool_calls": [{"type": "function", "function": call} for call in calls]}


def said(turn: Turn) -> str:
    """What a turn says, its calls of tools as JSON."""
    if turn["content"] or "tool_calls" not in turn:
        return turn["content"]
    return json.dumps(turn["tool_calls"], ensure_ascii=False)


def tools(record: dict[str, Any]) -> list[Any] | None:
    """The tools that a record offers, a list or JSON of one; None for none. Raises InputError for anything else."""
    found = record.get("tools")
    if isinstance(found, str):
        try:
            found = json.loads(found) if found.strip() else None
        except ValueError:
            raise InputError("field `tools` is a text, but not JSON") from None
    if not found:
        return None
    if not isinstance(found, list):
        raise InputError("field `tools` is no list; put it into one: jq -c '.tools |= [.]'")
    return found


def alpaca_history(value: Any) -> list[Turn]:
    """Alpaca's `history`, as LLaMA-Factory reads it: a list of pairs of a question and its answer."""
    if is_conversation(value):
        return turns(value, "history")
    made: list[Turn] = []
    for pair in value if isinstance(value, list) else [None]:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise InputError('field `history` is no list of pairs [question, answer], such as [["Hi.", "Hello."]]')
        made += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return made


def _converted(listed: list[Any], field: str) -> str:
    how = conversions.to_turns(listed)
    return f"; jq -c '.{field} |= {how}' converts it" if how and how != "." else ""
