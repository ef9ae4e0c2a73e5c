"""gpu.py's part `memory`: a run on a card that another program has nearly filled ends with the loss of a free card's.

A pass of all 64 pairs does not fit there; the command is to halve its passes and say so, under ZeRO-2 as it is used.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from benchmarks.gpu_paths import FIFTY, Path_, report, run, write_model
from benchmarks.gpu_speed import Clock, say

ROOM = 5.0  # GiB that are left to the run, its context and the communicator's buffers among them
STEPS = 3


@contextmanager
def nearly_full(room: float) -> Iterator[float]:
    """Hold all of the card but `room` GiB; what was free then, in GiB."""
    free, _ = torch.cuda.mem_get_info()
    held = torch.empty(max(0, int(free - room * 2**30)), dtype=torch.uint8, device="cuda")
    try:
        yield torch.cuda.mem_get_info()[0] / 2**30
    finally:
        del held
        torch.cuda.empty_cache()


def main(folder: Path, limit: float) -> None:
    clock = Clock(limit)
    work = Path(tempfile.mkdtemp())
    small = write_model(work / "small", "Llama", FIFTY, folder / "tokenizer")
    torch.cuda.empty_cache()
    more = ["--max-steps", str(STEPS), "--num-train-epochs", str(STEPS), "--global-batch-size", "64",
            "--token-budget", "32768", "--save-steps", "0"]  # fmt: skip
    ways = [Path_("a free card", []), Path_("nearly full", [], near=1e-3)]
    say(f"a pass of 32,768 tokens, 50 M parameters, {STEPS} steps of 64 pairs on {torch.cuda.get_device_name()}")
    run(ways[0], small, folder, work, more, clock.left() - 2)
    report(ways[0], ways[0])
    with nearly_full(ROOM) as free:
        say(f"  {free:.1f} GiB of the card are left")
        run(ways[1], small, folder, work, more, clock.left() - 2)
    report(ways[1], ways[0])
    said = [line for line in ways[1].found["told"] if "halves" in line or "memory" in line]
    for line in said or ["it did not say that a pass ran out of memory"]:
        say(f"    {line[:300]}")
