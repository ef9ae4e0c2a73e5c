"""A small random UniXcoder with the real one's shape and files: the mode token in the vocabulary, unregistered."""

import json
import shutil

import pytest

CODE = [
    "def add(a, b):\n    return a + b\n",
    "for i in range(10):\n    print(i, i ** 2)\n",
    "class Stack:\n    def __init__(self):\n        self.items = []\n",
    "while queue:\n    node = queue.popleft()\n    seen.add(node)\n",
]


@pytest.fixture(scope="session")
def unixcoder(tmp_path_factory):
    """The folder of a model with the files that microsoft/unixcoder-base has, 4 layers small."""
    import torch
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaConfig, RobertaModel

    folder = tmp_path_factory.mktemp("unixcoder")
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(CODE, vocab_size=400, special_tokens=special, show_progress=False)
    trained.save_model(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text())
    vocabulary["<encoder-only>"] = len(vocabulary)  # in the vocabulary, yet no special token, as in the real one
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    torch.manual_seed(0)
    config = RobertaConfig(
        vocab_size=len(vocabulary), hidden_size=48, num_hidden_layers=2, num_attention_heads=4, intermediate_size=96,
        max_position_embeddings=1026, type_vocab_size=10, pad_token_id=1, bos_token_id=0, eos_token_id=2,
        initializer_range=0.3,
    )  # fmt: skip
    RobertaModel(config).save_pretrained(folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "RobertaTokenizer", "model_max_length": 1024})
    )
    return folder


@pytest.fixture(scope="session")
def hub_home(tmp_path_factory, unixcoder):
    """HF_HOME whose cache holds the small model as microsoft/unixcoder-base, with the kinds of file that one has."""
    import torch
    from safetensors.torch import load_file

    home = tmp_path_factory.mktemp("hf")
    repository = home / "hub" / "models--microsoft--unixcoder-base"
    commit = "5604afdc964f6c53782a6813140ade5216b99006"
    snapshot = shutil.copytree(unixcoder, repository / "snapshots" / commit)
    torch.save(load_file(snapshot / "model.safetensors"), snapshot / "pytorch_model.bin")
    (snapshot / "model.safetensors").unlink()
    (snapshot / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return home
