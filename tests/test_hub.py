"""A model that is nowhere is said in one line, at once, even where the hub cannot be reached."""

import time

import pytest

from fgit_cli.errors import UsageError
from fgit_cli.hub import cached_only, commit, reason

OFF = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}  # a hub that is down, not one that is switched off


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("eval", "--bench", "mini"), "nodir"),
        (("mutate", "--method", "student", "--engine", "transformers"), "nobody/nowhere"),
        (("refine", "--engine", "transformers"), "./nodir"),
    ],
)
def test_a_model_that_is_nowhere(fgit, tmp_path, words, name):
    pytest.importorskip("transformers")
    started = time.monotonic()
    ran = fgit(*words, "--model", name, env={**OFF, "HF_HOME": str(tmp_path / "hf")})
    assert ran.code == 2, ran.err
    assert f"--model {name}: no such folder, and " in ran.err
    assert len(ran.err.splitlines()) <= 2  # the work folder, the error
    assert time.monotonic() - started < 25  # transformers alone needs twice as long


@pytest.mark.parametrize("words", [
    ("eval", "--bench", "mini", "--model"), ("mask", "--tokenizer"), ("select", "--by"),
])  # fmt: skip
@pytest.mark.parametrize("off", [{"HF_HUB_OFFLINE": "1"}, OFF], ids=["switched off", "down"])
def test_the_cure_stands_before_the_reason_and_both_are_short(fgit, tmp_path, words, off):
    record = '{"instruction": "a", "response": "b = 1", "incorrect": "b = 2", "variants": []}\n'
    said = fgit(*words, "nobody/x", stdin=record, env={**off, "HF_HOME": str(tmp_path)}).err.splitlines()[-1]
    cure = said.index("--by edit" if words[0] == "select" else "hf download nobody/x")
    assert cure < said.index("HF_HUB_OFFLINE is set" if off["HF_HUB_OFFLINE"] == "1" else "the hub cannot be reached")
    assert len(said) < 240


@pytest.mark.parametrize(("kind", "words"), [
    ("GatedRepoError", "terms"), ("RepositoryNotFoundError", "no such name"), ("RevisionNotFoundError", "revision"),
    ("ConnectError", "cannot be reached"), ("LocalEntryNotFoundError", "cannot be reached"),
])  # fmt: skip
def test_reasons_in_words(monkeypatch, kind, words):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert words in reason(type(kind, (Exception,), {})("x" * 500))


def test_an_unknown_reason_is_cut(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    assert len(reason(KeyError("x" * 500))) < 100


def test_a_folder_is_taken_as_it_is(tmp_path):
    assert cached_only(str(tmp_path)) is False


def test_what_the_cache_has_is_loaded_from_there(tmp_path, monkeypatch):
    constants = pytest.importorskip("huggingface_hub.constants")
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--a--b" / "refs").mkdir()
    (tmp_path / "models--a--b" / "refs" / "main").write_text("0")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert cached_only("a/b") is True
    with pytest.raises(UsageError, match="a/c: no such folder, and not in the hub's cache; give a folder"):
        cached_only("a/c")
    assert (commit("a/b"), commit("a/c"), commit(str(tmp_path))) == ("0", None, None)
