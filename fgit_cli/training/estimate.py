"""What a run will take, before it is started: steps, tokens, memory per GPU and hours (`fgit train --dry-run`).

The cost model, for P parameters of which T are trained (M in the matrices of the layers, the rest embeddings and head),
L layers of width H, N GPUs, bf16 with DeepSpeed ZeRO:

    FLOPs   6 M per fed token (2 forward, 4 backward; 8 with --gradient-checkpointing, which runs forward twice)
          + 6 L A n² per row of n tokens (Q·K and P·V, causal; A = heads × head size; likewise 8)
          + 6 V H per token whose probability is read
    seconds of a pass   FLOPs / (peak × MFU), but no less than the processor takes to call the kernels of L layers
    bytes   2 P weights (/ N in ZeRO-3) + 2 T gradients (/ N) + 16 T / N optimizer (fp32 master weight, Adam's two
            moments, and the fp32 gradient of the step; in the CPU's memory with offload)
          + activations: fed tokens of a pass × L × 2 bytes × (8 H + 2 (A + K) + 4 I), K = key-value heads × head size,
            I = inner width of the MLP; (4 H + 2 (A + K) + 3 I) with liger-kernel's norms and MLPs; with checkpointing
            L × 2 H and one layer's
          + the head's logits, 2 V a token read, up to its share of the memory, + DeepSpeed's buckets + RESERVED

Activations are counted from what transformers' Llama-like layers keep for the backward pass with an attention that
does not store its scores. Peaks are the makers' dense bf16 figures; MFU and the processor's time were measured
(MEASURED), on one kind of card, in passes that fill it. Hours of what was measured come out within a fifth, memory
within 15 %; another card, processor or interconnect is another matter.
"""

import bisect
import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.training import order
from fgit_cli.training.data import PairStore
from fgit_cli.training.head import CHUNK, KEPT
from fgit_cli.training.layout import LayoutName, row_sizes, sft_size
from fgit_cli.training.losses import reading
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from fgit_cli.training.pairs import Example

# MFU of a step by the model's width, with its own kernels and with liger-kernel's: one H200, torch 2.11, transformers
# 5.23, 2026-11-26, benchmarks/gpu.py --part speed, passes of 16,384 tokens and more; between widths by their logarithm.
MEASURED = {
    False: {896: 0.29, 1536: 0.40, 4096: 0.46},
    True: {896: 0.38, 1536: 0.50, 4096: 0.56},
}
PROCESSOR = 5.2e-3  # seconds a layer and pass to call its kernels, forward and backward, measured likewise
LARGEST = 32768  # tokens of a pass where --token-budget is auto: more were no faster at any width measured
RESERVED = 2 * 2**30  # bytes of CUDA's context, NCCL and fragmentation
SPARE = 0.1  # of a GPU's memory, left free by --token-budget auto
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
    def of(cls, config: Any, lora_rank: int, trust_remote_code: bool = False) -> "Shape":
        """From a transformers configuration; the model is laid out without memory for its weights."""
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        head = model.get_output_embeddings()
        linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
        adapters = sum(lora_rank * (m.in_features + m.out_features) for m in linear)
        made = cls.of_model(model)
        return dataclasses.replace(made, trained=adapters) if adapters else made

    @classmethod
    def of_model(cls, model: Any) -> "Shape":
        """Of a model that is there, in peft's wrapper perhaps, and its weights in parts perhaps (ZeRO-3)."""
        text = model.config.get_text_config()
        head, embeddings = model.get_output_embeddings().weight, model.get_input_embeddings().weight
        sizes = {id(p): (_count(p), p.requires_grad) for p in model.parameters()}.values()
        parameters = sum(count for count, _ in sizes)
        heads = getattr(text, "num_attention_heads", None) or 0  # a state space model has none
        size = (getattr(text, "head_dim", None) or text.hidden_size // heads) if heads else 0
        return cls(
            parameters=parameters,
            trained=sum(count for count, trained in sizes if trained),
            matrices=parameters - _count(embeddings) - (0 if head is embeddings else _count(head)),
            layers=text.num_hidden_layers,
            width=text.hidden_size,
            attention=heads * size,
            keys=(getattr(text, "num_key_value_heads", None) or heads) * size,
            inner=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
            vocabulary=text.vocab_size,
        )


def _count(parameter: Any) -> int:
    """Its elements; ZeRO-3 keeps them elsewhere, and their count there."""
    return int(getattr(parameter, "ds_numel", parameter.numel()))


def flops(shape: Shape, tokens: Tokens, checkpointing: bool) -> float:
    """Of one pass over the data."""
    factor = 8 if checkpointing else 6
    body = factor * shape.matrices * tokens.fed
    attention = factor * shape.layers * shape.attention * tokens.squares
    return float(body + attention + 6 * shape.vocabulary * shape.width * tokens.read)


def utilisation(width: int, liger: bool) -> float:
    """The share of the peak that passes of enough tokens reach."""
    table = MEASURED[liger]
    widths = sorted(table)
    if width <= widths[0] or width >= widths[-1]:
        return table[widths[0] if width <= widths[0] else widths[-1]]
    at = bisect.bisect(widths, width)
    low, high = widths[at - 1], widths[at]
    share = math.log(width / low) / math.log(high / low)
    return table[low] + share * (table[high] - table[low])


def seconds(shape: Shape, operations: float, passes: float, peak: float, liger: bool) -> float:
    """Of so many model operations in so many passes, on one GPU of that peak."""
    return max(operations / (peak * utilisation(shape.width, liger)), passes * PROCESSOR * shape.layers)


def activations(shape: Shape, liger: bool, checkpointing: bool) -> int:
    """Bytes that the layers keep for the backward pass, of each fed token."""
    norms, inner = (4, 3) if liger else (8, 4)
    layer = 2 * (norms * shape.width + 2 * (shape.attention + shape.keys) + inner * shape.inner)
    return shape.layers * 2 * shape.width + layer if checkpointing else shape.layers * layer


def logits(shape: Shape, tokens: int, memory: float) -> float:
    """Bytes of the head's logits for so many tokens read, in a GPU with so many bytes of memory."""
    return min(2 * shape.vocabulary * tokens, KEPT * memory) + 2 * CHUNK["cuda"]


def backward_bytes(shape: Shape) -> int:
    """What the backward pass of a layer needs for each token beside what the forward pass has kept."""
    return 2 * (4 * shape.inner + 4 * shape.width)


def tokens_in(room: float, memory: float, shape: Shape, liger: bool, checkpointing: bool) -> int:
    """Tokens of a pass for which `room` bytes suffice, LARGEST at most, in steps of 256; 256 at least."""
    each = activations(shape, liger, checkpointing) + backward_bytes(shape)
    tokens = (room - logits(shape, LARGEST, memory)) / each
    return max(256, min(LARGEST, int(tokens) // 256 * 256))


def fixed(shape: Shape, plan: Plan) -> dict[str, float]:
    """Bytes per GPU that do not depend on the pass, by what holds them."""
    ranks, offload = plan.ranks, "offload_optimizer" in (plan.deepspeed or {}).get("zero_optimization", {})
    sharded = ranks if plan.stage == 3 else 1
    return {
        "weights": 0 if plan.stage == 3 and offload else 2 * shape.parameters / sharded,
        "gradients": 2 * shape.trained / (ranks if plan.stage >= 2 else 1),
        "optimizer": 0 if offload else 16 * shape.trained / (ranks if plan.stage >= 1 else 1),
        "buckets": BUCKETS,
        "reserved": RESERVED,
    }


def memory(
    shape: Shape, plan: Plan, pass_tokens: int, read: int, gpu: float, liger: bool, checkpointing: bool
) -> dict[str, float]:
    """GiB per GPU of so many bytes, by what holds them, at the peak of a step; `read` tokens of a pass are read."""
    parts = {
        **fixed(shape, plan),
        "activations": pass_tokens * activations(shape, liger, checkpointing),
        "head": logits(shape, read, gpu),
    }
    return {name: round(size / 2**30, 2) for name, size in parts.items()}


def estimate(options: Options, plan: Plan, store: PairStore, config: Any) -> dict[str, Any]:
    """The object that `--dry-run` prints. Raises UsageError for a GPU that is not in the table.

    Without `--gpu` and without a GPU in this machine, what depends on one is null. Where `--kernels` is auto, those of
    liger-kernel are reckoned with.
    """
    shape, tokens = Shape.of(config, options.lora_rank, options.trust_remote_code), Tokens.of(store, options)
    steps = order.count_steps(len(store), options.global_batch_size, options.num_train_epochs, options.max_steps)
    walked = order.walk(len(store), options.global_batch_size, options.seed, 0, steps)
    epochs = sum(len(numbers) for _, numbers in walked) / len(store)
    total = flops(shape, tokens, options.gradient_checkpointing) * epochs
    gpu = (_gpu(options.gpu) if options.gpu else gpu_here()) if plan.device == "cuda" else None
    made: dict[str, Any] = dict.fromkeys(
        ("kernels", "token_budget", "utilisation", "hours", "gpu_hours", "memory_gib", "fits")
    )
    if gpu:
        step_tokens = tokens.fed * epochs / steps / plan.ranks if steps else 0
        made = _on(gpu, shape, options, plan, step_tokens, tokens, total / plan.ranks / max(steps, 1), steps)
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
        **made,
    }


def _on(
    gpu: Gpu, shape: Shape, options: Options, plan: Plan, step_tokens: float, tokens: Tokens, operations: float,
    steps: int,
) -> dict[str, Any]:  # fmt: skip
    """What depends on the GPU: `step_tokens` are fed and `operations` done by each in a step."""
    liger, size = options.kernels != "none", gpu.memory * 2**30
    checkpointing, held = options.gradient_checkpointing, sum(fixed(shape, plan).values())
    asked = asked_for(options.token_budget)
    budget = asked or tokens_in(size * (1 - SPARE) - held, size, shape, liger, checkpointing)
    passes = math.ceil(step_tokens / budget)
    pass_tokens = min(budget, math.ceil(step_tokens))
    read = round(pass_tokens * tokens.read / tokens.fed)
    needs = memory(shape, plan, pass_tokens, read, size, liger, checkpointing)
    hours = steps * seconds(shape, operations, passes, gpu.peak, liger) / 3600
    return {
        "kernels": "liger" if liger else "none",
        "token_budget": budget,
        "utilisation": round(utilisation(shape.width, liger), 3),
        "hours": round(hours, 3),
        "gpu_hours": round(hours * plan.ranks, 3),
        "memory_gib": {**needs, "total": round(sum(needs.values()), 2), "gpu": gpu.memory},
        "fits": sum(needs.values()) <= gpu.memory,
    }


def asked_for(token_budget: str) -> int | None:
    """The number that `--token-budget` gives; None for `auto`. Raises UsageError."""
    text = str(token_budget)
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--token-budget {text}: give a number of tokens, or auto")
    return int(text)


def gpu_here() -> Gpu:
    """This machine's first GPU. Raises UsageError for one that is not in the table."""
    import torch

    real = torch.cuda.get_device_name(0).lower().replace(" ", "-")
    return _gpu(next((known for known in GPUS if known.split("-")[0] in real), real))


def _gpu(name: str) -> Gpu:
    if name not in GPUS:
        raise UsageError(f"--gpu {name}: not in the table; there are {', '.join(GPUS)}")
    return GPUS[name]
