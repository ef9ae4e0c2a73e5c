"""How much of what plain SFT would learn from a data set lies in its faults, before the first step.

What a weight on the marked tokens can change depends on what they have without one. Under Adam, which does not care for
the gradient's scale, a weight W moves the model along the marked tokens' gradient by W / √(1 − s + W² s) times what
weight 1 does, where s = ‖g_marked‖² / (‖g_marked‖² + ‖g_rest‖²), the two parts of the SFT loss's gradient taken as
orthogonal. With s near 1 no weight counts; with s near 0 each counts in full.
"""

import math
from typing import Any

from fgit_cli.training import order
from fgit_cli.training.data import PairStore
from fgit_cli.training.estimate import asked_for
from fgit_cli.training.losses import Batch, Loss, Totals, nll
from fgit_cli.training.objective import Objective
from fgit_cli.training.options import Options
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example
from fgit_cli.training.step import Layout, confirm, step

PAIRS = 64  # the first of the run's own order
AT_ONCE = 4096  # tokens of a pass, at most: no optimizer is there yet, and nothing is to run out of memory here
SFT = Objective("sft")
LITTLE, MOST = 0.25, 0.6  # of s; a weight of 2 moves the faults by 1.5 and by 1.2 times what weight 1 does


def fault_share(
    model: Any, store: PairStore, options: Options, layout: Layout, accelerator: Any
) -> dict[str, Any] | None:  # fmt: skip
    """The marked tokens' share of the tokens, the loss and the squared gradient (s), over the run's first PAIRS pairs.

    `weight_2` is how far a weight of 2 moves the model along their gradient, times weight 1. None where no token is
    marked, and under ZeRO-3, where no rank has the whole gradient. Call it before the model is wrapped.
    """
    plugin = accelerator.state.deepspeed_plugin
    if not store.about["marked"] or (plugin and plugin.zero_stage == 3):
        return None
    layout = confirm(model, layout)
    chosen = order.epoch_order(len(store), options.seed, 0)[:PAIRS]
    examples = [Example(store[int(number)]) for number in chosen]
    (marked, marked_squared), (rest, rest_squared) = (
        _part(model, examples, options, layout, accelerator, part) for part in (_marked, _rest)
    )
    tokens = sum(int((e.pair.correct_mask > 0).sum()) for e in examples)
    s = _share(marked_squared, rest_squared)
    return {
        "pairs": len(examples),
        "tokens": _share(tokens, Totals.of(examples).tokens - tokens),
        "loss": _share(marked, rest),
        "gradient": s,
        "weight_2": None if s is None else 2 / math.sqrt(1 + 3 * s),
    }


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest else None


def _marked(_: Objective, batch: Batch, totals: Totals) -> Any:
    return nll(batch.correct, (batch.correct.value > 0).to(batch.correct.log_p.dtype)) / totals.tokens


def _rest(_: Objective, batch: Batch, totals: Totals) -> Any:
    return nll(batch.correct, (batch.correct.value == 0).to(batch.correct.log_p.dtype)) / totals.tokens


def _part(
    model: Any, examples: list[Example], options: Options, layout: Layout, accelerator: Any, part: Loss
) -> tuple[float, float]:  # fmt: skip
    """A part of the SFT loss, and the squared norm of its gradient; no gradient is left behind."""
    totals, loss = Totals.of(examples), 0.0
    budget = min(asked_for(options.token_budget) or AT_ONCE, AT_ONCE)
    for members in plan_passes(examples, SFT, layout.name, budget, alone=layout.alone)[0]:
        with accelerator.autocast():
            value, _ = step(model, members, SFT, totals, layout, part)
        value.backward()
        loss += float(value.detach())
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    squared = sum(float(g.double().square().sum()) for g in gradients)
    model.zero_grad(set_to_none=True)
    return loss, squared


def speaks_for(share: dict[str, Any] | None) -> str:
    """What a share says of the objectives, in a sentence."""
    if share is None or share["gradient"] is None:
        return "no token is marked, so every objective here is plain SFT; run `fgit mask` on pairs"
    s, factor = share["gradient"], share["weight_2"]
    told = f"marked tokens are {share['tokens']:.0%} of the tokens, {share['loss']:.0%} of the loss, {s:.0%} of the "
    told += f"gradient; a weight of 2 moves the model {factor:.2f} times as far along them"
    if s >= MOST:
        return f"{told}: hardly any weight counts here; a second epoch does more"
    if s <= LITTLE:
        return f"{told}: other tokens dominate, so a weight counts; see docs/objectives.md for which"
    return f"{told}: a weight counts for something; see docs/objectives.md for which"
