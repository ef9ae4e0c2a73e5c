"""A real instruct model on real faults: does tuning teach it the correct token, and what does it forget?

    make smol
    FGIT_TEST_DATA=... python -m lab.real --model smol --work lab-work/real

SmolLM2-135M-Instruct, made by `make smol`, is tuned whole on pairs of at most LONGEST tokens: `bugs`, human-made bugs
of HumanEvalPack in other languages; `own`, its own failing answers to MBPP; `rules`, universalmutator's variants of
Evol-Instruct, the control that should teach nothing. It is judged on pairs that it was not tuned on, HumanEvalPack's
Python and QuixBugs, as by `fgit eval --bench discrimination`. The mean log-ratio at the fork is primary. Resumable: a
run is done when its rows stand in lab/results/real.jsonl, one for each set it is judged on.

A run takes some fifteen minutes of two cores, and seconds on a GPU, where the page's table was made with `--sources
bugs own rules --rates 3e-5 1e-4 3e-4 --seeds 0 1 2 --at-once 10`; the answers to MBPP were sampled there in batches of
512, not of OWN_BATCH.
"""

import argparse
import gzip
import multiprocessing
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from fgit_cli.jsonl import dumps, read
from lab.rows import RESULTS

ROWS = RESULTS / "real.jsonl"
PAIRS, LONGEST = 200, 320
OWN_TASKS, OWN_BATCH = 480, 16  # MBPP's first tasks are answered, so many answers at a time
RATE, BATCH, TOKENS = 1e-4, 16, 2048
ARMS: dict[str, dict[str, Any]] = {
    "SFT": {"objective": "sft"},
    "FGit": {"objective": "fgit"},
    "fork": {"objective": "fork"},
    "fork + dft": {"objective": "fork", "rest": "dft"},
}
JUDGED = ("humanevalpack", "quixbugs")
SOURCES = ("bugs", "own", "rules")


class Run(NamedTuple):
    """One tuned model; `base`, tuned on nothing, is the model as it is."""

    arm: str
    source: str | None
    rate: float
    seed: int


BASE = Run("base", None, 0.0, 0)


def fgit(*words: object, output: Path) -> Path:
    """Run a command into a file, unless the file is there."""
    if not output.exists():
        subprocess.run(
            [sys.executable, "-m", "fgit_cli", *map(str, words), "--output", str(output), "--quiet"], check=True
        )
    return output


def quixbugs(path: Path) -> Iterator[dict[str, Any]]:
    """QuixBugs' programs as records; what a program is for stands behind its buggy version."""
    for row in read([str(path)]):
        code, _, told = row["buggy"].partition('"""')
        asked = re.sub(r'"""\s*$', "", told).strip() or row["name"]
        yield {
            "id": row["name"], "instruction": f"Write a Python function.\n\n{asked}",
            "response": row["correct"].strip() + "\n", "incorrect": code.strip() + "\n",
        }  # fmt: skip


def judged(name: str, model: Path, data: Path, work: Path) -> Path:
    """The masked pairs of a set to be judged on."""
    source = data / "pairs" / ("humanevalpack-even.jsonl.gz" if name == "humanevalpack" else "quixbugs.jsonl.gz")
    if name == "quixbugs":
        source, rows = work / "quixbugs.jsonl", list(quixbugs(source))
        source.write_bytes(b"".join(map(dumps, rows)))
    return fgit("mask", "--tokenizer", model, "--gaps", "fork", source, output=work / f"judged-{name}.jsonl")


def pairs(source: str | None, model: Path, data: Path, work: Path) -> Path:
    """The first PAIRS masked pairs of a source to tune on, each of at most LONGEST tokens."""
    if source == "bugs":
        raw = data / "pairs" / "humanevalpack-odd-other.jsonl.gz"
    elif source == "rules":
        some = work / "evol.jsonl"
        with gzip.open(data / "instruct" / "evol.jsonl.gz", "rb") as lines:
            some.write_bytes(b"".join(line for _, line in zip(range(4 * PAIRS), lines, strict=False)))
        made = fgit("mutate", "--method", "universalmutator", some, output=work / "rules.jsonl")
        raw = fgit("select", "--by", "edit", made, output=work / "rules-selected.jsonl")
    else:  # half an hour on two cores, as reckoned
        made = fgit(
            "mutate", "--method", "student", "--engine", "transformers", "--model", model, "--variants", 8,
            "--max-new-tokens", 200, "--batch-size", OWN_BATCH, "--limit", OWN_TASKS, data / "bench" / "mbpp.jsonl.gz",
            "--work-dir", work / "own", output=work / "own.jsonl",
        )  # fmt: skip
        raw = fgit("select", "--by", "edit", made, output=work / "own-selected.jsonl")
    masked = fgit("mask", "--tokenizer", model, "--gaps", "fork", raw, output=work / f"masked-{source}.jsonl")
    kept = (r for r in read([str(masked)]) if _longer(r) <= LONGEST)
    file = work / f"pairs-{source}.jsonl"
    file.write_bytes(b"".join(dumps(r) for _, r in zip(range(PAIRS), kept, strict=False)))
    return file


def _longer(record: dict[str, Any]) -> int:
    return len(record["prompt_ids"]) + max(len(record[side]) for side in ("correct_ids", "incorrect_ids"))


def judge(run: Run, model: Path, judged_on: dict[str, Path], about: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each set: the pairs' log-ratios and NLLs, by their ids."""
    from fgit_cli.stages.discriminate import discriminate

    rows = []
    for name, file in judged_on.items():
        found = {r["task_id"]: (r["log_ratio"], r["nll"]) for r in discriminate(str(model), str(file))}
        rows.append({**run._asdict(), **about, "judged": name, "pairs": found})
    return rows


def tuned(run: Run, base: Path, file: Path, judged_on: dict[str, Path]) -> list[dict[str, Any]]:
    """Tune the model on a file of pairs and judge it."""
    from fgit_cli.training.options import Options
    from lab.tuning import tune

    began = time.monotonic()
    with TemporaryDirectory(prefix="real-") as folder:
        options = Options(
            quiet=True, files=[str(file)], model=str(base), output_dir=folder, seed=run.seed, learning_rate=run.rate,
            global_batch_size=BATCH, save_steps=0, token_budget=str(TOKENS), **ARMS[run.arm],
        )  # fmt: skip
        share = tune(options).about["fault_share"]
        about = {"seconds": round(time.monotonic() - began), "share": share}
        return judge(run, Path(folder), judged_on, about)


def keep(rows: list[dict[str, Any]]) -> None:
    with open(ROWS, "ab") as out:
        out.write(b"".join(map(dumps, rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("smol"))
    parser.add_argument("--work", type=Path, default=Path("lab-work/real"))
    parser.add_argument("--sources", nargs="+", default=["bugs", "rules"], choices=SOURCES, help="bugs rules")
    parser.add_argument("--rates", type=float, nargs="+", default=[RATE])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--at-once", type=int, default=1, help="runs at a time, each in a process of its own")
    args = parser.parse_args()
    named = os.environ.get("FGIT_TEST_DATA")
    if not args.model.is_dir():
        sys.exit(f"real: no model in {args.model}, so nothing is run; `make smol` makes it")
    if not named:
        sys.exit("real: FGIT_TEST_DATA names no test data, so nothing is run")
    data, work = Path(named), args.work
    work.mkdir(parents=True, exist_ok=True)
    done = {Run(*(r[name] for name in Run._fields)) for r in read([str(ROWS)])} if ROWS.exists() else set()
    judged_on = {name: judged(name, args.model, data, work) for name in JUDGED}
    asked = [Run(a, s, r, n) for n in args.seeds for s in args.sources for r in args.rates for a in ARMS]
    missing = [run for run in asked if run not in done]
    files = {source: pairs(source, args.model, data, work) for source in dict.fromkeys(r.source for r in missing)}
    if BASE not in done:
        keep(judge(BASE, args.model, judged_on, {"seconds": 0, "share": None}))
    # Spawned: a GPU's state does not survive a fork.
    with ProcessPoolExecutor(args.at_once, mp_context=multiprocessing.get_context("spawn")) as pool:
        left = {pool.submit(tuned, run, args.model, files[run.source], judged_on): run for run in missing}
        for ended in as_completed(left):
            keep(ended.result())
            print(f"real: {left[ended]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
