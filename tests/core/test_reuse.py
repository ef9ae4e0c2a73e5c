"""What the incorrect response shares with the correct one: where encodings may be cut, and for which tokenizers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from fgit_cli.core.reuse import _BEFORE, _BEFORE_OR_AFTER, sure_places, window
from fgit_cli.engines.tokenizing.tokenizers import _components

TEXTS = st.lists(st.sampled_from(["a\n", "b", "\n", "1\n", ",\n", " ", "é\n", "x = 1\n"]), max_size=9).map("".join)


@given(TEXTS, TEXTS, st.sampled_from([_BEFORE, _BEFORE_OR_AFTER]))
def test_outside_the_window_the_texts_agree(correct, incorrect, places):
    start, end, incorrect_end = window(correct, incorrect, places)
    assert correct[:start] == incorrect[:start]
    assert correct[end:] == incorrect[incorrect_end:]
    assert start <= end
    assert start <= incorrect_end
    for text, at in ((correct, start), (incorrect, start), (correct, end), (incorrect, incorrect_end)):
        assert at in (0, len(text)) or places.match(text, at)


def test_the_window_is_small():
    lines = [f"line {i}\n" for i in range(50)]
    other = [*lines]
    other[20] = "changed\n"
    start, end, _ = window("".join(lines), "".join(other), _BEFORE)
    assert "".join(lines)[start:end] == "\nline 20\nline 21"
    start, end, _ = window("".join(lines), "".join(other), _BEFORE_OR_AFTER)
    assert "".join(lines)[start:end] == "\nline 20\n"


def state(pre, normalizer=None, **model):
    fast = Tokenizer(models.BPE({"a": 0}, [], **model))
    if pre:
        fast.pre_tokenizer = pre
    if normalizer:
        fast.normalizer = normalizer
    return json.loads(fast.to_str())


GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)


@pytest.mark.parametrize(
    ("pre", "normalizer", "model", "places"),
    [
        (GPT2, None, {}, _BEFORE),
        (GPT2, normalizers.NFC(), {}, _BEFORE),
        (pre_tokenizers.Sequence([pre_tokenizers.Digits(True), GPT2]), None, {}, _BEFORE),
        (pre_tokenizers.ByteLevel(add_prefix_space=True), None, {}, None),
        (pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False), None, {}, None),
        (GPT2, normalizers.Lowercase(), {}, None),
        (GPT2, None, {"dropout": 0.5}, None),
        (pre_tokenizers.Split(Regex(r"\s+"), "isolated"), None, {}, None),
        (pre_tokenizers.Split(Regex("[\r\n]"), "removed"), None, {}, None),
        (pre_tokenizers.Metaspace(), None, {}, None),
        (None, None, {}, None),
        (pre_tokenizers.Split(Regex("[\r\n]"), "isolated"), None, {}, _BEFORE_OR_AFTER),
        (
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(r"\s?\p{L}+"), "isolated"),
                    pre_tokenizers.Split(Regex("[\r\n]"), "isolated"),
                ]
            ),
            None,
            {},
            None,
        ),
        (pre_tokenizers.Sequence([GPT2, pre_tokenizers.Split(Regex("[\r\n]"), "isolated")]), None, {}, _BEFORE),
    ],
)
def test_which_tokenizers_are_sure(pre, normalizer, model, places):
    made = state(pre, normalizer, **model)
    assert sure_places(made, _components(made["pre_tokenizer"])) is places
