"""What can go wrong during training, said in one line with what to do and from where the run can go on."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fgit_cli.errors import EngineError
from fgit_cli.training import checkpoints


class NotANumber(EngineError):
    """The loss or the gradient is NaN or infinite. The weights of the step before it are the last good ones."""


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn a full memory or disk into EngineError, and say where the run can go on. A bug stays what it is."""
    try:
        yield
    except NotANumber as error:
        raise EngineError(f"{error}; lower --learning-rate, or look at the data; {from_where(folder)}") from None
    except Exception as error:
        if out_of_memory(error):
            advice = "give a lower --token-budget, or use --gradient-checkpointing, --deepspeed zero3 or more GPUs"
            raise EngineError(f"out of memory: {advice}; {from_where(folder)}") from None
        if _disk_full(error):
            _remove_partial(folder)
            raise EngineError(f"{folder}: the disk is full; free room; {from_where(folder)}") from None
        raise


def from_where(folder: Path) -> str:
    """Where an unfinished run can go on."""
    checkpoint = checkpoints.last(folder)
    return f"--resume goes on from {checkpoint}" if checkpoint else "no checkpoint was written yet"


def out_of_memory(error: BaseException) -> bool:
    """Whether a GPU or the machine had no memory left."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in text
        or "CUDA out of memory" in text
    )


def _disk_full(error: BaseException) -> bool:
    """Whether the file system had no room; torch and safetensors hide that in errors of their own."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    text = str(error)
    return any(t in text for t in ("No space left on device", "PytorchStreamWriter failed", "Disk quota exceeded"))


def _remove_partial(folder: Path) -> None:
    with contextlib.suppress(OSError):
        checkpoints.tidy(folder, keep=10**9)


def check_room(folder: Path, weights: int, trained: int, bytes_each: int, kept: int) -> None:
    """Refuse to begin where the disk cannot hold what the run will write. Raises EngineError.

    `weights` and `trained` are counts of parameters; a checkpoint has the weights and three fp32 numbers for each
    trained one at most (master weight and Adam's two moments). `kept` checkpoints and one more exist at a time
    (0: none), and the saved model.
    """
    checkpoint = weights * bytes_each + 12 * trained
    needed = (kept + 1 if kept else 0) * checkpoint + weights * bytes_each
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EngineError(
            f"{folder}: {free / 2**20:,.0f} MiB free, but model and checkpoints need {needed / 2**20:,.0f} MiB; free "
            "room, choose another --output-dir, or --save-steps 0"
        )


def parameters(model: Any) -> tuple[int, int, int]:
    """Counts of all and of trained parameters (ZeRO-3 keeps them elsewhere), and the bytes of one."""
    sizes = [(getattr(p, "ds_numel", p.numel()), p.requires_grad) for p in model.parameters()]
    return sum(n for n, _ in sizes), sum(n for n, t in sizes if t), next(model.parameters()).element_size()
