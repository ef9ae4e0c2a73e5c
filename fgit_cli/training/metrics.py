"""What a pass reports beside its loss: sums that add up over passes and ranks, and what a run shows of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fgit_cli.training.losses import Batch, log_mean_probability, margins, pair_weight
from fgit_cli.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

NAMES = (
    "loss",  # this pass's share of the global loss
    "tokens",  # correct-response tokens read
    "nll",  # their -log P
    "fault_tokens",  # those of them with V > 0
    "fault_nll",
    "pairs",
    "active",  # pairs with a mark on both sides
    "compared",  # active pairs whose marked tokens were all read: the four sums below are over these
    "correct_probability",  # H̄c
    "incorrect_probability",  # H̄a
    "weight",  # W: signed's own, else fgit's
    "inverted",  # pairs with H̄a > H̄c, where the gradient through W raises the incorrect side
    "told_apart",  # pairs with H̄c > H̄a
    "margin",  # policy's margin - reference's (0 without one), of objectives that compare sums
    "preferred",  # pairs where that is positive
    "forked",  # pairs whose first fork was read: the two sums below are over these
    "log_ratio",  # log p of its correct token - log p of the incorrect one
    "fork_preferred",  # pairs where that is positive
    "fed_tokens",
    "sft_tokens",  # what plain SFT feeds for the same pairs
    "padding",
)


def sums(batch: Batch, objective: Objective) -> "dict[str, Tensor]":
    """The sums over one pass that come from its log-probabilities; fp64 scalars."""
    import torch

    with torch.no_grad():
        correct, incorrect = batch.correct, batch.incorrect
        fault = (correct.value > 0) & correct.read
        log_c, log_a = log_mean_probability(correct), log_mean_probability(incorrect)
        unread = ((correct.value > 0) & ~correct.read).any(1) | ((incorrect.value > 0) & ~incorrect.read).any(1)
        compared = batch.active & ~unread
        weight = pair_weight(objective, batch)
        margin = margins(batch) - batch.reference
        if not objective.compares:
            margin = torch.zeros_like(margin)
        made = {
            "tokens": correct.read.sum(),
            "nll": -correct.log_p.sum(dtype=torch.float64),
            "fault_tokens": fault.sum(),
            "fault_nll": -(correct.log_p * fault).sum(dtype=torch.float64),
            "active": batch.active.sum(),
            "compared": compared.sum(),
            "correct_probability": (log_c.exp() * compared).sum(dtype=torch.float64),
            "incorrect_probability": (log_a.exp() * compared).sum(dtype=torch.float64),
            "weight": (weight * compared).sum(dtype=torch.float64),
            "inverted": (compared & (log_a > log_c)).sum(),
            "told_apart": (compared & (log_c > log_a)).sum(),
            "margin": margin.sum(dtype=torch.float64),
            "preferred": (margin > 0).sum(),
            "forked": batch.forks.read.any(1).sum(),
            "log_ratio": first_log_ratio(batch).sum(dtype=torch.float64),
            "fork_preferred": (first_log_ratio(batch) > 0).sum(),
        }
        return {name: value.double() for name, value in made.items()}


def first_log_ratio(batch: Batch) -> "Tensor":
    """log p of the first fork's correct token − log p of its incorrect one [B]; 0 where none was read."""
    return (batch.forks.correct - batch.forks.incorrect)[:, 0]


def summary(total: Mapping[str, float], compares: bool = False) -> dict[str, float | None]:
    """What a run reports, from sums over a step; null where nothing was there to average.

    `incorrect_preferred` is the share of compared pairs with H̄a > H̄c; `inactive` that of pairs without marks on a
    side; `fork_preferred` that of forks at which the correct token is likelier, `no_fork` of pairs without one (all
    three only where forks are read); `fed` the tokens fed relative to plain SFT; `padding` the share of positions that
    were padding.
    """

    def share(above: str | float, below: str | float) -> float | None:
        n = total[above] if isinstance(above, str) else above
        d = total[below] if isinstance(below, str) else below
        return n / d if d else None

    rest_tokens = total["tokens"] - total["fault_tokens"]
    out = {
        "loss": total["loss"],
        "nll": share("nll", "tokens"),
        "nll_fault": share("fault_nll", "fault_tokens"),
        "nll_rest": share(total["nll"] - total["fault_nll"], rest_tokens),
        "correct_probability": share("correct_probability", "compared"),
        "incorrect_probability": share("incorrect_probability", "compared"),
        "weight": share("weight", "compared"),
        "incorrect_preferred": share("inverted", "compared"),
        "told_apart": share("told_apart", "compared"),
        "inactive": share(total["pairs"] - total["active"], "pairs"),
        "fed": share("fed_tokens", "sft_tokens"),
        "padding": share("padding", total["fed_tokens"] + total["padding"]),
    }
    if total["forked"]:
        out |= {
            "fork_log_ratio": share("log_ratio", "forked"),
            "fork_preferred": share("fork_preferred", "forked"),
            "no_fork": share(total["pairs"] - total["forked"], "pairs"),
        }
    if compares:
        out |= {"margin": share("margin", "pairs"), "margin_positive": share("preferred", "pairs")}
    return out
