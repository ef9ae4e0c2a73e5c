"""Small models with random weights, and pairs of every shape."""

import numpy as np

from fgit_cli.training.pairs import Pair

VOCABULARY = 97


def make_model(family="llama", dtype="float64", seed=0, vocabulary=VOCABULARY, **changes):
    """A causal model of two layers with random weights, in training mode."""
    import torch
    import transformers

    torch.manual_seed(seed)
    shape = {
        "vocab_size": vocabulary, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 512, "initializer_range": 0.4,
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None,
    }  # fmt: skip
    if family != "gpt-neox":
        shape["num_key_value_heads"] = 2
    name = {"llama": "Llama", "qwen2": "Qwen2", "gpt-neox": "GPTNeoX"}[family]
    config = getattr(transformers, f"{name}Config")(**{**shape, "tie_word_embeddings": family == "qwen2", **changes})
    config._attn_implementation = "sdpa"  # `eager` takes its softmax in fp32
    model = getattr(transformers, f"{name}ForCausalLM")(config).to(getattr(torch, dtype))
    return model.train()


def pair(prompt, correct, incorrect, correct_mask, incorrect_mask, name="p", forks=None):
    return Pair(name, prompt, correct, incorrect, correct_mask, incorrect_mask, forks)


def edge_pairs() -> dict[str, Pair]:
    """Every shape that the layout must get right, by name."""
    made = {
        "middle": ([5, 6, 7], [10, 11, 12, 13, 14, 1], [10, 11, 22, 23, 14, 1], [0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 0, 0]),
        "first token": ([5, 6], [10, 11, 1], [20, 11, 12, 1], [2, 0, 0], [2, 1, 0, 0]),
        "first token, all marked": ([5], [10, 11, 1], [20, 21, 22, 1], [2, 2, 1], [1, 2, 2, 2]),
        "end token": ([5, 6], [10, 11, 1], [10, 11, 12, 1], [0, 1, 1], [0, 0, 2, 0]),
        "end token, marked": ([5, 6], [10, 11, 12, 1], [10, 11, 1], [0, 0, 2, 0], [0, 0, 1]),
        "marks in the shared prefix alone": ([5, 6], [10, 11, 12, 1], [10, 11, 13, 1], [1, 0, 0, 0], [1, 2, 0, 0]),
        "empty branch": ([5, 6], [10, 11, 12, 1], [10, 11, 13, 1], [0, 0, 1, 0], [0, 1, 1, 0]),
        "identical": ([5, 6], [10, 11, 1], [10, 11, 1], [0, 1, 0], [0, 1, 1]),
        "correct mask empty": ([5, 6], [10, 11, 1], [10, 12, 1], [0, 0, 0], [0, 1, 0]),
        "incorrect mask empty": ([5, 6], [10, 11, 1], [10, 12, 1], [0, 1, 0], [0, 0, 0]),
        "both masks empty": ([5, 6], [10, 11, 1], [10, 12, 1], [0, 0, 0], [0, 0, 0]),
        "correct cut short": ([5, 6], [10, 11], [10, 11, 12, 13, 1], [0, 1], [0, 0, 1, 1, 0]),
        "incorrect cut short": ([5, 6], [10, 11, 12, 13, 1], [10, 11], [0, 1, 1, 0, 0], [0, 2]),
        "one token each": ([5], [10], [11], [2], [2]),
    }
    return {name: pair(*parts, name=name) for name, parts in made.items()}


def forked_pairs() -> list[Pair]:
    """Pairs that say their forks: several, one at the first token, the end token, out of step, none."""
    correct, incorrect = [10, 11, 12, 13, 14, 15, 1], [10, 21, 12, 13, 24, 25, 15, 1]
    masks = [0, 2, 0, 0, 2, 0, 0], [0, 2, 0, 0, 2, 2, 0, 0]
    forks = ([[1, 1], [4, 4]], [[1, 1], [4, 5]], [[0, 1]], [[6, 5]], [[6, 0], [1, 4]], [])
    return [pair([5, 6, 7], correct, incorrect, *masks, name=f"forks {f}", forks=f) for f in forks]


def random_pairs(count, seed=0, longest=24, vocabulary=VOCABULARY, prompt=12) -> list[Pair]:
    """Pairs with a shared beginning, a different middle and random marks, some of them before the difference."""
    rng, made = np.random.default_rng(seed), []
    for i in range(count):
        shared = rng.integers(2, vocabulary, rng.integers(0, longest // 2))
        sides = [
            np.concatenate([shared, rng.integers(2, vocabulary, rng.integers(1, longest // 2)), [1]]) for _ in "ca"
        ]
        masks = [rng.integers(0, 3, len(s)) * (rng.random(len(s)) < 0.5) for s in sides]
        made.append(pair(rng.integers(2, vocabulary, rng.integers(1, prompt)), *sides, *masks, name=str(i)))
    return made
