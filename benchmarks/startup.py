"""How soon `--help` answers, beside a bare Python and one that imports typer.

    python -m benchmarks.startup

Wall-clock medians of 15 rounds, interleaved, on a warm disk; asked are 150 ms for `fgit --help` and `fgit mask --help`.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROUNDS = 15
PEERS = {
    "python -c pass": ["-c", "pass"],
    "python -c 'import typer'": ["-c", "import typer"],
    "fgit --help": ["-m", "fgit_cli", "--help"],
    "fgit mask --help": ["-m", "fgit_cli", "mask", "--help"],
    "fgit train --help": ["-m", "fgit_cli", "train", "--help"],
}


def main() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    seconds: dict[str, list[float]] = {name: [] for name in PEERS}
    for _ in range(ROUNDS + 1):
        for name, words in PEERS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *words], env=environment, stdout=subprocess.DEVNULL, check=True)
            seconds[name].append(time.perf_counter() - started)
    base = statistics.median(seconds["python -c pass"][1:])
    for name, taken in seconds.items():
        median = statistics.median(taken[1:])  # the first round warms the disk
        print(f"{name:<26} {1000 * median:6.0f} ms   {median / base:4.1f} x a bare Python")


if __name__ == "__main__":
    main()
