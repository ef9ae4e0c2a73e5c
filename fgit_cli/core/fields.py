"""Where a record keeps its instruction, correct response, incorrect response and tests (docs/records.md).

The first field present in the listed order counts; null counts as absent. An override takes the place of the
standard field, and is written there, so that later stages need no option.
"""

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fgit_cli.core import conversations, conversions, fences
from fgit_cli.core.conversations import Turn
from fgit_cli.errors import InputError

INSTRUCTION = ("instruction", "problem", "prompt", "question", "query", "text", "messages", "conversations")
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
    "conversations",
)
INCORRECT = ("incorrect", "rejected", "buggy_solution")
TESTS = ("tests", "test", "test_list", "unit_tests", "test_cases")
COMPLETED = ("canonical_solution", "buggy_solution")  # with `prompt`, the code is their concatenation
SYSTEM = ("system", "system_prompt")
NAMES = ("id", "task_id", "name", "language", "source", "entry_point")  # fields whose texts are no instruction
KNOWN = frozenset({*INSTRUCTION, *RESPONSE, *INCORRECT, *TESTS, *SYSTEM, *NAMES, "tools", "history"})
TOOLS_UNSENT = "field `tools` is not sent to the model"
_MISSING = ("nan", "NaN", "None", "null", "<NA>")  # how a missing value is written by programs that turned it into text


@dataclass(frozen=True)
class Instruction:
    """What the model is asked: pairs (role, content) of turns, one user turn unless the record has more.

    `extras` holds, by the number of a turn, what it has beside these: calls of tools. `tools` are those that are
    offered.
    """

    turns: tuple[tuple[str, str], ...]
    extras: dict[int, dict[str, Any]] = field(default_factory=dict)
    tools: list[Any] | None = None

    @classmethod
    def of(cls, conversation: list[Turn], tools: list[Any] | None = None) -> "Instruction":
        """The instruction that these turns are."""
        more = [{k: v for k, v in turn.items() if k not in ("role", "content")} for turn in conversation]
        pairs = tuple((turn["role"], turn["content"]) for turn in conversation)
        return cls(pairs, {i: extra for i, extra in enumerate(more) if extra}, tools)

    @property
    def text(self) -> str:
        """The turns joined by a blank line; a turn that only calls tools by its calls, as JSON."""
        return "\n\n".join(conversations.said(turn) for turn in self.messages)

    @property
    def messages(self) -> list[Turn]:
        return [
            {"role": role, "content": content, **self.extras.get(i, {})} for i, (role, content) in enumerate(self.turns)
        ]


def standardise(record: dict[str, Any], **overrides: str | None) -> None:
    """Write each overridden field under its standard name (`instruction`, `response`, `incorrect`), in place.

    Raises InputError when the named field is absent or no text.
    """
    named = {standard: name for standard, name in overrides.items() if name and name != standard}
    record.update(
        {standard: _text(record, name, required=True) for standard, name in named.items()}
    )  # read, then write


def instruction(record: dict[str, Any]) -> Instruction:
    """The instruction, with what stands before it: `system`, `history`, and the `tools` that are offered.

    Raises InputError when no field holds one.
    """
    asked = _asked(record)
    if not any(turn["role"] == "system" for turn in asked):
        asked = _system(record) + asked
    return Instruction.of(asked, conversations.tools(record))


def _asked(record: dict[str, Any]) -> list[Turn]:
    """The turns of the first field that holds an instruction."""
    whole = _preferred(record)
    for name in INSTRUCTION:
        value = record.get(name)
        if value is None:
            continue
        if name in conversations.FIELDS:
            return _prompt(record, name)
        if conversations.is_conversation(value):  # TRL's conversational `prompt`
            return conversations.turns(value, name) + _prompt_of_completion(record)
        text = _text(record, name)
        if name == "instruction":
            return [*_history(record), _user(_with_input(record, text))]
        if name == "prompt" and whole and whole[-1]["content"].strip() == text.strip():
            return whole  # the conversation repeats the prompt, and has what stands before it
        return [_user(text)]
    if whole:
        return whole
    raise InputError(
        f"no instruction; give one of the fields {', '.join(INSTRUCTION)}, or --instruction-field"
        + conversions.instead(record, "instruction", KNOWN)
    )


def _prompt(record: dict[str, Any], name: str) -> list[Turn]:
    """The turns of `messages` that are the prompt: all where another field holds the response, else those before."""
    turns = conversations.turns(record[name], name)
    answered = any(record.get(other) is not None for other in RESPONSE if other not in conversations.FIELDS)
    if turns and answered and turns[-1]["role"] != "assistant":
        return turns
    return conversations.split(turns, name)[0]


def _prompt_of_completion(record: dict[str, Any]) -> list[Turn]:
    """The turns of a conversational `completion` or `chosen` that come before its last one, such as calls of tools."""
    for name in RESPONSE:
        if record.get(name) is not None:
            turns = conversations.turns(record[name], name) if conversations.is_conversation(record[name]) else []
            last = max((i for i, turn in enumerate(turns) if turn["role"] == "assistant"), default=0)
            repeated = turns[:1] and turns[0]["role"] in ("system", "user")  # the whole conversation again
            return [] if repeated else turns[:last]
    return []


def _preferred(record: dict[str, Any]) -> list[Turn]:
    """The prompt that TRL's `chosen` and `rejected` share where they are whole conversations; else nothing.

    Raises InputError where they do not share it.
    """
    sides = []
    for name in ("chosen", "rejected"):
        if conversations.is_conversation(record.get(name)):
            turns = conversations.turns(record[name], name)
            if len(turns) > 1:
                sides.append(conversations.split(turns, name)[0])
    if len(sides) == 2 and sides[0] != sides[1]:
        raise InputError(
            "fields `chosen` and `rejected` differ before their last turn, so they answer different prompts"
        )
    return sides[0] if sides and sides[0][0]["role"] in ("system", "user") else []


def _system(record: dict[str, Any]) -> list[Turn]:
    for name in SYSTEM:
        if record.get(name):
            return [{"role": "system", "content": _text(record, name)}]
    return []


def _history(record: dict[str, Any]) -> list[Turn]:
    return conversations.alpaca_history(record["history"]) if record.get("history") else []


def _with_input(record: dict[str, Any], text: str) -> str:
    extra = record.get("input")
    if not extra or extra in _MISSING:
        return text
    return f"{text}\n\n{_text(record, 'input')}"


def _user(text: str) -> Turn:
    return {"role": "user", "content": text}


def oddities(record: dict[str, Any]) -> list[str]:
    """What is worth saying once of a record that can be used; the same words for all of a kind."""
    found = []
    if isinstance(record.get("input"), str) and record["input"] in _MISSING and record.get("instruction") is not None:
        found.append(f"field `input` is the text {record['input']!r}, a missing value turned into text: taken as none")
    with suppress(InputError):  # a sample of a benchmark has no instruction, and needs none
        if not instruction(record).text.strip():
            found.append("the instruction is empty")
    turns: list[Any] = next((record[name] for name in conversations.FIELDS if isinstance(record.get(name), list)), [])
    if any(isinstance(turn, dict) and turn.get("reasoning_content") for turn in turns):
        found.append("`reasoning_content` of the turns is left out; put it into `content` to train on it")
    own = [turn for turn in turns if isinstance(turn, dict) and turn.get("role", turn.get("from")) == "system"]
    if own and _system(record):
        found.append("field `system` is left out, for the conversation has a system turn of its own")
    return found


def response(record: dict[str, Any]) -> str:
    """The correct response. Raises InputError when no field holds one, or `label` says that it is not correct."""
    if record.get("label") is False:
        raise InputError(
            "field `label` is false, so the completion is not the correct one; pair it with one that is: "
            "jq -cs 'group_by(.prompt)[] | {prompt: .[0].prompt, response: (map(select(.label))[0].completion), "
            "incorrect: (map(select(.label | not))[0].completion)}'"
        )
    text = _first(record, RESPONSE)
    if text is None:
        raise InputError(
            f"no correct response; give one of the fields {', '.join(RESPONSE)}, or --response-field"
            + conversions.instead(record, "response", KNOWN)
        )
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
        value = record.get(name)
        if value is None:
            continue
        if name in conversations.FIELDS:
            return conversations.split(conversations.turns(value, name), name)[1]
        if conversations.is_conversation(value):
            turns = conversations.turns(value, name)
            return conversations.split([_user(""), *turns], name)[1]
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
        raise InputError(f"field `{name}` is {_kind(value)}, not text{conversions.to_text(name, value)}")
    return value


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
