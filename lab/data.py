"""The data of a run: instructions of the training split, wrong variants of their solutions, masked pairs.

Made by the commands themselves, each in a process of its own, and kept in the work folder: a seed's data is made once.
"""

import re
import subprocess
import sys
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from fgit_cli.benches.mini import STUDENT
from fgit_cli.benches.mini.family import tasks
from fgit_cli.jsonl import dumps, read
from lab.arms import RECORDS, Arm
from lab.splits import TUNED, shape

FAMILY = 3_000  # tasks of the training split among which those of the tuned shapes are sought
OWN_ANSWERS = 8  # sampled from the student per instruction, at temperature 0.8
LOCALS = re.compile(r"\b(result|total|count|best|seen|found|value|part|item|character|word|i)\b")
NAMES = ("acc", "out", "res", "tmp", "cur", "ans", "box", "hit", "mark", "keep", "store", "got", "one", "j", "k", "n")


def fgit(*words: object) -> None:
    subprocess.run([sys.executable, "-m", "fgit_cli", *map(str, words), "--quiet"], check=True)


def instructions(work: Path, seed: int, tuned: bool) -> Path:
    """RECORDS records of the training split, drawn by the seed; with `tuned` of the shapes in TUNED alone."""
    path = work / f"instructions-{_name(seed, tuned)}.jsonl"
    if not path.exists():
        drawn = tasks("train", FAMILY, seed) if tuned else tasks("train", RECORDS, seed)
        kept = islice((t for t in drawn if not tuned or shape(t) in TUNED), RECORDS)
        path.write_bytes(b"".join(dumps(t.record()) for t in kept))
    return path


def _name(seed: int, tuned: bool) -> str:
    return f"tuned-{seed}" if tuned else str(seed)


def selected(work: Path, seed: int, variants: str, tuned: bool) -> Path:
    """All instructions of the seed; those with a usable wrong variant have the nearest one as `incorrect`."""
    path = work / f"selected-{variants}-{_name(seed, tuned)}.jsonl"
    if path.exists():
        return path
    source = instructions(work, seed, tuned)
    mutated, paired = work / "mutated.jsonl", work / "paired.jsonl"
    if variants == "rules":
        fgit("mutate", "--method", "universalmutator", "--seed", seed, source, "--output", mutated)
    else:
        fgit("mutate", "--method", "student", "--engine", "transformers", "--model", STUDENT, "--variants", OWN_ANSWERS,
             "--max-new-tokens", 200, "--batch-size", 64, "--seed", seed, source, "--output", mutated,
             "--work-dir", work / f"own-{_name(seed, tuned)}")  # fmt: skip
    fgit("select", "--by", "edit", mutated, "--output", paired)
    by_id = {r["id"]: r for r in read([str(paired)])}
    path.write_bytes(b"".join(dumps(by_id.get(r["id"], r)) for r in read([str(source)])))
    return path


def restyled(record: dict[str, Any], level: float = 1.0) -> dict[str, Any]:
    """The record with other local names in its code, drawn for each record: nobody can foretell them.

    Of the share `level` of the records, each level's among those of every higher one; the others are as they are.
    """
    if Random(f"restyled/{record['id']}").random() >= level:
        return record
    drawn: dict[str, str] = {}
    free = Random(record["id"]).sample(NAMES, len(NAMES))

    def other(name: re.Match[str]) -> str:
        return drawn.setdefault(name[0], free[len(drawn)])

    sides = ("response", "incorrect")
    return record | {side: LOCALS.sub(other, record[side]) for side in sides if side in record}


def pairs(work: Path, seed: int, arm: Arm) -> Path:
    """The arm's pairs. Every arm but the paired ones has all records: what mask leaves out is there without marks."""
    words = [arm.variants, str(seed), *(f"{k}={v}" for k, v in arm.mask.items())]
    words += [word for word in ("paired", "tuned") if getattr(arm, word)]
    words += [f"restyled={arm.restyled:g}"] * bool(arm.restyled)
    path = work / f"pairs-{'-'.join(words)}.jsonl"
    if path.exists():
        return path
    flags = [w for k, v in arm.mask.items() for w in (f"--{k}", v)]
    sources = [selected(work, seed, arm.variants, arm.tuned), instructions(work, seed, arm.tuned)]
    marked, plain = ({r["id"]: r for r in _masked(work, source, arm.restyled, *flags)} for source in sources)
    if arm.paired:
        kept = [r for r in marked.values() if r.get("incorrect_ids")]
    else:
        kept = [marked.get(name, record) for name, record in plain.items()]
    path.write_bytes(b"".join(map(dumps, kept)))
    return path


def _masked(work: Path, source: Path, level: float, *flags: object) -> list[dict[str, Any]]:
    made = work / "masked.jsonl"
    if level:
        other = work / "restyled.jsonl"
        other.write_bytes(b"".join(dumps(restyled(r, level)) for r in read([str(source)])))
        source = other
    fgit("mask", "--tokenizer", STUDENT, "--keep-unpaired", *flags, source, "--output", made)
    return list(read([str(made)]))
