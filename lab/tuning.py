"""One tuning run in this process, as `fgit train` makes it: no launcher, no DeepSpeed."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgit_cli.jsonl import read
from fgit_cli.training import losses, machines
from fgit_cli.training.data import PairStore, write_store
from fgit_cli.training.loop import train
from fgit_cli.training.options import Options


@dataclass(frozen=True)
class Tuned:
    """What a run left: the pairs it read, the records of its steps, its run.json."""

    pairs: PairStore
    steps: list[dict[str, Any]]
    about: dict[str, Any]


def tune(options: Options, loss: Callable[..., Any] = losses.loss) -> Tuned:
    """Train into `options.output_dir`, which is made anew; on the first GPU where there is one, else on the CPU."""
    model = Path(options.output_dir)
    shutil.rmtree(model, ignore_errors=True)
    job = model / "job"
    store = write_store(options.files, job / "pairs")
    accelerator = machines.start(options, machines.alone())
    train(options, accelerator, job, io.BytesIO(), loss)
    about = json.loads((model / "run.json").read_text(encoding="utf-8"))
    return Tuned(store, list(read([str(model / "steps.jsonl")])), about)
