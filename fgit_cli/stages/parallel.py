"""Works on batches in several processes and gives their results in input order, with bounded memory.

A batch is sent off when it is full or when no further input is waiting, and what was sent off is handed back before
the program waits for input, so that a slow source never holds finished records back.
"""

import select
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from fgit_cli.errors import EngineError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

Item = TypeVar("Item")
BATCH = 64  # records
START = 256  # records done here before other processes are worth starting

_work: Callable[[Any], Any]


def waiting(files: list[str]) -> bool:
    """Whether more input can be read at once; always so for files."""
    if files and "-" not in files:
        return True
    try:
        return bool(select.select([sys.stdin], [], [], 0)[0])
    except (OSError, ValueError):  # stdin is closed or no descriptor
        return True


def batches(items: Iterable[Item], more: Callable[[], bool]) -> Iterator[tuple[list[Item], bool]]:
    """The items in batches, each with whether to go on reading before its results are out."""
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if not more():
            yield batch, False
            batch = []
        elif len(batch) == BATCH:
            yield batch, True
            batch = []
    if batch:
        yield batch, False


def ordered(
    work: Callable[[list[Any]], Any],
    items: Iterable[Item],
    outline: Callable[[Item], Any],
    workers: int,
    more: Callable[[], bool],
) -> Iterator[tuple[list[Item], Any]]:
    """Each batch of items with `work([outline(item), ...])`, in order.

    `work` and what `outline` makes must be picklable. At most two batches a worker are on their way.
    """
    executor: ProcessPoolExecutor | None = None
    sent: deque[tuple[list[Item], Future[Any]]] = deque()
    done = 0
    try:
        for batch, go_on in batches(items, more):
            if workers > 1 and executor is None and done >= START:
                executor = _start(work, workers)
            if executor is None:
                yield batch, work([outline(item) for item in batch])
                done += len(batch)
                continue
            sent.append((batch, executor.submit(_run, [outline(item) for item in batch])))
            while sent and (not go_on or len(sent) > 2 * workers):
                batch, future = sent.popleft()
                yield batch, _result(future)
        while sent:
            batch, future = sent.popleft()
            yield batch, _result(future)
    finally:
        if executor:
            executor.shutdown(wait=False, cancel_futures=True)


def _start(work: Callable[[list[Any]], Any], workers: int) -> "ProcessPoolExecutor":
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")  # a fork would copy the tokenizer's threads' locks
    return ProcessPoolExecutor(workers, context, initializer=_take, initargs=(work,))


def _take(work: Callable[[list[Any]], Any]) -> None:
    import signal

    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops the work


def _run(batch: list[Any]) -> Any:
    return _work(batch)


def _result(future: "Future[Any]") -> Any:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        raise EngineError("a worker process died (out of memory?); try again with fewer --workers") from None
