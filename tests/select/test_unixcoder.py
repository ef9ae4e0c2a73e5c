"""The UniXcoder recipe against a plain implementation, one text at a time; windows; duplicates; hub name and folder."""

import json
import shutil

import numpy as np
import pytest

from fgit_cli.engines.embedding.opening import cosine_scorer, open_embedder
from fgit_cli.engines.embedding.unixcoder import batches
from fgit_cli.errors import UsageError

CODE = [
    "def add(a, b):\n    return a + b\n",
    "while queue:\n    node = queue.popleft()\n    seen.add(node)\n",
]
TEXTS = [*CODE, "", "x", "print('<s> </s> <encoder-only> <pad>')\n", "é ü 漢字 = 1\n", CODE[0] * 9]


@pytest.fixture(scope="module")
def plain(unixcoder):
    """An embedder written anew: no batches, no padding, no windows shared, the tokenizer called on bytes' pieces."""
    import torch
    from transformers import AutoTokenizer, RobertaModel

    tokenizer = AutoTokenizer.from_pretrained(unixcoder, split_special_tokens=True)
    model = RobertaModel.from_pretrained(unixcoder).eval()
    mode = json.loads((unixcoder / "vocab.json").read_text())["<encoder-only>"]

    def embed(text, limit=512):
        ids = tokenizer.convert_tokens_to_ids(tokenizer.tokenize(text))
        states = []
        for start in range(0, max(len(ids), 1), limit - 4):
            window = [0, mode, 2, *ids[start : start + limit - 4], 2]
            with torch.no_grad():
                states.append(model(torch.tensor([window]), torch.ones(1, len(window))).last_hidden_state[0])
        mean = torch.cat(states).mean(0)
        return (mean / mean.norm()).numpy(), len(states)

    return embed


@pytest.fixture(scope="module")
def ours(unixcoder):
    return open_embedder(str(unixcoder), "cpu", 1024)


def test_equals_the_plain_implementation(ours, plain):
    got = ours.embed(TEXTS)
    want = np.stack([plain(t)[0] for t in TEXTS])
    assert np.abs(got - want).max() < 2e-6
    assert np.allclose(np.linalg.norm(got, axis=1), 1, atol=1e-6)


def test_the_mode_token_is_one_id(ours, unixcoder):
    """The trap: as text it falls into pieces, and the embedding is another."""
    from transformers import AutoTokenizer

    assert len(AutoTokenizer.from_pretrained(unixcoder).tokenize("<encoder-only>")) > 5
    assert len(ours.head) == 3
    assert ours.room == 508


def test_long_texts_are_embedded_by_windows(ours, plain):
    """An edit past the model's limit must show: cut there, both sides would be the same text."""
    head = "".join(f"value_{i} = {i} * {i}\n" for i in range(60))
    one, other = head + "return a + b\n", head + "return a - b\n"
    before = ours.windowed
    got = ours.embed([one, other])
    assert ours.windowed == before + 2
    want, windows = plain(one)
    assert windows > 1
    assert np.abs(got[0] - want).max() < 2e-6
    assert cosine_scorer(ours)([(one, other)])[0] < 1


def test_equal_texts_run_once(ours, monkeypatch):
    seen = []
    inner = type(ours)._sums
    monkeypatch.setattr(type(ours), "_sums", lambda self, batch: seen.extend(batch) or inner(self, batch))
    scores = cosine_scorer(ours)([(CODE[0], CODE[1]), (CODE[0], CODE[1]), (CODE[0], CODE[0])])
    assert len(seen) == 2
    assert scores[0] == scores[1] < scores[2] == 1


def test_batches_hold_every_window_sorted_and_bounded():
    windows = [tuple(range(n)) for n in (5, 1, 512, 30, 30, 7)]
    made = list(batches(list(windows), 600))
    assert sorted(w for b in made for w in b) == sorted(windows)
    assert [len(w) for b in made for w in b] == [512, 30, 30, 7, 5, 1]
    assert all(len(b) == 1 or len(b) * len(b[0]) <= 600 for b in made)


def test_hub_name_and_folder_give_the_same(fgit, ours, hub_home):
    """Offline, from the hub's cache, by the default's own name."""
    variants = [CODE[0].replace("+", sign) for sign in "-*/"]
    scores = cosine_scorer(ours)([(CODE[0], v) for v in variants])
    record = {"instruction": "Add.", "response": CODE[0], "variants": [{"text": v, "origin": 0} for v in variants]}
    cache = {"HF_HOME": str(hub_home), "HF_HUB_CACHE": str(hub_home / "hub")}
    ran = fgit("select", stdin=json.dumps(record), env=cache)
    assert ran.code == 0, ran.err
    assert len(ran.err.splitlines()) == 2
    assert "revision 5604afdc" in ran.err
    made = json.loads(ran.out)
    assert made["incorrect"] == variants[scores.index(max(scores))]
    assert made["similarity"] == pytest.approx(max(scores), abs=1e-6)
    assert "variants" not in made


def test_no_model_names_both_ways_out(fgit, tmp_path):
    ran = fgit("select", stdin="", env={"HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path)})
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "--by FOLDER" in ran.err
    assert "--by edit" in ran.err


def test_a_folder_without_a_model_names_both_ways_out(tmp_path, unixcoder):
    with pytest.raises(UsageError, match=r"--by FOLDER.*--by edit"):
        open_embedder(str(tmp_path), "cpu")


def test_weights_that_lack_a_layer_are_refused(tmp_path, unixcoder):
    """transformers would fill it with random numbers and go on."""
    folder = shutil.copytree(unixcoder, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(UsageError, match="weights lack"):
        open_embedder(str(folder), "cpu")


def test_broken_weights_and_devices_that_are_not_there_are_named(tmp_path, unixcoder):
    folder = shutil.copytree(unixcoder, tmp_path / "model")
    (folder / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(UsageError, match="cannot be loaded"):
        open_embedder(str(folder), "cpu")
    for device in ("nothing", "meta"):
        with pytest.raises(UsageError, match=f"--device {device}"):
            open_embedder(str(unixcoder), device)
