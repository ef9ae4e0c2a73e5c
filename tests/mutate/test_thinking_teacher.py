"""A teacher that thinks, and servers that want other fields: what comes out, and what is said."""

import json

import pytest

from tests.helpers.served_teacher import lines, records

CODE = "def total(xs):\n    return sum(xs)\n"
WRONG = CODE.replace("sum(xs)", "sum(xs) + 1")
ROW = {"id": "a", "instruction": "Sum.", "response": f"```python\n{CODE}```\n", "tests": "assert total([1]) == 1\n"}


def ask(fgit, served, *words, rows=(ROW,), **how):
    server = served(**({"answer": ""} if "choice" in how else {}), **how)
    words = ["--base-url", server.url, "--work-dir", f"w{server.port}", "--variants", "1", *words]
    return fgit("mutate", *words, stdin=lines(list(rows)))


FENCED = f"```python\n{WRONG}```"
CHANNELS = f"<|channel|>analysis<|message|>{CODE}<|end|><|start|>assistant<|channel|>final<|message|>{FENCED}"


@pytest.mark.parametrize("method", [(), ("--method", "student", "--model", "m")])
@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": f"<think>\nFirst:\n```python\n{CODE}```\n</think>\n```python\n{WRONG}```"}},
        {"message": {"content": f"I see:\n```python\n{CODE}```\n</think>\n\n```python\n{WRONG}```"}},
        {"message": {"content": [{"type": "thinking", "thinking": CODE}, {"type": "text", "text": FENCED}]}},
        {"message": {"content": FENCED, "reasoning_content": f"```python\n{CODE}```"}},
        {"message": {"content": CHANNELS}},
    ],
)
def test_the_variant_is_what_stands_behind_the_thinking(fgit, served, choice, method):
    ran = ask(fgit, served, *method, choice=choice)
    assert ran.code == 0, ran.err
    [variant] = json.loads(ran.out)["variants"]
    assert variant["text"] == f"```python\n{WRONG}```\n"


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "reasoning_content": "I think."},
        {"content": ""},
        {"content": "<think>\nI think and think"},
        {"content": "<think>I think.</think>\n"},
        {"content": [{"type": "thinking", "thinking": "I think."}]},
    ],
)
def test_an_answer_that_is_all_thinking_says_what_to_do(fgit, served, message):
    rows = [{**ROW, "id": str(i), "instruction": f"Sum. {i}"} for i in range(9)]
    choice = {"message": message, "finish_reason": "length"}
    ran = ask(fgit, served, "--max-new-tokens", "77", "--variants", "2", rows=rows, choice=choice)
    assert ran.code == 1
    assert "every record was left out, 9 of 9" in ran.err
    assert "empty: 77 tokens of reasoning; raise --max-new-tokens" in ran.err
    assert "sampling is off" not in ran.err


def test_a_few_prompts_with_equal_answers_stop_nothing(fgit, served, tmp_path):
    """The first prompts' answers are equal, a later one's are not."""
    rows = [{"id": str(i), "instruction": f"[{i}]", "response": f"```python\n{CODE}```"} for i in range(5)]
    same, other = f"```python\n{WRONG}```", f"```python\n{CODE.replace('xs)', 'xs) - 1')}```"
    script = {f"[{i}]": [[same, same]] for i in range(4)} | {"[4]": [[same, other]]}
    ran = ask(fgit, served, "--variants", "2", rows=rows, script=script)
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 5


def test_extra_body_reaches_the_server_and_the_record(fgit, served):
    extra = '{"chat_template_kwargs": {"enable_thinking": false}, "temperature": null}'
    how = {"want": ["chat_template_kwargs"], "refuse": ["temperature"], "answer": f"```python\n{WRONG}```"}
    ran = ask(fgit, served, "--extra-body", extra, **how)
    assert ran.code == 0, ran.err
    [variant] = json.loads(ran.out)["variants"]
    assert variant["origin"]["sampling"]["extra_body"] == json.loads(extra)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--extra-body", "{"), "--extra-body: not JSON"),
        (("--extra-body", "[1]"), "not a JSON object"),
        (("--extra-body", '{"messages": []}'), "messages cannot be given here"),
        (("--extra-body", '{"top_k": 1}', "--engine", "transformers"), "--extra-body is for a server"),
    ],
)
def test_an_extra_body_that_cannot_be_sent(fgit, words, said):
    ran = fgit("mutate", *words, stdin=lines(records(1)))
    assert ran.code == 2
    assert said in ran.err


def test_max_tokens_goes_by_its_new_name_where_it_must(fgit, served):
    how = {"refuse": ["max_tokens"], "want": ["max_completion_tokens"], "answer": f"```python\n{WRONG}```"}
    ran = ask(fgit, served, **how)
    assert ran.code == 0, ran.err
    assert "max_completion_tokens is sent instead" in ran.err
    assert json.loads(ran.out)["variants"][0]["origin"]["fields_left_out"] == ["max_tokens"]


def test_a_prompt_that_the_server_cut_is_noticed(fgit, served):
    long = {**ROW, "instruction": "word " * 900}
    ran = ask(fgit, served, rows=[long], usage={"prompt_tokens": 512}, answer=f"```python\n{WRONG}```")
    assert "the server read 512 tokens of a prompt of at least" in ran.err
    ran = ask(fgit, served, rows=[long], usage={"prompt_tokens": 1200}, answer=f"```python\n{WRONG}```")
    assert "the server read" not in ran.err


def test_every_record_left_out_is_no_success(fgit, served):
    ran = ask(fgit, served, rows=[ROW, {**ROW, "id": "b", "instruction": "Add."}], answer="I cannot.")
    assert ran.code == 1
    assert "every record was left out, 2 of 2 for this: no variant: no code in the answer" in ran.err
