"""The model laid out without memory for its weights, and what that shows before a run begins: whether it can be trained
here, with this attention and rows of this length.

A dry run looks at the same. What a folder holds is read before that, because transformers' words for it are long.
"""

import json
from pathlib import Path
from typing import Any

from fgit_cli.errors import UsageError, one_line
from fgit_cli.training.options import Options

SPARE = 4  # rows that a table of positions may have beyond its count (OPT's has two)


def check_folder(name: str) -> None:
    """Refuse a folder that holds no model that can be trained. Raises UsageError; a name on the hub passes."""
    folder = Path(name)
    if not folder.is_dir():
        return
    if (folder / "adapter_config.json").exists():
        base = _read(folder / "adapter_config.json").get("base_model_name_or_path")
        of = f" of {base}" if base else ""
        raise UsageError(f"--model {name} holds adapters{of}; merge them into it first, or give that model")
    if not (folder / "config.json").exists():
        raise UsageError(f"--model {name}: no config.json in it; give the folder that holds the model")
    if not any(folder.glob("*.safetensors")):
        old = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
        if old:
            raise UsageError(
                f"--model {name} has its weights in {old[0]} alone, which may run code when it is read; save it as "
                "safetensors, by AutoModelForCausalLM.from_pretrained(...).save_pretrained(...)"
            )
        raise UsageError(f"--model {name}: no weights (*.safetensors) in it")


def check_config(config: Any, name: str) -> None:
    """Refuse quantized weights. Raises UsageError."""
    quantized = getattr(config, "quantization_config", None) or getattr(
        config.get_text_config(), "quantization_config", None
    )
    if quantized:
        method = quantized.get("quant_method") if isinstance(quantized, dict) else quantized.quant_method
        how = f" ({getattr(method, 'value', method)})" if method else ""
        raise UsageError(
            f"--model {name} is quantized{how}, and such weights cannot be tuned; give what it was made of"
        )


def lay_out(config: Any, name: str, options: Options) -> Any:
    """The model of the configuration on no memory. Raises UsageError where transformers has no such causal model."""
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=options.trust_remote_code)
    except Exception as error:  # what a configuration can contradict itself in is of many kinds
        if "Unrecognized configuration class" in str(error):
            raise UsageError(f"--model {name}: transformers has no causal model of type {config.model_type}") from None
        what = f"{type(error).__name__}: {one_line(error, 200)}"
        raise UsageError(f"--model {name}: its configuration makes no model ({what})") from None


def check_attention(model: Any, options: Options, device: str) -> None:
    """Refuse an attention that this model or this machine does not have. Raises UsageError."""
    name, kind = options.attention, type(model).__name__
    if name == "auto":
        return
    if device == "cpu" and name in ("varlen", "flash_attention_2", "flex_attention"):
        raise UsageError(f"--attention {name} needs a GPU; on a CPU there are sdpa and eager")
    if name == "varlen":
        return
    config = model.config.get_text_config()
    before = config._attn_implementation
    if name == "sdpa" and getattr(config, "attn_logit_softcapping", None):  # older transformers would leave the cap out
        raise UsageError(f"--attention sdpa: it does not cap scores as {kind} does; give --attention eager")
    try:
        model.set_attn_implementation(name)
    except ImportError:
        raise UsageError(f"--attention {name}: its package is not installed; leave the option out") from None
    except (ValueError, NotImplementedError):
        has = f"it runs with {before}" if before else "leave the option out"
        raise UsageError(f"--attention {name}: {kind} has no such attention in transformers; {has}") from None
    model.set_attn_implementation(before)


def positions(model: Any) -> int | None:
    """How many positions the model has a table for; None where it computes them for any length."""
    config = model.config.get_text_config()
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx")
    known = next((n for n in (getattr(config, name, None) for name in names) if isinstance(n, int) and n > 0), None)
    if known is None:
        return None
    if config.model_type == "mpt":  # its linear biases are cut from a table that is made in each forward
        return known
    tokens = model.get_input_embeddings()
    for module in model.modules():
        if module is tokens or hasattr(module, "make_weights"):  # sinusoids that grow with the row
            continue
        kept = [*module._buffers.values(), *(v for v in vars(module).values() if hasattr(v, "shape"))]
        tables = [t.shape for t in kept if t is not None and len(t.shape) == 2]
        if type(module).__name__.endswith("Embedding") and getattr(module, "weight", None) is not None:
            tables.append(module.weight.shape)
        if any(known <= shape[0] <= known + SPARE for shape in tables):
            return known
    return None


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
