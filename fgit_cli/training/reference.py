"""The reference model of the DPO family, which is the model before training: its margins, computed once and kept.

The margin of a pair is log P(correct) - log P(incorrect) over the tokens that the objective sums; after this the
frozen model is needed no more, so no second model is ever in memory.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli.training.data import PairStore
from fgit_cli.training.on_main import on_main
from fgit_cli.training.options import Options
from fgit_cli.training.packing import plan_passes
from fgit_cli.training.pairs import Example
from fgit_cli.training.step import Layout, reference_margins

AT_ONCE = 1024  # pairs planned together; bounds memory and the planner's time


def reference_of(
    options: Options, name: str, model: Any, store: PairStore, layout: Layout, accelerator: Any, token_budget: int
) -> np.ndarray:
    """float64 [N, 2]: each pair's margin as the objective reads it, and when treated as `whole` (`--hybrid-fraction`).

    Zeros for objectives without a reference. `model` must have its initial weights. Kept in `--output-dir`, so that a
    resumed run takes the same. Called by every rank, which shares the work.
    """
    if not options.made_objective.preference:
        return np.zeros((len(store), 2))
    cache = Path(options.output_dir) / f"reference-{_key(options, name, store)}.npz"
    kept = on_main(accelerator, lambda: _kept(cache, len(store)))
    if kept is None:
        ways = (False, True) if options.hybrid_fraction > 0 else (False,)
        columns = [_margins(options, model, store, layout, accelerator, token_budget, whole=way) for way in ways]
        kept = np.stack([columns[0], columns[-1]], axis=1)
        if accelerator.is_main_process:
            partial = cache.with_suffix(".partial.npz")
            np.savez(partial, margins=kept)
            os.replace(partial, cache)
        accelerator.wait_for_everyone()
    return kept


def _kept(cache: Path, pairs: int) -> np.ndarray | None:
    """The margins of an earlier run; None where there are none, or the file (which has a checksum) is damaged."""
    try:
        with np.load(cache) as file:
            margins: np.ndarray = file["margins"]
    except Exception:  # absent; or zipfile's and numpy's errors for a damaged file are of many kinds
        return None
    return margins if margins.shape == (pairs, 2) else None


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
    options: Options, model: Any, store: PairStore, layout: Layout, accelerator: Any, token_budget: int, whole: bool
) -> np.ndarray:
    import torch

    objective = options.made_objective
    found = torch.zeros(len(store), dtype=torch.float64, device=accelerator.device)
    model.eval()
    for first in range(0, len(store), AT_ONCE):
        examples = [Example(store[i], whole=whole) for i in range(first, min(first + AT_ONCE, len(store)))]
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
