"""The answer in what a reasoning model wrote: the text behind its thinking.

A server with a reasoning parser takes the thinking out itself; one without leaves it in, often without the opening
tag, which the chat template had written into the prompt. Code in the thinking is a draft, never the answer.
"""

import re

from fgit_cli.core.languages import python_tree

# Opening and closing tags, as the models write them.
KINDS = (
    ("<think>", "</think>"),  # DeepSeek-R1, Qwen3, GLM, MiniMax, Nemotron, Phi-4, Olmo 3
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),  # EXAONE
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<analysis>", "</analysis>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThoughts
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<|channel>thought", "<channel|>"),  # Gemma
    ("<unused94>", "<unused95>"),  # MedGemma
)
_OPENING = re.compile("|".join(re.escape(opening) for opening, _ in KINDS), re.I)
_CLOSING = re.compile("|".join(re.escape(closing) for _, closing in KINDS), re.I)
_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})([^\n]*)$", re.M)

# gpt-oss: every message has a channel, and the answer is what the channel `final` holds.
_CHANNEL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>\s*(\w+)(?:[^<]|<\|constrain\|>)*<\|message\|>")
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start)\|>")
# The same from a server that dropped the special tokens: "analysisWe need ...assistantfinal```python".
_BARE_ANALYSIS, _BARE_FINAL = re.compile(r"\s*analysis(?=[A-Z\"'`])"), "assistantfinal"

# What some models write around the answer itself.
_WRAPPER = re.compile(
    r"\A\s*<\|(?:begin_of_solution|START_RESPONSE|outer_prefix)\|>|<\|(?:end_of_solution|END_RESPONSE|outer_suffix)\|>\s*\Z"
)


def answer(text: str) -> str:
    """What stands behind the thinking, without white space around it; the text as it is where nothing was thought.

    Empty where the text ends inside its thinking.
    """
    start, end = answer_span(text)
    if (start, end) == (0, len(text)):
        return text
    return _WRAPPER.sub("", text[start:end].strip()).strip()


def tagged(text: str) -> bool:
    """Whether a tag of thinking stands anywhere in the text."""
    return bool(_OPENING.search(text) or _CLOSING.search(text))


def opens(text: str) -> str:
    """The opening tag with which the text begins, white space aside; empty where it does not."""
    found = _OPENING.match(text, len(text) - len(text.lstrip()))
    return found[0] if found else ""


def answer_span(text: str) -> tuple[int, int]:
    """Where the answer begins and ends in the text, in characters; (0, its length) where nothing was thought."""
    opened = _OPENING.match(text, len(text) - len(text.lstrip()))
    if not opened and not _marked(text):
        return 0, len(text)
    if not opened and python_tree(text) is not None:
        return 0, len(text)  # a program that has such a tag in a text of its own
    return _final_channel(text) or _behind_tags(text, bool(opened))


def _marked(text: str) -> bool:
    """Whether there is anything that could end thinking."""
    return bool(_CLOSING.search(text) or "<|channel|>" in text or _BARE_ANALYSIS.match(text))


def _final_channel(text: str) -> tuple[int, int] | None:
    """The last message of the channel `final`; the text's empty end where there are other channels alone."""
    messages = [m for m in _CHANNEL.finditer(text) if not _spoken_of(text, m)]
    if messages:
        finals = [m.end() for m in messages if m[1] == "final"]
        if not finals:
            return len(text), len(text)
        ended = _MESSAGE_END.search(text, finals[-1])
        return finals[-1], ended.start() if ended else len(text)
    if _BARE_ANALYSIS.match(text) and _BARE_FINAL in text:
        return text.rindex(_BARE_FINAL) + len(_BARE_FINAL), len(text)
    return None


def _behind_tags(text: str, opened: bool) -> tuple[int, int]:
    """What stands behind the last closing tag that ends thinking. `opened`: the text begins with an opening tag.

    A tag inside a fenced block of the answer is part of its code. Where nothing follows thinking that began behind the
    answer, the answer is what stands before it.
    """
    before = after = 0
    closings = [m for m in _CLOSING.finditer(text) if not _spoken_of(text, m)]
    for number, closing in enumerate(closings):
        if (opened and number == 0) or not _in_fence(text, after, closing):
            before, after = after, closing.end()
            if number + 1 < len(closings) and python_tree(text[after:].strip() or "<") is not None:
                break  # the rest is a program, with tags in its texts
    if opened and not closings:
        return len(text), len(text)
    if not text[after:].strip():
        reopened = _OPENING.search(text, before)
        if reopened and text[before : reopened.start()].strip():
            return before, reopened.start()
    return after, len(text)


def _spoken_of(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag stands in quotation marks, or at the edge of what does."""
    before, after = text[: tag.start()], text[tag.end() : tag.end() + 3]
    if before.endswith(('"', "'", "`", "\\")):
        return not before.endswith("```")
    return after[:1] in ('"', "'", "`") and after != "```" and after[0] in before[before.rfind("\n") + 1 :]


def _in_fence(text: str, start: int, tag: re.Match[str]) -> bool:
    """Whether a fenced block that opens behind `start` is open at the tag, and closed later by a fence of its own."""
    before = _FENCE.findall(text[start : tag.start()])
    later = _FENCE.findall(text[tag.end() :])
    return len(before) % 2 == 1 and len(later) % 2 == 1 and not later[0].strip()
