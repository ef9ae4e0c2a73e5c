"""What a finished run leaves beside the model: `run.json`, which says all that made it, and a model card."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fgit_cli import __version__
from fgit_cli.jsonl import write_text_whole
from fgit_cli.messages import flag
from fgit_cli.options import resolved
from fgit_cli.training.data import PairStore
from fgit_cli.training.options import Options

PACKAGES = (
    "torch", "triton", "transformers", "accelerate", "deepspeed", "peft", "liger-kernel", "numpy", "safetensors",
)  # fmt: skip
SEEN = (
    ("eval_nll", "NLL of held-out pairs"),
    ("eval_told_apart", "share of held-out pairs told apart (H̄c > H̄a)"),
    ("eval_pass_at_1", "pass@1 of the first tasks of `--eval-bench`"),
)
TEMPLATE = "model_card.md.jinja"
SCHEDULE = ("learning_rate", "lr_scheduler_type", "warmup_ratio", "global_batch_size", "num_train_epochs", "seed")
TOLD = (
    ("loss", "loss"),
    ("nll_fault", "NLL on fault tokens"),
    ("nll_rest", "NLL on the other tokens"),
    ("weight", "W, mean over active pairs"),
    ("incorrect_preferred", "share of pairs with H̄a > H̄c"),
    ("inactive", "share of inactive pairs"),
    ("fork_preferred", "share of forks at which the correct token is likelier"),
)


def run_record(options: Options, store: PairStore, machine: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """What made the run: version, resolved options, data, model, machine and packages. JSON values."""
    data = {k: v for k, v in store.about.items() if k != "ids"}
    return {
        "fgit": __version__,
        "command": "train",
        "options": resolved(options),
        "model": model,
        "card": {"licence": options.license, "datasets": list(options.dataset)},
        "data": {"files": list(options.files) or ["-"], **data},
        "machine": machine | {"python": platform.python_version(), "packages": packages()},
    }


def packages() -> dict[str, str]:
    """The versions of what computes."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def write_run(folder: Path, run: dict[str, Any]) -> None:
    write_text_whole(folder / "run.json", json.dumps(run, indent=2, ensure_ascii=False) + "\n")


def write_card(folder: Path, run: dict[str, Any]) -> None:
    """Write README.md as model hubs read it, made of the run record."""
    from huggingface_hub import ModelCard, ModelCardData

    options, result, base = run["options"], run["result"], run["model"]["name"]
    licence = licence_of(run["card"]["licence"], base)
    local = Path(base).exists()
    metadata = ModelCardData(
        base_model=None if local else base, base_model_relation=None if local else "finetune",
        datasets=run["card"]["datasets"] or None, library_name="transformers", pipeline_tag="text-generation",
        tags=["code", "fault-guided-fine-tuning", options["objective"]], **licence,
    )  # fmt: skip
    last, held = result.get("last_step") or {}, result.get("held_out") or {}
    settings = [*_constants(options["objective"]), *SCHEDULE]
    card = ModelCard.from_template(
        metadata, template_str=(Path(__file__).parent / TEMPLATE).read_text(encoding="utf-8"),
        run=run, options=options, data=run["data"], name=Path(base).name, base=Path(base).name if local else base,
        licence=told(licence), datasets=", ".join(run["card"]["datasets"]),
        files=", ".join("stdin" if file == "-" else Path(file).name for file in run["data"]["files"]),
        settings=[(flag(name), options[name]) for name in settings],
        last=[(label, f"{last[name]:.4g}") for name, label in TOLD if last.get(name) is not None],
        held=list(held), best=result.get("best"),
        seen=[(label, [_figure(at.get(name)) for at in held.values()]) for name, label in SEEN
              if any(name in at for at in held.values())],
    )  # fmt: skip
    write_text_whole(folder / "README.md", f"{str(card).strip()}\n")


def licence_of(named: str | None, base: str) -> dict[str, Any]:
    """The metadata of the licence: the named one, else the base model's own as its card says; empty for neither."""
    from huggingface_hub import ModelCard

    if named:
        return {"license": named}
    try:
        card = Path(base) / "README.md"
        theirs = ModelCard.load(card if card.parent.exists() else base, ignore_metadata_errors=True).data.to_dict()
    except Exception:  # no card, no network, a card that is none: then nothing is known
        return {}
    return {key: str(theirs[key]) for key in ("license", "license_name", "license_link") if theirs.get(key)}


def told(licence: dict[str, Any]) -> str:
    if not licence:
        return "not known; `fgit train --license` names it."
    name = licence.get("license_name") or licence["license"]
    return f"{', '.join(filter(None, (name, licence.get('license_link'))))}."


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _constants(objective: str) -> tuple[str, ...]:
    constants: tuple[str, ...] = {
        "fgit": ("alpha",), "signed": ("alpha",), "fixed": ("fixed_weight",), "sft": (), "dft": (),
        "simpo": ("simpo_beta", "simpo_gamma"), "orpo": ("orpo_weight",), "focused-dpo": ("beta", "focused_weight"),
        "fork": ("fork_loss", "forks", "fork_beta", "fork_weight", "rest"),
    }.get(objective, ("beta",))  # fmt: skip
    if objective in ("rpo", "target-rpo"):
        constants += ("rpo_alpha",)
    return ("objective", *constants)
