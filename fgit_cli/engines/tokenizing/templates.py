"""Turns an instruction into a prompt and says which token ends a response.

A template is the tokenizer's chat template, `plain`, a named format of the papers' students (prompts/formats/), or a
file. Prompts are lists of pieces: texts, and ids of the control tokens that the template itself writes; what stands in
the data is never read as a control token.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jinja2
from jinja2.ext import Extension, loopcontrols

from fgit_cli import prompts
from fgit_cli.core import thinking
from fgit_cli.core.conversations import Turn
from fgit_cli.core.fields import Instruction
from fgit_cli.core.textdiff import common_prefix, common_suffix
from fgit_cli.engines.tokenizing.tokenizers import Tokenizer
from fgit_cli.errors import UsageError, one_line
from fgit_cli.prompts import bounded

PLAIN = "{instruction}\n"
SLOT = "{instruction}"
Piece = str | int


class Refused(ValueError):
    """A chat template does not write these turns; the message is the reason for the rejects."""


class PromptParts(NamedTuple):
    """A prompt in pieces for `Tokenizer.encode_prompts`, and the id of the token that ends the response.

    `before` are the ids that the tokenizer's own encoding puts before a text (BOS); the first piece still begins one.
    """

    pieces: list[Piece]
    end: int
    before: list[int]


class Template(Protocol):
    """What makes prompts. `name` and `sha256` (of the template's text) go into the record."""

    name: str
    sha256: str

    @property
    def writes_tools(self) -> bool:
        """Whether the template tells the model which tools there are."""

    def prompt(self, instruction: Instruction, response: str = "") -> PromptParts:
        """The prompt of an instruction; how the response thinks may decide how it ends. Raises Refused."""


def load(choice: str | None, tokenizer: Tokenizer) -> Template:
    """The template of that name (`chat`, `plain`, a format, a file); the tokenizer's own where none is named.

    Raises UsageError where there is none.
    """
    if choice is None:
        choice = "chat" if tokenizer.chat_template else "plain"
    if choice == "chat":
        if not tokenizer.chat_template:
            raise UsageError(f"--template chat: tokenizer {tokenizer.name} has no chat template; choose {_choices()}")
        return ChatTemplate("chat", tokenizer.chat_template, tokenizer)
    if choice == "plain":
        return TextTemplate("plain", PLAIN, tokenizer)
    named = prompts.FORMATS / f"{choice}.toml"
    if named.exists():
        text = tomllib.loads(named.read_text(encoding="utf-8"))["text"]
        return TextTemplate(choice, text, tokenizer)
    try:
        text = Path(choice).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--template {choice}: no file to read ({error}); choose {_choices()}") from None
    if choice.endswith(".jinja"):
        return ChatTemplate(choice, text, tokenizer)
    if text.count(SLOT) != 1:
        raise UsageError(
            f"--template {choice}: the file must hold {SLOT} once; a chat template's name ends with .jinja"
        )
    return TextTemplate(choice, text, tokenizer)


def _choices() -> str:
    return ", ".join([*prompts.templates()[1:], "or a file"])


class TextTemplate:
    """A text with `{instruction}` in it; turns are joined by a blank line; eos ends the response.

    BOS comes first where the tokenizer's own encoding puts it there and the text does not.
    """

    writes_tools = False

    def __init__(self, name: str, text: str, tokenizer: Tokenizer) -> None:
        self.name, self.sha256 = name, hashlib.sha256(text.encode()).hexdigest()
        self.before, self.after = text.split(SLOT)
        self._tokenizer = tokenizer
        self._end = tokenizer.eos

    @property
    def begins_itself(self) -> bool:
        """Whether the text itself begins with what the tokenizer's own encoding would put before it."""
        prefix = self._tokenizer.prefix_ids
        return _pieces([(self.before, True)], self._tokenizer)[: len(prefix)] == prefix

    def prompt(self, instruction: Instruction, response: str = "") -> PromptParts:
        own = [(self.before, True), (instruction.text, False), (self.after, True)]
        prefix = [] if self.begins_itself else self._tokenizer.prefix_ids
        return PromptParts(_pieces(own, self._tokenizer), self._end, prefix)


class ChatShape(NamedTuple):
    """What a chat template writes around the contents of turns with certain roles."""

    literals: list[str]  # before the first content, between, after the last
    tail: str  # what follows the literals when a response "0" is rendered too; empty: the generation prompt ends them
    end: int


class ChatTemplate:
    """A Jinja chat template, rendered as transformers renders it; it alone writes BOS.

    The place of the response is found by rendering two conversations that differ in the response alone.
    """

    def __init__(self, name: str, text: str, tokenizer: Tokenizer) -> None:
        self.name, self.sha256 = name, hashlib.sha256(text.encode()).hexdigest()
        self._made_of = (name, text, tokenizer)
        self.text = text
        self._tokenizer = tokenizer
        try:
            self._compiled = _environment().from_string(text)
        except (jinja2.TemplateError, RecursionError, MemoryError, ValueError, OverflowError, SyntaxError) as error:
            raise UsageError(f"--template {name}: not a Jinja template: {error}") from None
        self._shape = lru_cache(maxsize=256)(self._shape_of)
        self._names = tokenizer.named_tokens

    def __reduce__(self) -> tuple[Any, ...]:
        """Make a copy for another process; what Jinja compiled does not travel."""
        return ChatTemplate, self._made_of

    @cached_property
    def writes_tools(self) -> bool:
        """Whether the template tells the model which tools there are."""
        turns = [{"role": "user", "content": "0"}]
        tool = {"type": "function", "function": {"name": "t", "description": "", "parameters": {"type": "object"}}}
        with suppress(Refused):
            return self._render(turns, True, [tool]) != self._render(turns, True)
        return False

    def prompt(self, instruction: Instruction, response: str = "") -> PromptParts:
        tools = instruction.tools if self.writes_tools else None
        shape = self._shape(*_key(instruction, tools))
        text = self._rendered(instruction.messages, shape, tools)
        contents = _contents(instruction)
        for change in (str, str.strip, str.rstrip, str.lstrip, _unthought):  # templates may trim, nothing else
            changed = [change(content) for content in contents]
            if text == "".join(p for pair in zip(shape.literals, [*changed, ""], strict=True) for p in pair):
                literals = shape.literals
                if thinking.tagged(response):
                    asked = len(text) - len(literals[-1])
                    literals = [*literals[:-1], self._before(instruction, tools, response, text[:asked], literals[-1])]
                own = [p for literal, content in zip(literals, [*changed, ""], strict=True)
                       for p in ((literal, True), (content, False))]  # fmt: skip
                return PromptParts(_pieces(own, self._tokenizer), shape.end, [])
        raise Refused("the chat template rewrites the instruction")

    def _before(self, instruction: Instruction, tools: list[Any] | None, response: str, asked: str, usual: str) -> str:
        """What the template writes between what is `asked` and a response that begins with thinking of its own.

        `usual` is what it writes before any other response, such as an empty block of thinking.
        """
        whole = self._render([*instruction.messages, {"role": "assistant", "content": response}], False, tools)
        if not whole.startswith(asked):
            return usual
        rest = whole[len(asked) :]
        for form in (response, response.strip()):
            if form in rest:
                return rest[: rest.index(form)]
        opening = thinking.opens(response)  # the template writes the thinking otherwise: end before it
        return usual[: usual.rindex(opening)] if opening and opening in usual else usual

    def _rendered(self, messages: list[Turn], shape: ChatShape, tools: list[Any] | None) -> str:
        if not shape.tail:
            return self._render(messages, True, tools)
        whole = self._render([*messages, {"role": "assistant", "content": "0"}], False, tools)
        return whole.removesuffix(shape.tail)

    def _render(self, messages: list[Turn], generation: bool, tools: list[Any] | None = None) -> str:
        try:
            values = {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": generation}
            return bounded.rendered(self._compiled, values | self._names)
        except (bounded.TimeIsUp, bounded.Unbounded, bounded.TooMuchMemory, MemoryError) as error:
            raise UsageError(f"--template {self.name}: {bounded.said(error)}") from None
        except Exception as error:  # the template is somebody else's, and so is whatever it raises
            raise Refused(f"the chat template refuses the turns: {one_line(error, 200)}") from None

    def _shape_of(self, turns_known: tuple[tuple[str, str], ...], tools_json: str) -> ChatShape:
        """The shape for turns of these roles; what is known of a turn, as JSON, is part of it, as the tools are."""
        if any(_controls(self._tokenizer).search(known) for known in [tools_json, *(k for _, k in turns_known)]):
            raise Refused("tools or their calls hold the text of a control token")
        tools = json.loads(tools_json)
        turns: list[Turn] = []
        marks: list[str] = []
        for role, known in turns_known:
            turn = json.loads(known or "{}")
            if "content" not in turn:
                marks.append(f"\ue0f0{len(marks)}\ue0f1")
                turn["content"] = marks[-1]
            turns.append({"role": role, **turn})
        with_0, with_1 = (self._render([*turns, {"role": "assistant", "content": r}], False, tools) for r in "01")
        prefix = with_0[: common_prefix(with_0, with_1)]
        alike = common_suffix(with_0, with_1, min(len(with_0), len(with_1)))
        suffix = with_0[len(with_0) - alike :]
        if f"{prefix}0{suffix}" != with_0 or f"{prefix}1{suffix}" != with_1:
            raise Refused("the chat template does not write the response once, unchanged")
        generation = self._render(turns, True, tools)
        # At inference the generation prompt is what the model reads; white space beside it is left out.
        asked = generation if prefix.rstrip() == generation.rstrip() else prefix
        tail = "" if asked is generation else f"0{suffix}"
        literals = []
        rest = asked
        for mark in marks:
            literal, found, rest = rest.partition(mark)
            if not found or mark in rest:
                raise Refused("the chat template does not write each turn once, in order")
            literals.append(literal)
        closing = _controls(self._tokenizer).match(suffix.lstrip())
        end = self._tokenizer.controls[closing[0]][0] if closing else self._tokenizer.eos
        return ChatShape([*literals, rest], tail, end)


def _key(instruction: Instruction, tools: list[Any] | None) -> tuple[tuple[tuple[str, str], ...], str]:
    """What decides a prompt's shape: the roles, what turns have beside a text (calls of tools), the tools."""
    turns = []
    for number, (role, content) in enumerate(instruction.turns):
        extra = instruction.extras.get(number, {})
        known = {**extra, "content": content} if "tool_calls" in extra else extra
        turns.append((role, json.dumps(known, ensure_ascii=False) if known else ""))
    return tuple(turns), json.dumps(tools, ensure_ascii=False)


def _contents(instruction: Instruction) -> list[str]:
    """The texts that stand between a shape's literals."""
    extras = instruction.extras
    return [content for i, (_, content) in enumerate(instruction.turns) if "tool_calls" not in extras.get(i, {})]


def _unthought(content: str) -> str:
    """A turn without its thinking, which some templates leave out of the turns before the last."""
    return thinking.answer(content) if thinking.tagged(content) else content


@lru_cache(maxsize=8)
def _controls(tokenizer: Tokenizer) -> re.Pattern[str]:
    """Matches a control token; the longest where several begin."""
    longest_first = sorted(tokenizer.controls, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")


def _pieces(segments: Iterable[tuple[str, bool]], tokenizer: Tokenizer) -> list[Piece]:
    """Join the segments into pieces, with control tokens found in the template's own (True) segments alone."""
    pieces: list[Piece] = []
    text, strip_next = "", False

    def add(more: str) -> None:
        nonlocal text, strip_next
        if strip_next:
            more = more.lstrip()
        strip_next = strip_next and not more
        text += more

    for segment, own in segments:
        at = 0
        for found in _controls(tokenizer).finditer(segment) if own else ():
            token_id, token = tokenizer.controls[found[0]]
            add(segment[at : found.start()])
            text = text.rstrip() if token.lstrip else text
            pieces += [text, token_id] if text else [token_id]
            text, strip_next, at = "", token.rstrip, found.end()
        add(segment[at:])
    return [*pieces, text] if text else pieces


class _Generation(Extension):
    """`{% generation %}` blocks, which mark a template's assistant text for other programs: rendered as they are."""

    tags = {"generation"}

    def parse(self, parser: Any) -> Any:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=1)
def _environment() -> bounded.Environment:
    """The environment in which transformers renders chat templates: its settings, filters and functions."""

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, **how: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **how)

    def strftime_now(pattern: str) -> str:
        return datetime.now().strftime(pattern)

    environment = bounded.Environment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters["tojson"] = tojson
    environment.globals.update(raise_exception=raise_exception, strftime_now=strftime_now)
    return environment
