"""One pass of a training step: examples in, this pass's share of the global loss and sums of metrics out.

The loop's side of the contract:

    layout = prepare(model, layout="shared")          # once, before the model is wrapped; say `layout.reasons`
    layout = confirm(model, layout)                   # once, after wrapping, on every rank; may add a reason
    totals = Totals.of(examples)                      # over the GLOBAL batch: all ranks, all accumulation passes
    plan = plan_passes(examples, objective, layout.name, token_budget, ranks, layout.alone)  # as many for every rank
    for examples in plan[rank]:                       # a pass may be empty: still one forward, loss 0
        loss, sums = step(model, examples, objective, totals, layout)
        backward(loss * ranks)                        # where the wrapper averages gradients over ranks (DDP, DeepSpeed)

`loss` is a scalar with gradient. Summed over the passes of all ranks it is the global loss of docs/records.md:
sums over tokens divided by `totals.tokens`, sums over pairs by `totals.pairs`. So the loop never divides by the
number of accumulation passes, and switches off whatever in its wrapper would (DeepSpeed divides by
`gradient_accumulation_steps` unless that is 1).

`sums` maps the names in `metrics.NAMES` (always all of them, in that order) to fp64 tensors without gradient on the
model's device; add them over passes, all-reduce their sum over ranks, and `metrics.summary` makes of them what a run
reports.

`model` may be wrapped (DDP, DeepSpeed, peft): a pass is one call of it, so every hook of a wrapper fires as usual.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from fgit_cli.training import losses, metrics
from fgit_cli.training.forward import idle, log_probabilities
from fgit_cli.training.head import device_of
from fgit_cli.training.layout import build, moved, sft_size
from fgit_cli.training.losses import Loss, Totals
from fgit_cli.training.objective import Objective
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example, Pair
from fgit_cli.training.probe import confirm
from fgit_cli.training.support import Layout, prepare

__all__ = [
    "Example",
    "Layout",
    "Objective",
    "Pair",
    "Totals",
    "confirm",
    "plan_passes",
    "prepare",
    "reference_margins",
    "step",
]


def step(
    model: Any,
    examples: Sequence[Example],
    objective: Objective,
    totals: Totals,
    layout: Layout,
    loss_of: Loss = losses.loss,
) -> tuple[Tensor, dict[str, Tensor]]:
    """One pass: its share of the global loss, with gradient, and the sums of `metrics.NAMES`. See the module's text."""
    device = device_of(model)
    if not examples:
        return _empty(model, device)
    made = build(examples, objective, layout.name, device)
    detach = objective.dynamic and objective.detach_weight  # then branches are read for W alone
    log_p, auxiliary = log_probabilities(model, made, layout, detach)
    batch = made.batch(log_p)
    tokens = sum(len(e.pair.correct_ids) for e in examples)
    loss = loss_of(objective, batch, totals) + auxiliary * (tokens / totals.tokens)
    sums = metrics.sums(batch, objective)
    sums["loss"] = loss.detach().double()
    counted = {
        "pairs": len(examples),
        "fed_tokens": made.fed,
        "sft_tokens": sum(map(sft_size, examples)),
        "padding": made.padding,
    }
    counts = torch.tensor([float(v) for v in counted.values()], dtype=torch.float64)
    sums |= zip(counted, moved(counts, device), strict=True)
    return loss, {name: sums[name] for name in metrics.NAMES}


def reference_margins(
    model: Any, examples: Sequence[Example], objective: Objective, layout: Layout, token_budget: int
) -> list[float]:
    """Σ log P(correct) − Σ log P(incorrect) under `model` over the tokens the objective sums, for each example.

    What a preference objective needs of the frozen reference (`Example.reference`); no gradient. Compute it with the
    objective and the `whole` of each example as in training, because they decide which tokens are summed.
    """
    found: dict[int, float] = {}
    device = device_of(model)
    with torch.no_grad():
        for examples_of_pass in plan_passes(examples, objective, layout.name, token_budget, alone=layout.alone)[0]:
            made = build(examples_of_pass, objective, layout.name, device)
            margins = losses.margins(made.batch(log_probabilities(model, made, layout)[0]))
            found |= zip(map(id, examples_of_pass), margins.tolist(), strict=True)
    return [found[id(e)] for e in examples]


def _empty(model: Any, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
    """A pass without examples: a forward as any other, loss 0."""
    loss = idle(model, device).sum()
    zero = torch.zeros((), dtype=torch.float64, device=device)
    return loss, dict.fromkeys(metrics.NAMES, zero)
