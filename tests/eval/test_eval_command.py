"""`fgit eval` as it is typed: where the samples come from, what is said, which exit code."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RIGHT = {"task_id": "HumanEval/0", "completion": "    return x + 1\n", "note": "kept"}
HALF = {"task_id": "HumanEval/1", "solution": "def half(x):\n    return abs(x) / 2\n"}
WRONG = {"task_id": "HumanEval/1", "solution": "def half(x):\n    return x\n"}
UNKNOWN = {"task_id": "HumanEval/900", "solution": ""}


def lines(*records):
    return "".join(json.dumps(r) + "\n" for r in records)


@pytest.fixture
def evaluate(fgit, small, tmp_path):
    def run(*words, **how):
        how["env"] = {"XDG_CACHE_HOME": str(tmp_path / "cache"), **how.get("env", {})}
        return fgit("eval", "--bench", "humaneval+", "--data", small, *words, **how)

    return run


def test_samples_on_stdin(evaluate):
    ran = evaluate(stdin=lines(RIGHT, WRONG, UNKNOWN))
    assert ran.code == 0, ran.err
    first, second = map(json.loads, ran.out.splitlines())
    assert first.pop("made")["data"]
    assert first.pop("seconds") > 0
    isolation = first.pop("isolation")
    assert f"isolation {isolation}" in ran.err
    prompt = 'def add_one(x: int) -> int:\n    """One more."""\n'
    assert first == {
        **RIGHT, "solution": prompt + RIGHT["completion"], "bench": "humaneval+", "sample": 0, "base": "pass",
        "plus": "pass", "error": None,
    }  # fmt: skip
    assert (second["base"], second["plus"], second["error"]["type"]) == ("fail", "fail", "WrongOutput")
    assert "3 in, 2 out; 1 left out (1 unknown task)" in ran.err
    assert "humaneval+ pass@1 50.0 base, 50.0 base and plus (2 tasks, 2 samples)" in ran.err


def test_samples_in_files_and_subsets(evaluate, tmp_path):
    (tmp_path / "one.jsonl").write_text(lines(RIGHT))
    with gzip.open(tmp_path / "two.jsonl.gz", "wt") as two:
        two.write(lines(RIGHT, HALF))
    ran = evaluate("one.jsonl", "two.jsonl.gz", "--tasks", "0", "--rejects", "rejected.jsonl")
    assert [json.loads(r)["sample"] for r in ran.out.splitlines()] == [0, 1]
    assert "a subset: 1 of 2 tasks, 2 samples" in ran.err
    assert json.loads((tmp_path / "rejected.jsonl").read_text()) == {**HALF, "reason": "not among --tasks"}
    named = evaluate("--samples", "one.jsonl", stdin=lines(WRONG))
    assert len(named.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        ((), "", 2, "no samples on stdin and no model in ./fgit-out"),
        ((), " \n\n", 2, "no samples on stdin and no model in ./fgit-out"),
        (("--model", "m", "s.jsonl"), "", 2, "both --model and samples (s.jsonl)"),
        (("--base-url", "http://localhost:1/v1"), "", 2, "--base-url needs --model"),
        (("--tasks", "0,77"), lines(RIGHT), 2, "--tasks 77"),
        (("--tasks", "0,5-9"), lines(RIGHT), 2, "--tasks 5-9: humaneval+ has no such task"),
        (("--tasks", "1-0"), lines(RIGHT), 2, "--tasks 1-0"),
        (("--tasks", "5-9", "--model", "m"), "", 2, "--tasks 5-9"),
        ((), lines(UNKNOWN), 1, "no sample was judged, so there is no score: 1 unknown task"),
        (("--from", "2024-13-01"), lines(RIGHT), 2, "--from 2024-13-01: no day"),
        (("--split", "instruct"), lines(RIGHT), 2, "--split: --bench humaneval+ has no such setting"),
        (("--from", "2024-01-01", "--bench", "humanevil"), lines(RIGHT), 2, "--bench humanevil: no such benchmark"),
        (("--from", "2024-01-01"), lines(RIGHT), 2, "--from: --bench humaneval+ has no such setting"),
        (
            ("--generate-only", "--temperature", "0.8"),
            lines(RIGHT),
            2,
            "--temperature, --generate-only: no model is asked",
        ),
        (("--samples", "5"), lines(RIGHT), 2, "--samples: no model is asked, the samples of stdin are judged"),
        (("--model", "m", "--generate-only", "--rejects", "r"), "", 2, "--rejects: --generate-only judges no sample"),
        (("--samples", "0", "--model", "m"), "", 2, "--samples 0: give a whole number, 1 or more"),
        (
            ("--config", "sampling.toml", "s.jsonl"),
            "",
            2,
            "--seed: no model is asked, the samples of s.jsonl are judged",
        ),
        (("missing.jsonl",), "", 3, "missing.jsonl: cannot be opened"),
        ((), '{"task_id": "HumanEval/0"}\n', 3, "stdin:1: neither `solution`"),
        ((), '{"task_id": "HumanEval/0", "solution": NaN}\n', 3, "stdin:1: NaN is not JSON"),
        ((), "nonsense\n", 3, "stdin:1: not JSON"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(evaluate, tmp_path, words, stdin, code, said):
    (tmp_path / "sampling.toml").write_text("seed = 1\n")
    ran = evaluate(*words, stdin=stdin)
    assert (ran.code, ran.out) == (code, ""), ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_an_empty_file_is_said(evaluate, tmp_path):
    (tmp_path / "none.jsonl").touch()
    ran = evaluate("none.jsonl")
    assert ran.code == 0
    assert "the input is empty" in ran.err


def test_bad_lines_may_be_passed_over(evaluate):
    ran = evaluate("--skip-bad-lines", stdin=lines({"task_id": "HumanEval/0"}, RIGHT))
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 1
    assert "1 bad lines passed over" in ran.err


def test_what_came_before_a_bad_line_is_out(evaluate):
    ran = evaluate(stdin=lines(RIGHT, HALF) + "{\n")
    assert ran.code == 3
    assert len(ran.out.splitlines()) == 2


def test_results_for_tools_of_evalplus(evaluate, tmp_path, small):
    ran = evaluate("--evalplus-json", "results.json", stdin=lines(RIGHT, WRONG))
    assert ran.code == 0, ran.err
    made = json.loads((tmp_path / "results.json").read_text())["eval"]
    assert [made[t][0]["plus_status"] for t in ("HumanEval/0", "HumanEval/1")] == ["pass", "fail"]
    assert made["HumanEval/1"][0]["base_fail_tests"] == [[1.0]]


def test_a_benchmark_of_ones_own(fgit, tmp_path):
    (tmp_path / "own.jsonl").write_text(
        lines(
            {"task_id": "a", "prompt": "def f(x):\n", "entry_point": "f", "tests": "assert f(1) == 2"},
            {"task_id": 7, "prompt": "Write g.", "test_list": ["assert g() == 1"]},
        )
    )
    samples = lines(
        {"task_id": "a", "completion": "    return x + 1\n"},
        {"task_id": "7", "solution": "def g():\n    return 2\n"},
        {"task_id": "7", "solution": "raise SystemExit\n"},
        {"task_id": "7", "solution": "def g(:\n"},
    )
    ran = fgit("eval", "--bench", "own.jsonl", stdin=samples)
    assert ran.code == 0, ran.err
    out = [json.loads(line) for line in ran.out.splitlines()]
    assert [(r["bench"], r["base"], r["plus"]) for r in out] == [
        ("own", "pass", None), ("own", "fail", None), ("own", "error", None), ("own", "error", None),
    ]  # fmt: skip
    assert out[1]["error"]["type"] == "AssertionError"
    assert "forgeable" not in ran.err


def test_tests_that_run_beside_the_solution_are_called_forgeable(fgit, tmp_path):
    tests = "import io, sys\nsys.stdout = io.StringIO()\nf()\nassert sys.stdout.getvalue() == 'a\\n'"
    (tmp_path / "own.jsonl").write_text(
        lines(
            {"task_id": "prints", "prompt": "Print a.", "tests": tests},
            {"task_id": "gives", "prompt": "Give a.", "tests": "assert g() == 'a'"},
        )
    )
    always = "class A:\n    def __eq__(self, other):\n        return True\ndef g():\n    return A()\n"
    samples = lines(
        {"task_id": "prints", "solution": "def f():\n    print('a')\n"}, {"task_id": "gives", "solution": always},
        {"task_id": "gives", "solution": "import random\ndef g():\n    return random.choice('ab')\n"},
        {"task_id": "gives", "solution": "import random\ndef g():\n    return random.choice('a')\n"},
        {"task_id": "gives", "solution": "import secrets\ndef g():\n    return secrets.choice('a')\n"},
    )  # fmt: skip
    ran = fgit("eval", "--bench", "own.jsonl", stdin=samples)
    out = [json.loads(line) for line in ran.out.splitlines()]
    assert [r["base"] for r in out] == ["pass", "fail", "fail", "pass", "pass"]
    assert out[0]["forgeable"] == "the tests use stdout"
    assert [r.get("seeds", 1) for r in out[3:]] == [3, 3]
    assert "5 samples; 1 forgeable, for their tests ran beside them)" in ran.err
    assert "samples draw random numbers and pass with one seed" in ran.err


def test_extraction_is_asked_for(evaluate):
    prose = {"task_id": "HumanEval/0", "solution": "Sure!\n```python\ndef add_one(x):\n    return x + 1\n```\n"}
    as_it_is = evaluate(stdin=lines(prose))
    assert json.loads(as_it_is.out)["error"]["type"] == "SyntaxError"
    extracted = evaluate("--extract", "ast", stdin=lines(prose))
    assert json.loads(extracted.out)["base"] == "pass"
    assert "--extract ast left something out of 1 samples: HumanEval/0" in extracted.err


def test_evalplus_loses_what_ast_keeps(evaluate):
    pytest.importorskip("evalplus.sanitize")
    solution = "from functools import cache\n@cache\ndef add_one(x):\n    return x + 1\n"
    ran = evaluate("--extract", "evalplus", stdin=lines({"task_id": "HumanEval/0", "solution": solution}))
    assert "ast would give another program for 1: HumanEval/0" in ran.err
    assert json.loads(ran.out)["base"] == "error"


def test_the_cache_of_evalplus_is_found(fgit, small, tmp_path):
    folder = tmp_path / "cache" / "evalplus"
    folder.mkdir(parents=True)
    os.replace(small, folder / "HumanEvalPlus-v0.1.10.jsonl")
    ran = fgit("eval", stdin=lines(RIGHT), env={"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["plus"] == "pass"


def test_ctrl_c_ends_what_runs_and_keeps_what_is_done(small, tmp_path):
    hangs = {"task_id": "HumanEval/1", "solution": "def half(x):\n    while True: pass\n"}
    samples = [RIGHT] * 12 + [hangs] * 4 + [RIGHT] * 12
    (tmp_path / "samples.jsonl").write_text(lines(*samples))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    words = ["eval", "--bench", "humaneval+", "--data", small, "samples.jsonl", "--workers", "2"]
    command = [sys.executable, "-m", "fgit_cli", *map(str, words)]
    out = tmp_path / "out.jsonl"
    with out.open("wb") as stdout:
        running = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=stdout, stderr=subprocess.PIPE, start_new_session=True
        )
    while not out.stat().st_size and running.poll() is None:
        time.sleep(0.05)  # between two looks
    time.sleep(1.5)  # the samples that hang are at work
    running.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = running.communicate(timeout=30)
    assert time.monotonic() - began < 5
    assert running.returncode == 130, err
    assert b"Traceback" not in err
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert 1 <= len(records) <= 12
    assert {r["plus"] for r in records} == {"pass"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_nothing_runs_on_after_kill_9(small, tmp_path):
    doomed = tmp_path / "code-of-the-doomed"  # stands in the command line of every process of this run
    doomed.symlink_to(ROOT)
    hangs = {"task_id": "HumanEval/1", "solution": "def half(x):\n    while True: pass\n"}
    (tmp_path / "samples.jsonl").write_text(lines(RIGHT, *[hangs] * 4))
    words = ["eval", "--bench", "humaneval+", "--data", small, "samples.jsonl", "--workers", "2"]
    running = subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", *map(str, words)], cwd=tmp_path, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(doomed), "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip

    def left():
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                state = (path.parent / "stat").read_text().rpartition(")")[2].split()[0]
                found += [path] if str(doomed).encode() in path.read_bytes() and state != "Z" else []
            except OSError:
                continue
        return found

    assert json.loads(running.stdout.readline())["plus"] == "pass"
    time.sleep(1)  # the samples that hang are at work
    assert len(left()) >= 4  # two sandboxes, with a process of theirs in each
    running.kill()
    running.wait()
    deadline = time.monotonic() + 10
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)  # between two looks: the kernel takes a moment to end them all
    assert left() == []
