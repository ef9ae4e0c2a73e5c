"""A pass through the model: one call of it, which the layout rides along and log-probabilities come out of."""

from typing import Any

import torch
from torch import Tensor

from fgit_cli.training.attention import Segments
from fgit_cli.training.head import picked, replaced_head, unwrap
from fgit_cli.training.layout import Pass
from fgit_cli.training.support import Layout


def log_probabilities(model: Any, made: Pass, layout: Layout, detach: bool = False) -> tuple[Tensor, Tensor | float]:
    """log P [R] of the tokens read, and the model's own auxiliary loss times its factor.

    `detach`: nothing is asked of the branches' gradients, so their attention need not have any.
    """
    inputs: dict[str, Any] = {"input_ids": made.input_ids, "position_ids": made.position_ids, "use_cache": False}
    if made.spans is not None:
        inputs["fgit_segments"] = Segments(made.spans, layout.kernel, detach, layout.longest)
    if layout.auxiliary and made.lengths is not None:  # else a router's loss would count the padding
        places = torch.arange(made.input_ids.shape[1], device=made.input_ids.device)
        inputs["attention_mask"] = (places < made.lengths[:, None]).long()
    if layout.alone is not None:
        _forget_lengths(model)
    if layout.own_logits:
        out = model(**inputs)
        log_p = picked(out.logits, made.positions, made.targets)
    else:
        with replaced_head(model, made.positions, made.targets):
            out = model(**inputs)
        log_p = out.logits[0]
    return log_p, layout.auxiliary * out.aux_loss if layout.auxiliary else 0.0


def _forget_lengths(model: Any) -> None:
    """Take rotary embeddings back to their original length: a dynamic one keeps the frequencies of the longest row that
    it has seen, so that what a row gets would depend on the rows before it."""
    for module in unwrap(model).modules():
        if hasattr(module, "original_max_seq_len"):
            for name in list(vars(module)):
                if name.endswith("max_seq_len_cached"):
                    setattr(module, name, module.original_max_seq_len)
            for name, value in list(module.named_buffers(recurse=False)):
                if name.endswith("original_inv_freq"):
                    module.register_buffer(name.replace("original_", ""), value.clone(), persistent=False)


def idle(model: Any, device: torch.device) -> Tensor:
    """A forward on one token of which nothing is read; [0], with a gradient that is 0 everywhere."""
    ids = torch.zeros(1, 1, dtype=torch.long, device=device)
    nothing = ids.new_zeros(0)
    with replaced_head(model, nothing, nothing):
        return model(input_ids=ids, position_ids=ids, use_cache=False).logits[0]
