"""Eval results in files: the test data's real answers with their known verdicts."""

import contextlib
import gzip
import io
import json
from dataclasses import dataclass

import pytest

from fgit_cli.app import main
from tests.helpers.eval_results import lines, result


@dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def fgit(tmp_path, monkeypatch):
    """Run `fgit ...` as the shared fixture does, but in this process: scipy is imported once, not for every call."""

    def run(*words, stdin=""):
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin.encode()))))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(word) for word in words])
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture
def write(tmp_path):
    """Write records as JSONL under a name; the path."""

    def to(name, records):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines(records))
        return path

    return to


@pytest.fixture
def real(data, write):
    """Qwen2.5-Coder-1.5B's verdicts of evalplus 0.3.1 (BigCodeBench: as published), as eval results in files."""

    def samples(name):
        with gzip.open(data / "samples" / f"qwen2.5-coder-1.5b.{name}.jsonl.gz", "rt") as stream:
            return [json.loads(line) for line in stream]

    for name in ("humaneval", "mbpp"):
        records = [
            result(s["task_id"], s["evalplus_base"], s["evalplus_plus"], f"{name}+", solution=s["solution"])
            for s in samples(name)
            if "evalplus_base" in s
        ]
        write(f"qwen.{name}.jsonl", records)
    records = [
        result(s["task_id"], s["published_status"], None, "bigcodebench", solution=s["solution"])
        for s in samples("bigcodebench")
    ]
    return write("qwen.bigcodebench.jsonl", records).parent
