"""A tiny model with its tokenizer, and pairs made for it."""

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
VOCABULARY = 300


def write_tokenizer(folder: Path, extra: str = "<|end|>") -> str:
    """A byte-level tokenizer without merges; its SHA-256 as records have it."""
    import hashlib

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {c: i for i, c in enumerate(ALPHABET)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([extra])
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": extra}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return hashlib.sha256(Tokenizer.from_file(str(folder / "tokenizer.json")).to_str().encode()).hexdigest()


def write_model(folder: Path, kind: str = "llama", seed: int = 0, dtype: str = "float32", **changes) -> str:
    """Random weights of a model with two layers; the folder's tokenizer's SHA-256."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    shape = {
        "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, **changes,
    }  # fmt: skip
    if kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**shape))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**shape, tie_word_embeddings=True))
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return write_tokenizer(folder)


def records(count: int, model: Path, sha256: str, seed: int = 0) -> list[dict]:
    """Pairs of random tokens that differ in a few; every fifth is inactive."""
    rng = np.random.default_rng(seed)
    out = []
    for number in range(count):
        prompt, correct = rng.integers(0, 256, rng.integers(3, 20)), rng.integers(0, 256, rng.integers(8, 40))
        at = int(rng.integers(1, len(correct) - 2))
        incorrect = np.concatenate((correct[:at], rng.integers(0, 256, rng.integers(1, 4)), correct[at + 2 :]))
        marks = [np.zeros(len(side), dtype=int) for side in (correct, incorrect)]
        marks[0][at : at + 2] = 2
        marks[1][at : at + 1] = 0 if number % 5 == 4 else 2
        out.append({
            "id": f"r{number}",
            "prompt_ids": prompt.tolist(), "correct_ids": correct.tolist(), "incorrect_ids": incorrect.tolist(),
            "correct_mask": marks[0].tolist(), "incorrect_mask": marks[1].tolist(),
            "tokenizer": {"name": str(model), "sha256": sha256},
            "mask": {"algorithm": "difflib", "granularity": "hybrid", "gaps": "ignore"},
        })  # fmt: skip
    return out


def write_pairs(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
