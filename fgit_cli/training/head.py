"""Log-probabilities at the model's output layer, for the positions that need one and without storing all logits.

While a pass runs, the output layer's own `forward` is replaced by one that picks the R positions which predict a token
read, and returns their log-probabilities [R] where logits would be. The layer is still called by its model, so
wrappers that gather its weights in hooks (DeepSpeed ZeRO-3) or replace it (peft) work as ever.

On a GPU the logits of as many positions as a share of its memory holds wait for the backward pass, which turns them
into their gradient in place; the others, and all on a CPU, are made again there, a chunk at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from fgit_cli.training import softmax

# Logits made at a time, at most, in elements. On a GPU a chunk's matrix products must outweigh the traffic of adding to
# the weight's gradient; on a CPU it should stay near the caches.
CHUNK = {"cuda": 2**27, "cpu": 2**22}
KEPT = 1 / 16  # of the GPU's memory, for logits that wait for the backward pass


def unwrap(model: Any) -> Any:
    """The transformers model inside wrappers of training (DDP, DeepSpeed, torch.compile); peft's is left around it."""
    while True:
        if "_orig_mod" in model._modules:
            model = model._orig_mod
        elif "module" in model._modules:
            model = model.module
        else:
            return model


def device_of(model: Any) -> torch.device:
    """Where a wrapped or bare model computes. DeepSpeed knows, where ZeRO-3 keeps parameters in the CPU's memory."""
    device = model.device
    return torch.device("cpu") if device.type == "cpu" else device  # DeepSpeed numbers CPU ranks as devices


class _LogProbability(torch.autograd.Function):
    """log P(target) [R] from hidden states [R, D] and the layer's weight [V, D].

    Logits are rounded as a plain layer rounds them; the softmax is fp32, or fp64 where the model is. Those of the first
    `kept` positions are stored, the others made twice, `rows` at a time; the log-sum-exp of all is stored.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, kept: int, rows: int
    ) -> Tensor:
        exact = torch.promote_types(hidden.dtype, torch.float32)
        log_p, log_sum = (torch.empty(len(targets), dtype=exact, device=hidden.device) for _ in "ps")
        ctx.parts, ctx.logits = list(_slices(len(targets), kept, rows)), None
        for part in ctx.parts:
            logits = linear(hidden[part], weight, bias)
            softmax.forward(logits, targets[part], log_p[part], log_sum[part])
            if kept and part.start == 0:
                ctx.logits = logits
        ctx.save_for_backward(hidden, weight, bias, targets, log_sum)
        return log_p

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        hidden, weight, bias, targets, log_sum = ctx.saved_tensors
        need_hidden, need_weight, need_bias = ctx.needs_input_grad[:3]
        d_hidden = torch.empty_like(hidden) if need_hidden else None
        d_weight = torch.zeros_like(weight) if need_weight else None
        d_bias = torch.zeros_like(bias) if need_bias else None
        for part in ctx.parts:
            logits, ctx.logits = ctx.logits, None
            if logits is None:
                logits = linear(hidden[part], weight, bias)
            d_logits = softmax.backward(logits, targets[part], log_sum[part], grad[part])
            if d_hidden is not None:
                torch.mm(d_logits, weight, out=d_hidden[part])
            if d_weight is not None:
                d_weight.addmm_(d_logits.T, hidden[part])
            if d_bias is not None:
                d_bias += d_logits.sum(0)
            del logits, d_logits  # before the next are made
        return d_hidden, d_weight, d_bias, None, None, None


def _rows(device: str, vocabulary: int) -> int:
    return max(1, CHUNK.get(device, CHUNK["cuda"]) // vocabulary)


def _kept(device: torch.device, vocabulary: int, bytes_each: int) -> int:
    """Positions whose logits are stored until the backward pass; 0 on a CPU and where none will come."""
    if device.type != "cuda" or not torch.is_grad_enabled():
        return 0
    memory = torch.cuda.get_device_properties(device).total_memory
    return int(KEPT * memory) // (vocabulary * bytes_each)


def _slices(count: int, first: int, rows: int) -> Iterator[slice]:
    """0 to `count` in slices, the first of them up to `first` long, the others up to `rows`."""
    at = 0
    while at < count:
        end = min(at + (rows if at or not first else first), count)
        yield slice(at, end)
        at = end


def log_probabilities(
    layer: nn.Module, call: Callable[[Tensor], Tensor], hidden: Tensor, targets: Tensor, vocabulary: int
) -> Tensor:
    """log P [R] of `targets` from hidden states [R, D], fp32 (fp64 for an fp64 model), with gradients.

    `call` is the layer's own forward. A plain nn.Linear is computed without it, in chunks; any other layer (a LoRA
    adapter on the head) by calling it in chunks that are recomputed in the backward pass.
    """
    if type(layer) is nn.Linear:
        device = hidden.device.type
        weight: Tensor = layer.weight
        bias: Tensor | None = layer.bias
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            hidden, weight, bias = hidden.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
        kept = _kept(hidden.device, len(weight), hidden.element_size())
        with torch.autocast(device, enabled=False):
            return _LogProbability.apply(hidden, weight, bias, targets, kept, _rows(device, len(weight)))

    def chunk(part: Tensor, wanted: Tensor) -> Tensor:
        return _picked(call(part), wanted)

    parts = _slices(len(targets), 0, _rows(hidden.device.type, vocabulary))
    return torch.cat([checkpoint(chunk, hidden[p], targets[p], use_reentrant=False) for p in parts])


@contextmanager
def replaced_head(model: Any, positions: Tensor, targets: Tensor) -> Iterator[None]:
    """Inside, the model's output is log P [1, R] of `targets` at `positions` of its flattened rows, not logits."""
    inner = unwrap(model)
    layer = inner.get_output_embeddings()
    before = layer.__dict__.get("forward")
    own = layer.forward

    def forward(hidden: Tensor) -> Tensor:
        picked_out = hidden.flatten(0, 1).index_select(0, positions)
        vocabulary = inner.config.get_text_config().vocab_size
        return log_probabilities(layer, own, picked_out, targets, vocabulary)[None]

    layer.forward = forward
    try:
        yield
    finally:
        if before is None:
            del layer.forward
        else:
            layer.forward = before


def picked(logits: Tensor, positions: Tensor, targets: Tensor) -> Tensor:
    """The same [R] from a model's own logits [rows, length, V], for models that do more after their output layer."""
    return _picked(logits.flatten(0, 1)[positions], targets)


def _picked(logits: Tensor, targets: Tensor) -> Tensor:
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(1)
