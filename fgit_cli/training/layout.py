"""What one pass feeds the model: which tokens in which rows, at which positions, and which rows predict what.

Two layouts give the same log-probabilities:

    shared   one row for all pairs of a pass: the trunk of each, then the branch of each.
                 trunk   [ prompt | code both share | rest of the correct response ]
                 branch                          \\--[ incorrect tokens, first difference .. last one read ]
             Branch positions go on from the shared code, and branch tokens attend to it and to their branch alone
             (attention.py). Tokens read before the first difference use the trunk's log-probabilities.
    plain    one padded row for each response; the reference, and what unusual models get.

A token is predicted by the position before it, so the last token read is not fed. A fork's two tokens are predicted by
one position of the correct response. No torch is imported before a pass is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from fgit_cli.training.losses import Batch, Forks, Reading, Side, reading
from fgit_cli.training.objective import Objective
from fgit_cli.training.pairs import Example

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LayoutName = Literal["shared", "plain"]


class Span(NamedTuple):
    """What one pair has in the packed row: trunk tokens, and branch tokens that see the first `prefix` of them."""

    trunk: int
    prefix: int
    branch: int


class Feed(NamedTuple):
    """How many response tokens of an example are fed: of the correct side, and of the incorrect one."""

    correct: int
    incorrect: int


@dataclass(frozen=True)
class Pass:
    """A pass as tensors. N = rows × length positions, R = positions that predict a token read, B pairs."""

    input_ids: "Tensor"  # [rows, length]
    position_ids: "Tensor"  # [rows, length]
    spans: tuple[Span, ...] | None  # shared layout only
    lengths: "Tensor | None"  # [rows], tokens of each row without padding; plain layout only
    positions: "Tensor"  # [R], into the flattened [N]
    targets: "Tensor"  # [R], the token each of them must predict
    correct_at: "Tensor"  # [B, T], into [R]; 0 where not read
    incorrect_at: "Tensor"  # [B, T]
    correct_value: "Tensor"  # [B, T], V
    incorrect_value: "Tensor"
    correct_read: "Tensor"  # [B, T] bool
    incorrect_read: "Tensor"
    fork_at: "Tensor"  # [B, F, 2], into [R]: of a fork's correct and incorrect token; 0 where not read
    fork_read: "Tensor"  # [B, F] bool
    correct_summed: "Tensor"  # [B, T], weights
    incorrect_summed: "Tensor"
    active: "Tensor"  # [B] bool
    reference: "Tensor"  # [B], fp64
    reference_correct: "Tensor"  # [B], fp64
    fed: int
    padding: int

    def batch(self, log_p: "Tensor") -> Batch:
        """The two sides of each pair, from the log-probabilities [R] of the tokens read."""

        def taken(at: "Tensor", read: "Tensor") -> "Tensor":
            found = log_p[at] if log_p.numel() else log_p.new_zeros(at.shape) + log_p.sum()  # 0, but with a gradient
            return found.masked_fill(~read, 0.0)

        return Batch(
            Side(
                taken(self.correct_at, self.correct_read), self.correct_value, self.correct_read,
                self.correct_summed.to(log_p.dtype),
            ),
            Side(
                taken(self.incorrect_at, self.incorrect_read), self.incorrect_value, self.incorrect_read,
                self.incorrect_summed.to(log_p.dtype),
            ),
            Forks(
                taken(self.fork_at[..., 0], self.fork_read), taken(self.fork_at[..., 1], self.fork_read), self.fork_read
            ),
            self.active,
            self.reference.to(log_p.dtype),
            self.reference_correct.to(log_p.dtype),
        )  # fmt: skip


def _last(read: np.ndarray) -> int:
    """The index of the last token read; 0 where there is none (then nothing need be fed, as for the first)."""
    at = np.flatnonzero(read)
    return int(at[-1]) if len(at) else 0


def _shared_feed(example: Example, read: Reading) -> Feed:
    last, shared = _last(read.incorrect), example.pair.shared
    return Feed(max(_last(read.correct), min(last, shared)), max(0, last - shared))


def row_sizes(objective: Objective, example: Example, layout: LayoutName) -> list[int]:
    """Tokens that the example feeds: its part of the packed row, or each of its rows without padding."""
    read, prompt = reading(objective, example), len(example.pair.prompt_ids)
    if layout == "shared":
        feed = _shared_feed(example, read)
        return [prompt + feed.correct + feed.incorrect]
    return [prompt + _last(side) for side in (read.correct, read.incorrect) if side.any()] or [prompt]


def sft_size(example: Example) -> int:
    """Tokens that plain SFT feeds for the example: all but the last."""
    return len(example.pair.prompt_ids) + len(example.pair.correct_ids) - 1


class _Predictions:
    """The positions that predict tokens read, and those tokens, numbered as they are noted."""

    def __init__(self) -> None:
        self.at: list[np.ndarray] = []
        self.targets: list[np.ndarray] = []
        self.count = 0

    def add(self, positions: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Note that `positions` predict `targets`; the numbers of these predictions."""
        self.at.append(positions)
        self.targets.append(targets)
        self.count += len(targets)
        return np.arange(self.count - len(targets), self.count)


class _At(NamedTuple):
    """The numbers of an example's predictions: each token's of both sides, 0 where not read, and [F, 2] its forks'."""

    correct: np.ndarray
    incorrect: np.ndarray
    forks: np.ndarray


def _fork_predictions(
    predicted: _Predictions, first: int, correct_at: np.ndarray, example: Example, read: Reading
) -> np.ndarray:
    """Predictions of the forks' incorrect tokens, where the correct response's first token is predicted by `first`."""
    j, i = read.forks.T
    return np.stack([correct_at[j], predicted.add(first + j, example.pair.incorrect_ids[i])], axis=1)


def _shared(predicted: _Predictions, trunk_at: int, branch_at: int, example: Example, read: Reading) -> _At:
    """Predictions of an example whose trunk and branch begin at these positions."""
    pair, shared = example.pair, example.pair.shared
    first = trunk_at + len(pair.prompt_ids) - 1  # the position that predicts the first response token
    correct_at = np.zeros(len(pair.correct_ids), dtype=np.int64)
    both = read.correct.copy()  # tokens before the difference that only the incorrect side reads are trunk tokens too
    both[:shared] |= read.incorrect[:shared]
    tokens = np.flatnonzero(both)
    correct_at[tokens] = predicted.add(first + tokens, pair.correct_ids[tokens])

    incorrect_at = np.zeros(len(pair.incorrect_ids), dtype=np.int64)
    incorrect_at[:shared] = correct_at[:shared]
    tokens = shared + np.flatnonzero(read.incorrect[shared:])
    positions = np.where(tokens == shared, first + shared, branch_at + tokens - shared - 1)
    incorrect_at[tokens] = predicted.add(positions, pair.incorrect_ids[tokens])
    return _At(correct_at, incorrect_at, _fork_predictions(predicted, first, correct_at, example, read))


def _lay_shared(examples: Sequence[Example], reads: Sequence[Reading]) -> "_Laid":
    predicted, spans, ids, places = _Predictions(), [], [], []
    for example, read in zip(examples, reads, strict=True):
        pair, feed = example.pair, _shared_feed(example, read)
        ids.append(np.concatenate([pair.prompt_ids, pair.correct_ids[: feed.correct]]))
        places.append(np.arange(len(ids[-1])))
        spans.append(Span(len(ids[-1]), len(pair.prompt_ids) + pair.shared if feed.incorrect else 0, feed.incorrect))
    for example, span in zip(examples, spans, strict=True):
        pair = example.pair
        ids.append(pair.incorrect_ids[pair.shared : pair.shared + span.branch])
        places.append(np.arange(span.prefix, span.prefix + span.branch))
    ends = np.cumsum([len(part) for part in ids])
    trunk_at, branch_at = [0, *ends[: len(spans) - 1]], ends[len(spans) - 1 : -1]
    at = [_shared(predicted, *laid) for laid in zip(trunk_at, branch_at, examples, reads, strict=True)]
    return _Laid(
        np.concatenate(ids)[None], np.concatenate(places)[None], tuple(spans), predicted, at, int(ends[-1])
    )  # fmt: skip


def _lay_plain(examples: Sequence[Example], reads: Sequence[Reading]) -> "_Laid":
    predicted = _Predictions()
    ids: list[np.ndarray] = []
    sides = [(e, side) for e, read in zip(examples, reads, strict=True) for side in read[:2] if side.any()]
    lengths = [len(example.pair.prompt_ids) + _last(side) for example, side in sides]
    length = max(lengths, default=len(examples[0].pair.prompt_ids))

    def lay(prompt_ids: np.ndarray, response_ids: np.ndarray, read: np.ndarray) -> np.ndarray:
        at = np.zeros(len(response_ids), dtype=np.int64)
        tokens = np.flatnonzero(read)
        if len(tokens):
            first = len(ids) * length + len(prompt_ids) - 1
            ids.append(np.concatenate([prompt_ids, response_ids[: tokens[-1]]]))
            at[tokens] = predicted.add(first + tokens, response_ids[tokens])
        return at

    at = []
    for example, read in zip(examples, reads, strict=True):
        pair = example.pair
        first = len(ids) * length + len(pair.prompt_ids) - 1
        correct_at = lay(pair.prompt_ids, pair.correct_ids, read.correct)
        forks = _fork_predictions(predicted, first, correct_at, example, read)
        at.append(_At(correct_at, lay(pair.prompt_ids, pair.incorrect_ids, read.incorrect), forks))
    if not ids:  # nothing is read (no fork, or a symmetric objective and no mark): something must run
        ids.append(examples[0].pair.prompt_ids)
    places = np.tile(np.arange(length), (len(ids), 1))
    fed = tuple(map(len, ids))
    return _Laid(_pad(ids, np.int64), places, None, predicted, at, sum(fed), fed)


class _Laid(NamedTuple):
    """A layout before it is tensors."""

    input_ids: np.ndarray
    position_ids: np.ndarray
    spans: tuple[Span, ...] | None
    predicted: _Predictions
    at: list[_At]
    fed: int
    lengths: tuple[int, ...] | None = None


def _pad(arrays: Sequence[np.ndarray], dtype: type) -> np.ndarray:
    out: np.ndarray = np.zeros((len(arrays), max(1, *map(len, arrays)), *arrays[0].shape[1:]), dtype=dtype)
    for row, array in zip(out, arrays, strict=True):
        row[: len(array)] = array
    return out


def moved(tensor: "Tensor", device: "torch.device") -> "Tensor":
    """The CPU tensor on `device`, through pinned memory: a plain copy waits until the GPU has done all before it."""
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def build(examples: Sequence[Example], objective: Objective, layout: LayoutName, device: "torch.device") -> Pass:
    """The tensors of one pass over `examples` (at least one) on `device`."""
    import torch

    reads = [reading(objective, e) for e in examples]
    laid = (_lay_shared if layout == "shared" else _lay_plain)(examples, reads)

    def tensor(array: np.ndarray) -> "Tensor":
        return moved(torch.from_numpy(array), device)

    return Pass(
        input_ids=tensor(laid.input_ids),
        position_ids=tensor(laid.position_ids),
        spans=laid.spans,
        lengths=tensor(np.array(laid.lengths)) if laid.lengths else None,
        positions=tensor(np.concatenate([np.zeros(0, np.int64), *laid.predicted.at])),
        targets=tensor(np.concatenate([np.zeros(0, np.int64), *laid.predicted.targets])),
        correct_at=tensor(_pad([at.correct for at in laid.at], np.int64)),
        incorrect_at=tensor(_pad([at.incorrect for at in laid.at], np.int64)),
        fork_at=tensor(_pad([at.forks for at in laid.at], np.int64)),
        fork_read=tensor(_pad([np.ones(len(at.forks)) for at in laid.at], bool)),
        correct_value=tensor(_pad([e.pair.correct_mask for e in examples], np.int64)),
        incorrect_value=tensor(_pad([e.pair.incorrect_mask for e in examples], np.int64)),
        correct_read=tensor(_pad([r.correct for r in reads], bool)),
        incorrect_read=tensor(_pad([r.incorrect for r in reads], bool)),
        correct_summed=tensor(_pad([r.summed[0] for r in reads], np.float64)),
        incorrect_summed=tensor(_pad([r.summed[1] for r in reads], np.float64)),
        active=tensor(np.array([e.pair.active for e in examples])),
        reference=tensor(np.array([e.reference for e in examples], dtype=np.float64)),
        reference_correct=tensor(np.array([e.reference_correct for e in examples], dtype=np.float64)),
        fed=laid.fed,
        padding=laid.input_ids.size - laid.fed,
    )
