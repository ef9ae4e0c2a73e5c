"""Which layout a model can run, decided once before training and said.

The shared layout needs attention that goes through transformers' registry, sees everything before it and treats
positions as given. Models that do otherwise get the plain layout; `Layout.reasons` says why.
"""

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn.modules.dropout import _DropoutNd

from fgit_cli.training import attention, kernels
from fgit_cli.training.kernels import Kernels
from fgit_cli.training.layout import LayoutName

Attention = Literal["auto", "sdpa", "varlen", "eager", "flash_attention_2", "flex_attention"]
_AFTER_HEAD = ("final_logit_softcapping", "logit_scale", "logits_scaling")


@dataclass(frozen=True)
class Layout:
    """How passes of a run are laid out.

    `kernel` computes the shared layout's attention. `own_logits`: the model changes logits after its output layer,
    so they are taken from it whole. `auxiliary`: the factor of the model's own router loss. `reasons` is what to tell
    the user: why the layout is not the one asked for, and what it costs. `attention` is transformers' name of the
    attention that the plain layout runs with. A pair of more than `alone` tokens runs in a pass of its own, because the
    rotary positions of a pass depend on its longest row. `longest` is the longest sequence of the data, where known.
    `kernels`: what computes norms, MLPs and rotary positions.
    """

    name: LayoutName
    kernel: attention.Kernel = "auto"
    own_logits: bool = False
    auxiliary: float = 0.0
    reasons: tuple[str, ...] = ()
    attention: str = "sdpa"
    alone: int | None = None
    longest: int | None = None
    kernels: Kernels = Kernels()

    def because(self, reason: str) -> "Layout":
        """The same with one more reason."""
        return dataclasses.replace(self, reasons=(*self.reasons, reason))


def obstacles(model: Any, longest: int | None = None) -> list[str]:
    """What keeps the model from the shared layout, each as a phrase; empty where nothing does.

    `longest` is the longest sequence of the data in tokens: a sliding window at least that long hides nothing.
    """
    config = model.config.get_text_config()
    found = []
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    slides = window is not None and window > 0 and (longest is None or window < longest)
    kinds = set(getattr(config, "layer_types", None) or ["sliding_attention" if window else "full_attention"])
    others = sorted(kinds - {"full_attention", "sliding_attention"})
    if others:
        found.append(f"it has layers of type {', '.join(others)}")
    if "sliding_attention" in kinds and slides:
        found.append(f"its attention has a sliding window of {window} tokens")
    if router_loss(config):
        found.append("its routers have an auxiliary loss, which counts every position fed")
    rates = {n for n, m in model.named_modules() if isinstance(m, nn.Dropout) and m.p > 0}
    rates |= {n for n in ("attention_dropout", "attn_pdrop", "router_jitter_noise") if getattr(config, n, 0)}
    if rates:
        found.append(f"it has dropout ({min(rates)}), which would be shared by both responses")
    if varying := varying_rope(config, longest):
        found.append(f"its rotary positions ({varying[0]}) depend on the longest row beyond {varying[1]} tokens")
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if "position_ids" not in inspect.signature(inner.forward).parameters or getattr(config, "alibi", False):
        found.append("it takes no position ids")
    if not getattr(inner, "_supports_attention_backend", False):
        found.append("its attention is not in transformers' registry")
    return found


def varying_rope(config: Any, longest: int | None = None) -> tuple[str, int] | None:
    """The type of rotary positions that depend on the longest row, and the length up to which they do not; None where
    no row of the data is longer."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    found = []
    for one in (rope, *rope.values()):
        kind = one.get("rope_type", "") if isinstance(one, dict) else ""
        if "dynamic" in kind:
            found.append((int(config.max_position_embeddings), kind))
        elif kind == "longrope":
            found.append((int(one.get("original_max_position_embeddings") or config.max_position_embeddings), kind))
    if not found or (longest is not None and longest <= min(found)[0]):
        return None
    return min(found)[1], min(found)[0]


def without_dropout(model: Any) -> tuple[list[str], Callable[[], None]]:
    """Switch off dropout and noise wherever a module or the configuration keeps a rate.

    Returns the names of the rates that were not 0, and what puts the configuration back, for it is saved with the
    model. `eval()` would switch off gradient checkpointing too.
    """
    off, config = set(), model.config.get_text_config()
    for module in model.modules():
        if isinstance(module, _DropoutNd) and module.p > 0:
            off.add("dropout")
            module.p = 0.0
        for name in _rates(vars(module)):
            off.add(name)
            setattr(module, name, 0.0)
    known = _rates(config.to_dict())
    for name in known:
        setattr(config, name, 0.0)

    def put_back() -> None:
        for name, rate in known.items():
            setattr(config, name, rate)

    return sorted(off | known.keys()), put_back


def _rates(values: dict[str, Any]) -> dict[str, float]:
    """Those of the values that are rates of dropout or noise, by their names, and above 0."""
    named = {name: value for name, value in values.items() if "drop" in name or "jitter" in name}
    return {name: value for name, value in named.items() if isinstance(value, float) and value > 0}


def router_loss(config: Any) -> float:
    """The factor of a mixture of experts' auxiliary loss; 0 where the config does not switch it on."""
    return float(getattr(config, "router_aux_loss_coef", 0) or 0) if getattr(config, "output_router_logits", 0) else 0.0


def prepare(
    model: Any,
    layout: LayoutName = "shared",
    attention_name: Attention = "auto",
    longest: int | None = None,
    kernels_wanted: kernels.Wanted = "none",
    device: torch.device | None = None,
) -> Layout:
    """Choose layout and kernels and set the model to them; call it before the model is wrapped.

    `attention_name`: `auto` is `varlen` on CUDA in bf16 or fp16 and `sdpa` otherwise; names other than these two are
    transformers' and run the plain layout. `longest` is the longest sequence of the data in tokens, where known.
    `device` is where the model will run (ZeRO-3 may keep its weights elsewhere); None: where it is. Raises UsageError
    for kernels that cannot be had.
    """
    attention.without_cudnn()
    made = _laid_out(model, layout, attention_name, longest)
    taken, told = kernels.apply(model, kernels_wanted, device or model.device)
    made = dataclasses.replace(made, kernels=taken)
    return made.because(told) if told else made


def _laid_out(model: Any, layout: LayoutName, attention_name: Attention, longest: int | None) -> Layout:
    config = model.config.get_text_config()
    before = config._attn_implementation
    varying = varying_rope(config, longest)
    made = Layout(
        "plain",
        attention=before,
        own_logits=_changes_logits(config),
        auxiliary=router_loss(config),
        alone=varying[1] if varying else None,
        longest=longest,
    )
    reasons = []
    if varying:
        reasons.append(
            f"pairs beyond {varying[1]} tokens run in passes of their own: rotary positions are {varying[0]}"
        )
    if made.own_logits:
        reasons.append("the model changes its logits after its output layer, so all of them are held in memory")
    if layout == "shared":
        why = obstacles(model, longest)
        if made.own_logits:
            why.append("it changes logits after its output layer")
        if attention_name not in ("auto", "sdpa", "varlen"):
            why.append(f"--attention {attention_name} knows no branches")
        if not why:
            attention.register()
            model.set_attn_implementation(attention.NAME)
            return dataclasses.replace(made, name="shared", kernel=attention_name)  # type: ignore[arg-type]
        reasons.append(f"the model runs in the plain layout (slower, same result): {'; '.join(why)}")
    if attention_name not in ("auto", "varlen"):
        model.set_attn_implementation(attention_name)
        made = dataclasses.replace(made, attention=attention_name)
    return dataclasses.replace(made, reasons=tuple(reasons))


def _changes_logits(config: Any) -> bool:
    return any(getattr(config, name, None) not in (None, 1, 1.0) for name in _AFTER_HEAD)
