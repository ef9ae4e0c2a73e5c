"""How `fgit mask` scales: alone, and over a Ray cluster of this machine, beside its own pool of processes.

    python -m benchmarks.scale [--tokenizer FOLDER] [--records evol.jsonl.gz] [--count 100000] [--workers 1 2]
        [--rounds 3] [--model NAME --gpu h100] [--teacher-rate TOKENS]

Records are pairs made by one edit to a response, repeated to `--count` under new ids, in 8 files. In each round and
for each number of workers `fgit mask --workers N` writes one file and `fgit mask --ray local --workers N` a folder, in
turn; both are compared byte for byte. Printed are medians: records a second of wall time, the overhead of Ray in wall
time (all, and without what it takes to start, a run over one record) and in processor time of all processes, which
other work on the machine changes little; then the memory (PSS) of fgit's processes at a tenth of the records and at
all.

The last lines reckon what ten million records take on sixteen nodes of 64 cores and 8 GPUs: `mask` by the rate
measured, the teacher's tokens by `fgit mutate --dry-run` (hours with `--teacher-rate`, tokens a second of one GPU), an
epoch by `fgit train --dry-run` with `--model` and `--gpu`.
"""

import argparse
import filecmp
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks import test_data
from benchmarks.mask import pairs
from fgit_cli import jsonl

FILES = 8
NODES, CORES, GPUS, MANY = 16, 64, 8, 10_000_000
PAIRS = 8  # of a training step, on each GPU
FGIT = [sys.executable, "-m", "fgit_cli"]


class Run:
    """One command from its start to its end, watched twice a second; its memory, which takes long, less often.

    `seconds` of wall time; `worked`, processor seconds of it and all processes below it; `memory`, the most that those
    of Python held together, in bytes (PSS).
    """

    def __init__(self, words: list[str], folder: Path) -> None:
        started = time.perf_counter()
        self.memory = 0
        self.times: dict[int, float] = {}
        self.process = subprocess.Popen(
            [*FGIT, *words], cwd=folder, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        self.out, err = self.process.communicate()
        self.seconds = time.perf_counter() - started
        watch.join()
        self.worked = sum(self.times.values())
        if self.process.returncode:
            sys.exit(f"fgit {' '.join(words)}: {err}")

    def _watch(self) -> None:
        for turn in itertools.count():
            if self.process.poll() is not None:
                return
            memory = 0
            for process in self._all():
                try:
                    used = process.cpu_times()
                    self.times[process.pid] = used.user + used.system
                    if turn % 4 == 1 and ("python" in process.name() or "ray::" in process.name()):
                        memory += process.memory_full_info().pss
                except psutil.Error:  # it has just ended
                    pass
            self.memory = max(self.memory, memory)
            time.sleep(0.5)

    def _all(self) -> list[psutil.Process]:
        try:
            whole = psutil.Process(self.process.pid)
            return [whole, *whole.children(recursive=True)]
        except psutil.Error:
            return []


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}


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
    started = time.perf_counter()
    process = subprocess.Popen([*FGIT, *words], cwd=folder, env=environment(), stdout=subprocess.PIPE,
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


class Beside:
    """Runs of the pool and of Ray in turn, with one number of workers."""

    def __init__(self, workers: int, words: list[str], folder: Path) -> None:
        self.workers, self.folder = workers, folder
        self.words = ["mask", *words, "--workers", str(workers)]
        self.pool: list[Run] = []
        self.ray: list[Run] = []
        self.starts: list[Run] = []

    def run(self, files: list[str]) -> None:
        out = f"ray{self.workers}-{len(self.ray)}"
        over = ["--ray", "local"]
        self.starts.append(Run([*self.words, *over, "one", "--output", f"{out}-start"], self.folder))
        self.pool.append(Run([*self.words, *files, "--output", "one.jsonl"], self.folder))
        self.ray.append(Run([*self.words, *over, *files, "--output", out], self.folder))
        if not equal(self.folder, "one.jsonl", out):
            sys.exit(f"{self.workers} workers: NOT EQUAL byte for byte")

    def tell(self, count: int, few: list[str]) -> float:
        """Print the medians; the records a second of one worker of Ray's, its start aside."""
        pool, ray, start = (
            statistics.median(run.seconds for run in runs) for runs in (self.pool, self.ray, self.starts)
        )
        worked = statistics.median(r.worked / p.worked for p, r in zip(self.pool, self.ray, strict=True))
        over = statistics.median(r.seconds / p.seconds for p, r in zip(self.pool, self.ray, strict=True))
        tenth = Run([*self.words, *few, "--output", "few.jsonl"], self.folder)
        tenth_ray = Run([*self.words, "--ray", "local", *few, "--output", f"few-ray{self.workers}"], self.folder)
        print(
            f"{self.workers} workers, {count} records, {len(self.ray)} rounds: pool {count / pool:.0f}/s, "
            f"Ray {count / ray:.0f}/s, equal byte for byte; overhead {over - 1:+.1%}, its start ({start:.1f} s) aside "
            f"{(ray - start) / pool - 1:+.1%}, in processor time {worked - 1:+.1%}; memory {_mib(self.pool)} MiB, "
            f"at a tenth {_mib([tenth])} MiB; over Ray {_mib(self.ray)} and {_mib([tenth_ray])} MiB",
            flush=True,
        )
        return count / max(ray - start, 1e-9) / self.workers


def _mib(runs: list[Run]) -> int:
    return max(run.memory for run in runs) >> 20


def reckon(rate: float, folder: Path, asked: argparse.Namespace) -> None:
    """Print what ten million records take on sixteen nodes; `rate` is that of `mask`, records a second and core."""
    print(f"reckoned for {MANY:,} records on {NODES} nodes of {CORES} cores and {GPUS} GPUs:")
    print(f"  mask: {rate:.0f}/s a core: {MANY / (rate * NODES * CORES) / 60:.1f} minutes")
    said = json.loads(Run(["mutate", "--quiet", "--dry-run", str(Path(asked.records).resolve())], folder).out)
    tokens = MANY / said["requests"] * said["expected_answer_tokens"]
    asked_of_it = MANY / said["requests"] * said["prompt_tokens"]
    line = f"  mutate: {asked_of_it / 1e9:.1f} billion tokens of prompts, {tokens / 1e9:.1f} billion of answers"
    if asked.teacher_rate:
        line += f": {tokens / (asked.teacher_rate * NODES * GPUS) / 3600:.1f} hours at {asked.teacher_rate}/s a GPU"
    print(line)
    if asked.model:
        machines = f"--num-machines {NODES} --num-processes {GPUS} --main-process-ip node-0"
        machines += f" --num-train-epochs 1 --global-batch-size {PAIRS * NODES * GPUS}"
        words = ["train", "one.jsonl", "--model", asked.model, "--dry-run", "--gpu", asked.gpu, *machines.split()]
        said = json.loads(Run(words, folder).out)
        hours = said["hours"] * MANY / said["pairs"]
        steps = f"{PAIRS * NODES * GPUS} pairs a step"
        print(f"  train: {said['parameters'] / 1e9:.1f} B parameters, {asked.gpu}, {steps}: {hours:.2f} hours an epoch")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tokenizer", help="the test data's qwen2")
    parser.add_argument("--records", help="the test data's Evol-Instruct")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model")
    parser.add_argument("--gpu", default="h100")
    parser.add_argument("--teacher-rate", type=float)
    asked = parser.parse_args()
    asked.tokenizer = asked.tokenizer or str(test_data.folder("tok", "qwen2"))
    asked.records = asked.records or str(test_data.folder("instruct", "evol.jsonl.gz"))
    lines = pairs(asked.records, min(asked.count, 2000))
    words = ["--quiet", "--tokenizer", str(Path(asked.tokenizer).resolve())]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        files, few = write(folder, lines, asked.count), write(folder, lines, asked.count // 10)
        (folder / "one").write_bytes(lines[0])
        print(f"the first record of a pipe: {first_record(['mask', *words, *files], folder):.1f} s", flush=True)
        beside = [Beside(workers, words, folder) for workers in asked.workers]
        for _ in range(asked.rounds):
            for one in beside:
                one.run(files)
        reckon(max(one.tell(asked.count, few) for one in beside), folder, asked)


if __name__ == "__main__":
    main()
