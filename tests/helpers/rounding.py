"""How far apart two floating-point results may lie that differ in nothing but the order of their additions.

The order is the processor's and the library's affair: vector widths, blocks of a matrix product, how many rows one
pass holds. So a tolerance follows from the number of additions and from the type, and not from what one machine gave.
Where a test can, it computes in fp64 and asks for EXACT; any mistake in a formula is larger than that.
"""

import math

import torch

EXACT = 1e-10  # in fp64: √n u is below 1e-13 for the small models here, the rest is for badly conditioned sums
_SURE = 4.0


def tolerance(additions: int, dtype: torch.dtype = torch.float32) -> float:
    """The relative difference that two results of so many additions one after another may have.

    Each errs by at most λ √n u, u being half the type's epsilon (Higham and Mary, A New Approach to Probabilistic
    Rounding Error Analysis, 2019). At λ = 4 a sum with errors of the worst size goes beyond that once in 1,500 times.
    """
    return 2 * _SURE * math.sqrt(additions) * torch.finfo(dtype).eps / 2


def additions(model, tokens: int) -> int:
    """The additions one after another from a weight to its gradient, for passes of so many tokens in all.

    That is the inner length of each matrix product and norm on the way through the model, once forward and twice back
    (for the input's gradient and the weight's), and the tokens over which the weight's gradient is summed.
    """
    c = model.config
    layer = 3 * c.hidden_size + 2 * c.hidden_size + c.intermediate_size + c.hidden_size // c.num_attention_heads
    return 3 * (c.num_hidden_layers * (layer + tokens) + c.vocab_size + c.hidden_size) + tokens


def fp32(model, examples) -> float:
    """The tolerance for the loss and the gradients of examples (see training/step.py) in fp32."""
    pairs = [e.pair for e in examples]
    return tolerance(
        additions(model, sum(len(p.prompt_ids) + len(p.correct_ids) + len(p.incorrect_ids) for p in pairs))
    )
