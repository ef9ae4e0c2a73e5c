"""What makes a model unfit for a run is known before its first step, and in a dry run; it is said in one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from fgit_cli.commands.train import run
from fgit_cli.errors import UsageError
from fgit_cli.training.options import Options
from tests.helpers.small_runs import records, write_pairs, write_tokenizer

ROOT = Path(__file__).parents[2]
SIZES = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "bos_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
GPT = {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 1}


def model(name, **changes):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**changes)
    return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)


@pytest.fixture
def train(tmp_path, monkeypatch, capfd):
    """Write a model and pairs for it, change its folder, and run `fgit train`: the records it printed."""
    from accelerate.state import AcceleratorState, GradientState

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "m"

    def go(made, change=None, **options):
        AcceleratorState._reset_state(True)
        GradientState._reset_state()
        if not folder.exists():
            made.save_pretrained(folder)
            sha256 = write_tokenizer(folder)
            write_pairs(tmp_path / "pairs.jsonl", records(12, folder, sha256))
            if change:
                change(folder)
        capfd.readouterr()
        values = {"global_batch_size": 8, "max_steps": 1, "quiet": True, "overwrite_output_dir": True, **options}
        run(Options(files=["pairs.jsonl"], given=frozenset(values), **values))
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return go


def refused(train, made, change=None, **options):
    """The line with which both a run and a dry run refuse."""
    said = []
    for dry_run in (True, False):
        with pytest.raises(UsageError) as told:
            train(made, change, dry_run=dry_run, **options)
        said.append(str(told.value))
    assert said[0] == said[1]
    assert "\n" not in said[0]
    assert not Path("fgit-out").exists()
    return said[0]


TABLES = {
    "gpt2": ("GPT2", {**GPT, "n_positions": 32}),
    "opt": ("OPT", {
        "vocab_size": 300, "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "word_embed_proj_dim": 32, "max_position_embeddings": 32,
    }),
    "bigcode": ("GPTBigCode", {**GPT, "n_positions": 32}),
    "gptj": ("GPTJ", {**GPT, "n_positions": 32, "rotary_dim": 8}),
    "ctrl": ("CTRL", {**GPT, "dff": 48, "n_positions": 32}),
    "gptneo": ("GPTNeo", {
        "vocab_size": 300, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "max_position_embeddings": 32,
        "attention_types": [[["global", "local"], 1]],
    }),
    "mpt": ("Mpt", {"vocab_size": 300, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 32}),
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_rows_beyond_a_table_of_positions(train, kind):
    name, changes = TABLES[kind]
    said = refused(train, model(name, **changes))
    assert "has 32 positions" in said
    assert "--max-length 32" in said


@pytest.mark.parametrize("kind", ["Llama", "GPTNeoX", "Falcon", "Bloom"])
def test_positions_that_are_computed_have_no_end(train, kind):
    changes = {**SIZES, "max_position_embeddings": 32}
    if kind == "Bloom":
        changes = {"vocab_size": 300, "hidden_size": 32, "n_layer": 2, "n_head": 4, "seq_length": 32}
    if kind != "Llama":
        changes.pop("num_key_value_heads", None)
    assert train(model(kind, **changes))[0]["loss"] > 0


def test_a_table_that_is_as_long_as_the_rows_is_long_enough(train):
    (step,) = train(model("GPT2", **GPT, n_positions=51))
    assert step["loss"] > 0


def quantized(method):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        config["quantization_config"] = {"quant_method": method, "bits": 4}
        (folder / "config.json").write_text(json.dumps(config))

    return change


def as_bin(folder):
    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def an_adapter(folder):
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/base", "r": 8}))


def with_padding_beyond(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "pad_token_id": 5000}))


def without_config(folder):
    (folder / "config.json").unlink()


def without_tokenizer(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()


def of_type(name):
    def change(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": name}))

    return change


def with_code(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.Mine", "AutoModelForCausalLM": "code.MineLM"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('it ran')")


FOLDERS = {
    "gptq": (quantized("gptq"), "quantized (gptq)"),
    "bitsandbytes": (quantized("bitsandbytes"), "quantized (bitsandbytes)"),
    "awq": (quantized("awq"), "quantized (awq)"),
    "pickled weights alone": (as_bin, "safetensors"),
    "no weights": (without_weights, "no weights"),
    "an adapter": (an_adapter, "adapters of org/base"),
    "no configuration": (without_config, "no config.json"),
    "a configuration that contradicts itself": (with_padding_beyond, "makes no model"),
    "no tokenizer": (without_tokenizer, "tokenizer"),
    "a type that nobody knows": (of_type("nosuchmodel"), "no model of its type"),
    "an encoder with a decoder": (of_type("t5"), "no causal model of type t5"),
    "code of its own": (with_code, "--trust-remote-code"),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_folders_that_hold_nothing_to_tune(train, what):
    change, word = FOLDERS[what]
    assert word in refused(train, model("Llama", **SIZES), change)


def test_weights_that_are_not_in_the_files_are_not_made_up(train):
    from safetensors.torch import load_file, save_file

    def lacking(folder):
        weights = load_file(folder / "model.safetensors")
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(UsageError, match=r"lack the weight model\.layers\.1\.mlp\.up_proj\.weight"):
        train(model("Llama", **SIZES), lacking)


ATTENTION = {
    "sdpa on a model without it": ("Gemma2", {**SIZES, "head_dim": 8}, "sdpa", "Gemma2ForCausalLM"),
    "flex on a CPU": ("Llama", SIZES, "flex_attention", "needs a GPU"),
    "flash on a CPU": ("Llama", SIZES, "flash_attention_2", "needs a GPU"),
    "varlen on a CPU": ("Llama", SIZES, "varlen", "needs a GPU"),
}


@pytest.mark.parametrize("what", ATTENTION)
def test_attention_that_is_not_there(train, what):
    name, changes, attention, word = ATTENTION[what]
    said = refused(train, model(name, **changes), attention=attention)
    assert f"--attention {attention}" in said
    assert word in said


def test_modules_for_adapters_that_are_not_there(train):
    said = refused(train, model("Llama", **SIZES), lora_rank=2, lora_target_modules=["q_projection"])
    assert "--lora-target-modules q_projection" in said


VISION = {
    "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip


def test_a_model_with_pictures_trains_on_text(train):
    """Its vocabulary, and all else of its language model, stands in `text_config`."""
    text = transformers.Gemma3TextConfig(**SIZES, head_dim=8)
    vision = transformers.SiglipVisionConfig(**VISION)
    torch.manual_seed(0)
    made = transformers.Gemma3ForConditionalGeneration(
        transformers.Gemma3Config(text_config=text.to_dict(), vision_config=vision.to_dict(), mm_tokens_per_image=4)
    )
    (estimate,) = train(made, dry_run=True)
    assert estimate["steps"] == 1
    for options in ({}, {"lora_rank": 2, "lora_target_modules": ["lm_head", "q_proj"]}):
        (step,) = train(made, **options)
        assert step["loss"] > 0
        assert transformers.AutoModelForCausalLM.from_pretrained("fgit-out") is not None


def test_a_model_that_writes_captions_trains_on_text(train):
    sizes = {k: v for k, v in SIZES.items() if k != "num_key_value_heads"}
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (step,) = train(model("Git", **sizes, **none, vision_config=VISION))
    assert step["loss"] > 0


def test_a_model_that_only_answers_about_pictures_is_refused(train):
    text = transformers.GemmaConfig(**SIZES, head_dim=8)
    vision = {**VISION, "model_type": "siglip_vision_model"}
    config = transformers.PaliGemmaConfig(
        text_config=text.to_dict(), vision_config=vision, projection_dim=32, image_token_index=299
    )
    made = transformers.PaliGemmaForConditionalGeneration(config)
    assert "no causal model of type paligemma" in refused(train, made)


def test_a_dry_run_of_a_model_without_attention(train):
    made = model("Mamba", vocab_size=300, hidden_size=32, num_hidden_layers=2, state_size=8)
    (estimate,) = train(made, dry_run=True)
    assert estimate["flops"] > 0


def test_code_of_a_tokenizer_goes_with_it(train):
    def with_code(folder):
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": [None, "mine.Mine"]}}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "mine.py").write_text(
            "from transformers import PreTrainedTokenizerFast\nclass Mine(PreTrainedTokenizerFast):\n    pass\n"
        )

    train(model("Llama", **SIZES), with_code)
    made = transformers.AutoTokenizer.from_pretrained("fgit-out", trust_remote_code=True)
    assert made("x = 1").input_ids


def test_only_fgit_speaks_on_stderr(train, tmp_path):
    """Adapters on a tied head, a token beyond the vocabulary, checkpointing: libraries have much to say."""
    train(model("Qwen2", **{**SIZES, "bos_token_id": 5000}, tie_word_embeddings=True), dry_run=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "LOCAL_RANK": "0"}
    env.pop("TRANSFORMERS_VERBOSITY", None)
    words = ["--lora-rank", "2", "--lora-target-modules", "lm_head", "--lora-target-modules", "embed_tokens"]
    ran = subprocess.run(
        [sys.executable, "-m", "fgit_cli", "train", "pairs.jsonl", "--gradient-checkpointing", *words],
        env=env, text=True, capture_output=True, timeout=250, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert [line for line in ran.stderr.splitlines() if not line.startswith("fgit train: ")] == []
    assert "LOCAL_RANK without" in ran.stderr


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_a_rank_that_waits_for_others_can_be_ended(train, signal_name):
    import signal
    import time

    from fgit_cli.training.launch import free_port

    train(model("Llama", **SIZES), dry_run=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
    env |= {"SLURM_NTASKS": "2", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "2"}
    port = free_port()
    env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", "train", "pairs.jsonl"], env=env, text=True, stderr=subprocess.PIPE
    )
    line = process.stderr.readline()
    assert f"waiting for 1 of 2 ranks (1) at 127.0.0.1:{port}" in line
    began = time.monotonic()
    process.send_signal(getattr(signal, signal_name))
    process.communicate(timeout=60)
    assert time.monotonic() - began < 30
    assert process.returncode != 0
