"""Tokenizers as their files say: reference ids, bytes that give back the text, data that stays text, clear refusals."""

import json
import pickle
import unicodedata
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Fast

from fgit_cli.core.align import Unaligned
from fgit_cli.engines.tokenizing import tokenizers
from fgit_cli.errors import UsageError
from tests.helpers.made_tokenizers import llama_like, lowercasing, save

TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            ["def", " return", "  \t", "\n", "\r\n", ",\n", "é", "e\u0301", "한", "🦙", "\0", "<s>", "</s>",
             "<|im_end|>", "<|EOT|>", "<｜fim▁hole｜>", "<pad>", "ü", "▁", "<0x41>", " ", "\u212b", "1000", "[INST]"]
        ),
        max_size=12,
    ).map("".join),
)  # fmt: skip
SHARED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("name", ["deepseek-coder", "qwen2"])
def test_reference_vectors(name, data, request):
    tokenizer = request.getfixturevalue({"deepseek-coder": "deepseek", "qwen2": "qwen2"}[name])
    folder = data / "tok" / "vectors"
    texts = (folder / f"{name}.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    want = [[int(i) for i in line.split()] for line in (folder / f"{name}.out").read_text().split("\n")]
    assert len(texts) == 47
    assert tokenizer.encode_responses(texts) == want[:47]


@lru_cache(maxsize=4)
def plain(serialised):
    """The tokenizer as the `tokenizers` package has it."""
    return Fast.from_str(serialised)


def kept(tokenizer, text):
    """What a tokenizer keeps of a text: Qwen2 composes characters, SentencePiece has one sign for U+2581 and space."""
    if tokenizer.name.endswith("qwen2"):
        return unicodedata.normalize("NFC", text)
    return text.replace("\u2581", " ") if "llama" in tokenizer.name else text


@given(TEXTS)
@SHARED
def test_tokens_give_back_the_text_and_cover_it(tokenizer, text):
    (ids,) = tokenizer.encode_responses([text])
    spans = tokenizer.spans(text, ids)
    assert len(spans.ends) == len(ids)
    assert tokenizer.decode(ids) == kept(tokenizer, text)
    covered = {i for s, e in zip(spans.starts, spans.ends, strict=True) for i in range(s, e)}
    assert covered == set(range(len(text)))
    assert spans.starts == sorted(spans.starts)
    assert spans.ends == sorted(spans.ends)
    assert not {i for i, _ in tokenizer.controls.values()} & set(ids), "data stays text"


@given(TEXTS)
@SHARED
def test_text_without_look_alikes_is_encoded_as_the_tokenizer_does(tokenizer, text):
    if any(c in text for c in tokenizer.controls):
        return
    assert (
        tokenizer.encode_prompts([[text]])[0] == plain(tokenizer.serialised).encode(text, add_special_tokens=False).ids
    )


def test_a_response_has_no_space_put_before_it(llama, llama_first):
    for tokenizer in (llama, llama_first):
        first = tokenizer.encode_prompts([["return"]])[0]
        (response,) = tokenizer.encode_responses(["return"])
        assert tokenizer.decode(first) == " return"
        assert tokenizer.decode(response) == "return"
    assert llama.encode_prompts([[1, "return"]])[0] == [1, *llama.encode_prompts([["return"]])[0]]
    assert llama_first.encode_prompts([[1, "return"]])[0] == [1, *llama_first.encode_responses(["return"])[0]]


def test_a_letter_that_is_an_added_token(deepseek):
    (ids,) = deepseek.encode_responses(["Führer"])
    assert ids == [37, 32009, 71, 6247]
    assert deepseek.decode(ids) == "Führer"


def test_a_tokenizer_without_bytes_is_aligned_by_offsets_or_refused(words):
    text = "A = b\n"
    (ids,) = words.encode_responses([text])
    assert list(zip(words.spans(text, ids).starts, words.spans(text, ids).ends, strict=True)) == [
        (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)
    ]  # fmt: skip
    with pytest.raises(Unaligned):
        words.spans("[UNK]", words.encode_responses(["q"])[0])
    with pytest.raises(Unaligned):
        words.spans("", [2])


def test_a_copy_for_a_worker_is_the_same(llama):
    copy = pickle.loads(pickle.dumps(llama))
    assert copy.sha256 == llama.sha256
    assert copy.encode_responses(["return é"]) == llama.encode_responses(["return é"])


def test_tokens_of_the_configuration_are_added_or_refused(tmp_path):
    listed = {"content": "<|turn|>", "special": True}
    size = llama_like().get_vocab_size()
    folder = save(tmp_path / "a", llama_like(), added_tokens_decoder={str(size): listed}, eos_token="</s>")
    assert tokenizers.load(folder).controls["<|turn|>"][0] == size
    folder = save(tmp_path / "b", llama_like(), added_tokens_decoder={"7": listed})
    with pytest.raises(UsageError, match="the id 7"):
        tokenizers.load(folder)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"tokenizer.model": "x"}, "only a slow tokenizer"),
        ({}, "there is none"),
        ({"tokenizer.json": "{}"}, "tokenizer.json cannot be loaded"),
        ({"tokenizer_config.json": "{"}, "not JSON"),
    ],
)
def test_refusals(tmp_path, files, message):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message):
        tokenizers.load(str(tmp_path))


def test_a_name_is_found_in_the_hubs_cache(fgit, tmp_path):
    snapshot = tmp_path / "hub" / "models--me--student" / "snapshots" / ("0" * 40)
    save(snapshot, llama_like(), eos_token="</s>")
    refs = snapshot.parent.parent / "refs"
    refs.mkdir()
    (refs / "main").write_text("0" * 40)
    line = json.dumps({"instruction": "x", "response": "a", "incorrect": "b"})
    env = {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HOME": str(tmp_path)}
    done = fgit("mask", "--tokenizer", "me/student", stdin=line, env=env)
    assert done.code == 0, done.err
    assert json.loads(done.out)["tokenizer"]["name"] == "me/student"
    done = fgit("mask", "--tokenizer", "me/other", stdin=line, env=env)
    assert done.code == 2
    assert "hf download me/other" in done.err


def test_no_such_tokenizer(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match="no such folder"):
        tokenizers.load("./nowhere/at/all")


def test_no_eos_is_refused_when_it_is_needed(tmp_path):
    tokenizer = tokenizers.load(save(tmp_path, llama_like()))
    with pytest.raises(UsageError, match="names no eos_token"):
        _ = tokenizer.eos


def test_a_vocabulary_that_transformers_changes_is_refused(data, tmp_path):
    pytest.importorskip("transformers")
    source = data / "tok" / "qwen2"
    vocabulary = json.loads((source / "vocab.json").read_text())
    vocabulary["Ġreturn"], vocabulary["Ġif"] = vocabulary["Ġif"], vocabulary["Ġreturn"]
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    for name in ("merges.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    assert tokenizers.load(str(tmp_path)).encode_responses([" return"]) == [[vocabulary["Ġreturn"]]]


CODE = st.lists(
    st.sampled_from(
        ["x1\n", "\n", "  \n", "y = 'a'\n", "},\n", "é\n", "\r\n", "it's\n", "ü\n", " b", "1000\n", "\t", "한\n"]
    ),
    max_size=12,
)


@given(CODE, st.integers(0, 12), CODE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
def test_what_is_not_encoded_again_has_the_same_ids(any_tokenizer, lines, at, other):
    correct = "".join(lines)
    incorrect = "".join([*lines[:at], *other[:2], *lines[at + 1 :]])
    tokenizer = any_tokenizer
    ((first, second), (_, none)) = tokenizer.encode_pairs([(correct, incorrect), (correct, None)])
    assert [first.ids, second.ids] == tokenizer.encode_responses([correct, incorrect])
    assert second.spans == tokenizer.spans(incorrect, second.ids)
    assert none is None


def test_real_pairs_have_the_same_ids(data, deepseek, qwen2):
    import gzip

    with gzip.open(data / "instruct" / "evol.jsonl.gz", "rt") as rows:
        texts = [json.loads(row)["output"] for _, row in zip(range(150), rows, strict=False)]
    pairs = [(t, t.replace("0", "1", 1).replace(" + ", " - ", 1)) for t in texts]
    pairs += [(t, "\n".join(t.split("\n")[:3] + t.split("\n")[4:])) for t in texts]
    for tokenizer in (deepseek, qwen2):
        assert tokenizer._places
        got = tokenizer.encode_pairs(pairs)
        assert [b.ids for _, b in got] == tokenizer.encode_responses([a for _, a in pairs])


def test_a_tokenizer_that_cannot_spell_code_is_refused(fgit, tmp_path):
    """T5's and CLIP's kind: line ends and letter case are lost, so that no token has its place in the text."""
    folder = save(tmp_path / "words", lowercasing(), eos_token="[EOS]")
    pair = '{"instruction": "Add.", "response": "X = 1\\\\nY = 2", "incorrect": "X = 1\\\\nY = 3"}\n'
    ran = fgit("mask", "--tokenizer", folder, stdin=pair * 3)
    assert (ran.code, ran.out) == (2, "")
    assert "words cannot spell code: it loses" in ran.err.splitlines()[-1]
