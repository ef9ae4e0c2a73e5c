"""What is saved is what was trained: reloaded it gives the numbers that training had, in every way of saving."""

import json

import pytest
import torch
from transformers import AutoModelForCausalLM

from fgit_cli.commands.train import run
from fgit_cli.errors import EngineError
from fgit_cli.training import saving
from fgit_cli.training.options import Options
from tests.helpers.small_runs import records, write_model, write_pairs


@pytest.fixture
def train(tmp_path, capfdbinary, monkeypatch):
    """Run `fgit train` on a model folder; run.json's result."""
    from accelerate.state import AcceleratorState, GradientState

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def go(model, sha256, **options):
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        write_pairs(tmp_path / "pairs.jsonl", records(16, model, sha256))
        values = {"global_batch_size": 8, "learning_rate": 3e-2, "warmup_ratio": 0.0, "quiet": True, **options}
        run(Options(files=["pairs.jsonl"], given=frozenset(values), **values))
        return json.loads((tmp_path / "fgit-out" / "run.json").read_text())["result"]

    return go


def nll(model, rows):
    return -float(saving.log_probabilities(model, rows).mean())


def rows_of(path):
    made = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        made.append(torch.tensor(row["prompt_ids"] + row["correct_ids"]).numpy())
    return made


@pytest.mark.parametrize(
    "targets", [["lm_head"], ["embed_tokens"], ["embed_tokens", "lm_head"], ["down_proj", "lm_head"], ["q_proj"], []]
)
@pytest.mark.parametrize("kind", ["qwen2", "llama"])  # with one matrix for embedding and head, and with two
def test_lora_on_any_layer_is_saved_as_trained(train, tmp_path, targets, kind):
    model = tmp_path / "model"
    sha256 = write_model(model, kind, initializer_range=0.4)
    result = train(model, sha256, lora_rank=4, lora_target_modules=targets, lora_alpha=64, max_steps=3)
    assert result["saved"]["saved_nll"] == pytest.approx(result["saved"]["trained_nll"], abs=1e-5)

    from peft import PeftModel

    rows = rows_of(tmp_path / "pairs.jsonl")
    out = tmp_path / "fgit-out"
    merged = AutoModelForCausalLM.from_pretrained(out)
    adapted = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(model), out / "adapter")
    base = AutoModelForCausalLM.from_pretrained(model)
    assert nll(merged, rows) == pytest.approx(nll(adapted, rows), abs=1e-5)
    assert abs(nll(merged, rows) - nll(base, rows)) > 1e-3  # the adapter did something


def test_adapters_are_merged_into_the_revision_that_they_were_trained_on(train, tmp_path, monkeypatch):
    cache = tmp_path / "models--a--b"
    for seed, name in enumerate(("main", "other")):
        sha256 = write_model(cache / "snapshots" / f"of-{name}", seed=seed, initializer_range=0.4)
        (cache / "refs").mkdir(exist_ok=True)
        (cache / "refs" / name).write_text(f"of-{name}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    result = train("a/b", sha256, revision="other", lora_rank=4, lora_alpha=64, max_steps=2)
    assert result["saved"]["saved_nll"] == pytest.approx(result["saved"]["trained_nll"], abs=1e-5)
    assert json.loads((tmp_path / "fgit-out" / "run.json").read_text())["model"]["revision"] == "of-other"


def test_a_model_that_is_not_what_was_trained_is_not_called_done(train, tmp_path, monkeypatch):
    model = tmp_path / "model"
    sha256 = write_model(model)
    monkeypatch.setattr(saving, "_merged", lambda adapted: adapted.unload())  # the base model, without the adapter
    with pytest.raises(EngineError, match=r"the saved model is not the model that was trained.*not-as-trained"):
        train(model, sha256, lora_rank=4, lora_alpha=64, max_steps=3)
    out = tmp_path / "fgit-out"
    assert not (out / "run.json").exists()
    assert not (out / "model.safetensors").exists()
    assert (out / "not-as-trained" / "adapter" / "adapter_model.safetensors").exists()  # nothing is lost


def test_a_lost_weight_is_noticed_in_full_tuning_too(train, tmp_path, monkeypatch):
    model = tmp_path / "model"
    sha256 = write_model(model)
    whole = saving._in

    def without_one(*args):
        kept = whole(*args)
        del kept["model.layers.1.mlp.up_proj.weight"]
        return kept

    monkeypatch.setattr(saving, "_in", without_one)
    with pytest.raises(EngineError, match="not the model that was trained"):
        train(model, sha256, max_steps=1)


@pytest.mark.parametrize("stored", ["bfloat16", "float16", "float32", "float64"])
@pytest.mark.parametrize("lora_rank", [0, 4])
def test_a_model_is_saved_in_its_own_type(train, tmp_path, stored, lora_rank):
    from safetensors.torch import load_file

    model = tmp_path / "model"
    sha256 = write_model(model, dtype=stored)
    train(model, sha256, lora_rank=lora_rank, max_steps=2)
    out = tmp_path / "fgit-out"
    assert {str(t.dtype) for t in load_file(out / "model.safetensors").values()} == {f"torch.{stored}"}
    assert json.loads((out / "config.json").read_text())["dtype"] == stored


def test_a_configuration_without_a_type_leaves_it_to_the_files(train, tmp_path):
    from safetensors.torch import load_file

    model = tmp_path / "model"
    sha256 = write_model(model, dtype="bfloat16")
    config = json.loads((model / "config.json").read_text())
    del config["dtype"]
    (model / "config.json").write_text(json.dumps(config))
    train(model, sha256, max_steps=1)
    saved = load_file(tmp_path / "fgit-out" / "model.safetensors")
    assert {t.dtype for t in saved.values()} == {torch.bfloat16}


@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_generation_settings_that_contradict_each_other_do_not_cost_the_run(file, lora_rank, train, tmp_path):
    """They are saved as they came, those that an old model has in its configuration too."""
    model = tmp_path / "model"
    sha256 = write_model(model)
    odd = {"temperature": 0.25, "top_p": 0.5, "eos_token_id": [1, 2]}
    path, made_by = model / file, {"transformers_version": "4.30.0"}
    settings = json.loads(path.read_text()) if file == "config.json" else {"do_sample": False}
    path.write_text(json.dumps(settings | odd | made_by))
    if file == "config.json":
        (model / "generation_config.json").unlink()
    train(model, sha256, max_steps=1, lora_rank=lora_rank)
    assert (tmp_path / "fgit-out" / "model.safetensors").exists()
    saved = json.loads((tmp_path / "fgit-out" / "generation_config.json").read_text())
    assert {name: saved.get(name) for name in odd} == odd
    assert not saved.get("do_sample")
