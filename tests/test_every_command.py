"""Every command keeps the manners of the contract: --help, empty input, a bad line, a reader that goes away."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli.app import COMMANDS
from fgit_cli.benches.mini import STUDENT

ROOT = Path(__file__).parent.parent
TASK = {"task_id": "T/0", "prompt": "def f(x):\n", "entry_point": "f", "tests": "assert f(1) == 2"}
BENCH = {"task_id": "B/0", "prompt": "def double(x):\n", "canonical_solution": "    return 2 * x\n"}
PAIR = {
    "instruction": "Add.", "response": "def add(a, b):\n    return a + b\n",
    "incorrect": "def add(a, b):\n    return a - b\n", "task_id": "T/0", "solution": "def f(x): return x + 1\n",
}  # fmt: skip
RESULT = {"task_id": "T/0", "bench": "x", "sample": 0, "base": "pass", "plus": None, "error": None, "solution": ""}

# How each command that reads records is typed, with no server and no network at hand.
READS = {
    "decontaminate": ("--against", "bench.jsonl"),
    "mutate": ("--method", "universalmutator"),
    "refine": ("--base-url", "http://127.0.0.1:9/v1", "--model", "m"),
    "select": ("--by", "edit"),
    "diff": (),
    "mask": ("--tokenizer", str(STUDENT), "--template", "plain"),
    "export": ("--to", "jsonl-spans"),
    "train": ("--output-dir", "out"),
    "eval": ("--bench", "task.jsonl"),
    "report": (),
}
READS_NOTHING = {"doctor": (), "demo": ("--records", "16")}
WANTS_A_RECORD = ("train", "eval")  # a model of nothing is no result; an eval of nothing asks for the model fgit-out


@pytest.fixture
def typed(fgit, tmp_path):
    (tmp_path / "task.jsonl").write_text(json.dumps(TASK) + "\n")
    (tmp_path / "bench.jsonl").write_text(json.dumps(BENCH) + "\n")

    def run(command, stdin):
        return fgit(command, *READS[command], stdin=stdin)

    return run


def test_the_tables_name_every_command():
    assert {*READS, *READS_NOTHING} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(fgit, command):
    ran = fgit(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: fgit {command} ")


@pytest.mark.parametrize("command", READS)
def test_empty_input_is_said(typed, command):
    ran = typed(command, "")
    assert "Traceback" not in ran.err
    assert ran.out == ""
    assert ran.err.splitlines()[-1].startswith(f"fgit {command}: ")
    if command in WANTS_A_RECORD:
        assert ran.code in (2, 3)
    else:
        assert (ran.code, "empty" in ran.err) == (0, True)


@pytest.mark.parametrize(
    ("bad", "place"),
    [
        ('{"instruction": \n', "stdin:1: "),
        ("[1]\n", "stdin, item 1: "),
        ('{"a": NaN}\n', "stdin:1: "),
        ("1\n", "stdin:1: "),
    ],
)
@pytest.mark.parametrize("command", READS)
def test_a_bad_line_is_named_with_its_place(typed, command, bad, place):
    ran = typed(command, bad)
    assert ran.code == 3
    assert ran.out == ""
    assert place in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_reader_that_went_away_is_no_error(command, tmp_path):
    """The reader is gone before the first byte, which is the hardest: nothing was flushed yet."""
    (tmp_path / "task.jsonl").write_text(json.dumps(TASK) + "\n")
    (tmp_path / "bench.jsonl").write_text(json.dumps(BENCH) + "\n")
    record = json.dumps(RESULT if command == "report" else PAIR).encode()
    reader, writer = os.pipe()
    os.close(reader)
    for words in (["--help"], list(READS.get(command) or READS_NOTHING.get(command, ()))):
        if command in ("train", "refine") and words != ["--help"]:
            continue  # a training goes on when its reader leaves (tests/training); a debugging needs a teacher
        done = subprocess.run(
            [sys.executable, "-m", "fgit_cli", command, *words], input=record,
            stdout=writer, stderr=subprocess.PIPE, cwd=tmp_path, check=False, timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr.decode()
    os.close(writer)
