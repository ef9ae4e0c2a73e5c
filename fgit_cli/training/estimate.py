"""What a run will take, before it is started: steps, tokens, memory per GPU and hours (`fgit train --dry-run`).

The cost model, for P parameters of which T are trained (M in the matrices of the layers, the rest embeddings and head),
L layers of width H, N GPUs, bf16 with DeepSpeed ZeRO:

    FLOPs   6 M per fed token (2 forward, 4 backward; 8 with --gradient-checkpointing, which runs forward twice)
          + 6 L A n² per row of n tokens (Q·K and P·V, causal; A = heads × head size; likewise 8)
          + 6 V H per token whose probability is read
    hours   FLOPs / (N × peak × UTILISATION)
    bytes   2 P weights (/ N in ZeRO-3) + 2 T gradients (/ N) + 16 T / N optimizer (fp32 master weight, Adam's two
            moments, and the fp32 gradient of the step; in the CPU's memory with offload)
          + activations: fed tokens of a pass × L × 2 bytes × (8 H + 3 (A + K) + 4 I), K = key-value heads × head size,
            I = inner width of the MLP; with checkpointing L × 2 H and one layer's
          + the head's chunk of logits, twice in fp32, + DeepSpeed's buckets + RESERVED

Activations are counted from what transformers' Llama-like layers keep for the backward pass with an attention that
does not store its scores. Peaks are the makers' dense bf16 figures. It says what fits and how long to plan for, not
what will be measured: expect hours within a third, and leave a tenth of the memory free.
"""

from dataclasses import dataclass
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.training import order
from fgit_cli.training.data import PairStore
from fgit_cli.training.layout import LayoutName, row_sizes, sft_size
from fgit_cli.training.losses import reading
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from fgit_cli.training.pairs import Example

UTILISATION = 0.40  # of the peak; training at 1,024 tokens and a few billion parameters reaches 0.35 to 0.5
RESERVED = 2 * 2**30  # bytes of CUDA's context, NCCL and fragmentation
LOGITS = 2**25  # elements of head.CHUNK
BUCKETS = 2 * 2 * 2 * 200_000_000  # bytes: bf16, double-buffered, reduce and gather (configs/zero2.json)


@dataclass(frozen=True)
class Gpu:
    """Peak dense bf16 FLOP/s (the maker's data sheet) and memory in GiB."""

    peak: float
    memory: float


GPUS = {
    "a100-40gb": Gpu(312e12, 40),
    "a100-80gb": Gpu(312e12, 80),
    "a800-80gb": Gpu(312e12, 80),
    "h100": Gpu(989e12, 80),
    "h800": Gpu(989e12, 80),
    "h200": Gpu(989e12, 141),
    "l40s": Gpu(362e12, 48),
    "rtx-4090": Gpu(165e12, 24),
}


@dataclass(frozen=True)
class Tokens:
    """Sums over the data: tokens fed, tokens of plain SFT, probabilities read, and n² over rows of n tokens."""

    fed: int
    sft: int
    read: int
    squares: int

    @classmethod
    def of(cls, store: PairStore, options: Options) -> "Tokens":
        fed = sft = read = squares = 0
        name: LayoutName = options.layout
        for number in range(len(store)):
            example = Example(store[number])
            rows = row_sizes(options.made_objective, example, name)
            tokens = reading(options.made_objective, example)
            fed += sum(rows)
            squares += sum(n * n for n in rows)
            sft += sft_size(example)
            read += int(tokens.correct.sum() + tokens.incorrect.sum()) + len(tokens.forks)
        return cls(fed, sft, read, squares)


@dataclass(frozen=True)
class Shape:
    """A model's sizes: the letters of the module's text."""

    parameters: int
    trained: int
    matrices: int
    layers: int
    width: int
    attention: int
    keys: int
    inner: int
    vocabulary: int

    @classmethod
    def of(cls, config: Any, lora_rank: int) -> "Shape":
        """From a transformers configuration; the model is laid out without memory for its weights."""
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        text = config.get_text_config()
        head, embeddings = model.get_output_embeddings().weight, model.get_input_embeddings().weight
        linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.weight is not head]
        parameters = sum(p.numel() for p in {id(p): p for p in model.parameters()}.values())
        adapters = sum(lora_rank * (m.in_features + m.out_features) for m in linear)
        heads = text.num_attention_heads
        size = getattr(text, "head_dim", None) or text.hidden_size // heads
        return cls(
            parameters=parameters,
            trained=adapters or parameters,
            matrices=parameters - embeddings.numel() - (0 if head is embeddings else head.numel()),
            layers=text.num_hidden_layers,
            width=text.hidden_size,
            attention=heads * size,
            keys=(getattr(text, "num_key_value_heads", None) or heads) * size,
            inner=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
            vocabulary=text.vocab_size,
        )


def flops(shape: Shape, tokens: Tokens, checkpointing: bool) -> float:
    """Of one pass over the data."""
    factor = 8 if checkpointing else 6
    body = factor * shape.matrices * tokens.fed
    attention = factor * shape.layers * shape.attention * tokens.squares
    return float(body + attention + 6 * shape.vocabulary * shape.width * tokens.read)


def memory(shape: Shape, options: Options, plan: Plan, pass_tokens: int) -> dict[str, float]:
    """GiB per GPU by what holds it, at the peak of a step."""
    ranks, offload = plan.ranks, "offload_optimizer" in (plan.deepspeed or {}).get("zero_optimization", {})
    layer = 2 * (8 * shape.width + 3 * (shape.attention + shape.keys) + 4 * shape.inner)
    kept = shape.layers * layer
    if options.gradient_checkpointing:
        kept = shape.layers * 2 * shape.width + layer
    sharded = ranks if plan.stage == 3 else 1
    parts = {
        "weights": 0 if plan.stage == 3 and offload else 2 * shape.parameters / sharded,
        "gradients": 2 * shape.trained / (ranks if plan.stage >= 2 else 1),
        "optimizer": 0 if offload else 16 * shape.trained / (ranks if plan.stage >= 1 else 1),
        "activations": pass_tokens * kept,
        "head": 8 * LOGITS,
        "buckets": BUCKETS,
        "reserved": RESERVED,
    }
    return {name: round(size / 2**30, 2) for name, size in parts.items()}


def estimate(options: Options, plan: Plan, store: PairStore, config: Any) -> dict[str, Any]:
    """The object that `--dry-run` prints. Raises UsageError for a GPU that is not in the table.

    Without `--gpu` and without a GPU in this machine, what depends on one is null.
    """
    shape, tokens = Shape.of(config, options.lora_rank), Tokens.of(store, options)
    steps = order.count_steps(len(store), options.global_batch_size, options.num_train_epochs, options.max_steps)
    walked = order.walk(len(store), options.global_batch_size, options.seed, 0, steps)
    epochs = sum(len(numbers) for _, numbers in walked) / len(store)
    total = flops(shape, tokens, options.gradient_checkpointing) * epochs
    pass_tokens = min(options.token_budget, round(tokens.fed / len(store) * options.global_batch_size / plan.ranks) + 1)
    gpu = (_gpu(options.gpu) if options.gpu else gpu_here()) if plan.device == "cuda" else None
    needs = memory(shape, options, plan, pass_tokens) if gpu else None
    return {
        "steps": steps,
        "pairs": len(store),
        "ranks": plan.ranks,
        "zero_stage": plan.stage,
        "parameters": shape.parameters,
        "trained_parameters": shape.trained,
        "layout": options.layout,
        "tokens": {
            "fed": round(tokens.fed * epochs),
            "sft": round(tokens.sft * epochs),
            "fed_relative_to_sft": round(tokens.fed / tokens.sft, 4),
            "read": round(tokens.read * epochs),
        },
        "flops": total,
        "gpu": gpu and options.gpu,
        "utilisation": UTILISATION,
        "hours": gpu and round(total / (plan.ranks * gpu.peak * UTILISATION) / 3600, 3),
        "gpu_hours": gpu and round(total / (gpu.peak * UTILISATION) / 3600, 3),
        "memory_gib": needs and {**needs, "total": round(sum(needs.values()), 2), "gpu": gpu and gpu.memory},
        "fits": needs and gpu and sum(needs.values()) <= gpu.memory,
    }


def gpu_here() -> Gpu:
    """This machine's first GPU. Raises UsageError for one that is not in the table."""
    import torch

    real = torch.cuda.get_device_name(0).lower().replace(" ", "-")
    return _gpu(next((known for known in GPUS if known.split("-")[0] in real), real))


def _gpu(name: str) -> Gpu:
    if name not in GPUS:
        raise UsageError(f"--gpu {name}: not in the table; there are {', '.join(GPUS)}")
    return GPUS[name]
