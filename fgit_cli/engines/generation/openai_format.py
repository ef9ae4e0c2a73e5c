"""Writes requests and reads replies in the OpenAI format (chat completions, completions), for servers and batches."""

import datetime
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import orjson

from fgit_cli.engines.generation import Completion, Request, Sampling
from fgit_cli.errors import one_line

_WORD = re.compile(r"\w+")


class Unreadable(ValueError):
    """A reply that is not what the format says."""


class TokenPrompt(NamedTuple):
    """A prompt as token ids, for a server that takes them, and the ids that end the answer."""

    ids: list[int]
    ends: list[int]


def body(
    model: str,
    request: Request,
    sampling: Sampling,
    index: int,
    n: int,
    left_out: set[str],
    tokens: TokenPrompt | None = None,
) -> dict[str, Any]:
    """The request's JSON: the sampling whole, but for the optional fields `left_out` (max_tokens goes by its new name).

    With `tokens` the prompt is sent as ids, whatever the request holds.

    A last assistant turn is continued as vLLM and SGLang do it (`continue_final_message`). Answers from `index` on
    have seeds of their own; of several in one request the server makes them from the first.
    """
    longest = "max_completion_tokens" if "max_tokens" in left_out else "max_tokens"
    made: dict[str, Any] = {"model": model, "stream": False, longest: sampling.max_tokens}
    if tokens is not None:
        made["prompt"] = tokens.ids
    elif request.messages is not None:
        made["messages"] = request.messages
        if request.prefilled:
            made |= {"continue_final_message": True, "add_generation_prompt": False}
    else:
        made["prompt"] = request.prompt
    optional = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "repetition_penalty": sampling.repetition_penalty,
        "seed": None if sampling.seed is None else sampling.seed + index,
        "stop": list(sampling.stop) or None,
        "stop_token_ids": (tokens.ends or None) if tokens else None,
        "n": n if n > 1 else None,
    }
    made |= {k: v for k, v in optional.items() if v is not None and k not in left_out}
    made |= sampling.extra_body
    return {k: v for k, v in made.items() if v is not None}


def completions(content: bytes, n: int) -> list[Completion]:
    """The answers of a reply, at most `n`. Raises Unreadable for what is no reply of the format or holds no answer."""
    try:
        reply = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"the reply is not JSON ({error})") from None
    if not isinstance(reply, dict):
        raise Unreadable("the reply is not an object")
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices:
        raise Unreadable(f"the reply has no choices ({message(content)})")
    usage = reply.get("usage") if isinstance(reply.get("usage"), dict) else {}
    made = []
    for number, choice in enumerate(choices[:n]):
        text = _text(choice)
        if text is None:
            raise Unreadable("a choice of the reply has no text")
        reason = choice.get("finish_reason")
        first = number == 0  # usage is the sum over the choices; it is counted once
        made.append(
            Completion(
                text,
                reason if isinstance(reason, str) else None,
                _count(usage, "prompt_tokens") if first else 0,
                _count(usage, "completion_tokens") if first else 0,
            )
        )
    return made


def message(content: bytes) -> str:
    """What an error reply says, on one line of at most 300 characters; empty where it cannot be read."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        found = content.decode("utf-8", "replace")
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    text = found if isinstance(found, str) else orjson.dumps(found).decode()
    return one_line(text, 300)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: `Retry-After` as seconds or as a date, or `retry-after-ms`."""
    try:
        if headers.get("retry-after-ms"):
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after")
        if value is None:
            return None
        if value.replace(".", "", 1).isdigit():
            return float(value)
        now = datetime.datetime.now(datetime.UTC)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def _text(choice: Any) -> str | None:
    if not isinstance(choice, dict):
        return None
    if isinstance(choice.get("message"), dict):
        text = joined(choice["message"].get("content"))
        return "" if text is None and choice.get("finish_reason") else text
    return choice["text"] if isinstance(choice.get("text"), str) else None


def joined(content: Any) -> str | None:
    """The text of a message's content: a text, or the text of its parts, those of thinking left out."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type", "text") in ("text", "output_text"):
            part = part.get("text")
        if isinstance(part, str):
            texts.append(part)
    return "".join(texts)


def least_tokens(request: Request) -> int:
    """The fewest tokens that a tokenizer can make of the request's prompt: one a word."""
    texts = [str(m["content"]) for m in request.messages or []] or [request.prompt or ""]
    return sum(len(_WORD.findall(text)) for text in texts)


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
