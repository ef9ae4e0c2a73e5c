"""Held-out pairs: how likely the correct responses are to the model, and whether it tells them from the incorrect."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from fgit_cli.training.data import PairStore
from fgit_cli.training.forward import log_probabilities
from fgit_cli.training.layout import build
from fgit_cli.training.metrics import first_log_ratio, summary
from fgit_cli.training.objective import Objective
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example
from fgit_cli.training.step import Layout, Totals, step
from fgit_cli.training.sums import Sums

KEPT = (
    "nll", "nll_fault", "nll_rest", "correct_probability", "incorrect_probability", "weight", "told_apart",
    "fork_log_ratio", "fork_preferred",
)  # fmt: skip
READING = Objective("fgit", watch_fork=True)  # reads both sides' marked tokens and the fork, whatever is being trained
AT_ONCE = 1024  # pairs planned together; bounds memory and the planner's time
AT_ONCE_BY_PAIR = 64  # where each is told as soon as it is known


class Told(NamedTuple):
    """What a model says of a pair: log p_c − log p_a at its first fork (None: it has none), the correct side's NLL."""

    log_ratio: float | None
    nll: float


def by_pair(model: Any, store: PairStore, layout: Layout, token_budget: int, accelerator: Any) -> Iterator[Told]:
    """Of each pair what `evaluate` has a mean of, in the order of the data; no gradient, dropout off."""
    import torch

    model.eval()
    for first in range(0, len(store), AT_ONCE_BY_PAIR):
        examples = [Example(store[i]) for i in range(first, min(first + AT_ONCE_BY_PAIR, len(store)))]
        found: dict[int, Told] = {}
        for members in plan_passes(examples, READING, layout.name, token_budget, alone=layout.alone)[0]:
            with torch.no_grad(), accelerator.autocast():
                made = build(members, READING, layout.name, accelerator.device)
                batch = made.batch(log_probabilities(model, made, layout)[0])
            ratios, forked = first_log_ratio(batch).tolist(), batch.forks.read.any(1).tolist()
            nlls = (-batch.correct.log_p.sum(1) / batch.correct.read.sum(1)).tolist()
            for example, ratio, has, nll in zip(members, ratios, forked, nlls, strict=True):
                found[id(example)] = Told(ratio if has else None, nll)
        yield from (found[id(example)] for example in examples)


def evaluate(model: Any, held_out: PairStore, token_budget: int, layout: Layout, accelerator: Any) -> dict[str, Any]:
    """`eval_nll` (mean over correct-response tokens), `eval_told_apart` (share of pairs with H̄c > H̄a) and others.

    Called by every rank, which shares the work; no gradient, dropout off. A value is null where nothing was there to
    average (no pair with marks on both sides, say).
    """
    import torch

    sums = Sums(accelerator)
    model.eval()
    with torch.no_grad():
        for first in range(0, len(held_out), AT_ONCE):
            examples = [Example(held_out[i]) for i in range(first, min(first + AT_ONCE, len(held_out)))]
            ranks = plan_passes(examples, READING, layout.name, token_budget, accelerator.num_processes, layout.alone)
            totals = Totals.of(examples)
            for members in ranks[accelerator.process_index]:
                with accelerator.autocast():
                    sums.add(step(model, members, READING, totals, layout)[1])
    model.train()
    found = summary(sums.reduced())
    return {f"eval_{name}": found.get(name) for name in KEPT}
