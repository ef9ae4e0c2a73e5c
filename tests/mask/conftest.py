"""Tokenizers as fixtures: the real ones of the test data, and the small ones."""

import pytest

from fgit_cli.engines.tokenizing import tokenizers
from tests.helpers.made_tokenizers import byte_level, llama_like, lowercasing, save


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    folder = save(tmp_path_factory.mktemp("t") / "llama", llama_like(), bos_token="<s>", eos_token="</s>")
    return tokenizers.load(folder)


@pytest.fixture(scope="session")
def llama_first(tmp_path_factory):
    folder = save(tmp_path_factory.mktemp("t") / "llama-first", llama_like(False), bos_token="<s>", eos_token="</s>")
    return tokenizers.load(folder)


@pytest.fixture(scope="session")
def words(tmp_path_factory):
    return tokenizers.load(save(tmp_path_factory.mktemp("t") / "words", lowercasing(), eos_token="[EOS]"))


@pytest.fixture(scope="session")
def deepseek(data):
    return tokenizers.load(str(data / "tok" / "deepseek-coder"))


@pytest.fixture(scope="session")
def qwen2(data):
    pytest.importorskip("transformers")
    return tokenizers.load(str(data / "tok" / "qwen2"))


@pytest.fixture(params=["deepseek", "qwen2", "llama", "llama_first"])
def tokenizer(request):
    """Each tokenizer that is bytes at heart."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["deepseek", "qwen2", "llama", "gpt2", "starcoder", "llama3"])
def any_tokenizer(request, tmp_path_factory):
    """Those, and the kinds of byte-level tokenizers that other students have."""
    if request.param in ("deepseek", "qwen2", "llama"):
        return request.getfixturevalue(request.param)
    return made(request.param, tmp_path_factory)


_made = {}


def made(kind, tmp_path_factory):
    if kind not in _made:
        folder = save(tmp_path_factory.mktemp("t") / kind, byte_level(kind), eos_token="<|end|>")
        _made[kind] = tokenizers.load(folder)
    return _made[kind]
