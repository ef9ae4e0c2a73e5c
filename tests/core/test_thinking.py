"""The answer behind the thinking: all known tags, with and without their opener, and what only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.thinking import KINDS, answer, answer_span

CODE = "```python\ndef f(x):\n    return x + 1\n```"
DRAFT = "First I try\n```python\ndef f(x):\n    return x\n```\nand see."


@pytest.mark.parametrize(("opening", "closing"), KINDS)
def test_every_kind_of_tag_with_and_without_its_opener(opening, closing):
    assert answer(f"{opening}\n{DRAFT}\n{closing}\n\n{CODE}") == CODE
    assert answer(f"{DRAFT}\n{closing}\n{CODE}\n") == CODE
    assert answer(f"{opening}{closing}\n{opening}{DRAFT}{closing}{CODE}") == CODE
    assert answer(f"{opening}{DRAFT}\nno end") == ""
    assert answer(f"{opening}{DRAFT}{closing}") == ""


@pytest.mark.parametrize(
    "thinking",
    [
        "```python\ndef f(x):\n    return x\n",  # a draft whose fence is never closed
        'The answer follows "</think>", I know.\n',
        "The tag `</think>` comes next.\n",
        "```\nprint('</think>')\n```\n",
        "```python\nx = 1\n```\n```python\ny = 2\n```\n",
    ],
)
def test_what_stands_in_the_thinking_does_not_matter(thinking):
    assert answer(f"<think>{thinking}</think>\n{CODE}") == CODE
    assert answer(f"{thinking}</think>\n{CODE}") == CODE


@pytest.mark.parametrize(
    "said",
    [
        "```python\ndef f(text):\n    return text.split('</think>')[-1]\n```",
        '```python\nPROMPT = """\n<think>\nplan\n</think>\n"""\n```\nIt has a prompt.',
        'import re\n\n\ndef f(text):\n    return re.sub(r"<think>.*?</think>", "", text)\n',
        'PROMPT = """\n<think>\nplan\n</think>\n"""\n',  # bare code
        'START = "<|start|>assistant<|channel|>final<|message|>"\nEND = 1 +\n',  # and it need not parse
    ],
)
def test_a_tag_of_the_answers_own_code_ends_nothing(said):
    assert answer(said) == said
    assert answer(f"<think>Plan.</think>\n\n{said}") == said.strip()


def test_channels_of_harmony():
    final = f"<|start|>assistant<|channel|>final<|message|>{CODE}"
    thought = f"<|channel|>analysis<|message|>{DRAFT}<|end|>"
    tool = '<|start|>assistant<|channel|>commentary to=functions.g <|constrain|>json<|message|>{"a": 1}<|call|>'
    assert answer(thought + final + "<|return|>") == CODE
    assert answer(thought + tool + final) == CODE
    assert answer(f"{DRAFT}<|end|>{final}") == CODE  # opened by the prompt
    assert answer(thought) == ""
    assert answer(f"analysisWe need f.{DRAFT}assistantfinal{CODE}") == CODE  # special tokens dropped
    assert answer("analysis of variance needs no tags") == "analysis of variance needs no tags"


def test_an_explanation_behind_the_answer_is_no_answer():
    assert answer(f"{CODE}\n<reasoning>I add one.</reasoning>\n") == CODE
    assert answer(f"<think>Plan.</think>{CODE}\n<reflection>Good.</reflection>") == CODE


def test_wrappers_of_the_answer_are_left_out():
    said = f"<|begin_of_thought|>{DRAFT}<|end_of_thought|>\n<|begin_of_solution|>\n{CODE}\n<|end_of_solution|>"
    assert answer(said) == CODE


@given(st.lists(st.sampled_from(["<think>", "</think>", "```python\n", "```\n", "x = 1\n", '"', "<|channel|>", " "])))
def test_an_answer_is_a_part_of_the_text(parts):
    text = "".join(parts)
    start, end = answer_span(text)
    assert 0 <= start <= end <= len(text)
    if "</think>" not in text and "<|channel|>" not in text and not text.lstrip().startswith("<think>"):
        assert answer(text) == text
