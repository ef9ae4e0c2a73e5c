"""`fgit train` as a whole, in this process, on a tiny model: what it writes, refuses, and takes up again."""

import json
import math
import shutil
from pathlib import Path

import pytest

from fgit_cli.commands.train import run
from fgit_cli.errors import EngineError, InputError, UsageError
from fgit_cli.training.options import Options
from tests.helpers.rounding import EXACT
from tests.helpers.small_runs import records, write_model, write_pairs


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    return folder, write_model(folder)


@pytest.fixture
def train(model, tmp_path, capfdbinary, monkeypatch):
    """Run `fgit train` on 24 pairs with steps of 8; the records it wrote."""
    from accelerate.state import AcceleratorState, GradientState

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder, sha256 = model
    write_pairs(tmp_path / "pairs.jsonl", records(24, folder, sha256))

    def go(files=("pairs.jsonl",), **options):
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        values = {"global_batch_size": 8, "learning_rate": 1e-2, "quiet": True, **options}
        run(Options(files=list(files), given=frozenset(values), **values))
        return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]

    return go


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same(one, other, tolerance=0.0) -> bool:
    assert one.keys() == other.keys()
    return all((one[k] - other[k]).abs().max() <= tolerance for k in one)


def test_the_faults_share_is_said_alone_and_kept_in_every_run(train, tmp_path):
    [said] = train(objective="sft", fault_share=True)
    assert said.keys() == {"pairs", "tokens", "loss", "gradient", "weight_2"}
    assert said["pairs"] == 24
    assert not (tmp_path / "fgit-out").exists()
    train(objective="sft", max_steps=1)
    assert json.loads((tmp_path / "fgit-out" / "run.json").read_text())["fault_share"] == said


@pytest.mark.parametrize("objective", ["dft", "fork"])
def test_other_objectives_learn(train, objective):
    steps = train(objective=objective, num_train_epochs=4.0, warmup_ratio=0.0)
    assert steps[-1]["loss"] < steps[0]["loss"] or objective == "dft"  # whose loss need not fall
    assert steps[-1]["nll"] < steps[0]["nll"]
    if objective == "fork":
        assert steps[-1]["fork_log_ratio"] > steps[0]["fork_log_ratio"]
        assert steps[-1]["fed"] < 1


def test_a_run_writes_model_tokenizer_records_and_card(train, model, tmp_path):
    from transformers import AutoModelForCausalLM

    folder, sha256 = model
    write_pairs(tmp_path / "held.jsonl", records(6, folder, sha256, seed=5))
    steps = train(eval_file="held.jsonl", num_train_epochs=4.0, warmup_ratio=0.0)
    before, after = steps[0], steps[-1]
    assert [s["step"] for s in steps] == [0, *range(1, 13), 12]
    assert after["eval_nll"] != before["eval_nll"]
    trained = [s for s in steps if "loss" in s]
    assert trained[-1]["loss"] < trained[0]["loss"] - 0.3  # it learns the 24 pairs by heart
    assert {"lr", "grad_norm", "weight", "inactive", "fed", "padding", "tokens_per_second"} <= trained[0].keys()

    out = tmp_path / "fgit-out"
    made = json.loads((out / "run.json").read_text())
    assert made["model"]["name"] == str(folder)
    assert made["data"]["pairs"] == 24
    assert made["result"]["held_out"].keys() == {"before", "after"}
    assert (out / "tokenizer.json").read_bytes() == (folder / "tokenizer.json").read_bytes()
    assert [json.loads(line) for line in (out / "steps.jsonl").read_text().splitlines()] == steps
    assert "fgit" in (out / "README.md").read_text()
    assert not list(out.glob(".*"))
    saved = AutoModelForCausalLM.from_pretrained(out).state_dict()
    assert not same(saved, AutoModelForCausalLM.from_pretrained(folder).state_dict())


def test_records_md_names_every_field(train, model, tmp_path):
    import re

    text = (Path(__file__).parents[2] / "docs" / "records.md").read_text()
    section = text[text.index("## What a training step reports") : text.index("## Exit codes")]
    named = set(re.findall(r"`(\w+)`", section))
    write_pairs(tmp_path / "held.jsonl", records(6, *model, seed=5))
    found = set().union(*train(objective="target-rpo", max_steps=1, eval_file="held.jsonl"))
    found |= set().union(*train(objective="fork", max_steps=1, output_dir="forks"))
    assert found <= named
    objectives = {"dpo", "fork", "simpo", "orpo", "kto"}
    assert {n for n in named if not n.startswith("eval_")} - found <= objectives


def gradient(out):
    """The gradient of the first step, from Adam's first moment after it."""
    import torch

    state = torch.load(out / "checkpoint-1" / "optimizer.bin")["state"]
    return {i: s["exp_avg"] / 0.1 for i, s in state.items()}


@pytest.mark.usefixtures("exact")
def test_passes_do_not_change_the_gradient(train, tmp_path):
    folder = tmp_path / "fp64"
    pairs = write_pairs(tmp_path / "p.jsonl", records(24, folder, write_model(folder, "qwen2", dtype="float64")))
    for name, budget in (("one", 10**6), ("some", 150), ("many", 1)):  # 1 pass of 8 to 8 of 1
        train([str(pairs)], output_dir=name, token_budget=budget, max_steps=2, max_grad_norm=0.0, save_steps=1)
    one = gradient(tmp_path / "one")
    for name in ("some", "many"):
        other = gradient(tmp_path / name)
        assert all((one[i] - other[i]).norm() <= EXACT * one[i].norm() for i in one)
    assert all(g.norm() > 0 for g in one.values())


@pytest.mark.parametrize("objective", ["sft", "fixed"])
def test_records_without_incorrect_response_train_sft(train, model, tmp_path, objective):
    rows = records(8, *model)
    for row in rows[:4]:
        del row["incorrect_ids"], row["incorrect_mask"]
    write_pairs(tmp_path / "half.jsonl", rows)
    assert math.isfinite(train(["half.jsonl"], objective=objective)[0]["loss"])


def test_a_resumed_run_ends_with_the_same_weights(train, tmp_path):
    whole = train(output_dir="whole", num_train_epochs=2.0)
    first = train(output_dir="parts", num_train_epochs=2.0, save_steps=2, save_total_limit=9)
    (tmp_path / "parts" / "run.json").unlink()
    for step in (4,):  # as if killed at step 3, in the middle of writing a checkpoint
        (tmp_path / "parts" / f"checkpoint-{step}" / "state.json").unlink()
    (tmp_path / "parts" / ".checkpoint-6.partial").mkdir()
    rest = train(output_dir="parts", num_train_epochs=2.0, save_steps=2, resume=True)
    assert [r["step"] for r in rest] == [3, 4, 5, 6]
    assert [r["loss"] for r in rest] == [r["loss"] for r in whole[2:]] == [r["loss"] for r in first[2:]]
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    logged = [json.loads(line)["step"] for line in (tmp_path / "parts" / "steps.jsonl").read_text().splitlines()]
    assert logged == [1, 2, 3, 4, 5, 6]
    assert sorted(p.name for p in (tmp_path / "parts").glob("*checkpoint*")) == ["checkpoint-4"]


def test_a_resumed_preference_run_keeps_its_reference(train, tmp_path):
    """The reference is the model before training, also where the run goes on with a trained one."""
    how = {"objective": "target-rpo", "hybrid_fraction": 0.5, "lora_rank": 2, "num_train_epochs": 2.0}
    whole = train(save_steps=2, save_total_limit=9, **how)
    assert whole[0]["margin"] == 0.0  # nothing is learnt yet
    assert whole[-1]["margin"] != 0.0
    out = tmp_path / "fgit-out"
    merged = weights(out)
    shutil.rmtree(out / "checkpoint-4")
    (out / "run.json").unlink()
    for reference in out.glob("reference-*.npy"):
        reference.unlink()  # it is computed again, from the initial weights
    rest = train(save_steps=2, resume=True, **how)
    assert [r["margin"] for r in rest] == [r["margin"] for r in whole[2:]]
    assert same(merged, weights(out))


DROPOUT = {
    "of the model": ("llama", {"attention_dropout": 0.3}, {}),
    "of the adapters": ("llama", {}, {"lora_rank": 2, "lora_dropout": 0.3}),
    "of both": (
        "qwen2",
        {"attention_dropout": 0.3},
        {"lora_rank": 2, "lora_dropout": 0.3, "gradient_checkpointing": True},
    ),
}


@pytest.mark.parametrize("objective", ["dpo", "target-dpo"])
@pytest.mark.parametrize("where", DROPOUT)
def test_the_dpo_family_begins_at_ln_2_whatever_dropout_the_model_has(train, tmp_path, where, objective):
    kind, changes, options = DROPOUT[where]
    folder = tmp_path / "dropping"
    pairs = write_pairs(tmp_path / "d.jsonl", records(16, folder, write_model(folder, kind, **changes)))
    steps = train([str(pairs)], objective=objective, warmup_ratio=0.0, max_steps=2, **options)
    assert steps[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    saved = json.loads((tmp_path / "fgit-out" / "config.json").read_text())
    assert saved["attention_dropout"] == changes.get("attention_dropout", 0.0)


def test_resume_refuses_another_run(train, tmp_path):
    train(output_dir="out", save_steps=1)
    with pytest.raises(UsageError, match="finished run"):
        train(output_dir="out")
    assert train(output_dir="out", resume=True) == []
    with pytest.raises(UsageError, match=r"holds a run with --alpha 2\.0, this run has 3\.0"):
        train(output_dir="out", resume=True, alpha=3.0)
    (tmp_path / "out" / "run.json").unlink()
    with pytest.raises(UsageError, match="--resume goes on"):
        train(output_dir="out")
    with pytest.raises(UsageError, match="--seed 42"):
        train(output_dir="out", save_steps=1, resume=True, seed=7)
    train(output_dir="out", overwrite_output_dir=True)
    assert not list((tmp_path / "out").glob("checkpoint-*"))


def test_bad_starts_are_refused_before_the_first_step(train, model, tmp_path):
    folder, sha256 = model
    rows = records(4, folder, sha256)
    write_pairs(tmp_path / "other.jsonl", [{**r, "tokenizer": {"name": "other", "sha256": "0"}} for r in rows])
    write_pairs(tmp_path / "beyond.jsonl", [{**rows[0], "prompt_ids": [1, 999]}])
    write_pairs(tmp_path / "bare.jsonl", [{**rows[0], "tokenizer": None}])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="tokenizer of other"):
        train(["other.jsonl"], model=str(folder))
    with pytest.raises(InputError, match="token id 999"):
        train(["beyond.jsonl"])
    with pytest.raises(InputError, match="no pairs"):
        train(["empty.jsonl"])
    with pytest.raises(UsageError, match="--model"):
        train(["bare.jsonl"])
    with pytest.raises(UsageError, match="nowhere"):
        train(["bare.jsonl"], model="nowhere")
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "model.safetensors").write_bytes(b"short")
    for name in (broken, folder / "config.json"):
        with pytest.raises(UsageError, match=f"--model {name}"):
            train(["bare.jsonl"], model=str(name))
    assert not (tmp_path / "fgit-out").exists()
    with pytest.raises(UsageError, match="--lora-target-modules nosuch"):
        train(lora_rank=2, lora_target_modules=["nosuch"])


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_checkpoint(train, tmp_path):
    with pytest.raises(EngineError, match=r"step \d+ is (nan|inf).*--resume goes on from fgit-out/checkpoint-"):
        train(learning_rate=1e30, max_grad_norm=0.0, save_steps=1, num_train_epochs=9.0, warmup_ratio=0.0)
    assert not (tmp_path / "fgit-out" / "run.json").exists()


def test_a_dry_run_reckons_and_writes_nothing(train, tmp_path):
    (told,) = train(dry_run=True, gpu="a800-80gb", num_processes=8, deepspeed="zero3")
    assert told["steps"] == 3
    assert told["ranks"] == 8
    assert told["launch"].startswith("fgit train pairs.jsonl --learning-rate 0.01 --global-batch-size 8")
    assert told["launch"].endswith("--deepspeed zero3 --num-processes 8")
    assert told["memory_gib"]["total"] < 80
    assert told["fits"] is True
    assert told["hours"] > 0
    assert told["ways"]
    (one,), (many,) = (train(dry_run=True, global_batch_size=n) for n in (1, 1000))
    assert one["tokens"] == many["tokens"]  # an epoch is an epoch, also where its last step is a small one
    assert not (tmp_path / "fgit-out").exists()


def test_no_epochs_are_no_steps(train, model, tmp_path):
    """The model is written as it was, in the folder where a trained one would be."""
    assert train(num_train_epochs=0.0) == []
    assert same(weights(tmp_path / "fgit-out"), weights(model[0]))
    assert json.loads((tmp_path / "fgit-out" / "run.json").read_text())["result"]["steps"] == 0


def test_a_tokenizer_that_was_saved_anew_is_the_same_one(train, model, tmp_path, monkeypatch):
    folder, sha256 = model
    rows = records(8, folder, sha256)
    for row in rows:  # texts, not any bytes
        row |= {name: [i % 90 for i in row[name]] for name in ("correct_ids", "incorrect_ids")}
        row["incorrect_ids"][0] = 91
    write_pairs(tmp_path / "t.jsonl", rows)
    copy = tmp_path / "anew"
    shutil.copytree(folder, copy)
    state = json.loads((copy / "tokenizer.json").read_text())
    state["added_tokens"][0] |= {"rstrip": True}
    (copy / "tokenizer.json").write_text(json.dumps(state))
    said = []
    monkeypatch.setattr("fgit_cli.training.runlog.say", said.append)
    assert len(train(["t.jsonl"], model=str(copy), quiet=False)) == 1
    assert any("it does the same" in line for line in said)
    state["model"]["vocab"]["A"], state["model"]["vocab"]["B"] = (state["model"]["vocab"][c] for c in "BA")
    (copy / "tokenizer.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="other vocabulary"):
        train(["t.jsonl"], model=str(copy), output_dir="other")
