"""softmax.py's two passes as triton kernels; a program works on one row of logits, or on a block of it."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 4096  # logits that a program holds at a time: 16 for each of 256 threads
WARPS = 8


@triton.jit
def _forward(logits, targets, log_p, log_sum, vocabulary, stride, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    at = tl.arange(0, block)
    # the largest logit and the sum of exponentials beside it, for each place in the block
    largest = tl.full([block], float("-inf"), tl.float32)
    total = tl.zeros([block], tl.float32)
    for start in range(0, vocabulary, block):
        x = tl.load(logits + start + at, mask=start + at < vocabulary, other=float("-inf")).to(tl.float32)
        new = tl.maximum(largest, x)
        safe = tl.where(new == float("-inf"), 0.0, new)
        total = total * tl.exp(largest - safe) + tl.exp(x - safe)
        largest = new
    top = tl.max(largest, 0)
    found = top + tl.log(tl.sum(total * tl.exp(largest - top), 0))
    target = tl.load(logits + tl.load(targets + row)).to(tl.float32)
    tl.store(log_sum + row, found)
    tl.store(log_p + row, target - found)


@triton.jit
def _backward(logits, targets, log_sum, grad, vocabulary, stride, block: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    at = tl.program_id(1) * block + tl.arange(0, block)
    x = tl.load(logits + at, mask=at < vocabulary, other=float("-inf")).to(tl.float32)
    hit = tl.where(at == tl.load(targets + row), 1.0, 0.0)
    d = tl.load(grad + row) * (hit - tl.exp(x - tl.load(log_sum + row)))
    tl.store(logits + at, d.to(logits.dtype.element_ty), mask=at < vocabulary)


def forward(logits: Tensor, targets: Tensor, log_p: Tensor, log_sum: Tensor) -> None:
    rows, vocabulary = logits.shape
    if rows:
        with torch.cuda.device(logits.device):
            _forward[(rows,)](
                logits, targets, log_p, log_sum, vocabulary, logits.stride(0), block=BLOCK, num_warps=WARPS
            )


def backward(logits: Tensor, targets: Tensor, log_sum: Tensor, grad: Tensor) -> Tensor:
    """In place."""
    rows, vocabulary = logits.shape
    if rows:
        grid = (rows, triton.cdiv(vocabulary, BLOCK))
        with torch.cuda.device(logits.device):
            _backward[grid](logits, targets, log_sum, grad, vocabulary, logits.stride(0), block=BLOCK, num_warps=WARPS)
    return logits
