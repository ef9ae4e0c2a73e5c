"""Prompts for responses that think, conversations with tools, and what a template leaves out."""

import json

import pytest

from fgit_cli.core.diff_field import Comparison, to_field
from fgit_cli.core.fields import Instruction, instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.engines.tokenizing.templates import Refused
from fgit_cli.errors import InputError
from fgit_cli.stages.diff import TextPair
from fgit_cli.stages.mask import Masker, Settings, read_job
from fgit_cli.stages.running import Rejected
from tests.helpers.made_tokenizers import byte_level, llama_like, save

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


def masked(tmp_path, correct, incorrect, template=THINKING, how="keep", **more):
    tokenizer = tokenizers.load(save(tmp_path, byte_level("gpt2"), eos_token="<|end|>", chat_template=template))
    settings = Settings(Comparison(), "hybrid", "anchor", 4096, thinking=how)
    record = {"id": "a", "instruction": "Write f.", "response": correct, "incorrect": incorrect, **more}
    job = read_job(TextPair(record, correct, incorrect), settings, ()).job
    [found] = Masker(tokenizer, templates.load("chat", tokenizer), settings)([job])
    return found, tokenizer


def marked(found, tokenizer, side):
    ids, mask = getattr(found, f"{side}_ids"), getattr(found, f"{side}_mask")
    return tokenizer.decode([i for i, value in zip(ids, mask, strict=True) if value])


OURS, THEIRS = "<think>\nI add one.\n</think>\n\n", "<think>\nI subtract.\nDo I?\n</think>\n\n"


def test_thinking_is_no_part_of_masks_but_stays(tmp_path):
    found, tokenizer = masked(tmp_path, f"{OURS}x = 1\ny = 2\n", f"{THEIRS}x = 1\ny = 3\n")
    assert marked(found, tokenizer, "correct") == "y = 2\n"
    assert marked(found, tokenizer, "incorrect") == "y = 3\n"
    assert "I add one." in tokenizer.decode(found.correct_ids)
    assert all("y" in tokenizer.decode(found.correct_ids[j - 4 : j]) for j, _ in found.forks)


def test_thinking_that_is_dropped_is_in_neither_side(tmp_path):
    dropped, tokenizer = masked(tmp_path, f"{OURS}x = 1\ny = 2", f"{THEIRS}x = 1\ny = 3", how="drop")
    plain, _ = masked(tmp_path, "x = 1\ny = 2", "x = 1\ny = 3")
    assert dropped == plain
    assert "think" in tokenizer.decode(dropped.prompt_ids)  # the empty block that the template writes
    assert "think" not in tokenizer.decode(dropped.correct_ids)


@pytest.mark.parametrize(
    ("correct", "incorrect", "how", "why"),
    [
        ("<think>\na", "<think>\nb", "drop", "nothing behind the thinking"),
        (f"{OURS}x = 1\n", f"{THEIRS}x = 1\n", "keep", "no mark left on the correct side"),
        (f"{OURS}x = 1\n", f"{THEIRS}x = 1\n", "drop", "no difference"),
    ],
)
def test_sides_that_differ_in_their_thinking_alone_are_no_pair(tmp_path, correct, incorrect, how, why):
    assert masked(tmp_path, correct, incorrect, how=how)[0] == Rejected(why)


def test_a_difference_that_was_brought_is_made_again_without_the_thinking(tmp_path):
    correct, incorrect = f"{OURS}x = 1\ny = 2", f"{THEIRS}x = 1\ny = 3"
    brought = json.loads(json.dumps(to_field(Comparison("lcs").compare(incorrect, correct), Comparison("lcs"))))
    found, tokenizer = masked(tmp_path, correct, incorrect, how="drop", diff=brought)
    assert marked(found, tokenizer, "correct") == "y = 2"
    assert found.made.algorithm == "lcs"
    brought["made"]["algorithm"] = "mine"
    with pytest.raises(InputError, match="--thinking drop needs one without"):
        masked(tmp_path, correct, incorrect, how="drop", diff=brought)


# One of each way in which families of templates think; the generation prompt of the second opens the block.
FAMILIES = {
    "Qwen3": (THINKING, "<think>\n\n</think>\n\n"),
    "DeepSeek-R1": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' }}{% set c = m.content %}"
        "{% if '</think>' in c %}{% set c = c.split('</think>')[-1] %}{% endif %}{{ c }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}",
        "<|assistant|>",
    ),
    "without": (
        "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
        "<|assistant|>",
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_and_the_response_of_each_family(tmp_path, family):
    """Kept, one block of thinking is in prompt and response together; dropped, none but the template's empty one."""
    template, end = FAMILIES[family]
    for how in ("keep", "drop"):
        found, tokenizer = masked(tmp_path, f"{OURS}y = 2\n", f"{OURS}y = 3\n", template, how)
        prompt, response = tokenizer.decode(found.prompt_ids), tokenizer.decode(found.correct_ids)
        if how == "keep":
            assert (prompt + response).count("<think>") == 1
            assert "I add one." in response
        else:
            assert prompt.endswith(end)
            assert response.startswith("y = 2")
