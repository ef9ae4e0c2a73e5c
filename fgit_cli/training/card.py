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
    """README.md as model hubs read it, made of the run record."""
    options, data, result = run["options"], run["data"], run["result"]
    base = run["model"]["name"]
    lines = ["---", "library_name: transformers", "pipeline_tag: text-generation"]
    if not Path(base).exists():
        lines.append(f"base_model: {base}")
    lines += ["tags:", "- code", "- fault-guided-fine-tuning", f"- {options['objective']}", "---", ""]
    lines += [f"# {Path(base).name}, tuned with fgit ({options['objective']})", ""]
    revision = f" at {run['model']['revision']}" if run["model"].get("revision") else ""
    lines += [
        f"`fgit train` {run['fgit']} tuned {base}{revision} with the objective `{options['objective']}` on "
        f"{data['pairs']} pairs ({data['active']} with marks on both sides, {data['correct_tokens']} tokens of correct "
        f"responses) in {result['steps']} steps. `run.json` has every option, version and figure; `steps.jsonl` every "
        "step.",
        "",
    ]
    lines += ["| option | value |", "|---|---|"]
    lines += [f"| `{flag(name)}` | {options[name]} |" for name in _constants(options["objective"])]
    lines += [f"| `{flag(name)}` | {options[name]} |" for name in SCHEDULE]
    last = result.get("last_step") or {}
    lines += ["", "| in the last logged step | |", "|---|---|"]
    lines += [f"| {label} | {last[name]:.4g} |" for name, label in TOLD if last.get(name) is not None]
    held = result.get("held_out") or {}
    if held:
        lines += ["", "| held out | " + " | ".join(held) + " |", "|---|" + "---|" * len(held)]
        for name, label in (("eval_nll", "NLL"), ("eval_told_apart", "share of pairs told apart (H̄c > H̄a)")):
            cells = (f"{at[name]:.4g}" if at[name] is not None else "none" for at in held.values())
            lines.append(f"| {label} | {' | '.join(cells)} |")
    lines += ["", "It was not evaluated here: `fgit eval --model FOLDER --bench humaneval+` does that.", ""]
    write_text_whole(folder / "README.md", "\n".join(lines))


def _constants(objective: str) -> tuple[str, ...]:
    constants: tuple[str, ...] = {
        "fgit": ("alpha",), "signed": ("alpha",), "fixed": ("fixed_weight",), "sft": (), "dft": (),
        "fork": ("fork_loss", "forks", "fork_beta", "fork_weight", "rest"),
    }.get(objective, ("beta",))  # fmt: skip
    if objective in ("rpo", "target-rpo"):
        constants += ("rpo_alpha",)
    return ("objective", *constants)
