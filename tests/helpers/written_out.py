"""The contract's formulas written out the long way: two forwards of each pair, full logits, literal quotients.

What the objectives and layouts are held against. Shares no code with them but the pair.
"""

import numpy as np
import torch


def token_log_p(model, prompt, response):
    """log P of every response token [T], by one forward of prompt and response alone."""
    ids = torch.tensor([[*prompt.tolist(), *response.tolist()]])
    logits = model(input_ids=ids, use_cache=False).logits[0]
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    at = torch.arange(len(prompt) - 1, ids.shape[1] - 1)
    return logits.log_softmax(-1)[at, ids[0, len(prompt) :]]


def both(model, pair):
    return token_log_p(model, pair.prompt_ids, pair.correct_ids), token_log_p(
        model, pair.prompt_ids, pair.incorrect_ids
    )


def fgit_weight(log_c, log_a, pair, alpha=2.0):
    """W by the quotient as the paper prints it; α − 1 for an inactive pair."""
    v_c, v_a = torch.tensor(pair.correct_mask).to(log_c.dtype), torch.tensor(pair.incorrect_mask).to(log_c.dtype)
    if not (v_c.any() and v_a.any()):
        return torch.tensor(alpha - 1, dtype=log_c.dtype)
    h_c = (log_c.exp() * v_c)[v_c > 0].mean()
    h_a = (log_a.exp() * v_a)[v_a > 0].mean()
    return alpha - (h_c - h_a).abs() / (h_c + h_a)


def signed_weight(log_c, log_a, pair, alpha=2.0):
    """W = 1 + (alpha - 1)(1 - r) over the changed tokens; 1 where a side has none."""
    means = [
        log_p.exp()[torch.tensor(mask == 2)].mean()
        for log_p, mask in ((log_c, pair.correct_mask), (log_a, pair.incorrect_mask))
    ]
    if any(mean.isnan() for mean in means):
        return torch.tensor(1.0, dtype=log_c.dtype)
    return 1 + (alpha - 1) * (1 - (means[0] - means[1]) / (means[0] + means[1]))


def fork_loss(model, pair, objective):
    """The mean over the pair's forks, each by two forwards that end with one of its tokens; 0 without a fork."""
    forks = pair.forks if objective.forks == "all" else pair.forks[:1]
    losses = []
    for j, i in forks.tolist():
        log_c, log_a = (
            token_log_p(model, pair.prompt_ids, np.append(pair.correct_ids[:j], token))[-1]
            for token in (pair.correct_ids[j], pair.incorrect_ids[i])
        )
        ratio = (log_c - log_a) * objective.fork_beta
        losses.append(-log_c if objective.fork_loss == "cross-entropy" else (1 + (-ratio).exp()).log())
    return sum(losses) / len(losses) if losses else torch.zeros((), dtype=torch.float64)


def focus(pair, weight):
    """1 for what both sides share at their beginning and, behind that, at their end; `weight` between."""
    sides = [ids.tolist() for ids in (pair.correct_ids, pair.incorrect_ids)]
    first = 0
    while first < min(map(len, sides)) and sides[0][first] == sides[1][first]:
        first += 1
    last = 0
    while last < min(map(len, sides)) - first and sides[0][-1 - last] == sides[1][-1 - last]:
        last += 1
    return [
        torch.tensor([weight if first <= i < len(side) - last else 1.0 for i in range(len(side))], dtype=torch.float64)
        for side in sides
    ]


def loss(model, examples, objective, reference_model=None):
    """The loss of a global batch of examples."""
    tokens = sum(len(e.pair.correct_ids) for e in examples)
    total = 0.0
    for example in examples:
        pair = example.pair
        log_c, log_a = both(model, pair)
        marked_c, marked_a = torch.tensor(pair.correct_mask) > 0, torch.tensor(pair.incorrect_mask) > 0
        if objective.name == "sft":
            total = total - log_c.sum() / tokens
        elif objective.name == "fixed":
            total = total - (log_c * torch.where(marked_c, objective.fixed_weight, 1.0)).sum() / tokens
        elif objective.name == "dft":
            total = total - (log_c.exp().detach() * log_c).sum() / tokens
        elif objective.name == "fork":
            total = total + objective.fork_weight * fork_loss(model, pair, objective) / len(examples)
            weights = {"none": 0.0, "sft": 1.0, "dft": log_c.exp().detach()}[objective.rest]
            total = total - (log_c * weights).sum() / tokens
        elif objective.name == "fgit":
            weight = fgit_weight(log_c, log_a, pair, objective.alpha)
            weight = weight.detach() if objective.detach_weight else weight
            total = total - (log_c * torch.where(marked_c, weight, objective.alpha - 1)).sum() / tokens
        elif objective.name == "signed":
            weight = signed_weight(log_c, log_a, pair, objective.alpha)
            weight = weight.detach() if objective.detach_weight else weight
            total = total - (log_c * torch.where(marked_c, weight, 1.0)).sum() / tokens
        elif objective.name == "simpo":
            margin = objective.simpo_beta * (log_c.mean() - log_a.mean()) - objective.simpo_gamma
            total = total + (1 + (-margin).exp()).log() / len(examples)
        elif objective.name == "orpo":
            p_c, p_a = log_c.mean().exp(), log_a.mean().exp()
            ratio = (p_c / (1 - p_c)) / (p_a / (1 - p_a))
            total = total - log_c.sum() / tokens
            total = total - objective.orpo_weight * (ratio / (1 + ratio)).log() / len(examples)
        elif objective.name == "focused-dpo":
            with torch.no_grad():
                ref_c, ref_a = both(reference_model, pair)
            w_c, w_a = focus(pair, objective.focused_weight)
            margin = ((log_c - ref_c) * w_c).sum() - ((log_a - ref_a) * w_a).sum()
            total = total - torch.nn.functional.logsigmoid(objective.beta * margin) / len(examples)
        else:
            with torch.no_grad():
                ref_c, ref_a = both(reference_model, pair)
            target = objective.name.startswith("target") and not example.whole
            use_a = marked_a if target else torch.ones_like(marked_a)
            use_c = marked_c if target and objective.symmetric else torch.ones_like(marked_c)
            margin = (log_c - ref_c)[use_c].sum() - (log_a - ref_a)[use_a].sum()
            total = total - torch.nn.functional.logsigmoid(objective.beta * margin) / len(examples)
            if objective.name.endswith("rpo"):
                total = total - objective.rpo_alpha * log_c[use_c].sum() / tokens
    return total
