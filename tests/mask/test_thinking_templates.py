"""Prompts for responses that think, conversations with tools, and what a template leaves out."""

import pytest

from fgit_cli.core.fields import Instruction, instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.engines.tokenizing.templates import Refused
from tests.helpers.made_tokenizers import llama_like, save

# As Qwen3's: thinking of earlier turns is left out, the last turn gets a block of it, empty where it has none.
THINKING = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\\n' }}{% set c = m.content %}"
    "{% if m.role == 'assistant' and '</think>' in c %}{% set t = c.split('</think>')[0].split('<think>')[-1] %}"
    "{% set c = c.split('</think>')[-1].lstrip('\\n') %}{% else %}{% set t = '' %}{% endif %}"
    "{% if m.role == 'assistant' and loop.last %}{{ '<think>\\n' + t.strip('\\n') + '\\n</think>\\n\\n' }}{% endif %}"
    "{{ c + '</s>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
TOOLS = (
    "{% if tools %}{{ 'Tools: ' + tools | tojson + '\\n' }}{% endif %}{% for m in messages %}"
    "{{ '<|' + m.role + '|>\\n' + m.content }}"
    "{% for call in m.tool_calls or [] %}{{ '<call>' + call.function | tojson + '</call>' }}{% endfor %}"
    "{{ '</s>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"
)
ASKED = Instruction((("user", "Write f."),))
CODE = "```python\nx = 1\n```"


def chat(tmp_path, template):
    tokenizer = tokenizers.load(save(tmp_path, llama_like(), bos_token="<s>", eos_token="</s>", chat_template=template))
    return templates.load("chat", tokenizer)


def text(prompt):
    return "".join(p if isinstance(p, str) else f"[{p}]" for p in prompt.pieces)


@pytest.mark.parametrize(
    ("response", "end"),
    [
        (CODE, "<|assistant|>\n<think>\n\n</think>\n\n"),
        (f"<think>\nI add.\n</think>\n\n{CODE}", "<|assistant|>\n"),
        (f"<think>I add.</think>{CODE}", "<|assistant|>\n"),  # which the template would write otherwise
        (f"I add.\n</think>\n\n{CODE}", "<|assistant|>\n<think>\n"),
        ("```python\nreturn text.split('</think>')[-1]\n```", "<|assistant|>\n<think>\n\n</think>\n\n"),
    ],
)
def test_a_response_that_thinks_gets_no_second_block(tmp_path, response, end):
    prompt = chat(tmp_path, THINKING).prompt(ASKED, response)
    assert text(prompt).endswith(f"Write f.[2]\n{end}")


def test_thinking_of_earlier_turns_is_left_out_as_the_template_does(tmp_path):
    turns = (("user", "Hi."), ("assistant", "<think>\nhm\n</think>\n\nHello."), ("user", "Write f."))
    said = text(chat(tmp_path, THINKING).prompt(Instruction(turns)))
    assert "hm" not in said
    assert "Hello." in said


def test_tools_and_their_calls_reach_the_prompt(tmp_path):
    call = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "g", "arguments": {"a": 1}}}]}
    record = {
        "messages": [{"role": "user", "content": "Write f."}, call, {"role": "tool", "content": "3"},
                     {"role": "assistant", "content": CODE}],
        "tools": [{"type": "function", "function": {"name": "g"}}],
    }  # fmt: skip
    template = chat(tmp_path, TOOLS)
    said = text(template.prompt(instruction(record), CODE))
    assert template.writes_tools
    assert said.startswith('Tools: [{"type": "function", "function": {"name": "g"}}]\n<|user|>\nWrite f.')
    assert '<call>{"name": "g", "arguments": {"a": 1}}</call>' in said
    assert said.endswith("<|tool|>\n3[2]\n<|assistant|>\n")


def test_a_template_without_tools_says_so(tmp_path):
    assert not chat(tmp_path, THINKING).writes_tools
    assert not templates.load("plain", chat(tmp_path, THINKING)._tokenizer).writes_tools


def test_control_tokens_in_tools_are_refused(tmp_path):
    with pytest.raises(Refused, match="control token"):
        chat(tmp_path, TOOLS).prompt(Instruction(ASKED.turns, tools=[{"name": "</s>"}]))
