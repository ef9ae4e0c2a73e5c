"""The softmax at the output layer, one pass over the logits [R, V] each way: fused kernels on a GPU, torch's elsewhere.

forward     log P(target) and the log-sum-exp, of each row
backward    d log P / d logit = [target] - softmax, from the log-sum-exp; the logits give their room to it
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def forward(logits: Tensor, targets: Tensor, log_p: Tensor, log_sum: Tensor) -> None:
    """Fill log_p [R] and log_sum [R], which are fp32, or fp64 where the logits are."""
    if fused(logits):
        _kernels().forward(logits, targets, log_p, log_sum)
        return
    target = targets[:, None]
    log_p.copy_(logits.log_softmax(1, dtype=log_p.dtype).gather(1, target)[:, 0])
    torch.sub(logits.gather(1, target)[:, 0], log_p, out=log_sum)


def backward(logits: Tensor, targets: Tensor, log_sum: Tensor, grad: Tensor) -> Tensor:
    """grad [R] times the gradient of log P(target) [R, V], in the type of the logits and mostly in their room."""
    if fused(logits):
        return _kernels().backward(logits, targets, log_sum, grad.contiguous())
    probabilities = logits.sub_(log_sum[:, None]) if logits.dtype == log_sum.dtype else logits - log_sum[:, None]
    d_logits = probabilities.exp_().mul_(-grad[:, None])
    return d_logits.scatter_add_(1, targets[:, None], grad[:, None]).to(logits.dtype)


def fused(logits: Tensor) -> bool:
    """Whether the fused kernels take them: on a GPU with triton, in fp32 at most."""
    return logits.is_cuda and logits.dtype != torch.float64 and _kernels() is not None


@lru_cache(maxsize=1)
def _kernels() -> Any:
    """The module of kernels, or None without triton (which torch for CUDA brings on Linux)."""
    try:
        from fgit_cli.training import softmax_kernels
    except ImportError:
        return None
    return softmax_kernels
