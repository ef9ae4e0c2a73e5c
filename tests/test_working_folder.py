"""A working folder full of modules named like Python's own, and like what fgit uses, changes nothing."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli.benches.mini import STUDENT

ROOT = Path(__file__).parent.parent
NAMES = [n for n in sys.stdlib_module_names - {"this", "antigravity"} if importlib.util.find_spec(n)]
PAIR = {"instruction": "Add.", "response": "x = a + b\n", "incorrect": "x = a - b\n"}


@pytest.fixture
def typed(tmp_path):
    for name in [*NAMES, "numpy", "torch", "transformers", "datasets", "fgit_cli"]:
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} of the working folder')\n")

    def run(*words, stdin=""):
        """As the console script does, which has no working folder on its path."""
        return subprocess.run(
            [sys.executable, "-P", "-m", "fgit_cli", *map(str, words)], input=stdin, text=True, capture_output=True,
            cwd=tmp_path, check=False, env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip

    return run


def test_workers_and_ranks_import_nothing_from_it(typed, tmp_path):
    pairs = "".join(json.dumps({**PAIR, "id": str(i)}) + "\n" for i in range(600))
    masked = typed("mask", "--tokenizer", STUDENT, "--workers", "2", stdin=pairs)
    assert (masked.returncode, masked.stdout.count("\n")) == (0, 600), masked.stderr
    (tmp_path / "pairs.jsonl").write_text("".join(masked.stdout.splitlines(keepends=True)[:16]))
    words = ("--global-batch-size", "8", "--max-steps", "1", "--num-processes", "2", "--output-dir", "out")
    trained = typed("train", *words, "pairs.jsonl")
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_code_under_test_does_not_either(typed, tmp_path):
    (tmp_path / "task.jsonl").write_text(
        json.dumps({"task_id": "T/0", "prompt": "def f(x):\n", "entry_point": "f", "tests": "assert f(1) == 2"}) + "\n"
    )
    sample = json.dumps({"task_id": "T/0", "solution": "import random, numpy\ndef f(x): return x + 1\n"}) + "\n"
    ran = typed("eval", "--bench", "task.jsonl", stdin=sample)
    assert (ran.returncode, json.loads(ran.stdout)["base"]) == (0, "pass"), ran.stderr
