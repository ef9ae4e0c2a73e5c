"""Checkpoints that are whole or absent: a run killed at any moment goes on from the last one, to the same weights.

`checkpoint-STEP/` holds what accelerate saves (weights, optimizer, random states of every rank; DeepSpeed's shards)
and `state.json`, which says what run it belongs to. It is written under another name and renamed when all ranks are
done. `files.json` in it has every file's size and checksum: a checkpoint that a disk or a copy has damaged is passed
over for an older one. The data order and the learning rate are functions of the step, so nothing else has a state.
"""

import functools
import json
import os
import shutil
from pathlib import Path
from typing import Any

from fgit_cli.errors import EngineError, UsageError, one_line
from fgit_cli.messages import flag
from fgit_cli.options import resolved
from fgit_cli.training import manifest
from fgit_cli.training.data import PairStore
from fgit_cli.training.on_main import on_main
from fgit_cli.training.options import Options

PREFIX = "checkpoint-"
# Options that change rounding, memory or what is written, but not what is computed: a resumed run may change them.
FREE = (
    "attention",
    "kernels",
    "layout",
    "token_budget",
    "gradient_checkpointing",
    "logging_steps",
    "model",
    "trust_remote_code",
)


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


def steps_first(folder: Path) -> list[Path]:
    """All checkpoints, whole or not, the highest step first."""
    found = [p for p in folder.glob(f"{PREFIX}*") if _step(p) is not None]
    return sorted(found, key=lambda p: -(_step(p) or 0))


def last(folder: Path) -> Path | None:
    """The checkpoint of the highest step that has all of its files, by their sizes."""
    return next((p for p in steps_first(folder) if not manifest.missing(p)), None)


def newest_whole(folder: Path, accelerator: Any) -> tuple[Path | None, list[str]]:
    """The checkpoint of the highest step whose files are as they were written, and what is wrong with the later ones.

    Called by every rank.
    """
    wrong: list[str] = []
    for checkpoint in on_main(accelerator, lambda: steps_first(folder)):
        why = on_main(accelerator, functools.partial(manifest.missing, checkpoint))
        why = why or manifest.altered(checkpoint, accelerator=accelerator)
        if not why:
            return checkpoint, wrong
        wrong.append(f"{checkpoint} is damaged ({why})")
    return None, wrong


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
    manifest.seal(partial, accelerator)
    if accelerator.is_main_process:
        shutil.rmtree(whole, ignore_errors=True)
        os.replace(partial, whole)
        tidy(folder, keep)
    accelerator.wait_for_everyone()
    return whole


def tidy(folder: Path, keep: int) -> None:
    """Remove unfinished checkpoints and all but the `keep` newest; a damaged one does not count."""
    for partial in folder.glob(f".{PREFIX}*.partial"):
        shutil.rmtree(partial, ignore_errors=True)
    for checkpoint in steps_first(folder):
        if keep <= 0:
            shutil.rmtree(checkpoint, ignore_errors=True)
        elif not manifest.missing(checkpoint):
            keep -= 1


def load(accelerator: Any, checkpoint: Path) -> int:
    """Put the run back where the checkpoint left it; the number of steps done. Called by every rank.

    Raises EngineError for a checkpoint that is as it was written and cannot be read (by other versions of packages).
    """
    try:
        accelerator.load_state(str(checkpoint))
    except Exception as error:
        what = one_line(error, 200)
        raise EngineError(
            f"{checkpoint} cannot be read ({type(error).__name__}: {what}); was it written with other versions of "
            "torch, accelerate or DeepSpeed? Remove it to go on from an older one"
        ) from error
    return read(checkpoint)["step"]


def read(checkpoint: Path) -> dict[str, Any]:
    """What `state.json` says of a whole checkpoint."""
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
    for file in [folder / "run.json", folder / "steps.jsonl", *folder.glob("reference-*")]:
        file.unlink(missing_ok=True)
    shutil.rmtree(folder / "best", ignore_errors=True)
