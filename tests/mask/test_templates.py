"""Prompts: rendered as transformers renders them, special tokens of the template alone, BOS once, the right end."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fgit_cli.core.fields import Instruction
from fgit_cli.engines.tokenizing import templates, tokenizers
from fgit_cli.engines.tokenizing.templates import Refused
from fgit_cli.errors import UsageError
from tests.helpers.made_tokenizers import llama_like, save

SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
LLAMA2 = (
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}"
    "{{ '[INST] ' + m['content'].strip() + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'].strip() + ' ' + eos_token }}"
    "{% else %}{{ raise_exception('Only user and assistant roles!') }}{% endif %}{% endfor %}"
)


def ask(*contents, role="user"):
    roles = ["user", "assistant"] * len(contents) if role == "user" else [role] * len(contents)
    return Instruction(tuple(zip(roles, contents, strict=False)))


def ids(tokenizer, template, instruction):
    prompt = template.prompt(instruction)
    return prompt.before + tokenizer.encode_prompts([prompt.pieces])[0]


def with_template(tmp_path, template, **config):
    return tokenizers.load(
        save(tmp_path, llama_like(), bos_token="<s>", eos_token="</s>", chat_template=template, **config)
    )


@pytest.mark.parametrize("name", ["deepseek-coder", "qwen2"])
@pytest.mark.parametrize("turns", [("Sort a list.",), ("Hi\n\n", "Hello!", " again\n")])
def test_chat_prompts_are_those_of_transformers(name, turns, data, request):
    transformers = pytest.importorskip("transformers")
    tokenizer = request.getfixturevalue({"deepseek-coder": "deepseek", "qwen2": "qwen2"}[name])
    reference = transformers.AutoTokenizer.from_pretrained(data / "tok" / name)
    instruction = ask(*turns)
    text = reference.apply_chat_template(instruction.messages, tokenize=False, add_generation_prompt=True)
    from tokenizers import Tokenizer

    got = ids(tokenizer, templates.load("chat", tokenizer), instruction)
    assert tokenizer.decode(got) == text
    assert got == Tokenizer.from_str(tokenizer.serialised).encode(text, add_special_tokens=False).ids


def test_ends(deepseek, qwen2):
    assert templates.load(None, deepseek).prompt(ask("x")).end == deepseek.controls["<|EOT|>"][0]
    assert templates.load(None, qwen2).prompt(ask("x")).end == qwen2.controls["<|im_end|>"][0]
    assert templates.load("plain", qwen2).prompt(ask("x")).end == qwen2.controls["<|endoftext|>"][0]


def test_special_look_alikes_in_the_instruction_stay_text(qwen2, deepseek):
    for tokenizer, bad in ((qwen2, "a<|im_end|>\n<|im_start|>b"), (deepseek, "<|EOT|><｜fim▁hole｜><pad>")):
        template = templates.load("chat", tokenizer)
        got = ids(tokenizer, template, ask(bad))
        clean = ids(tokenizer, template, ask("a"))
        controls = {i for i, _ in tokenizer.controls.values()}
        assert [i for i in got if i in controls] == [i for i in clean if i in controls]
        assert bad in tokenizer.decode(got)


@given(st.text(max_size=30))
@SHARED
def test_plain_prompts_decode_to_the_instruction(tokenizer, text):
    got = ids(tokenizer, templates.load("plain", tokenizer), ask(text))
    prefix = tokenizer.prefix_ids
    assert got[: len(prefix)] == prefix
    assert prefix == ([1] if "llama" in tokenizer.name else [])
    spelled = tokenizer.decode(got[len(prefix) :]).removeprefix(" " if "llama" in tokenizer.name else "")
    if "llama" not in tokenizer.name and tokenizer.name.endswith("coder"):
        assert spelled == text + "\n"


@pytest.mark.parametrize("kind", ["llama", "llama_first"])
def test_a_plain_prompt_is_what_the_tokenizers_own_encoding_gives(kind, request):
    from tokenizers import Tokenizer

    tokenizer = request.getfixturevalue(kind)
    own = Tokenizer.from_str(tokenizer.serialised).encode("return x\n").ids
    assert ids(tokenizer, templates.load("plain", tokenizer), ask("return x")) == own


def test_bos_comes_once(llama, tmp_path):
    assert ids(llama, templates.load("codellama-instruct", llama), ask("x")).count(1) == 1
    own = tmp_path / "f.txt"
    own.write_text("<s>Q: {instruction}\nA: ")
    assert ids(llama, templates.load(str(own), llama), ask("x")).count(1) == 1
    chat = with_template(tmp_path / "c", LLAMA2)
    got = ids(chat, templates.load(None, chat), ask("x <s> y"))
    assert got[0] == 1
    assert got.count(1) == 1


def test_white_space_around_the_response_is_left_out(tmp_path):
    tokenizer = with_template(tmp_path, LLAMA2)
    template = templates.load(None, tokenizer)
    prompt = template.prompt(ask("  x  "))
    assert prompt.pieces == [1, "[INST] x [/INST]"]
    assert prompt.end == 2
    assert template.prompt(ask("x", "y", "z")).pieces == [1, "[INST] x [/INST] y ", 2, "[INST] z [/INST]"]


def test_what_a_template_writes_before_the_response_belongs_to_the_prompt(tmp_path):
    source = "{% for m in messages %}[{{ m.role }}]{% if m.role == 'assistant' %}<think></think>\n{% endif %}" \
             "{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}"  # fmt: skip
    tokenizer = with_template(tmp_path, source)
    prompt = templates.load("chat", tokenizer).prompt(ask("x"))
    assert prompt.pieces == ["[user]x", 2, "[assistant]<think></think>\n"]
    assert prompt.end == 2


@pytest.mark.parametrize(
    ("source", "turns", "message"),
    [
        (LLAMA2, ask("x", role="system"), "refuses the turns: Only user and assistant"),
        ("{% for m in messages %}{{ m.content | upper }}{% endfor %}</s>", ask("x"), "rewrites the instruction"),
        ("{{ messages[-1].content }}{{ messages[-1].content }}", ask("x"), "does not write the response once"),
        ("{{ messages[-1].content }}", ask("x"), "does not write each turn once"),
        ("{{ messages[9].content.y }}", ask("x"), "refuses the turns"),
        ("{{ 1 / 0 }}", ask("x"), "refuses the turns"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", ask("x"), "refuses the turns"),
    ],
)
def test_templates_that_cannot_serve(source, turns, message, tmp_path):
    tokenizer = with_template(tmp_path, source)
    with pytest.raises(Refused, match=message):
        templates.load("chat", tokenizer).prompt(turns)


def test_generation_blocks_and_tojson(tmp_path):
    source = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}</s>{% endgeneration %}"
        "{% else %}{{ 'é<' | tojson }}{{ m.content }}\n{% endif %}{% endfor %}"
    )
    tokenizer = with_template(tmp_path, source)
    assert templates.load("chat", tokenizer).prompt(ask("x")).pieces == ['"é<"x\n']


@pytest.mark.parametrize("name", ["magicoder", "semcoder", "codellama-instruct", "deepseek-coder-instruct"])
def test_named_formats_hold_the_instruction_once(name, llama):
    template = templates.load(name, llama)
    (text,), _, before = template.prompt(ask("Write {this}."))
    assert before == [1]
    assert text.count("Write {this}.") == 1
    assert template.name == name


def test_deepseeks_format_is_its_chat_template(deepseek):
    named = ids(deepseek, templates.load("deepseek-coder-instruct", deepseek), ask("Sort."))
    chat = ids(deepseek, templates.load("chat", deepseek), ask("Sort."))
    assert chat == [deepseek.controls["<｜begin▁of▁sentence｜>"][0], *named]


@pytest.mark.parametrize(
    ("choice", "message"), [("chat", "no chat template"), ("nosuch", "no file to read"), ("{tmp}/f.txt", "once")]
)
def test_no_such_template(choice, message, llama, tmp_path):
    (tmp_path / "f.txt").write_text("no slot")
    with pytest.raises(UsageError, match=message):
        templates.load(choice.format(tmp=tmp_path), llama)


def test_a_jinja_file(llama, tmp_path):
    (tmp_path / "f.jinja").write_text(
        "{{ bos_token }}{% for m in messages %}{{ m.content }}|{% endfor %}{{ eos_token }}"
    )
    assert templates.load(str(tmp_path / "f.jinja"), llama).prompt(ask("x")).pieces == [1, "x|"]
    (tmp_path / "f.jinja").write_text("{% for %}")
    with pytest.raises(UsageError, match="not a Jinja template"):
        templates.load(str(tmp_path / "f.jinja"), llama)


@pytest.mark.parametrize("legacy", [True, False])
def test_pieces_are_encoded_as_the_whole_text_would_be(legacy, tmp_path):
    from tokenizers import Tokenizer

    folder = save(tmp_path, llama_like(legacy), bos_token="<s>", eos_token="</s>", chat_template=LLAMA2)
    tokenizer = tokenizers.load(folder)
    got = ids(tokenizer, templates.load("chat", tokenizer), ask("return x", "def f():", "if not"))
    text = "<s>[INST] return x [/INST] def f(): </s>[INST] if not [/INST]"
    assert got == Tokenizer.from_str(tokenizer.serialised).encode(text, add_special_tokens=False).ids
