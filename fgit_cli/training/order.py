"""Which pairs make which step: a function of seed, epoch and batch size alone, never of ranks, passes or resuming."""

import math
from collections.abc import Iterator

import numpy as np


def count_steps(pairs: int, global_batch_size: int, epochs: float, max_steps: int) -> int:
    """The steps of a run, none for 0 epochs. The last of an epoch may be smaller; `max_steps` below 0 is no limit."""
    steps = math.ceil(epochs * math.ceil(pairs / global_batch_size))
    return steps if max_steps < 0 else max_steps


def epoch_order(pairs: int, seed: int, epoch: int) -> np.ndarray:
    """A permutation of `range(pairs)`, int64 [pairs]; another one for each epoch."""
    return np.random.default_rng([seed, epoch]).permutation(pairs)


def walk(pairs: int, global_batch_size: int, seed: int, first: int, steps: int) -> Iterator[tuple[int, np.ndarray]]:
    """`(step, numbers of its pairs)` for steps `first` to `steps - 1`; an epoch's order is drawn once."""
    per_epoch = math.ceil(pairs / global_batch_size)
    known, order = -1, np.zeros(0, dtype=np.int64)
    for step in range(first, steps):
        epoch, place = divmod(step, per_epoch)
        if epoch != known:
            known, order = epoch, epoch_order(pairs, seed, epoch)
        yield step, order[place * global_batch_size : (place + 1) * global_batch_size]
