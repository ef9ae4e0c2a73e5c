"""How `fgit mask` scales: alone, and over a Ray cluster of this machine, beside its own pool of processes.

    python -m benchmarks.scale --tokenizer FOLDER --records evol.jsonl.gz [--count 100000] [--workers 1 2 4]

Records are pairs made by one edit to a response, repeated to `--count` under new ids, in 8 files. For each number of
workers `fgit mask --workers N` writes one file, then `fgit mask --ray local --workers N` a folder; both are compared
byte for byte. Printed are records a second of wall time, with and without what Ray takes to start (a run over one
record), the overhead, the time to the first record, and the memory of all processes of fgit at a tenth of the records
and at all. The last line reckons what ten million records take on sixteen nodes of 64 cores.
"""

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.mask import pairs
from fgit_cli import jsonl

FILES = 8
NODES, CORES, MANY = 16, 64, 10_000_000
FGIT = [sys.executable, "-m", "fgit_cli", "mask"]


class Run:
    """One command from its start to its end: seconds, and the most memory of it and its children, in bytes (PSS)."""

    def __init__(self, words: list[str], folder: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
        started = time.perf_counter()
        self.memory = 0
        self.process = subprocess.Popen([*FGIT, *words], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        _, err = self.process.communicate()
        self.seconds = time.perf_counter() - started
        watch.join()
        if self.process.returncode:
            sys.exit(f"fgit mask {' '.join(words)}: {err}")

    def _watch(self) -> None:
        while self.process.poll() is None:
            try:
                whole = [psutil.Process(self.process.pid)]
                whole += [p for p in whole[0].children(recursive=True) if "python" in p.name() or "ray::" in p.name()]
                self.memory = max(self.memory, sum(p.memory_full_info().pss for p in whole))
            except psutil.Error:
                pass
            time.sleep(0.5)


def write(folder: Path, lines: list[bytes], count: int) -> list[str]:
    """So many records in 8 files, each with an id of its own; their names."""
    names = []
    for number in range(FILES):
        path = folder / f"{count}-{number}.jsonl"
        with path.open("wb") as stream:
            for i in range(number * count // FILES, (number + 1) * count // FILES):
                stream.write(jsonl.dumps({**jsonl.loads(lines[i % len(lines)].decode()), "id": f"r{i}"}))
        names.append(path.name)
    return names


def first_record(words: list[str], folder: Path) -> float:
    """Seconds until the first record is on stdout."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    started = time.perf_counter()
    process = subprocess.Popen([*FGIT, *words], cwd=folder, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    assert process.stdout
    process.stdout.readline()
    taken = time.perf_counter() - started
    process.stdout.close()
    process.wait()
    return taken


def equal(folder: Path, one: str, out: str) -> bool:
    """Whether the files of the folder `out` are, one after the other, the file `one`."""
    with (folder / "whole").open("wb") as stream:
        for part in sorted((folder / out).glob("*.jsonl")):
            stream.write(part.read_bytes())
    return filecmp.cmp(folder / "whole", folder / one, shallow=False)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--records", required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    lines = pairs(asked.records, min(asked.count, 2000))
    tokenizer = ["--quiet", "--tokenizer", str(Path(asked.tokenizer).resolve())]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files, few = write(folder, lines, asked.count), write(folder, lines, asked.count // 10)
        (folder / "one").write_bytes(lines[0])
        start = Run([*tokenizer, "--ray", "local", "--workers", "1", "one", "--output", "start"], folder).seconds
        first = first_record([*tokenizer, *files], folder)
        print(f"one record over Ray: {start:.1f} s; the first record of a pipe: {first:.1f} s")
        rate = 0.0
        for workers in asked.workers:
            own = [*tokenizer, "--workers", str(workers)]
            pool = Run([*own, *files, "--output", "one.jsonl"], folder)
            ray = Run([*own, "--ray", "local", *files, "--output", f"ray{workers}"], folder)
            tenth = Run([*own, *few, "--output", "few.jsonl"], folder)
            same = "equal byte for byte" if equal(folder, "one.jsonl", f"ray{workers}") else "NOT EQUAL"
            over, besides = (taken / pool.seconds - 1 for taken in (ray.seconds, ray.seconds - start))
            print(
                f"{workers} workers, {asked.count} records: pool {asked.count / pool.seconds:.0f}/s, "
                f"Ray {asked.count / ray.seconds:.0f}/s, overhead {over:+.1%}, its start aside {besides:+.1%}; {same}; "
                f"memory {pool.memory >> 20} MiB, at a tenth {tenth.memory >> 20} MiB, over Ray {ray.memory >> 20} MiB"
            )
            rate = max(rate, asked.count / max(ray.seconds - start, 1e-9) / workers)
        minutes = MANY / (rate * NODES * CORES) / 60
        print(f"reckoned: {MANY:,} records, {NODES} nodes of {CORES} cores, {rate:.0f}/s a core: {minutes:.1f} minutes")


if __name__ == "__main__":
    main()
