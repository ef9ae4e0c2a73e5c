"""The reference model of the DPO family, which is the model before training: its margins, computed once and kept.

The margin of a pair is log P(correct) - log P(incorrect) over the tokens that the objective sums; after this the
frozen model is needed no more, so no second model is ever in memory.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli.training.data import PairStore
from fgit_cli.training.objective import Objective
from fgit_cli.training.on_main import on_main
from fgit_cli.training.options import Options
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example, Pair
from fgit_cli.training.step import Layout, reference_margins

ALONE = Objective("dpo")  # of an example without an incorrect response: its correct one's log P
AT_ONCE = 1024  # pairs planned together; bounds memory and the planner's time


def reference_of(
    options: Options, name: str, model: Any, store: PairStore, layout: Layout, accelerator: Any, token_budget: int
) -> np.ndarray:
    """What the frozen model says of each pair, float64 [N, 3]: its margin as the objective reads it; that of the pair
    treated as `whole` (`--hybrid-fraction`), or for kto log P of the correct response; for kto that of the
    next pair's.

    Zeros for objectives without a reference. `model` must have its initial weights. Kept in `--output-dir`, so that a
    resumed run takes the same. Called by every rank, which shares the work.
    """
    if not options.made_objective.preference:
        return np.zeros((len(store), 3))
    cache = Path(options.output_dir) / f"reference-{_key(options, name, store)}.npz"
    kept = on_main(accelerator, lambda: _kept(cache, len(store)))
    if kept is None:
        objective = options.made_objective

        def totals(of: Callable[[int], Example], objective: Objective) -> np.ndarray:
            return _margins(model, of, len(store), objective, layout, accelerator, token_budget)

        margins = totals(lambda i: Example(store[i]), objective)
        others = [margins, np.zeros(len(store))]
        if objective.name == "kto":
            others = [totals(lambda i: correct_alone(store, i), ALONE), totals(lambda i: mismatched(store, i), ALONE)]
        elif options.hybrid_fraction > 0:
            others[0] = totals(lambda i: Example(store[i], whole=True), objective)
        kept = np.stack([margins, *others], axis=1)
        if accelerator.is_main_process:
            partial = cache.with_suffix(".partial.npz")
            np.savez(partial, margins=kept)
            os.replace(partial, cache)
        accelerator.wait_for_everyone()
    return kept


def correct_alone(store: PairStore, number: int) -> Example:
    """The pair without its incorrect response."""
    pair = store[number]
    return Example(Pair(pair.id, pair.prompt_ids, pair.correct_ids))


def mismatched(store: PairStore, number: int) -> Example:
    """The prompt of the pair with the correct response of the next one."""
    return Example(Pair(store[number].id, store[number].prompt_ids, store[(number + 1) % len(store)].correct_ids))


def reference_point(
    model: Any, store: PairStore, chosen: np.ndarray, reference: np.ndarray, layout: Layout, accelerator: Any,
    token_budget: int,
) -> float:  # fmt: skip
    """kto's z of a step: how much likelier than to the reference responses to other prompts are, mean over the step's
    pairs, 0 at least (KTO, section 4.1). No gradient. Called by every rank, which shares the work."""
    totals = _margins(
        model, lambda i: mismatched(store, int(chosen[i])), len(chosen), ALONE, layout, accelerator, token_budget
    )
    return max(0.0, float((totals - reference[chosen, 2]).mean()))


def _kept(cache: Path, pairs: int) -> np.ndarray | None:
    """The margins of an earlier run; None where there are none, or the file (which has a checksum) is damaged."""
    try:
        with np.load(cache) as file:
            margins: np.ndarray = file["margins"]
    except Exception:  # absent; or zipfile's and numpy's errors for a damaged file are of many kinds
        return None
    return margins if margins.shape == (pairs, 3) else None


def _key(options: Options, name: str, store: PairStore) -> str:
    """A name for all that the margins depend on: weights, data, tokens summed, precision."""
    weights = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(Path(name).glob("*.safetensors"))]
    objective = (
        options.objective, options.symmetric, options.hybrid_fraction > 0, options.bf16,
        options.focused_weight if options.objective == "focused-dpo" else None,
    )  # fmt: skip
    what = [name, options.revision, weights, store.about["fingerprint"], objective]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]


def _margins(
    model: Any, example_of: Callable[[int], Example], count: int, objective: Objective, layout: Layout,
    accelerator: Any, token_budget: int,
) -> np.ndarray:  # fmt: skip
    """The margins of examples 0 to `count` - 1, float64 [N]."""
    import torch

    found = torch.zeros(count, dtype=torch.float64, device=accelerator.device)
    model.eval()
    for first in range(0, count, AT_ONCE):
        examples = [example_of(i) for i in range(first, min(first + AT_ONCE, count))]
        number = {id(e): first + i for i, e in enumerate(examples)}
        ranks = plan_passes(examples, objective, layout.name, token_budget, accelerator.num_processes, layout.alone)
        for members in ranks[accelerator.process_index]:
            # a rank without work does another's, so that all ranks run the same forwards (ZeRO-3)
            with accelerator.autocast():
                values = reference_margins(model, members or examples[:1], objective, layout, token_budget)
            for example, value in zip(members, values, strict=False):
                found[number[id(example)]] = value
    model.train()
    return accelerator.reduce(found, reduction="sum").cpu().numpy()
