"""Which tokenizers can spell code, and which of different files are the same one."""

import json

import pytest
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from fgit_cli.engines.tokenizing import likeness, tokenizers

CODE = [f"def f{n}(a, b):\n    if a > {n}:\n        return [a, b]\n\treturn {{'{n}': a ** b}}\n" for n in range(60)]


def save(folder, made, **config):
    folder.mkdir(exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", **config}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    return tokenizers.load(str(folder))


def byte_level(size=330, split=None, normalizer=None):
    made = Tokenizer(models.BPE())
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_of]) if split else bytes_of
    made.decoder = decoders.ByteLevel()
    if normalizer:
        made.normalizer = normalizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(CODE, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False))
    made.add_special_tokens(["<|end|>"])
    return made


def words(lowercase):
    """As BERT's, T5's and CLIP's do: split at white space, which is gone then."""
    made = Tokenizer(models.WordLevel({"[UNK]": 0, "def": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(CODE, trainers.WordLevelTrainer(special_tokens=["[UNK]", "<|end|>"], show_progress=False))
    if lowercase:
        made.normalizer = normalizers.Lowercase()
    return made


def unigram():
    """As T5's: a Metaspace, and runs of white space made one."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Replace(Regex(r"\s+"), " ")
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    made.train_from_iterator(
        CODE, trainers.UnigramTrainer(vocab_size=90, unk_token="<unk>", special_tokens=["<unk>", "<|end|>"])
    )
    return made


def test_a_tokenizer_of_code_spells_it(tmp_path):
    assert likeness.not_spelled(save(tmp_path / "t", byte_level())) == []


@pytest.mark.parametrize("made", [words(False), words(True), unigram()], ids=["words", "lower case", "T5's kind"])
def test_what_a_tokenizer_loses_of_code_is_named(tmp_path, made):
    lost = likeness.not_spelled(save(tmp_path / "t", made))
    assert {"line breaks", "indentation"} <= set(lost)


def test_mask_refuses_a_tokenizer_that_cannot_spell_code(tmp_path, fgit):
    save(tmp_path / "t", unigram())
    record = {"instruction": "x", "response": "a = 1\nb = 2\n", "incorrect": "a = 1\nb = 3\n"}
    ran = fgit("mask", "--tokenizer", str(tmp_path / "t"), stdin=json.dumps(record) + "\n")
    assert ran.code == 2
    assert "cannot spell code: it loses line breaks" in ran.err
    assert ran.out == ""


def made_by(tokenizer):
    responses = [[*ids, tokenizer.eos] for ids in tokenizer.encode_responses(CODE)]
    return {"name": tokenizer.name, "sha256": tokenizer.sha256}, responses


def test_other_flags_of_added_tokens_make_no_other_tokenizer(tmp_path):
    before, responses = made_by(save(tmp_path / "before", byte_level()))
    again = byte_level()
    again.add_special_tokens([AddedToken("<|end|>", special=True, lstrip=True, rstrip=True, normalized=True)])
    after = save(tmp_path / "after", again)
    assert after.sha256 != before["sha256"]
    assert likeness.unlike(after, before, responses) is None
    assert likeness.unlike(after, {**before, "name": "org/gone"}, responses) is None
    cut = [ids[: 5 + n % 9] for n, ids in enumerate(responses)]
    assert likeness.unlike(after, {**before, "name": "org/gone"}, cut) is None


def swapped(made):
    state = json.loads(made.to_str())
    vocabulary = state["model"]["vocab"]
    (one, a), (two, b) = sorted(vocabulary.items(), key=lambda item: item[1])[40:42]
    vocabulary[one], vocabulary[two] = b, a
    return Tokenizer.from_str(json.dumps(state))


OTHERS = {
    "vocabulary": lambda: swapped(byte_level()),
    "merges": lambda: byte_level(size=300),
    "normaliser": lambda: byte_level(normalizer=normalizers.Replace("    ", "\t")),
    "pre-tokenizer": lambda: byte_level(split=pre_tokenizers.Digits(individual_digits=True)),
}


@pytest.mark.parametrize("part", OTHERS)
def test_what_differs_is_said(tmp_path, part):
    before, responses = made_by(save(tmp_path / "before", byte_level(size=400)))
    after = save(tmp_path / "after", OTHERS[part]())
    assert part in likeness.unlike(after, before, responses)
    if part != "pre-tokenizer":  # which these texts may not show
        assert "first 60 texts" in likeness.unlike(after, {**before, "name": "org/gone"}, responses)


def test_ids_that_a_tokenizer_does_not_have_are_not_its_own(tmp_path):
    tokenizer = save(tmp_path / "t", byte_level())
    assert "2 of the first 2" in likeness.unlike(tokenizer, {"name": "org/gone", "sha256": "x"}, [[10**6], [5, 9999]])
