"""The cost model: what a run will take, before it is started. proposal.py makes of it what `--dry-run` says.

For P parameters of which T are trained (M in the matrices of the layers that a token meets: of a mixture of experts
those of the k experts that it is sent to; the rest embeddings and head), L layers of width H, N GPUs, bf16 with
DeepSpeed ZeRO:

    FLOPs   6 M per fed token (2 forward, 2 for the inputs' gradients, 2 T / P for the weights'; 2 more with
            --gradient-checkpointing, which runs forward twice)
          + 6 L A n² per row of n tokens (Q·K and P·V, causal; A = heads × head size; likewise 8)
          + 6 V H per token whose probability is read
    seconds of a pass   FLOPs / (peak × MFU), but no less than the processor takes to call the kernels of L layers
    seconds of a step   those of its passes; no less than the GPUs take to exchange, a pass, 2 T bytes of gradients, in
            ZeRO-3 twice the 2 P of weights too (with offload from the CPU's memory), and once the 2 T that are new;
            with offload then 28 T bytes in the CPU's memory
    bytes   2 P weights (/ N in ZeRO-3) + 2 T gradients (/ N) + 16 T / N optimizer (fp32 master weight, Adam's two
            moments, and the fp32 gradient of the step; in the CPU's memory with offload)
          + activations: fed tokens of a pass × L × 2 bytes × (8 H + 2 (A + K) + 4 I), K = key-value heads × head size,
            I = inner width of the MLP; (4 H + 2 (A + K) + 3 I) with liger-kernel's norms and MLPs; with k experts I of
            all of them and 2 k H more; with checkpointing L × 2 H and one layer's
          + in ZeRO-3 the weights gathered at a time, GATHERED at most
          + the head's logits, 2 V a token read, up to its share of the memory, + DeepSpeed's buckets + RESERVED

Activations are counted from what transformers' Llama-like layers keep for the backward pass with an attention that
does not store its scores. Peaks are the makers' dense bf16 figures; MFU and the processor's time were measured
(MEASURED), on one kind of card, in passes that fill it. Hours of what was measured come out within a fifth, memory
within 15 %. Not measured are other cards and processors, what GPUs exchange (REACHED of the data sheet's rate),
offload, and mixtures of experts, whose small matrices reach less.
"""

import bisect
import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.training.data import PairStore
from fgit_cli.training.gpus import PCIE, Gpu
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
GATHERED = 2 * 10**9  # bytes of ZeRO-3's weights at a time: DeepSpeed's stage3_max_live_parameters, in bf16
REACHED = 0.7  # of the rate at which GPUs are said to exchange
HOST = 100e9  # bytes/s of a machine's memory
BUCKETS = 2 * 2 * 2 * 200_000_000  # bytes: bf16, double-buffered, reduce and gather (configs/zero2.json)


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
    """A model's sizes: the letters of the module's text. `matrices` are all of the layers', `met` what a token meets of
    them (0: all), `inner` is over the `experts` that a token is sent to."""

    parameters: int
    trained: int
    matrices: int
    layers: int
    width: int
    attention: int
    keys: int
    inner: int
    vocabulary: int
    met: int = 0
    experts: int = 1

    @classmethod
    def of(cls, config: Any, lora_rank: int, trust_remote_code: bool = False) -> "Shape":
        """From a transformers configuration; the model is laid out without memory for its weights."""
        import torch
        from transformers import AutoModelForCausalLM

        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
            model.tie_weights()  # transformers 5.0 leaves the head of a model without memory apart
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
        matrices = parameters - _count(embeddings) - (0 if head is embeddings else _count(head))
        chosen, of = _experts(text)
        routed = sum(_count(p) for name, p in model.named_parameters() if ".experts." in name) if chosen else 0
        heads = getattr(text, "num_attention_heads", None) or 0  # a state space model has none
        size = (getattr(text, "head_dim", None) or text.hidden_size // heads) if heads else 0
        return cls(
            parameters=parameters,
            trained=sum(count for count, trained in sizes if trained),
            matrices=matrices,
            layers=text.num_hidden_layers,
            width=text.hidden_size,
            attention=heads * size,
            keys=(getattr(text, "num_key_value_heads", None) or heads) * size,
            inner=_inner(text, chosen) if routed else getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
            vocabulary=text.vocab_size,
            met=matrices - routed + routed * chosen // of if routed else 0,
            experts=chosen if routed else 1,
        )


def _experts(text: Any) -> tuple[int, int]:
    """How many experts a token is sent to, and of how many; (0, 1) where the configuration has none."""
    chosen = getattr(text, "num_experts_per_tok", None) or getattr(text, "experts_per_token", None)
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    of = next((n for n in (getattr(text, name, None) for name in names) if n), None)
    return (chosen, of) if chosen and of else (0, 1)


def _inner(text: Any, chosen: int) -> int:
    """The inner width of what a token meets of a layer's experts, those that all tokens share among them."""
    each = getattr(text, "moe_intermediate_size", None) or text.intermediate_size
    shared = getattr(text, "n_shared_experts", None) or 0
    return int(each * (chosen + shared) + (getattr(text, "shared_expert_intermediate_size", None) or 0))


def _count(parameter: Any) -> int:
    """Its elements; ZeRO-3 keeps them elsewhere, and their count there."""
    return int(getattr(parameter, "ds_numel", parameter.numel()))


def flops(shape: Shape, tokens: Tokens, checkpointing: bool) -> float:
    """Of one pass over the data."""
    again, weights = 2 if checkpointing else 0, 2 * min(1, shape.trained / shape.parameters)
    body = (4 + weights + again) * (shape.met or shape.matrices) * tokens.fed
    attention = (6 + again) * shape.layers * shape.attention * tokens.squares
    return float(body + attention + (4 + weights) * shape.vocabulary * shape.width * tokens.read)


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


def step_seconds(shape: Shape, plan: Plan, operations: float, passes: int, gpu: Gpu, liger: bool) -> float:
    """Of a step in which each GPU does so many operations in so many passes."""
    weights, gradients, others = 2 * shape.parameters, 2 * shape.trained, 1 - 1 / plan.ranks
    gathered = 2 * weights if plan.stage == 3 else 0
    exchanged = others * (passes * (gradients + gathered) + gradients) / (REACHED * gpu.link)
    after = 0.0
    if offloaded(plan):
        exchanged += passes * (gathered + gradients) / plan.ranks / (REACHED * PCIE)
        after = 28 * shape.trained / HOST * plan.local_ranks / plan.ranks
    return max(seconds(shape, operations, passes, gpu.peak, liger), exchanged) + after


def offloaded(plan: Plan) -> bool:
    """Whether the optimizer's state is in the CPU's memory."""
    return "offload_optimizer" in (plan.deepspeed or {}).get("zero_optimization", {})


def host_bytes(shape: Shape, plan: Plan) -> float:
    """What offload holds in the memory of each machine."""
    return (2 * shape.parameters + 16 * shape.trained) * plan.local_ranks / plan.ranks if offloaded(plan) else 0.0


def activations(shape: Shape, liger: bool, checkpointing: bool) -> int:
    """Bytes that the layers keep for the backward pass, of each fed token."""
    norms, inner = (4, 3) if liger else (8, 4)
    sent = 2 * shape.experts * shape.width if shape.experts > 1 else 0
    layer = 2 * (norms * shape.width + 2 * (shape.attention + shape.keys) + inner * shape.inner + sent)
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
    ranks, offload = plan.ranks, offloaded(plan)
    sharded = ranks if plan.stage == 3 else 1
    return {
        "weights": 0 if plan.stage == 3 and offload else 2 * shape.parameters / sharded,
        "gradients": 2 * shape.trained / (ranks if plan.stage >= 2 else 1),
        "optimizer": 0 if offload else 16 * shape.trained / (ranks if plan.stage >= 1 else 1),
        "buckets": BUCKETS + (min(GATHERED, 2 * shape.parameters) if plan.stage == 3 else 0),
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


def asked_for(token_budget: str) -> int | None:
    """The number that `--token-budget` gives; None for `auto`. Raises UsageError."""
    text = str(token_budget)
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"--token-budget {text}: give a number of tokens, or auto")
    return int(text)
