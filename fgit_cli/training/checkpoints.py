"""Checkpoints that are whole or absent: a run killed at any moment goes on from the last one, to the same weights.

`checkpoint-STEP/` holds what accelerate saves (weights, optimizer, random states of every rank; DeepSpeed's shards)
and `state.json`, which says what run it belongs to. It is written under another name and renamed when all ranks are
done. The data order and the learning rate are functions of the step, so nothing else has a state.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from fgit_cli.errors import UsageError
from fgit_cli.messages import flag
from fgit_cli.options import resolved
from fgit_cli.training.data import PairStore
from fgit_cli.training.options import Options

PREFIX = "checkpoint-"
# Options that change rounding, memory or what is written, but not what is computed: a resumed run may change them.
FREE = ("attention", "layout", "token_budget", "gradient_checkpointing", "logging_steps", "model", "trust_remote_code")


def identity(options: Options, model: str, store: PairStore, accelerator: Any) -> dict[str, Any]:
    """What two parts of one run have in common."""
    plugin = accelerator.state.deepspeed_plugin
    return {
        "model": model,
        "data": store.about["fingerprint"],
        "ranks": accelerator.num_processes,
        "ZeRO stage": plugin.zero_stage if plugin else 0,
        "options": {k: v for k, v in resolved(options).items() if k not in FREE},
    }


def last(folder: Path) -> Path | None:
    """The whole checkpoint of the highest step."""
    whole = [p for p in folder.glob(f"{PREFIX}*") if (p / "state.json").exists() and _step(p) is not None]
    return max(whole, key=lambda p: _step(p) or 0, default=None)


def _step(folder: Path) -> int | None:
    number = folder.name.removeprefix(PREFIX)
    return int(number) if number.isdigit() else None


def save(accelerator: Any, folder: Path, step: int, run: dict[str, Any], keep: int) -> Path:
    """Write the checkpoint after `step` steps and remove all but the `keep` newest; called by every rank.

    Raises OSError, or what torch and safetensors make of one, where the disk is full.
    """
    whole = folder / f"{PREFIX}{step}"
    partial = folder / f".{PREFIX}{step}.partial"
    if accelerator.is_main_process:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    accelerator.wait_for_everyone()
    accelerator.save_state(str(partial))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        (partial / "state.json").write_text(json.dumps({"step": step, **run}, indent=2), encoding="utf-8")
        shutil.rmtree(whole, ignore_errors=True)
        os.replace(partial, whole)
        tidy(folder, keep)
    accelerator.wait_for_everyone()
    return whole


def tidy(folder: Path, keep: int) -> None:
    """Remove unfinished checkpoints and all whole ones but the `keep` newest."""
    for partial in folder.glob(f".{PREFIX}*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
    steps = sorted((s for p in folder.glob(f"{PREFIX}*") if (s := _step(p)) is not None), reverse=True)
    for step in steps[keep:]:
        shutil.rmtree(folder / f"{PREFIX}{step}", ignore_errors=True)


def load(accelerator: Any, checkpoint: Path) -> int:
    """Put the run back where the checkpoint left it; the number of steps done. Called by every rank."""
    accelerator.load_state(str(checkpoint))
    return read(checkpoint)["step"]


def read(checkpoint: Path) -> dict[str, Any]:
    return json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))


def check_same_run(checkpoint: Path, run: dict[str, Any]) -> None:
    """Refuse to go on with other options, data or ranks than the checkpoint was made with. Raises UsageError."""
    made = read(checkpoint)
    for key, now in run.items():
        then = made.get(key)
        if then == now:
            continue
        if isinstance(now, dict) and isinstance(then, dict):
            check_same(f"--resume: {checkpoint} was made", then, now)
        raise UsageError(f"--resume: {checkpoint} was made with other {key} ({then}) than this run's ({now})")


def check_same(what: str, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse options that differ from those that `what` was made with. Raises UsageError."""
    for name in now:
        if now[name] != then.get(name):
            raise UsageError(f"{what} with {flag(name)} {then.get(name)}, this run has {now[name]}")


def remove_run(folder: Path) -> None:
    """Take away what an earlier run left to be taken up again; the saved model stays until the new one replaces it."""
    tidy(folder, keep=0)
    for file in [folder / "run.json", folder / "steps.jsonl", *folder.glob("reference-*.npy")]:
        file.unlink(missing_ok=True)
