"""Attention for the shared layout, registered with transformers under the name `fgit_shared`.

The model's linear layers run on the packed row; here each trunk attends causally to itself, and each branch to its
shared prefix and causally to itself. The layout reaches this function as an argument of the model's forward, so
no model is edited. Two implementations:

    sdpa     a call of torch's scaled_dot_product_attention for each trunk and each branch; any device and type. On CPU
             these calls are several times faster than one call with an N × N mask.
    varlen   two calls of torch's variable-length flash attention, one for all trunks and one for all branches; CUDA,
             bf16 and fp16. The keys of trunks lie in the row as they are read; those of branches are gathered.
    auto     varlen where it runs, else sdpa.

Under autocast queries and keys leave the rotary embedding in fp32; they are cast here, as autocast casts what enters
torch's own attention, and the kernel is chosen by the type after the cast.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from fgit_cli.errors import EngineError
from fgit_cli.training.layout import Span, moved

NAME = "fgit_shared"
Kernel = Literal["auto", "sdpa", "varlen"]


class Lengths(NamedTuple):
    """Segments of a call of flash attention: cumulative lengths (int32) of queries and keys, the longest of each."""

    q_ends: Tensor
    k_ends: Tensor
    longest_q: int
    longest_k: int

    @classmethod
    def of(cls, queries: Sequence[int], keys: Sequence[int], device: torch.device) -> "Lengths":
        ends = torch.tensor([[0, *queries], [0, *keys]], dtype=torch.int32).cumsum(1, dtype=torch.int32)
        q_ends, k_ends = moved(ends, device)
        return cls(q_ends, k_ends, max(queries), max(keys))


class Varlen(NamedTuple):
    """A packed row as two calls of flash attention: its trunks, the first `tokens` positions, and its branches.

    `keys` are the positions of each branch's prefix and of the branch, branch after branch; no position twice.
    """

    tokens: int
    trunks: Lengths
    keys: Tensor
    branches: Lengths | None
    detached: bool


@dataclass
class Segments:
    """The spans of a packed row, all trunks and then all branches; what the kernels make of them once a pass.

    `detached`: the branches run without gradient (`--detach-weight`). `longest`: the longest sequence of the data in
    tokens, where known; a window that is shorter cannot be served.
    """

    spans: Sequence[Span]
    kernel: Kernel
    detached: bool = False
    longest: int | None = None
    _masks: list[Tensor] | None = None
    _varlen: Varlen | None = None

    def masks(self, like: Tensor) -> list[Tensor]:
        """For each span the additive mask of its branch [branch, prefix + branch], causal at the lower right."""
        if self._masks is None:
            infinite = torch.full((), float("-inf"), dtype=like.dtype, device=like.device)
            self._masks = [infinite.expand(s.branch, s.prefix + s.branch).triu(s.prefix + 1) for s in self.spans]
        return self._masks

    def varlen(self, device: torch.device) -> Varlen:
        """The spans for flash attention on `device`."""
        if self._varlen is None:
            trunks = [s.trunk for s in self.spans]
            keys, queries, trunk_at, branch_at = [], [], 0, sum(trunks)
            for s in self.spans:
                if s.branch:
                    prefix = torch.arange(trunk_at, trunk_at + s.prefix)
                    keys.append(torch.cat([prefix, torch.arange(branch_at, branch_at + s.branch)]))
                    queries.append(s.branch)
                    branch_at += s.branch
                trunk_at += s.trunk
            self._varlen = Varlen(
                tokens=sum(trunks),
                trunks=Lengths.of(trunks, trunks, device),
                keys=moved(torch.cat([torch.zeros(0, dtype=torch.int64), *keys]), device),
                branches=Lengths.of(queries, [len(k) for k in keys], device) if keys else None,
                detached=self.detached,
            )
        return self._varlen


def sdpa_segments(query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float | None) -> Tensor:
    """Attention [1, N, heads, D] of `query` [1, heads, N, D]; `key` and `value` may have fewer heads."""
    grouped = query.shape[1] != key.shape[1]
    sizes = [s.trunk for s in segments.spans] + [s.branch for s in segments.spans]
    queries, keys, values = (t.split(sizes, 2) for t in (query, key, value))
    count, out = len(segments.spans), []
    for q, k, v in zip(queries[:count], keys, values, strict=False):
        o = scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale, enable_gqa=grouped)
        out.append(o.transpose(1, 2))
    with torch.set_grad_enabled(torch.is_grad_enabled() and not segments.detached):
        for i, (q, span, mask) in enumerate(zip(queries[count:], segments.spans, segments.masks(query), strict=True)):
            if span.branch:
                k, v = (torch.cat([t[i][:, :, : span.prefix], t[i + count]], 2) for t in (keys, values))
                o = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale, enable_gqa=grouped)
                out.append(o.transpose(1, 2))
    return torch.cat(out, 1)


def varlen_segments(query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float | None) -> Tensor:
    """The same in two calls of flash attention."""
    q, k, v = (t.squeeze(0).transpose(0, 1) for t in (query, key, value))  # [N, heads, D]; t[0] would copy gradients
    out: Tensor = _TrunksAndBranches.apply(q, k, v, segments.varlen(query.device), scale)
    return out[None]


class _TrunksAndBranches(torch.autograd.Function):
    """Attention [N, heads, D] of a packed row.

    One function for both calls: the gradients of keys and values are the trunks' with the branches' added at their
    places, where autograd would fill a row of zeros for each slice and add them up.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, row: Varlen, scale: float | None) -> Tensor:
        n = row.tokens
        out, *kept = flash_forward(q[:n], k[:n], v[:n], row.trunks, scale)
        if row.branches is not None:
            more, *others = flash_forward(q[n:], *_gathered(row, k, v), row.branches, scale)
            out, kept = torch.cat([out, more]), kept + others
        ctx.save_for_backward(q, k, v, out, *kept)
        ctx.row, ctx.scale = row, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad, row, n = grads[0].contiguous(), ctx.row, ctx.row.tokens
        q, k, v, out, *kept = ctx.saved_tensors
        half = len(kept) if row.branches is None else len(kept) // 2
        dq, dk, dv = flash_backward(grad[:n], q[:n], k[:n], v[:n], out[:n], kept[:half], row.trunks, ctx.scale)
        if row.branches is None:
            return dq, dk, dv, None, None
        dk, dv = (torch.cat([t, t.new_zeros(len(k) - n, *t.shape[1:])]) for t in (dk, dv))
        if row.detached:
            return torch.cat([dq, dq.new_zeros(len(q) - n, *dq.shape[1:])]), dk, dv, None, None
        its_keys = _gathered(row, k, v)
        more, *others = flash_backward(grad[n:], q[n:], *its_keys, out[n:], kept[half:], row.branches, ctx.scale)
        for whole, part in zip((dk, dv), others, strict=True):  # no place twice, so nothing need be atomic
            whole.index_copy_(0, row.keys, whole.index_select(0, row.keys).add_(part))
        return torch.cat([dq, more]), dk, dv, None, None


def _gathered(row: Varlen, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values of the branches, branch after branch."""
    return k.index_select(0, row.keys), v.index_select(0, row.keys)


def flash_forward(
    q: Tensor, k: Tensor, v: Tensor, lengths: Lengths, scale: float | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Causal attention of each segment, aligned at the last query and key; and what its backward pass needs.

    The operator under `torch.nn.attention.varlen`, which takes fewer heads of keys than of queries in every torch that
    fgit runs with; the public function does from 2.12 on.
    """
    out, log_sum_exp, state, unused, _ = torch.ops.aten._flash_attention_forward(
        q, k, v, lengths.q_ends, lengths.k_ends, lengths.longest_q, lengths.longest_k, 0.0, True, False, scale=scale
    )
    nothing = q.new_empty(0)  # some versions leave the state of a dropout that is 0 undefined
    return out, log_sum_exp, nothing if state is None else state, nothing if unused is None else unused


def flash_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, kept: Sequence[Tensor], lengths: Lengths,
    scale: float | None,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients of q, k and v."""
    log_sum_exp, state, unused = kept
    made: tuple[Tensor, Tensor, Tensor] = torch.ops.aten._flash_attention_backward(
        grad, q, k, v, out, log_sum_exp, lengths.q_ends, lengths.k_ends, lengths.longest_q, lengths.longest_k,
        0.0, True, state, unused, scale=scale,
    )  # fmt: skip
    return made


@lru_cache(maxsize=1)
def flash_known() -> bool:
    """Whether this torch's flash operators take the arguments that are given here (they are not public)."""
    wanted = {
        "_flash_attention_forward": "query key value cum_seq_q cum_seq_k max_q max_k dropout_p is_causal "
        "return_debug_mask",
        "_flash_attention_backward": "grad_out query key value out logsumexp cum_seq_q cum_seq_k max_q max_k dropout_p "
        "is_causal rng_state unused",
    }
    for name, positional in wanted.items():
        found = getattr(torch.ops.aten, name, None)
        given = [a.name for a in found.default._schema.arguments if not a.kwarg_only] if found else []
        if given != positional.split():
            return False
    return True


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    fgit_segments: Segments | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in every layer; without `fgit_segments` it is its own `sdpa`.

    Raises EngineError where the model asks for more than scaled dot products.
    """
    if why := _beyond(kwargs, attention_mask, fgit_segments):
        raise EngineError(f"the shared layout's attention knows no {', '.join(why)}; give --layout plain")
    query, key, value = (_cast(t) for t in (query, key, value))
    if fgit_segments is None:
        from transformers.integrations.sdpa_attention import sdpa_attention_forward

        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **kwargs)
    kernel = fgit_segments.kernel
    if kernel == "auto":
        kernel = kernel_for(query.device, query.dtype, query.shape[-1])
    run = varlen_segments if kernel == "varlen" else sdpa_segments
    return run(query, key, value, fgit_segments, scaling), None


# What models hand to their attention and this one may leave aside: what it has done already, or what is another's.
ASIDE = {
    "cache_position", "dropout", "is_causal", "output_attentions", "output_hidden_states", "output_router_logits",
    "position_embeddings", "position_ids", "sliding_window", "use_cache",
}  # fmt: skip


def _beyond(given: dict[str, Any], mask: Tensor | None, segments: Segments | None) -> list[str]:
    """What the model asks of its attention beyond causal scaled dot products, by the names of its arguments."""
    more = [name for name, value in given.items() if name not in ASIDE and (isinstance(value, Tensor) or value)]
    if segments is None:
        return more
    window = given.get("sliding_window")
    if window and segments.longest is not None and window < segments.longest:
        more.append(f"sliding_window of {window}")
    if mask is not None:
        more.append("attention_mask")
    if given.get("is_causal") is False:
        more.append("is_causal=False")
    return more


def _cast(tensor: Tensor) -> Tensor:
    """What autocast would make of the tensor on its way into torch's attention."""
    device = tensor.device.type
    if tensor.dtype == torch.float32 and torch.is_autocast_enabled(device):
        return tensor.to(torch.get_autocast_dtype(device))
    return tensor


def _mask(**kwargs: Any) -> Any:
    """No mask for packed rows, which come without one; else that of `sdpa`."""
    if kwargs.get("attention_mask") is None:
        return None
    from transformers.masking_utils import sdpa_mask

    return sdpa_mask(**kwargs)


def register() -> None:
    """Make the name known to transformers."""
    from transformers import AttentionInterface, AttentionMaskInterface

    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, _mask)


def without_cudnn() -> None:
    """Keep torch's attention from cuDNN in this process.

    On Hopper torch prefers it, and it builds a plan for every length that it has not met, half a second each; rows of
    training have all lengths.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)


def kernel_for(device: torch.device, dtype: torch.dtype, head_size: int) -> Literal["sdpa", "varlen"]:
    """The faster kernel that runs there; flash attention needs a half type and compute capability 8."""
    half = dtype in (torch.bfloat16, torch.float16)
    if device.type == "cuda" and half and head_size <= 256 and head_size % 8 == 0 and flash_known():
        return "varlen" if torch.cuda.get_device_capability(device)[0] >= 8 else "sdpa"
    return "sdpa"
