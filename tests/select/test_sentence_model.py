"""Any sentence-transformers model by name: its own configuration, windows for long texts, what it cannot see."""

import json

import numpy as np
import pytest

from fgit_cli.app import main
from fgit_cli.engines.embedding.opening import cosine_scorer, open_embedder
from fgit_cli.engines.embedding.sentences import SentenceEmbedder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abx12+-:(),", "def", "add", "return", "print", "the", "value"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small random BERT with mean pooling and a limit of 32 tokens, saved as sentence-transformers saves."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    base = tmp_path_factory.mktemp("bert")
    (base / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(base / "vocab.txt")).save_pretrained(base)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, initializer_range=0.3,
    )  # fmt: skip
    BertModel(config).save_pretrained(base)
    modules = [Transformer(str(base), max_seq_length=32), Pooling(32, pooling_mode="mean"), Normalize()]
    saved = tmp_path_factory.mktemp("sentence")
    SentenceTransformer(modules=modules, device="cpu").save(str(saved))
    return saved


@pytest.fixture(scope="module")
def embedder(folder):
    return open_embedder(str(folder), "cpu")


def test_short_texts_are_what_the_model_itself_gives(embedder, folder):
    from sentence_transformers import SentenceTransformer

    texts = ["def add ( a , b ) : return a + b", "print the value of x", ""]
    assert isinstance(embedder, SentenceEmbedder)
    want = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    assert np.abs(embedder.embed(texts) - want).max() < 1e-6
    assert embedder.windowed == 0


def test_an_edit_past_the_limit_shows(embedder):
    head = "print the value of x " * 20
    assert cosine_scorer(embedder)([(head + "a + b", head + "a - b")])[0] < 1
    assert embedder.windowed == 2


def test_what_the_tokenizer_drops_is_counted(folder, tmp_path, capsys):
    """A WordPiece tokenizer sees no white space: the fault is invisible to it, has cosine 1 and is counted."""
    record = {
        "instruction": "Join.",
        "response": "def add(a, b):\n    return a + '' + b\n",
        "variants": [{"text": "def add(a, b):\n    return a + ' ' + b\n", "origin": 1}],
    }
    (tmp_path / "in").write_text(json.dumps(record))
    assert main(["select", "--by", str(folder), str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out").read_text())["similarity"] == 1
    said = capsys.readouterr().err
    assert "1 variants that the model cannot tell from the correct code" in said
    assert "sentence-transformers" in said
