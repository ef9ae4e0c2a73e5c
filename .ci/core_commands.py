"""Run every command of an fgit that was installed without any extra: it works, or names the extra that it needs.

Run by .ci/core-check with that installation's Python, in an empty folder.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from fgit_cli.app import COMMANDS
from fgit_cli.benches.mini import STUDENT

FGIT = Path(sys.executable).with_name("fgit")
PAIR = {
    "instruction": "Add two numbers.",
    "response": "```python\ndef add(a, b):\n    return a + b\n```",
    "incorrect": "```python\ndef add(a, b):\n    return a - b\n```",
    "tests": "assert add(1, 2) == 3",
}
VARIANTS = {**PAIR, "variants": [{"text": PAIR["incorrect"], "origin": {}}]}
SAMPLE = {"task_id": "T/0", "solution": "def add(a, b):\n    return a + b\n"}
TASK = {"task_id": "T/0", "prompt": "def add(a, b):\n", "entry_point": "add", "tests": PAIR["tests"]}
BENCH = {"task_id": "B/0", "prompt": "def double(x):\n", "canonical_solution": "    return 2 * x\n"}
WORKS, NEEDS = "works", "needs "

# What is typed (files are made below), and what is to come of it.
TYPED = {
    "decontaminate --against bench.jsonl pair.jsonl": WORKS,
    "mutate --dry-run pair.jsonl": WORKS,
    "mutate --method universalmutator pair.jsonl": NEEDS + "mutate",
    "mutate --method cosmic-ray pair.jsonl": NEEDS + "mutate",
    f"mutate --method student --engine transformers --model {STUDENT} pair.jsonl": NEEDS + "train",
    "mutate --serve --model student pair.jsonl": NEEDS + "vllm",
    "refine --model m pair.jsonl": NEEDS + "mutate",
    "select variants.jsonl": NEEDS + "select",
    "select --by edit variants.jsonl": WORKS,
    "select --by edit --execute variants.jsonl": WORKS,
    "diff pair.jsonl": WORKS,
    "diff pair.json --output new.jsonl.xz": WORKS,
    "diff pair.parquet": NEEDS + "data",
    "diff --ray local pair.jsonl --output folder": NEEDS + "ray",
    "diff pair.jsonl --output new.jsonl.zst": NEEDS + "data",
    f"mask --tokenizer {STUDENT} --template plain pair.jsonl": WORKS,
    "export --to jsonl-spans pair.jsonl": WORKS,
    "export --to trl pairs.jsonl": WORKS,
    "train pairs.jsonl": NEEDS + "train",
    "eval --bench task.jsonl sample.jsonl": WORKS,
    "eval --bench task.jsonl --extract evalplus sample.jsonl": NEEDS + "eval",
    f"eval --bench task.jsonl --model {STUDENT}": NEEDS + "train",
    f"eval --bench task.jsonl --engine vllm --model {STUDENT}": NEEDS + "vllm",
    "report verdicts.jsonl": WORKS,
    "report verdicts.jsonl --plots plots": NEEDS + "plots",
    "report a=verdicts.jsonl b=verdicts.jsonl --table comparison": NEEDS + "report",
    "demo --folder demo": NEEDS + "mutate,train",
    "doctor": WORKS,
}


def run(words: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run([FGIT, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


def faults(typed: str, expected: str) -> list[str]:
    """What is wrong with what the command did."""
    ran = run(typed.split())
    found = []
    if "Traceback" in ran.stderr:
        found.append("a traceback")
    if expected == WORKS and ran.returncode:
        found.append(f"exit status {ran.returncode}, not 0")
    if expected != WORKS and (ran.returncode != 2 or f"[{expected.removeprefix(NEEDS)}]'" not in ran.stderr):
        found.append(f"exit status {ran.returncode}; it {expected}, and does not say so")
    if typed.startswith(("mask", "eval --bench task.jsonl sample")):
        Path("pairs.jsonl" if typed.startswith("mask") else "verdicts.jsonl").write_text(ran.stdout)
    return [f"fgit {typed}: {what}\n{ran.stderr}" for what in found]


def main() -> int:
    there = [name for name in ("torch", "transformers", "scipy", "evalplus") if importlib.util.find_spec(name)]
    assert not there, f"not an installation without extras: {there}"
    for name, value in (("pair", PAIR), ("variants", VARIANTS), ("sample", SAMPLE), ("task", TASK), ("bench", BENCH)):
        Path(f"{name}.jsonl").write_text(json.dumps(value) + "\n")
    Path("pair.json").write_text(json.dumps([PAIR]))
    Path("pair.parquet").write_bytes(b"PAR1")  # nothing that the core alone could look into
    assert {typed.split()[0] for typed in TYPED} == set(COMMANDS)
    wrong = [fault for typed, expected in TYPED.items() for fault in faults(typed, expected)]
    wrong += [f"fgit {name} --help fails" for name in COMMANDS if run([name, "--help"]).returncode]
    print(*wrong, sep="\n", end="")
    print(f"core-check: {len(TYPED)} command lines in {os.getcwd()}, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
