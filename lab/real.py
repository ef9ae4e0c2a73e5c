"""A real instruct model on real faults: does tuning teach it the correct token, and what does it forget?

    make smol
    FGIT_TEST_DATA=... python -m lab.real --model smol --work lab-work/real [--sources bugs rules own] [--seeds 0]

SmolLM2-135M-Instruct, made by `make smol`, is tuned on pairs of at most LONGEST tokens: `bugs`, human-made bugs of
HumanEvalPack in other languages; `own`, its own failing answers to MBPP; `rules`, universalmutator's variants of
Evol-Instruct, the control that should teach nothing. It is judged on pairs that it was not tuned on, HumanEvalPack's
Python and QuixBugs, by `fgit eval --bench discrimination`. The mean log-ratio at the fork is primary. Resumable: a run
is done when its rows stand in lab/results/real.jsonl, one for each set it is judged on.
"""

import argparse
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fgit_cli.jsonl import dumps, read
from lab.rows import RESULTS

ROWS = RESULTS / "real.jsonl"
PAIRS, LONGEST = 200, 320
RATE, BATCH = 1e-4, 16
ARMS = {"SFT": ("--objective", "sft"), "FGit": (), "fork": ("--objective", "fork")}
JUDGED = ("humanevalpack", "quixbugs")


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


def pairs(source: str, model: Path, data: Path, work: Path) -> Path:
    """The first PAIRS masked pairs of a source to tune on, each of at most LONGEST tokens."""
    if source == "bugs":
        raw = data / "pairs" / "humanevalpack-odd-other.jsonl.gz"
    elif source == "rules":
        some = work / "evol.jsonl"
        with gzip.open(data / "instruct" / "evol.jsonl.gz", "rb") as lines:
            some.write_bytes(b"".join(line for _, line in zip(range(4 * PAIRS), lines, strict=False)))
        made = fgit("mutate", "--method", "universalmutator", some, output=work / "rules.jsonl")
        raw = fgit("select", "--by", "edit", made, output=work / "rules-selected.jsonl")
    else:  # about an hour on two cores
        made = fgit(
            "mutate", "--method", "student", "--engine", "transformers", "--model", model, "--variants", 8,
            "--max-new-tokens", 200, "--batch-size", 16, data / "bench" / "mbpp.jsonl.gz", "--work-dir", work / "own",
            output=work / "own.jsonl",
        )  # fmt: skip
        raw = fgit("select", "--by", "edit", made, output=work / "own-selected.jsonl")
    masked = fgit("mask", "--tokenizer", model, "--gaps", "fork", raw, output=work / f"masked-{source}.jsonl")
    kept = (r for r in read([str(masked)]) if _longer(r) <= LONGEST)
    file = work / f"pairs-{source}.jsonl"
    file.write_bytes(b"".join(dumps(r) for _, r in zip(range(PAIRS), kept, strict=False)))
    return file


def _longer(record: dict[str, Any]) -> int:
    return len(record["prompt_ids"]) + max(len(record[side]) for side in ("correct_ids", "incorrect_ids"))


def judge(about: dict[str, Any], model: Path, base: Path, data: Path, work: Path) -> None:
    """Append a row for each set: the pairs' log-ratios and NLLs, in the order of their ids."""
    for name in JUDGED:
        told = work / "told.jsonl"
        told.unlink(missing_ok=True)
        fgit(
            "eval", "--bench", "discrimination", "--model", model, "--data", judged(name, base, data, work), output=told
        )
        found = {r["task_id"]: (r["log_ratio"], r["nll"]) for r in read([str(told)])}
        with open(ROWS, "ab") as rows:
            rows.write(dumps(about | {"judged": name, "pairs": found}))


def run(arm: str, source: str, seed: int, base: Path, data: Path, work: Path) -> None:
    """Tune and judge."""
    tuned, began = work / "model", time.monotonic()
    shutil.rmtree(tuned, ignore_errors=True)
    words = [
        "train", pairs(source, base, data, work), "--model", base, "--output-dir", tuned, "--learning-rate", RATE,
        "--global-batch-size", BATCH, "--seed", seed, "--save-steps", 0, "--token-budget", 2048, *ARMS[arm],
    ]  # fmt: skip
    with open(work / "steps.jsonl", "wb") as steps:
        subprocess.run([sys.executable, "-m", "fgit_cli", *map(str, words)], check=True, stdout=steps)
    share = json.loads((tuned / "run.json").read_text(encoding="utf-8"))["fault_share"]
    about = {"arm": arm, "source": source, "seed": seed, "seconds": round(time.monotonic() - began), "share": share}
    judge(about, tuned, base, data, work)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=Path("smol"))
    parser.add_argument("--work", type=Path, default=Path("lab-work/real"))
    parser.add_argument("--sources", nargs="+", default=["bugs", "rules"], choices=("bugs", "own", "rules"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    data = os.environ.get("FGIT_TEST_DATA")
    if not args.model.is_dir():
        sys.exit(f"real: no model in {args.model}, so nothing is run; `make smol` makes it")
    if not data:
        sys.exit("real: FGIT_TEST_DATA names no test data, so nothing is run")
    args.work.mkdir(parents=True, exist_ok=True)
    done = {(r["arm"], r["source"], r["seed"]) for r in read([str(ROWS)])} if ROWS.exists() else set()
    if ("base", None, 0) not in done:
        about = {"arm": "base", "source": None, "seed": 0, "seconds": 0, "share": None}
        judge(about, args.model, args.model, Path(data), args.work)
    for seed in args.seeds:
        for source in args.sources:
            for arm in ARMS:
                if (arm, source, seed) not in done:
                    run(arm, source, seed, args.model, Path(data), args.work)
                    print(f"real: {arm} on {source}, seed {seed}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
