"""What one rank does for all of them: its failure is the failure of every rank, so that none waits for ever."""

from collections.abc import Callable
from typing import Any, TypeVar

from fgit_cli.errors import EngineError, FgitError

T = TypeVar("T")


def on_main(accelerator: Any, work: Callable[[], T]) -> T:
    """What `work` returns on the main process, given to every rank; called by every rank.

    Raises on every rank what `work` raises: an error of fgit's as it is, any other as itself on the main process and as
    an EngineError that names it on the rest.
    """
    if accelerator.num_processes == 1:
        return work()
    from accelerate.utils import broadcast_object_list

    raised: Exception | None = None
    told: list[Any] = [None, None]
    if accelerator.is_main_process:
        try:
            told = [work(), None]
        except FgitError as error:
            raised, told = error, [None, error]
        except Exception as error:
            raised, told = error, [None, EngineError(f"rank 0 failed: {type(error).__name__}: {error}")]
    broadcast_object_list(told)
    if raised or told[1]:
        raise raised or told[1]
    result: T = told[0]
    return result
