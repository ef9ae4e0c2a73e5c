"""Weights that no paper has: functions from a batch to w [B, T], with which training minimises Σ w · (−log P).

They are passed to training in place of the objective's own loss (fgit_cli/training/loop.py) and read the tokens that
fgit reads. Notation as in docs/records.md: H̄c and H̄a are the mean probabilities of the marked tokens of the correct
and of the incorrect side, r = (H̄c − H̄a) / (H̄c + H̄a), so that the papers' weight is W = 2 − |r|. Two things may be
better: to say with r's sign which side the model prefers (|r| takes the emphasis away from a pair that is confidently
wrong, and its gradient drives such a pair further), and to look at the changed tokens (V = 2) alone, because the easy
tokens of a changed line fill both means.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from fgit_cli.training import losses
from fgit_cli.training.losses import Batch, Loss, Side, Totals, changed, dft_weights, log_mean_probability, nll
from fgit_cli.training.objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

Weights = Callable[[Batch], "Tensor"]


def loss(weights: Weights) -> Loss:
    """The loss over the correct response with these weights, normalised as every other."""

    def weighted(_: Objective, batch: Batch, totals: Totals) -> "Tensor":
        return nll(batch.correct, weights(batch)) / totals.tokens

    return weighted


def fork(side: Side) -> Side:
    """The side with the first of its changed tokens alone marked: in a pair's first hunk, where the texts part."""
    twos = changed(side).value
    return side._replace(value=twos * (twos.cumsum(1) == 1))


def compared(batch: Batch) -> "Tensor":
    """Which active pairs have a changed token on both sides [B]: the others have nothing to compare."""
    return changed(batch.correct).value.any(1) & changed(batch.incorrect).value.any(1) & batch.active


def preference(batch: Batch, of: Callable[[Side], Side] = lambda side: side) -> "Tensor":
    """r [B] over the tokens that `of` leaves marked: 1 where the correct side is far likelier, −1 if the other."""
    return ((log_mean_probability(of(batch.correct)) - log_mean_probability(of(batch.incorrect))) / 2).tanh()


def spread(
    batch: Batch, weight: "Tensor", of: Callable[[Side], Side] = lambda side: side, pairs: "Tensor | None" = None
) -> "Tensor":
    """w [B, T]: the pair's `weight` [B] (or a token's, [B, T]) on the marked tokens of `pairs`, 1 elsewhere.

    Without `pairs`, of the active ones.
    """
    emphasised = (of(batch.correct).value > 0) & (batch.active if pairs is None else pairs)[:, None]
    return (weight if weight.dim() == 2 else weight[:, None]).where(emphasised, weight.new_ones(()))


def changed_mean(batch: Batch) -> "Tensor":
    """W = 2 − |r|, with H̄ over the changed tokens."""
    return spread(batch, 2 - preference(batch, changed).abs(), pairs=compared(batch))


def signed(batch: Batch) -> "Tensor":
    """W = 2 − r: from 1, correct side far likelier, to 3, incorrect side far likelier; always falls as r rises."""
    return spread(batch, 2 - preference(batch))


def signed_changed(alpha: float = 2.0, of: Callable[[Side], Side] = lambda side: side, detach: bool = False) -> Weights:
    """W = 1 + (α − 1)(1 − r), with H̄ over the changed tokens: 1 where the correct side is far likelier, α at a draw.

    It stands on the tokens that `of` leaves marked; with `detach` no gradient flows through it.
    """

    def weights(batch: Batch) -> "Tensor":
        r = preference(batch, changed)
        return spread(batch, 1 + (alpha - 1) * (1 - (r.detach() if detach else r)), of, compared(batch))

    return weights


def clipped_changed(batch: Batch) -> "Tensor":
    """W = 2 − max(0, r), with H̄ over the changed tokens: as the papers' where the correct side leads, else full."""
    return spread(batch, 2 - preference(batch, changed).clamp(min=0), pairs=compared(batch))


def signed_fork(batch: Batch) -> "Tensor":
    """W = 2 − r at the first changed token of either side, which need not be outcomes of one distribution."""
    return spread(batch, 2 - preference(batch, fork), pairs=compared(batch))


def fixed_changed(weight: float) -> Weights:
    """A fixed weight on the changed tokens alone."""
    return lambda batch: spread(batch, batch.correct.log_p.new_full((len(batch.active),), weight), changed)


def focal(batch: Batch) -> "Tensor":
    """w_k = 2 − P_k on marked tokens, without gradient: each token by what the model still lacks; no incorrect side."""
    return spread(batch, 2 - batch.correct.log_p.detach().exp())


def first_marked(side: Side) -> "Tensor":
    """log P [B] of the side's first changed token, of its first marked one where none is changed."""
    twos = side.value == 2
    at = twos.where(twos.any(1, keepdim=True), side.value > 0)
    return (side.log_p * (at & (at.cumsum(1) == 1))).sum(1)


def misplaced_fork(rest: bool = False) -> Loss:
    """A preference between the first changed tokens of either side, often not of one distribution; with `rest`, + dft.

    It did better than the true fork in exploration, which is not understood, and so is compared with it.
    """

    def both(_: Objective, batch: Batch, totals: Totals) -> "Tensor":
        from torch.nn.functional import logsigmoid

        ratio = first_marked(batch.correct) - first_marked(batch.incorrect)
        preferred = -(logsigmoid(ratio) * batch.active).sum() / totals.pairs
        return preferred + nll(batch.correct, dft_weights(batch)) / totals.tokens if rest else preferred

    return both


def marked_alone(_: Objective, batch: Batch, totals: Totals) -> "Tensor":
    """Cross-entropy on the marked tokens alone, divided as sft's."""
    return nll(batch.correct, (batch.correct.value > 0).to(batch.correct.log_p.dtype)) / totals.tokens


def forks_within(margin: float) -> Loss:
    """The fork's preference for the pairs whose log-ratio is below `margin` yet: the others have learned enough."""

    def within(objective: Objective, batch: Batch, totals: Totals) -> "Tensor":
        near = (batch.forks.correct - batch.forks.incorrect).detach() < margin
        return losses.fork(objective, batch.forks._replace(read=batch.forks.read & near)) / totals.pairs

    return within


def against_fork(strength: float) -> Loss:
    """Plain SFT, and −log(1 − P) of the incorrect side's first changed token times `strength` (unlikelihood)."""

    def both(_: Objective, batch: Batch, totals: Totals) -> "Tensor":
        at = (fork(batch.incorrect).value > 0) & batch.active[:, None]
        wrong = batch.incorrect.log_p.masked_fill(~at, -1.0).clamp(max=-1e-4)
        unlikely = -((-wrong.expm1()).log() * at).sum()
        return (nll(batch.correct) + strength * unlikely) / totals.tokens

    return both
