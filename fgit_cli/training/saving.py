"""The trained model written as its users load it, and proof that what was written is what was trained.

Everything goes into `.saving` first and is loaded from there: the saved model, and the base model with the adapter
where there is one, must give the trained model's log-probabilities. Only then are the files moved to their names.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli import hub, older_transformers
from fgit_cli.errors import EngineError
from fgit_cli.jsonl import write_text_whole
from fgit_cli.training.data import PairStore
from fgit_cli.training.head import device_of, picked, unwrap
from fgit_cli.training.model import ModelSource
from fgit_cli.training.on_main import on_main
from fgit_cli.training.options import Options
from fgit_cli.training.support import Layout
from fgit_cli.training.tolerance import apart

REFUSED = "not-as-trained"  # where a model goes that is not what was trained
PROBES, LONGEST = 4, 64  # sequences of the data that both models read, and their tokens


def probes(store: PairStore) -> list[np.ndarray]:
    """Token ids [n] of a few pairs from all over the data, each with a prompt's end and a response's beginning."""
    made = []
    for number in sorted({round(i) for i in np.linspace(0, len(store) - 1, PROBES)}):
        pair = store[number]
        prompt = pair.prompt_ids[-LONGEST // 2 :]
        made.append(np.concatenate([prompt, pair.correct_ids])[:LONGEST])
    return made


def log_probabilities(model: Any, rows: list[np.ndarray]) -> np.ndarray:
    """log P of every token but the first of each row, by the model's own forward without dropout; float64."""
    import torch

    inner, found = unwrap(model), []
    training = inner.training
    model.eval()
    with torch.no_grad():
        for row in rows:
            ids = torch.from_numpy(row.astype(np.int64))[None].to(device_of(model))
            at = torch.arange(len(row) - 1, device=ids.device)
            found.append(picked(model(input_ids=ids, use_cache=False).logits, at, ids[0, 1:]).double().cpu())
    model.train(training)
    return torch.cat(found).numpy()


def save_model(
    model: Any, source: ModelSource, options: Options, accelerator: Any, folder: Path, store: PairStore, layout: Layout
) -> dict[str, float]:
    """Write model and tokenizer into `folder`, file by file whole; adapters go to `adapter/`, merged weights beside it.

    Returns the NLL of a few sequences as the trained model has it and as the saved one has. Called by every rank (the
    weights may lie in parts); the main process writes. Raises EngineError where the two are not one model.
    """
    rows = probes(store)
    unwrap(model).set_attn_implementation(layout.attention)  # the model's own
    layout.kernels.undo()  # they are in the code of the models that are loaded here, on a CPU perhaps, too
    with accelerator.autocast():
        trained = log_probabilities(model, rows)
    state = accelerator.get_state_dict(model)
    bare = accelerator.unwrap_model(model)

    def write() -> dict[str, float]:
        partial = folder / ".saving"
        shutil.rmtree(partial, ignore_errors=True)
        found = _write(bare, state, source, options, partial, rows, accelerator.device)
        for what, log_p in found.items():
            if why := apart(trained, log_p, accelerator.mixed_precision, bare.dtype, source.dtype):
                shutil.rmtree(folder / REFUSED, ignore_errors=True)
                os.replace(partial, folder / REFUSED)
                raise EngineError(
                    f"{what} is not the model that was trained ({why}), so the run is not done; what was written lies "
                    f"in {folder / REFUSED}; this is a bug, please report it with the name of the model"
                )
        _move_into(folder, partial)
        return {"trained_nll": -float(trained.mean()), "saved_nll": -float(found["the saved model"].mean())}

    return on_main(accelerator, write)


def _write(
    bare: Any,
    state: dict[str, Any],
    source: ModelSource,
    options: Options,
    folder: Path,
    rows: list[np.ndarray],
    device: Any,
) -> dict[str, np.ndarray]:
    """Write all files into `folder` and load them again; log-probabilities of the rows, by what has them."""
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()  # else ZeRO-3 would part what is loaded here over the ranks too
    found, computed = {}, bare.dtype
    if options.lora_rank:
        bare.save_pretrained(folder / "adapter", state_dict=state)
        adapted = _adapted(source, folder / "adapter", options, computed)
        found["the saved adapter"] = log_probabilities(adapted, rows)
        bare = _merged(adapted)
        state = bare.state_dict()
    bare.config.use_cache = True
    tied = bare.all_tied_weights_keys  # DeepSpeed's copies are no longer seen to be one tensor
    state = {k: v for k, v in state.items() if tied.get(k) not in state}
    kept = saved_dtype(computed, source.dtype)
    _save_pretrained(bare, _in(bare, state, kept), folder)
    _say_dtype(folder / "config.json", computed, kept)
    copy_tokenizer(source.name, options, folder)
    del bare, state
    found["the saved model"] = log_probabilities(_loaded(folder, options, device), rows)
    return found


def _save_pretrained(bare: Any, state: dict[str, Any], folder: Path) -> None:
    """Write weights, configuration and the settings for generation, these as they came: transformers, asked to write
    some that contradict each other (do_sample off and a top_p, as published models have), may refuse."""
    settings = bare.generation_config if bare.can_generate() else None
    if settings is not None:
        bare.generation_config = type(settings)()
    try:
        bare.save_pretrained(folder, state_dict=state)
    finally:
        bare.generation_config = settings
    if settings is not None:
        settings.to_json_file(folder / "generation_config.json", use_diff=True)


def saved_dtype(computed: Any, stored: Any) -> Any:
    """The torch dtype to write weights in: that of the model as it was given where training had them more exactly."""
    import torch

    narrower = stored is not None and torch.finfo(stored).bits < torch.finfo(computed).bits
    return stored if narrower else computed


def _in(bare: Any, state: dict[str, Any], dtype: Any) -> dict[str, Any]:
    """The weights in `dtype`, but those that the model wants in fp32 whatever the rest is in."""
    exact = [*(bare._keep_in_fp32_modules or ()), *(bare._keep_in_fp32_modules_strict or ())]
    return {
        name: value.to(dtype) if value.dtype == bare.dtype and not any(part in name for part in exact) else value
        for name, value in state.items()
    }


def _say_dtype(file: Path, computed: Any, kept: Any) -> None:
    """transformers has put the type of the model in memory into its configuration, and into those inside it."""
    was, now = (str(dtype).removeprefix("torch.") for dtype in (computed, kept))

    def said(config: Any) -> Any:
        if not isinstance(config, dict):
            return config
        return {k: now if k == "dtype" and v == was else said(v) for k, v in config.items()}

    file.write_text(json.dumps(said(json.loads(file.read_text(encoding="utf-8"))), indent=2) + "\n", encoding="utf-8")


def _loaded(folder: Path, options: Options, device: Any) -> Any:
    """The model as its users will have it; on the CPU where the GPU has no room beside what was trained."""
    import torch
    from transformers import AutoModelForCausalLM

    model = older_transformers.mend(
        AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=options.trust_remote_code, dtype="auto")
    )
    if device.type == "cuda":
        torch.cuda.empty_cache()
        if torch.cuda.mem_get_info(device)[0] > 1.3 * model.get_memory_footprint():
            model.to(device)
    return model


def _adapted(source: ModelSource, adapter: Path, options: Options, dtype: Any) -> Any:
    """The base model with the saved adapter, on the CPU."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(
        **source.asked_for,
        trust_remote_code=options.trust_remote_code,
        local_files_only=hub.cached_only(source.name, options.revision),
        dtype=dtype,
    )
    return PeftModel.from_pretrained(older_transformers.mend(base), adapter)


def _merged(adapted: Any) -> Any:
    """The base model with the adapter's product added to its weights; a weight that two layers share is parted first,
    because the product belongs to one of them alone."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers: list[Any] = [m.get_base_layer() for m in adapted.modules() if isinstance(m, BaseTunerLayer)]
    holders: dict[int, int] = {}
    for module in adapted.modules():
        for weight in module._parameters.values():
            holders[id(weight)] = holders.get(id(weight), 0) + 1
    shared = [layer for layer in layers if holders[id(layer.weight)] > 1]
    for layer in shared:
        layer.weight = torch.nn.Parameter(layer.weight.detach().clone(), requires_grad=False)
    merged = adapted.merge_and_unload()
    if shared:
        merged.config.tie_word_embeddings = merged.config.get_text_config().tie_word_embeddings = False
        merged.all_tied_weights_keys = {}
    return merged


CHAT_TEMPLATE = "chat_template.jinja"  # where transformers looks first


def save_chat_template(text: Path, folder: Path) -> None:
    """Put the chat template in the place of the one that the tokenizer brought, in all forms in which it is kept."""
    for old in folder.glob("chat_template*"):
        old.unlink()
    shutil.copyfile(text, folder / CHAT_TEMPLATE)
    config = folder / "tokenizer_config.json"
    if config.exists():
        kept = json.loads(config.read_text(encoding="utf-8"))
        if kept.pop("chat_template", None) is not None:
            write_text_whole(config, json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


TOKENIZER_FILES = [
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "chat_template*",
]  # fmt: skip


def copy_tokenizer(name: str, options: Options, folder: Path) -> None:
    """The tokenizer's files as they are, and its code where it has some: transformers, writing them anew, may change
    what they encode to."""
    source = Path(name)
    if not source.is_dir():
        from huggingface_hub import snapshot_download

        wanted = [*TOKENIZER_FILES, "*.py"]
        source = Path(snapshot_download(name, revision=options.revision, allow_patterns=wanted))
    patterns = list(TOKENIZER_FILES)
    config = source / "tokenizer_config.json"
    if config.exists() and "auto_map" in json.loads(config.read_text(encoding="utf-8")):
        patterns.append("*.py")
    for pattern in patterns:
        for file in source.glob(pattern):
            shutil.copyfile(file, folder / file.name)


def _move_into(folder: Path, partial: Path) -> None:
    """Put the finished files under their names, and take away weights that an earlier, larger model left."""
    new = {p.name for p in partial.iterdir()}
    for old in _weights(folder):
        if old.name not in new:
            old.unlink()
    for file in sorted(partial.iterdir()):
        target = folder / file.name
        if target.is_dir():
            shutil.rmtree(target)
        if file.is_file():
            file.chmod(0o644)  # safetensors makes its files the owner's alone
        os.replace(file, target)
    partial.rmdir()


def model_files(folder: Path) -> list[str]:
    """The files without which the saved model is none: weights, the adapter's too, and configuration."""
    files = [*_weights(folder), *folder.glob("adapter/*.safetensors"), folder / "config.json"]
    return sorted(str(p.relative_to(folder)) for p in files)


def _weights(folder: Path) -> Iterable[Path]:
    return [*folder.glob("model*.safetensors"), *folder.glob("model.safetensors.index.json")]
