"""How fast `fgit eval` checks samples beside evalplus, on the same samples, in full isolation.

    python -m benchmarks.eval [--bench humaneval|mbpp] [--part base|plus] [--rounds N]

Both sides judge the same samples with as many workers, in turn (A B A B); medians are printed. `base` times the base
tests alone (checks a second, more is better), `plus` base and plus tests (seconds for all, less is better). Apart from
that stand: `start`, what comes before the first check (imports, data; evalplus's ground truth, which it keeps, as fgit
keeps its own, made in the first pass); and `timeouts`, what the samples that run out of time on either side add to a
pass over all (they wait for a limit, 4 s here, 1 s there). What evalplus waits for at its end (a thread that looks
every 20 s whether it is stuck) is left out. evalplus runs as `evalplus.evaluate` runs it: a process pool, a process per
check, its own limits. It hands every check the plus inputs and outputs too; `evalplus-lean` is evalplus spared these
where base tests alone are timed. Verdicts that differ are named. 2 minutes for `base`, up to 8 for `plus`.
"""

import argparse
import contextlib
import gzip
import io
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import test_data

DATA = {"humaneval": "HumanEvalPlus-v0.1.10.jsonl.gz", "mbpp": "MbppPlus-v0.2.0.jsonl.gz"}
OVERRIDE = {"humaneval": "HUMANEVAL_OVERRIDE_PATH", "mbpp": "MBPP_OVERRIDE_PATH"}
Verdicts = list[tuple[str, str | None]]


class EvalPlus:
    """evalplus's own check, driven as its `evaluate` does."""

    level = ""

    def __init__(self, family: str, plus: bool, workers: int, lean: bool = False) -> None:
        began = time.perf_counter()
        from evalplus.data import get_human_eval_plus, get_human_eval_plus_hash, get_mbpp_plus, get_mbpp_plus_hash
        from evalplus.eval._special_oracle import MBPP_OUTPUT_NOT_NONE_TASKS
        from evalplus.evaluate import check_correctness, get_groundtruth

        self.check, self.family, self.plus, self.workers = check_correctness, family, plus, workers
        get, digest, kinds = {
            "humaneval": (get_human_eval_plus, get_human_eval_plus_hash, []),
            "mbpp": (get_mbpp_plus, get_mbpp_plus_hash, MBPP_OUTPUT_NOT_NONE_TASKS),
        }[family]
        with contextlib.redirect_stdout(io.StringIO()):
            self.problems = get()
            self.expected = get_groundtruth(self.problems, digest(), kinds)
        if lean:
            self.problems = {t: {**p, "plus_input": []} for t, p in self.problems.items()}
            self.expected = {t: {k: e[k] for k in ("base", "base_time")} for t, e in self.expected.items()}
        self.start = time.perf_counter() - began

    def judge(self, samples: list[dict[str, Any]]) -> Verdicts:
        with ProcessPoolExecutor(self.workers) as pool:
            futures = [
                pool.submit(
                    self.check, self.family, n, self.problems[s["task_id"]], s["solution"],
                    self.expected[s["task_id"]], not self.plus, True, n,
                )
                for n, s in enumerate(samples)
            ]  # fmt: skip
            done = [f.result() for f in futures]
        return [(r["base"][0], r["plus"][0] if self.plus else None) for r in done]

    def close(self) -> None:
        pass


class Lean(EvalPlus):
    """The same without the plus inputs and outputs, for base tests alone."""

    def __init__(self, family: str, plus: bool, workers: int) -> None:
        super().__init__(family, plus, workers, lean=True)


class Fgit:
    """What `fgit eval` does between reading a sample and writing its record."""

    def __init__(self, family: str, plus: bool, workers: int) -> None:
        began = time.perf_counter()
        from fgit_cli.benches import bench
        from fgit_cli.executor import Executor

        self.bench = bench.load(family + "+" * plus, os.environ[OVERRIDE[family]])
        self.executor = Executor(workers=workers)
        self.executor.__enter__()
        self.level = self.executor.level
        self.start = time.perf_counter() - began

    def judge(self, samples: list[dict[str, Any]]) -> Verdicts:
        from fgit_cli.options import FilterOptions
        from fgit_cli.stages.judge import Samples, Scores, judge
        from fgit_cli.stages.running import Tally

        made, scores, tally = Samples(self.bench), Scores(self.bench), Tally("eval", FilterOptions(strict=True))
        records = list(judge(map(made, samples), tally, self.bench, self.executor, scores))
        assert not tally.rejects, tally.rejects
        return [(record["base"], record["plus"]) for record, _ in records]

    def close(self) -> None:
        self.executor.__exit__(None, None, None)


class Apart:
    """A side in a process of its own, so that neither forks with the other's memory."""

    def __init__(self, name: str, side: type, *how: Any) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.here, there = context.Pipe()
        self.process = context.Process(target=work, args=(side, how, there))
        self.process.start()
        self.start, self.level = self.here.recv()

    def judge(self, samples: list[dict[str, Any]]) -> tuple[Verdicts, float]:
        """The verdicts, and the seconds that they took."""
        self.here.send(samples)
        verdicts, seconds = self.here.recv()
        print(f"{self.name}: {len(samples)} samples in {seconds:.2f} s", file=sys.stderr, flush=True)
        return verdicts, seconds

    def close(self) -> None:
        self.here.send(None)
        self.process.join()


def work(side: type, how: tuple, pipe: Any) -> None:
    """The process of one side: judges what comes until nothing more does."""
    multiprocessing.set_start_method("fork", force=True)  # evalplus's way on Linux; a spawned process would spawn
    runner = side(*how)
    pipe.send((runner.start, runner.level))
    while samples := pipe.recv():
        began = time.perf_counter()
        verdicts = runner.judge(samples)
        pipe.send((verdicts, time.perf_counter() - began))
    runner.close()


def read_samples(folder: Path, family: str, count: int | None) -> list[dict[str, Any]]:
    """The real samples of the test data, those of the benchmark's version."""
    with gzip.open(folder / "samples" / f"qwen2.5-coder-1.5b.{family}.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream]
    return [r for r in rows if "evalplus_base" in r and not r["timing_prone"]][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--bench", choices=list(DATA), default="humaneval")
    parser.add_argument("--part", choices=["base", "plus"], default="base")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, help="only the first N samples")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    asked = parser.parse_args()
    folder = test_data.folder()
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "data.jsonl"
        plain.write_bytes(gzip.decompress((folder / "bench" / DATA[asked.bench]).read_bytes()))
        os.environ[OVERRIDE[asked.bench]] = str(plain)
        compare(asked, read_samples(folder, asked.bench, asked.samples))


def compare(asked: argparse.Namespace, samples: list[dict[str, Any]]) -> None:
    plus = asked.part == "plus"
    named: dict[str, type] = {"evalplus": EvalPlus, **({} if plus else {"evalplus-lean": Lean}), "fgit": Fgit}
    sides = [Apart(name, side, asked.bench, plus, asked.workers) for name, side in named.items()]
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    try:
        first = {side.name: side.judge(samples)[0] for side in sides}
        slow = [n for n in range(len(samples)) if any("timeout" in verdicts[n] for verdicts in first.values())]
        quick = [s for n, s in enumerate(samples) if n not in slow]
        for _ in range(asked.rounds):
            for side in sides:
                seconds[side.name].append(side.judge(quick)[1])
        whole = {side.name: side.judge(samples)[1] for side in sides}
    finally:
        for side in sides:
            side.close()
    print(f"{asked.bench} {asked.part}, {asked.workers} workers, {asked.rounds} rounds, {sides[-1].level}")
    print(f"{len(quick)} samples that nobody stops for their time, {len(slow)} apart")
    print(f"{'':14}{'seconds':>9}{'checks/s':>10}{'start s':>9}{'timeouts s':>12}{'all s':>8}   rounds")
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    for side in sides:
        name, rounds = side.name, " ".join(f"{s:.1f}" for s in seconds[side.name])
        took, waits = middle[name], max(whole[name] - middle[name], 0)
        rate = len(quick) / took
        print(f"{name:14}{took:9.2f}{rate:10.1f}{side.start:9.1f}{waits:12.1f}{whole[name]:8.1f}   {rounds}")
    for name in list(named)[:-1]:
        ratio = middle[name] / middle["fgit"]
        print(f"fgit does {ratio:.2f} x the checks of {name} a second, in {1 / ratio:.2f} of its time; ", end="")
        print(f"with the timeouts in {whole['fgit'] / whole[name]:.2f}")
    other = [
        f"{s['task_id']} {theirs} {ours}"
        for s, theirs, ours in zip(samples, first["evalplus"], first["fgit"], strict=True)
        if [v == "pass" for v in theirs] != [v == "pass" for v in ours]
    ]
    print(f"verdicts that differ: {len(other)}" + "".join(f"\n  {line}" for line in other))


if __name__ == "__main__":
    main()
