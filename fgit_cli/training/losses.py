"""The objectives: which tokens each one reads, and its loss over their log-probabilities.

Every formula is a small function over tensors of one row a pair, B pairs by T tokens, padded: `log_p` (0 where a token
is not read), `value` (V of docs/records.md: 0, 1 or 2) and `read` (whether the token's log-probability is there).
Nothing here knows of models or layouts. The papers are FGit ("Fault-Guided Fine-Tuning", section III) and Target-DPO
(section 3); how W is normalised over a batch is our reading, in docs/records.md. `dft` is Dynamic Fine-Tuning (arXiv
2508.05629, equation 9), `simpo` SimPO (arXiv 2405.14734, equation 6), `orpo` ORPO (arXiv 2403.07691, equations 6 and
7), `kto` KTO (arXiv 2402.01306, equations 7 and 8), `focused-dpo` Focused-DPO (arXiv 2502.11475) as we read it. `fork`
is ours: a preference between two tokens of one distribution, without a reference model. Its relatives: the tokens that
decide an answer (critical tokens, arXiv 2411.19943, which contrasts two models to find them), preference on the part of
the code where the error is (Focused-DPO), preference token by token (TDPO, arXiv 2404.11999).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fgit_cli.training.objective import Normalise, Objective
from fgit_cli.training.pairs import Example

if TYPE_CHECKING:
    from torch import Tensor


class Reading(NamedTuple):
    """Which tokens of an example an objective reads, as boolean arrays over each side's tokens; and which forks.

    A fork's incorrect token is read in the context of the correct side, and so is no token of the incorrect one.
    """

    correct: np.ndarray
    incorrect: np.ndarray
    summed: tuple[np.ndarray, np.ndarray]  # weights of either side's tokens in the sums that an objective compares
    forks: np.ndarray  # [F, 2], numbers of a correct and an incorrect token


def reading(objective: Objective, example: Example) -> Reading:
    """The tokens whose log-probabilities `objective` needs.

    fgit (FGit, section III-B) and signed: the whole correct response, and of the incorrect one the marked tokens of an
    active pair. dpo, rpo: both responses; what the two share before their first difference is left out of both sums,
    where it cancels, value and gradient. target-dpo, target-rpo (Target-DPO, eqs. 4 and 5): of the incorrect side the
    marked tokens. focused-dpo: as dpo, what lies between the shared beginning and the shared end by `focused_weight`.
    simpo, orpo: both responses, each token by one over their number. kto: both responses, whole. fork:
    both tokens of the forks, and the whole correct response where `rest` asks for it.
    """
    correct, incorrect, chosen = _tokens(objective, example)
    summed = _weights(objective, example, chosen, incorrect)
    forks = _forks(objective, example)
    return Reading(correct | _at(forks[:, 0], len(correct)), incorrect, summed, forks)


def _forks(objective: Objective, example: Example) -> np.ndarray:
    """The forks read [F, 2]."""
    if objective.name == "fork" and objective.forks == "all":
        return np.asarray(example.pair.forks)
    return np.asarray(example.pair.forks[: objective.name == "fork" or objective.watch_fork])


def _weights(
    objective: Objective, example: Example, chosen: np.ndarray, incorrect: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Each token's weight in its side's sum, float64: 1 if it is summed, unless the objective says another."""
    if not objective.compares:
        return np.zeros(len(chosen)), np.zeros(len(incorrect))
    sides = chosen.astype(np.float64), incorrect.astype(np.float64)
    if objective.name == "focused-dpo":
        for side in sides:
            side[example.pair.shared : len(side) - example.pair.shared_end] *= objective.focused_weight
    if objective.name in ("simpo", "orpo"):
        sides = sides[0] / len(chosen), sides[1] / max(1, len(incorrect))
    return sides


def _at(places: np.ndarray, size: int) -> np.ndarray:
    """A boolean array that is true at these places."""
    found = np.zeros(size, dtype=bool)
    found[places] = True
    return found


def _tokens(objective: Objective, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The tokens read of each side, but for forks; and those of the correct side that are summed."""
    pair = example.pair
    whole = np.ones(len(pair.correct_ids), dtype=bool)
    marked = pair.incorrect_mask > 0
    nothing = np.zeros(len(pair.incorrect_ids), dtype=bool)
    if objective.name in ("sft", "fixed", "dft"):
        return whole, nothing, ~whole
    if objective.name == "fork":
        return whole if objective.rest != "none" else ~whole, nothing, ~whole
    if objective.dynamic:
        return whole, marked if pair.active else nothing, ~whole
    if objective.name in ("simpo", "orpo", "kto"):
        return whole, ~nothing, whole
    with_sft = objective.name in ("rpo", "target-rpo")
    if objective.name in ("dpo", "rpo", "focused-dpo") or example.whole:
        summed = np.arange(len(whole)) >= pair.shared
        return whole if with_sft else summed, np.arange(len(nothing)) >= pair.shared, summed
    chosen = pair.correct_mask > 0 if objective.symmetric else whole
    return chosen, marked, chosen


class Side(NamedTuple):
    """One side of B pairs; all [B, T]."""

    log_p: "Tensor"
    value: "Tensor"
    read: "Tensor"
    summed: "Tensor"  # weights in `total`


class Forks(NamedTuple):
    """The forks read of B pairs, F at most: log-probabilities after prompt and correct tokens before it; [B, F]."""

    correct: "Tensor"
    incorrect: "Tensor"
    read: "Tensor"


class Batch(NamedTuple):
    """What an objective's loss is computed from: both sides of B pairs, and what is known of each pair."""

    correct: Side
    incorrect: Side
    forks: Forks
    active: "Tensor"  # [B] bool
    reference: "Tensor"  # [B], the frozen model's margin
    reference_correct: "Tensor"  # [B], its total of the correct side (kto)


@dataclass(frozen=True)
class Totals:
    """The normalisers, counted over the global batch: correct-response tokens, and pairs.

    `point` is kto's reference point of the step (reference.reference_point).
    """

    tokens: int
    pairs: int
    normalise: Normalise = "tokens"
    point: float = 0.0

    @property
    def divisor(self) -> int:
        """What sums over tokens are divided by: the tokens, or the pairs (FGit, equation 1, 1 / N)."""
        return self.pairs if self.normalise == "pairs" else self.tokens

    @classmethod
    def of(cls, examples: list[Example], normalise: Normalise = "tokens") -> "Totals":
        return cls(sum(len(e.pair.correct_ids) for e in examples), len(examples), normalise)


Loss = Callable[[Objective, Batch, Totals], "Tensor"]
"""What `loss` below is. An experiment passes in another, for the tokens that its objective's `reading` has (lab/)."""


def log_mean_probability(side: Side) -> "Tensor":
    """ln H̄ [B]: H = P ⊙ V, averaged over the tokens with V > 0 (FGit, section III-B); 0 for a side without any.

    In log space, logsumexp(log P + ln V) − ln m, because the literal mean underflows below log P of about −100.
    """
    marked = side.value > 0
    count = marked.sum(1)
    some = count > 0
    terms = (side.log_p + side.value.clamp(min=1).to(side.log_p.dtype).log()).masked_fill(~marked, float("-inf"))
    terms = terms.masked_fill(~some[:, None], 0.0)  # a row of -inf alone would make the gradient NaN
    return terms.logsumexp(1).sub(count.clamp(min=1).to(terms.dtype).log()).masked_fill(~some, 0.0)


def fault_weight(log_h_correct: "Tensor", log_h_incorrect: "Tensor", alpha: float) -> "Tensor":
    """W = α − |H̄c − H̄a| / (H̄c + H̄a) [B] (FGit, section III-B), as α − |tanh((ln H̄c − ln H̄a) / 2)|.

    Where both are equal W is α and its subgradient 0.
    """
    return alpha - ((log_h_correct - log_h_incorrect) / 2).tanh().abs()


def changed(side: Side) -> Side:
    """The side with its changed tokens (V = 2) alone marked, by 1."""
    return side._replace(value=(side.value == 2).long())


def signed_weight(log_h_correct: "Tensor", log_h_incorrect: "Tensor", alpha: float) -> "Tensor":
    """W = 1 + (α − 1)(1 − r) [B], r = (H̄c − H̄a) / (H̄c + H̄a): from 2α − 1 down to 1 as the correct side takes the lead.

    Our variant of `fault_weight`, whose |r| takes the emphasis from a pair that is confidently wrong, and whose
    gradient there raises the incorrect side.
    """
    return 1 + (alpha - 1) * (1 - ((log_h_correct - log_h_incorrect) / 2).tanh())


def pair_weight(objective: Objective, batch: Batch) -> "Tensor":
    """W [B] of `signed`, with H̄ over the changed tokens, or of fgit, over all marked ones; meaningless if inactive.

    `signed` is 1 where a side has no changed token: there is nothing to compare.
    """
    if objective.name == "signed":
        sides = changed(batch.correct), changed(batch.incorrect)
        weight = signed_weight(log_mean_probability(sides[0]), log_mean_probability(sides[1]), objective.alpha)
        return weight.where(sides[0].value.any(1) & sides[1].value.any(1), weight.new_ones(()))
    return fault_weight(log_mean_probability(batch.correct), log_mean_probability(batch.incorrect), objective.alpha)


def dynamic_weights(objective: Objective, batch: Batch) -> "Tensor":
    """w [B, T] of fgit and signed: W on the marked tokens of active pairs; on every other α − 1 (FGit, III-B) or 1."""
    weight = pair_weight(objective, batch)
    if objective.detach_weight:
        weight = weight.detach()
    emphasised = (batch.correct.value > 0) & batch.active[:, None]
    rest = 1.0 if objective.name == "signed" else objective.alpha - 1
    return weight[:, None].where(emphasised, weight.new_full((), rest))


def fixed_weights(batch: Batch, weight: float) -> "Tensor":
    """w [B, T] of fixed: a constant on marked tokens, 1 elsewhere (FGit's ablation of the dynamic weight)."""
    ones = batch.correct.log_p.new_ones(())
    return (ones * weight).where(batch.correct.value > 0, ones)


def nll(side: Side, weights: "Tensor | float" = 1.0) -> "Tensor":
    """Σ w · (−log P) over the tokens read; a scalar, not normalised."""
    return -(side.log_p * weights * side.read).sum()


def total(side: Side) -> "Tensor":
    """Σ log P of the side's tokens by their weights [B]; an empty sum is 0."""
    return (side.log_p * side.summed).sum(1)


def margins(batch: Batch) -> "Tensor":
    """The correct side's total − the incorrect side's [B]."""
    return total(batch.correct) - total(batch.incorrect)


def dpo(margin: "Tensor", reference: "Tensor", beta: float) -> "Tensor":
    """Σ −log σ(β (margin − reference)) (DPO, eq. 7; Target-DPO, eq. 6 with its masked sums); not normalised."""
    from torch.nn.functional import logsigmoid

    return -logsigmoid(beta * (margin - reference)).sum()


def simpo(margin: "Tensor", beta: float, gamma: float) -> "Tensor":
    """Σ −log σ(β margin − γ), the margin one of means over tokens (SimPO, eq. 6); not normalised."""
    from torch.nn.functional import logsigmoid

    return -logsigmoid(beta * margin - gamma).sum()


def odds_ratio(log_correct: "Tensor", log_incorrect: "Tensor") -> "Tensor":
    """Σ −log σ(log of the ratio of the odds P / (1 − P)), P by its mean log (ORPO, eq. 7); not normalised."""
    from torch.nn.functional import logsigmoid

    return -logsigmoid(_log_odds(log_correct) - _log_odds(log_incorrect)).sum()


def _log_odds(log_p: "Tensor") -> "Tensor":
    """log P − log(1 − P); of a certainty that of the nearest number below 1."""
    import torch

    log_p = log_p.clamp(max=-torch.finfo(log_p.dtype).eps)
    return log_p - (-log_p.expm1()).log()


def kto(correct: "Tensor", incorrect: "Tensor", point: float, beta: float) -> "Tensor":
    """Σ (1 − σ(β (r_c − z))) + (1 − σ(β (z − r_a))) over the log-ratios of both sides to the reference, z the reference
    point (KTO, eqs. 7 and 8, with λ = 1 for both, as there are as many of either); not normalised.
    """
    return (beta * (point - correct)).sigmoid().sum() + (beta * (incorrect - point)).sigmoid().sum()


def dft_weights(batch: Batch) -> "Tensor":
    """w [B, T] of dft: P of the token itself, without gradient (DFT, equation 9)."""
    return batch.correct.log_p.detach().exp()


def fork(objective: Objective, forks: Forks) -> "Tensor":
    """Σ ℓ over the pairs, not normalised: a pair's ℓ is the mean over its forks, 0 where it has none.

    preference: −log σ(β (log p_c − log p_a)), in which the distribution's normaliser cancels; cross-entropy: −log p_c.
    """
    from torch.nn.functional import logsigmoid

    if objective.fork_loss == "preference":
        each = -logsigmoid(objective.fork_beta * (forks.correct - forks.incorrect))
    else:
        each = -forks.correct
    return ((each * forks.read).sum(1) / forks.read.sum(1).clamp(min=1)).sum()


def loss(objective: Objective, batch: Batch, totals: Totals) -> "Tensor":
    """These pairs' share of the global batch's loss; a scalar.

    orpo is sft + `orpo_weight` × the mean over the pairs of the odds ratio's loss (ORPO, eq. 6).
    fork is `fork_weight` times its mean over the pairs, those without a fork among them, + the `rest` objective.
    rpo is dpo + `rpo_alpha` × sft (RPO; Target-DPO, eqs. 7 and 8), each with its own normaliser. With `symmetric` the
    sft term too is restricted to the marked tokens: the correct response is not seen whole.
    """
    name, correct = objective.name, batch.correct
    if name == "sft":
        return nll(correct) / totals.divisor
    if name == "fixed":
        return nll(correct, fixed_weights(batch, objective.fixed_weight)) / totals.divisor
    if name == "dft":
        return nll(correct, dft_weights(batch)) / totals.divisor
    if name == "fork":
        parting = objective.fork_weight * fork(objective, batch.forks) / totals.pairs
        if objective.rest == "none":
            return parting
        return parting + nll(correct, dft_weights(batch) if objective.rest == "dft" else 1.0) / totals.divisor
    if objective.dynamic:
        return nll(correct, dynamic_weights(objective, batch)) / totals.divisor
    if name == "simpo":
        return simpo(margins(batch), objective.simpo_beta, objective.simpo_gamma) / totals.pairs
    if name == "orpo":
        odds = odds_ratio(total(correct), total(batch.incorrect)) / totals.pairs
        return nll(correct) / totals.divisor + objective.orpo_weight * odds
    if name == "kto":
        ratios = total(correct) - batch.reference_correct
        other = total(batch.incorrect) - (batch.reference_correct - batch.reference)
        return kto(ratios, other, totals.point, objective.beta) / (2 * totals.pairs)
    preference = dpo(margins(batch), batch.reference, objective.beta) / totals.pairs
    if name in ("rpo", "target-rpo"):
        return preference + objective.rpo_alpha * nll(correct) / totals.divisor
    return preference
