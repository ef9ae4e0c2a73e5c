"""The best weights so far, kept beside the checkpoints until the run is over: for `--load-best`.

What is trained is kept, as one file of the main process; the rest of a model with adapters is as it was. Under ZeRO-3
and FSDP no rank has whole weights, and `--load-best` is refused.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from fgit_cli.training.head import unwrap
from fgit_cli.training.on_main import on_main

FOLDER = "best"


class Best:
    """What was best, by a figure that grows: `step` and `value`; None where nothing was kept yet."""

    def __init__(self, folder: Path, accelerator: Any, anew: bool) -> None:
        """`anew`: whatever an earlier run kept there is another's."""
        self.folder, self.accelerator = folder / FOLDER, accelerator
        if anew and accelerator.is_main_process:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.kept: dict[str, Any] | None = on_main(accelerator, self._kept)

    def _kept(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.folder / "best.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if (self.folder / found["file"]).exists() else None

    def consider(self, model: Any, step: int, value: float | None) -> None:
        """Keep the weights of this step if they are better than those kept. Called by every rank."""
        if value is None or (self.kept and value <= self.kept["value"]):
            return
        self.kept = {"step": step, "value": value, "file": f"step-{step}.safetensors"}
        if self.accelerator.is_main_process:
            self._write(model)
        self.accelerator.wait_for_everyone()

    def _write(self, model: Any) -> None:
        from safetensors.torch import save_file

        assert self.kept
        self.folder.mkdir(exist_ok=True)
        weights = {name: p.detach().cpu().contiguous().clone() for name, p in _trained(model)}
        save_file(weights, self.folder / self.kept["file"])
        partial = self.folder / "best.json.partial"
        partial.write_text(json.dumps(self.kept), encoding="utf-8")
        os.replace(partial, self.folder / "best.json")
        for old in self.folder.glob("*.safetensors"):
            if old.name != self.kept["file"]:
                old.unlink()

    def load(self, model: Any, step: int) -> dict[str, Any] | None:
        """Put the best weights into the model, unless they are those of this last step; what was best. Every rank."""
        from safetensors.torch import load_file

        if self.kept and self.kept["step"] != step:
            import torch

            weights = load_file(self.folder / self.kept["file"])
            with torch.no_grad():
                for name, p in _trained(model):
                    p.copy_(weights[name])
        self.accelerator.wait_for_everyone()
        return self.kept and {name: self.kept[name] for name in ("step", "value")}

    def remove(self) -> None:
        """Take away what was kept: the saved model is there."""
        if self.accelerator.is_main_process:
            shutil.rmtree(self.folder, ignore_errors=True)


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, p) for name, p in unwrap(model).named_parameters() if p.requires_grad]
