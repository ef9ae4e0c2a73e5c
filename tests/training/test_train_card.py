"""The model card of a finished run, its scores, and its way to the hub (a stand-in for the hub: nothing is sent)."""

import json
from pathlib import Path

import pytest

from fgit_cli.app import main
from fgit_cli.commands.train import run
from fgit_cli.errors import EngineError, UsageError
from fgit_cli.training import publish
from fgit_cli.training.options import Options
from tests.helpers.eval_results import lines, result
from tests.helpers.small_runs import records, write_model, write_pairs

BASE_CARD = "---\nlicense: other\nlicense_name: deepseek\nlicense_link: LICENSE\n---\n# Base\n"


class Hub:
    """What fgit asks of huggingface_hub.HfApi, written down."""

    def __init__(self, refuses=()):
        self.refuses, self.asked = refuses, []

    def create_repo(self, repo_id, **more):
        self.asked.append(("create", repo_id, more))
        if "create" in self.refuses:
            raise PermissionError("401 Unauthorized.")
        full = repo_id if "/" in repo_id else f"me/{repo_id}"
        return type("Url", (), {"repo_id": full})()

    def upload_folder(self, repo_id, folder_path, ignore_patterns, **more):
        from huggingface_hub.utils import filter_repo_objects

        names = [str(p.relative_to(folder_path)) for p in Path(folder_path).rglob("*") if p.is_file()]
        self.asked.append(("upload", repo_id, set(filter_repo_objects(names, ignore_patterns=ignore_patterns))))
        if "upload" in self.refuses:
            raise ConnectionError("the line broke")
        return type("Commit", (), {"commit_url": f"https://hub/{repo_id}/commit/1"})()


@pytest.fixture
def hub(monkeypatch):
    made = Hub()
    monkeypatch.setattr(publish, "_hub", lambda: made)
    return made


@pytest.fixture
def train(tmp_path, monkeypatch, capfd):
    from accelerate.state import AcceleratorState, GradientState

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    sha256 = write_model(tmp_path / "base")
    (tmp_path / "base" / "README.md").write_text(BASE_CARD)
    write_pairs(tmp_path / "pairs.jsonl", records(8, tmp_path / "base", sha256))

    def go(**options):
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        values = {"global_batch_size": 4, "max_steps": 2, "save_steps": 1, **options}
        run(Options(files=["pairs.jsonl"], given=frozenset(values), **values))
        return capfd.readouterr().err

    return go


def card(folder):
    from huggingface_hub import ModelCard

    return ModelCard.load(folder / "README.md")


def test_the_card_names_licence_data_and_base(train, tmp_path):
    train(dataset=["acme/evol"], eval_file="pairs.jsonl")
    made = card(tmp_path / "fgit-out")
    assert made.data.to_dict() == {
        "license": "other", "license_name": "deepseek", "license_link": "LICENSE", "datasets": ["acme/evol"],
        "library_name": "transformers", "pipeline_tag": "text-generation",
        "tags": ["code", "fault-guided-fine-tuning", "fgit"],
    }  # fmt: skip
    for words in (
        "Licence: deepseek, LICENSE.",
        "8 pairs",
        "pairs.jsonl (acme/evol)",
        "| `--alpha` | 2.0 |",
        "| NLL of held-out pairs |",
    ):
        assert words in made.text
    assert str(tmp_path) not in made.text


def test_a_named_licence_counts_and_an_unknown_one_is_said(train, tmp_path):
    train(license="mit")
    assert card(tmp_path / "fgit-out").data.license == "mit"
    (tmp_path / "base" / "README.md").unlink()
    train(overwrite_output_dir=True)
    assert card(tmp_path / "fgit-out").data.license is None
    assert "not known" in card(tmp_path / "fgit-out").text


def test_scores_come_into_the_card(train, tmp_path, capfd):
    train()
    scores = tmp_path / "scores.jsonl"
    scores.write_text(lines([result(f"T/{i}", "pass", "pass" if i < 3 else "fail") for i in range(4)]))
    for _ in range(2):  # and once only, however often
        assert main(["report", str(scores), "--model-card", str(tmp_path / "fgit-out"), "--table", "scores"]) == 0
    made = card(tmp_path / "fgit-out")
    assert [(r.dataset_type, r.metric_name, r.metric_value) for r in made.data.eval_results] == [
        ("evalplus/humanevalplus", "pass@1, base tests", 100.0),
        ("evalplus/humanevalplus", "pass@1, base and plus tests", 75.0),
    ]  # fmt: skip
    assert made.text.count("| HumanEval+ | 75.0 |") == 1
    assert "not evaluated" not in made.text
    assert "## Use" in made.text
    other = tmp_path / "other.jsonl"
    other.write_text(lines([result("T/1")]))
    assert main(["report", str(scores), str(other), "--model-card", "fgit-out"]) == 2
    assert main(["report", str(scores), "--model-card", str(tmp_path)]) == 2
    assert "no README.md that is a model card" in capfd.readouterr().err


def test_push_to_hub(train, tmp_path, hub):
    said = train(push_to_hub=True, hub_private_repo=True)
    assert [what[:2] for what in hub.asked] == [
        ("create", "fgit-out"),
        ("create", "fgit-out"),
        ("upload", "me/fgit-out"),
    ]
    assert hub.asked[0][2] == {"private": True, "exist_ok": True}
    sent = hub.asked[-1][2]
    assert {"model.safetensors", "config.json", "tokenizer.json", "README.md", "run.json", "steps.jsonl"} <= sent
    assert not [name for name in sent if name.startswith(("checkpoint", ".job"))]
    assert list((tmp_path / "fgit-out").glob("checkpoint-*"))
    assert "uploaded to https://hub/me/fgit-out/commit/1" in said
    hub.asked.clear()
    train(push_to_hub=True, resume=True, hub_model_id="acme/model")  # a finished run is sent as it is
    assert hub.asked[-1][:2] == ("upload", "acme/model")


def test_what_the_hub_refuses_is_known_before_the_first_step(train, tmp_path, hub):
    hub.refuses = ("create",)
    with pytest.raises(UsageError, match="401 Unauthorized; log in with: hf auth login"):
        train(push_to_hub=True)
    assert not (tmp_path / "fgit-out").exists()


def test_a_model_that_could_not_be_sent_is_whole(train, tmp_path, hub):
    hub.refuses = ("upload",)
    with pytest.raises(EngineError, match=r"the line broke; the model is whole in fgit-out.*hf upload me/fgit-out"):
        train(push_to_hub=True)
    assert json.loads((tmp_path / "fgit-out" / "run.json").read_text())["result"]["steps"] == 2


def test_names_of_a_repository_want_a_push(train):
    with pytest.raises(UsageError, match="--push-to-hub"):
        train(hub_model_id="x")
