"""Where a record keeps its instruction, correct response, incorrect response and tests (docs/records.md).

The first field present in the listed order counts; null counts as absent. An override takes the place of the
standard field, and is written there, so that later stages need no option.
"""

import json
from dataclasses import dataclass
from typing import Any

from fgit_cli.core import fences
from fgit_cli.errors import InputError

INSTRUCTION = ("instruction", "problem", "prompt", "question", "query", "text", "messages")
RESPONSE = (
    "response",
    "output",
    "solution",
    "completion",
    "chosen",
    "answer",
    "code",
    "canonical_solution",
    "messages",
)
INCORRECT = ("incorrect", "rejected", "buggy_solution")
TESTS = ("tests", "test", "test_list", "unit_tests", "test_cases")
COMPLETED = ("canonical_solution", "buggy_solution")  # with `prompt`, the code is their concatenation

Turn = dict[str, str]


@dataclass(frozen=True)
class Instruction:
    """What the model is asked: turns of `{"role", "content"}`, one user turn unless the record has `messages`."""

    turns: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The turns joined by a blank line."""
        return "\n\n".join(content for _, content in self.turns)

    @property
    def messages(self) -> list[Turn]:
        return [{"role": role, "content": content} for role, content in self.turns]


def standardise(record: dict[str, Any], **overrides: str | None) -> None:
    """Write each overridden field under its standard name (`instruction`, `response`, `incorrect`), in place.

    Raises InputError when the named field is absent or no text.
    """
    named = {standard: name for standard, name in overrides.items() if name and name != standard}
    record.update(
        {standard: _text(record, name, required=True) for standard, name in named.items()}
    )  # read, then write


def instruction(record: dict[str, Any]) -> Instruction:
    """The instruction. Raises InputError when no field holds one."""
    for name in INSTRUCTION:
        if record.get(name) is None:
            continue
        if name == "messages":
            return Instruction(_turns(record)[0])
        text = _text(record, name)
        extra = record.get("input") if name == "instruction" else None
        if extra:
            text = f"{text}\n\n{_text(record, 'input')}"
        return Instruction((("user", text),))
    raise InputError(f"no instruction; give one of the fields {', '.join(INSTRUCTION)}, or --instruction-field")


def response(record: dict[str, Any]) -> str:
    """The correct response. Raises InputError when no field holds one."""
    text = _first(record, RESPONSE)
    if text is None:
        raise InputError(f"no correct response; give one of the fields {', '.join(RESPONSE)}, or --response-field")
    return text


def incorrect(record: dict[str, Any]) -> str | None:
    """The incorrect response, or None where the record has none."""
    return _first(record, INCORRECT)


def tests(record: dict[str, Any]) -> str | None:
    """The tests as a text in whatever style (core/written_tests.py runs it); None where the record has none.

    A list of texts, or a JSON list in a text, is one text; fences are left out. Raises InputError for anything else.
    """
    test, entry_point = record.get("test"), record.get("entry_point")
    for name in TESTS:
        if record.get(name) is None:
            continue
        if name == "test" and entry_point is not None and "def check(" in _text(record, "test"):
            return f"{test}\n\ncheck({_text(record, 'entry_point')})\n"
        listed = _listed(record, name)
        if name == "test_list" and record.get("test_setup_code"):
            listed = [_text(record, "test_setup_code"), *listed]
        return "\n".join(map(_unfenced, listed)) + ("\n" if len(listed) > 1 or name == "test_list" else "")
    return None


def _listed(record: dict[str, Any], name: str) -> list[str]:
    """The texts of a field that holds one, or a list of them, as JSON or not."""
    value = record[name]
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]  # Python that begins with a list
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        inside = f"{_kind(value[0])}s" if isinstance(value, list) and value else _kind(value)
        raise InputError(
            f"field `{name}` is neither a text nor a list of texts ({inside}); write the tests as Python, such as "
            '"assert f(1) == 2"'
        )
    return value


def _unfenced(text: str) -> str:
    return fences.code(text) if any(block.fenced for block in fences.blocks(text)) else text


def identify(record: dict[str, Any]) -> None:
    """Add `id` when absent: the first 16 hex digits of SHA-256 over instruction text, NUL, response."""
    if record.get("id") is None:
        import hashlib  # here: OpenSSL takes 5 ms, which a help text should not wait for

        text = f"{instruction(record).text}\0{response(record)}"
        record["id"] = hashlib.sha256(text.encode()).hexdigest()[:16]


def _first(record: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if record.get(name) is None:
            continue
        if name == "messages":
            return _turns(record)[1]
        text = _text(record, name)
        if name in COMPLETED and record.get("prompt") is not None:
            text = _text(record, "prompt") + text
        return text
    return None


def _text(record: dict[str, Any], name: str, required: bool = False) -> str:
    value = record.get(name)
    if value is None and required:
        raise InputError(f"no field `{name}`")
    if not isinstance(value, str):
        raise InputError(f"field `{name}` is {_kind(value)}, not text")
    return value


def _turns(record: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str]:
    """The turns before the last assistant turn, and that turn's text."""
    messages = record["messages"]
    turns = []
    for message in messages if isinstance(messages, list) else [None]:
        if not isinstance(message, dict) or not all(isinstance(message.get(k), str) for k in ("role", "content")):
            raise InputError("field `messages` is not a list of turns, each with texts `role` and `content`")
        turns.append((message["role"], message["content"]))
    last = max((i for i, (role, _) in enumerate(turns) if role == "assistant"), default=None)
    if not last:
        raise InputError("field `messages` has no assistant turn that answers another turn")
    return tuple(turns[:last]), turns[last][1]


def _kind(value: Any) -> str:
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
        type(None): "null",
    }
    return names.get(type(value), type(value).__name__)
