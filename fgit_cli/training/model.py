"""The model loaded for training, given adapters or not, and its optimizer; saving.py writes it."""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgit_cli import hub, older_transformers
from fgit_cli.errors import UsageError, one_line
from fgit_cli.training import blueprint
from fgit_cli.training.options import Options


@dataclass(frozen=True)
class ModelSource:
    """Where the weights came from: folder or hub name, the hub's commit (None for a folder), and the type that they are
    kept in (a torch dtype; None where neither configuration nor files say)."""

    name: str
    revision: str | None
    dtype: Any

    @property
    def asked_for(self) -> dict[str, Any]:
        """Arguments of `from_pretrained` that bring the very same weights again."""
        return {"pretrained_model_name_or_path": self.name, "revision": self.revision or "main"}


def load_config(name: str, options: Options) -> Any:
    """The model's configuration. Raises UsageError where there is none under that name."""
    from transformers import AutoConfig

    if Path(name).is_file():
        raise UsageError(f"--model {name} is a file; give the folder that holds the model")
    blueprint.check_folder(name)
    with explained(name):
        config = AutoConfig.from_pretrained(
            name,
            revision=options.revision,
            trust_remote_code=options.trust_remote_code,
            local_files_only=hub.cached_only(name, options.revision),
        )
    blueprint.check_config(config, name)
    return config


def load_model(name: str, options: Options, accelerator: Any) -> tuple[Any, ModelSource]:
    """The causal language model, in training mode, with adapters where `--lora-rank` asks for them; and its source.

    In bf16 under DeepSpeed, which keeps fp32 master weights; else in fp32 (fp64 where the model is), autocast when
    `--bf16`. Every rank loads: ZeRO-3 parts the weights while they are read.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    if options.quiet or not sys.stderr.isatty() or not accelerator.is_main_process:
        logging.disable_progress_bar()
    config = load_config(name, options)
    stored = stored_dtype(name, config)
    dtype = torch.float64 if stored == torch.float64 else torch.float32
    if accelerator.mixed_precision == "bf16" and accelerator.state.deepspeed_plugin:
        dtype = torch.bfloat16
    with explained(name):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            name,
            output_loading_info=True,
            config=config,
            revision=options.revision,
            trust_remote_code=options.trust_remote_code,
            local_files_only=hub.cached_only(name, options.revision),
            dtype=dtype,
            use_safetensors=True,
        )
    model, loading = loaded
    _check_complete(name, loading)
    older_transformers.mend(model)
    source = ModelSource(name, hub.commit(name, options.revision), stored)
    model.config.use_cache = False
    if options.gradient_checkpointing:
        _checkpoint(model, use_reentrant=False)
        if options.lora_rank:
            model.enable_input_require_grads()
    if options.lora_rank:
        model = with_adapters(model, options)
    if not (accelerator.state.deepspeed_plugin and accelerator.state.deepspeed_plugin.zero_stage == 3):
        model.to(accelerator.device)  # here, because the layout's attention is chosen by it
    model.train()
    return model, source


def _checkpoint(model: Any, **how: Any) -> None:
    """Have the model's layers run again in the backward pass, by the name that this transformers has for it."""
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=how)
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=how)


def with_adapters(model: Any, options: Options) -> Any:
    """The model with new adapters. Raises UsageError for modules that it does not have."""
    from peft import LoraConfig, get_peft_model

    adapters = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=list(options.lora_target_modules) or "all-linear",
    )
    try:
        return get_peft_model(model, adapters)
    except (ValueError, TypeError) as error:
        modules, what = " ".join(options.lora_target_modules) or "(all linear layers)", one_line(error)
        raise UsageError(f"--lora-target-modules {modules}: {what[:200]}") from None


def stored_dtype(name: str, config: Any) -> Any:
    """The floating type that the model's weights are kept in: its configuration's, else that of the largest tensor of
    the folder's files; None where neither says."""
    import torch
    from safetensors import safe_open

    if isinstance(config.dtype, torch.dtype):
        return config.dtype
    sizes: dict[str, int] = {}
    for file in Path(name).glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:
            for key in tensors.keys():  # noqa: SIM118
                part = tensors.get_slice(key)
                sizes[part.get_dtype()] = max(sizes.get(part.get_dtype(), 0), math.prod(part.get_shape()))
    names = {"F64": torch.float64, "F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    found = [names[kind] for kind in sorted(sizes, key=lambda kind: -sizes[kind]) if kind in names]
    return found[0] if found else None


def make_optimizer(model: Any, options: Options, fused: bool = False) -> Any:
    """AdamW over what is trained; decay on matrices alone, not on biases and norms.

    `fused` computes a step in one pass over weights and moments, on a GPU or, with offload, on its CPU.
    """
    import torch

    trained = [p for p in model.parameters() if p.requires_grad]
    matrices: list[Any] = []
    others: list[Any] = []
    for p in trained:
        (matrices if len(getattr(p, "ds_shape", p.shape)) > 1 else others).append(p)  # ZeRO-3 keeps the shape there
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [g for g in groups if g["params"]],
        lr=options.learning_rate,
        betas=(options.adam_beta1, options.adam_beta2),
        eps=options.adam_epsilon,
        fused=fused or None,
    )


def _check_complete(name: str, loading: dict[str, Any]) -> None:
    """Refuse a model of which some weights were not in its files: they would be random. Raises UsageError."""
    missing = sorted(loading.get("missing_keys") or ())
    mismatched = sorted(str(m[0] if isinstance(m, tuple) else m) for m in loading.get("mismatched_keys") or ())
    for what, keys in (("lack", missing), ("have in another shape", mismatched)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise UsageError(f"--model {name}: its files {what} the weight {keys[0]}{more}; is it whole?")


class explained:
    """Turns what transformers raises for a name it cannot load into one line."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        told = isinstance(error, (OSError, ValueError)) and not getattr(error, "errno", None)
        if told or type(error).__name__ == "SafetensorError":
            what = one_line(error)
            if "trust_remote_code" in what:
                what = "it comes with Python code of its own; --trust-remote-code runs that code"
            elif "does not recognize this architecture" in what or "Unrecognized model" in what:
                what = "transformers knows no model of its type (`model_type` of its config.json); a newer one may"
            raise UsageError(f"--model {self.name}: {what[:300]}") from None
