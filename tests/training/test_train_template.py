"""A tuned model is saved with the template that its training prompts were made with, whatever its tokenizer brought."""

import json

import pytest

from tests.helpers.small_runs import write_model

pytest.importorskip("torch")
CHAT = (
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
RECORDS = "".join(
    json.dumps({"instruction": f"add {i}", "response": f"x + {i}\n", "incorrect": f"x - {i}\n"}) + "\n"
    for i in range(4)
)


@pytest.fixture
def model(tmp_path):
    write_model(tmp_path / "model")
    return tmp_path / "model"


def tuned(fgit, tmp_path, model, *template, train=()):
    masked = fgit("mask", "--tokenizer", model, *template, stdin=RECORDS)
    assert masked.code == 0, masked.err
    (tmp_path / "pairs.jsonl").write_text(masked.out)
    ran = fgit("train", "pairs.jsonl", "--max-steps", "1", "--output-dir", "out", *train)
    return ran, json.loads(masked.out.splitlines()[0])["prompt_ids"]


def asked(folder, text):
    from fgit_cli.engines.tokenizing import prompter

    return prompter.load(str(folder)).turns([{"role": "user", "content": text}])


@pytest.mark.parametrize("name", ["plain", "magicoder", "own.txt", "own.jinja"])
def test_the_model_is_asked_as_it_was_tuned(fgit, tmp_path, model, name):
    (tmp_path / "own.txt").write_text("Q: {instruction}\nA: ")
    (tmp_path / "own.jinja").write_text(CHAT)
    ran, ids = tuned(fgit, tmp_path, model, "--template", name)
    assert ran.code == 0, ran.err
    assert asked(tmp_path / "out", "add 0") == ids


def test_transformers_reads_the_saved_template_first(fgit, tmp_path, model):
    from transformers import AutoTokenizer

    config = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": CHAT}))
    ran, ids = tuned(fgit, tmp_path, model, "--template", "magicoder")
    assert ran.code == 0, ran.err
    saved = AutoTokenizer.from_pretrained(tmp_path / "out")
    turns = [{"role": "user", "content": "add 0"}]
    assert saved.apply_chat_template(turns, add_generation_prompt=True, return_dict=False) == ids
    whole = saved.apply_chat_template([*turns, {"role": "assistant", "content": "x + 0"}], tokenize=False)
    assert whole.endswith("@@ Response\nx + 0<|end|>")


def test_a_tokenizers_own_template_is_left_as_it_is(fgit, tmp_path, model):
    (model / "chat_template.jinja").write_text(CHAT)
    ran, ids = tuned(fgit, tmp_path, model)
    assert ran.code == 0, ran.err
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == CHAT
    assert asked(tmp_path / "out", "add 0") == ids


def test_a_base_model_gets_the_template_of_the_tokenizer_that_made_the_pairs(fgit, tmp_path, model):
    write_model(tmp_path / "base")
    (model / "chat_template.jinja").write_text(CHAT)
    ran, ids = tuned(fgit, tmp_path, model, train=("--model", tmp_path / "base"))
    assert ran.code == 0, ran.err
    assert asked(tmp_path / "out", "add 0") == ids


def test_a_template_file_that_is_gone_or_changed_is_asked_for(fgit, tmp_path, model):
    own = tmp_path / "own.txt"
    own.write_text("Q: {instruction}\nA: ")
    assert tuned(fgit, tmp_path, model, "--template", "own.txt", train=("--dry-run",))[0].code == 0
    own.write_text("Question: {instruction}\nA: ")
    changed = fgit("train", "pairs.jsonl", "--max-steps", "1")
    assert changed.code == 2
    assert (
        "made with template own.txt, which is not found here as it was then; name the same file by --template"
        in changed.err
    )
    (tmp_path / "moved.txt").write_text("Q: {instruction}\nA: ")
    other = fgit("train", "pairs.jsonl", "--max-steps", "1", "--template", "magicoder")
    assert other.code == 2
    assert "and magicoder is another" in other.err
    moved = fgit("train", "pairs.jsonl", "--max-steps", "1", "--template", "moved.txt")
    assert moved.code == 0, moved.err
    assert "Q: " in (tmp_path / "fgit-out" / "chat_template.jinja").read_text()


def test_pairs_of_two_templates_are_refused(fgit, tmp_path, model):
    both = [
        fgit("mask", "--tokenizer", model, "--template", name, stdin=RECORDS).out for name in ("plain", "magicoder")
    ]
    ran = fgit("train", "--max-steps", "1", "--model", model, stdin="".join(both))
    assert ran.code == 3
    assert "stdin:5: made with template magicoder, the records before with plain" in ran.err
