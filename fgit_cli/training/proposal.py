"""What `fgit train --dry-run` says: what the run as given will take, and the ways of it that fit the GPUs.

A way is the same run with other flags of memory: checkpointing, ZeRO's stage, offload, the tokens of a pass. They
change no result but for rounding. LoRA does, for it tunes adapters alone; so it stands behind the ways that tune all
weights, and offload, which needs the machine's memory, behind LoRA.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from fgit_cli import messages
from fgit_cli.training import estimate, gpus, machines, order
from fgit_cli.training.data import PairStore
from fgit_cli.training.estimate import Shape, Tokens
from fgit_cli.training.gpus import Gpu
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options

WAYS = 4  # told, at most
LEANER = 0.8  # of the fastest way's memory: more is no reason for a slower one
RANK = 16  # of proposed LoRA adapters
FULL, LORA, FULL_OFFLOADED, LORA_OFFLOADED = range(4)  # kinds of ways, those to take first first
MOST = 1024  # GPUs, tried where no way fits


@dataclasses.dataclass(frozen=True)
class Work:
    """What there is to do, whatever it runs on: sums over the data, steps, epochs, and the longest pair's tokens."""

    config: Any
    trust_remote_code: bool
    tokens: Tokens
    steps: int
    epochs: float
    longest: int

    @classmethod
    def of(cls, options: Options, store: PairStore, config: Any) -> "Work":
        steps = order.count_steps(len(store), options.global_batch_size, options.num_train_epochs, options.max_steps)
        walked = order.walk(len(store), options.global_batch_size, options.seed, 0, steps)
        epochs = sum(len(numbers) for _, numbers in walked) / len(store)
        tokens = Tokens.of(store, options)
        return cls(config, options.trust_remote_code, tokens, steps, epochs, store.longest)

    @cached_property
    def shapes(self) -> dict[int, Shape]:
        """The model's shape by the rank of its adapters; filled as it is asked for."""
        return {}

    def shape(self, rank: int) -> Shape:
        if rank not in self.shapes:
            self.shapes[rank] = Shape.of(self.config, rank, self.trust_remote_code)
        return self.shapes[rank]


def proposal(options: Options, plan: Plan, store: PairStore, config: Any) -> dict[str, Any]:
    """The object that `--dry-run` prints. Raises UsageError for a GPU that is not known.

    Without `--gpu` and without a GPU in this machine, what depends on one is null, and there are no ways. Where
    `--kernels` is auto, those of liger-kernel are reckoned with.
    """
    work = Work.of(options, store, config)
    shape, tokens = work.shape(options.lora_rank), work.tokens
    name, gpu = None, None
    if plan.device == "cuda":
        name, gpu = (options.gpu, gpus.named(options.gpu)) if options.gpu else gpus.here()
    made: dict[str, Any] = dict.fromkeys(
        ("kernels", "token_budget", "utilisation", "hours", "gpu_hours", "memory_gib", "host_memory_gib", "fits")
    )
    if gpu:
        made = on(gpu, options, plan, work)
    ways = list(fitting(gpu, options, work)) if gpu else []
    return {
        "launch": typed(options),
        "steps": work.steps,
        "pairs": len(store),
        "ranks": plan.ranks,
        "zero_stage": plan.stage,
        "parameters": shape.parameters,
        "trained_parameters": shape.trained,
        "layout": options.layout,
        "tokens": {
            "fed": round(tokens.fed * work.epochs),
            "sft": round(tokens.sft * work.epochs),
            "fed_relative_to_sft": round(tokens.fed / tokens.sft, 4),
            "read": round(tokens.read * work.epochs),
        },
        "flops": estimate.flops(shape, tokens, options.gradient_checkpointing) * work.epochs,
        "gpu": name,
        **made,
        "ways": ways,
        "gpus_needed": enough(gpu, options, work) if gpu and not ways else None,
    }


def on(gpu: Gpu, options: Options, plan: Plan, work: Work) -> dict[str, Any]:
    """What depends on the GPU."""
    shape, checkpointing = work.shape(options.lora_rank), options.gradient_checkpointing
    liger, size = options.kernels != "none", gpu.memory * 2**30
    held = sum(estimate.fixed(shape, plan).values())
    asked = estimate.asked_for(options.token_budget)
    room = size * (1 - estimate.SPARE) - held
    budget = max(asked or estimate.tokens_in(room, size, shape, liger, checkpointing), work.longest)
    steps = max(work.steps, 1)
    fed = work.tokens.fed * work.epochs / steps / plan.ranks  # tokens of a step, on each GPU
    operations = estimate.flops(shape, work.tokens, checkpointing) * work.epochs / steps / plan.ranks
    in_pass = min(budget, math.ceil(fed))
    read = round(in_pass * work.tokens.read / work.tokens.fed)
    needs = estimate.memory(shape, plan, in_pass, read, size, liger, checkpointing)
    took = estimate.step_seconds(shape, plan, operations, math.ceil(fed / budget), gpu, liger)
    hours = work.steps * took / 3600
    return {
        "kernels": "liger" if liger else "none",
        "token_budget": budget,
        "utilisation": round(estimate.utilisation(shape.width, liger), 3),
        "hours": _digits(hours),
        "gpu_hours": _digits(hours * plan.ranks),
        "memory_gib": {**needs, "total": round(sum(needs.values()), 2), "gpu": gpu.memory},
        "host_memory_gib": round(estimate.host_bytes(shape, plan) / 2**30, 1),
        "fits": sum(needs.values()) <= gpu.memory,
    }


def _digits(value: float) -> float:
    """Three digits of it, so that what is small is not nothing."""
    return float(f"{value:.3g}")


def fitting(gpu: Gpu, options: Options, work: Work) -> Iterator[dict[str, Any]]:
    """The ways that fit with SPARE left, those to take first first: of each kind the fastest and the leanest."""
    kinds: dict[int, list[dict[str, Any]]] = {}
    for changes in changed(options):
        way, kind = _way(gpu, options, changes, work)
        if way["memory_gib"] <= (1 - estimate.SPARE) * gpu.memory:
            kinds.setdefault(kind, []).append(way)
    for without, offloaded in ((FULL, FULL_OFFLOADED), (FULL, LORA_OFFLOADED), (LORA, LORA_OFFLOADED)):
        if without in kinds:
            kinds.pop(offloaded, None)  # offload is for what fits in no other way
    told = []
    for kind in sorted(kinds):
        fastest = min(kinds[kind], key=lambda way: (way["hours"], len(way["flags"])))
        leanest = min(kinds[kind], key=lambda way: (way["memory_gib"], way["hours"]))
        told += [fastest, leanest] if leanest["memory_gib"] < LEANER * fastest["memory_gib"] else [fastest]
    yield from told[:WAYS]


def _way(gpu: Gpu, options: Options, changes: dict[str, Any], work: Work) -> tuple[dict[str, Any], int]:
    """The run with these options changed; and its kind."""
    varied = dataclasses.replace(options, **changes, given=options.given | changes.keys())
    plan = machines.plan(varied)
    made = on(gpu, varied, plan, work)
    way = {
        "flags": [word for name, value in changes.items() for word in messages.words(name, value, Options)],
        "launch": typed(varied),
        "hours": made["hours"],
        "gpu_hours": made["gpu_hours"],
        "memory_gib": made["memory_gib"]["total"],
        "host_memory_gib": made["host_memory_gib"],
        "token_budget": made["token_budget"],
    }
    fewer = varied.lora_rank != options.lora_rank
    if estimate.offloaded(plan):
        return way, LORA_OFFLOADED if fewer else FULL_OFFLOADED
    return way, LORA if fewer else FULL


def changed(options: Options) -> Iterator[dict[str, Any]]:
    """What can be changed of the options, nothing first. A configuration of the user's own is left as it is."""
    stages: list[str | None] = [None]
    if not options.accelerate_config and options.deepspeed in (None, "zero2", "zero3", "zero3-offload"):
        stages += [stage for stage in ("zero2", "zero3", "zero3-offload") if stage != (options.deepspeed or "zero2")]
    checkpointing = [None] if options.gradient_checkpointing else [None, True]
    ranks = [None] if options.lora_rank else [None, RANK]
    budgets = [None] if estimate.asked_for(options.token_budget) is None else [None, "auto"]
    for rank, stage, again, budget in itertools.product(ranks, stages, checkpointing, budgets):
        changes = {
            "deepspeed": stage,
            "gradient_checkpointing": again,
            "lora_rank": rank,
            "token_budget": budget,
        }
        yield {name: value for name, value in changes.items() if value is not None}


def enough(gpu: Gpu, options: Options, work: Work) -> int | None:
    """On how many such GPUs some way fits, in doublings of those that there are; None where MOST do not do."""
    machine = machines.plan(options).local_ranks
    for doubled in range(1, MOST.bit_length()):
        ranks = machines.plan(options).ranks * 2**doubled
        if ranks > MOST:
            break
        for changes in changed(options):
            varied = dataclasses.replace(options, **changes)
            plan = dataclasses.replace(machines.plan(varied), ranks=ranks, local_ranks=min(ranks, max(machine, 8)))
            if not estimate.offloaded(plan) and on(gpu, varied, plan, work)["fits"]:
                return ranks
    return None


def typed(options: Options) -> str:
    """The command that starts this run, as one would type it."""
    return messages.typed("train", options, leave_out=("dry_run", "gpu", "quiet"))
