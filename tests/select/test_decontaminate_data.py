"""Planted copies of real benchmark problems among real evol rows: all are found, and little else."""

import gzip
import itertools
import json
import re

import pytest

from fgit_cli.commands.decontaminate import Options
from fgit_cli.core.overlap import Index
from fgit_cli.stages.decontaminate import decontaminate, prepare, read_problems
from fgit_cli.stages.running import Tally

BENCHMARKS = ["HumanEvalPlus-v0.1.10", "MbppPlus-v0.2.0", "BigCodeBench-v0.1.4"]
EVERY = 40  # one problem in so many is planted


def rows(path):
    with gzip.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


@pytest.fixture(scope="module")
def index(data):
    return Index(read_problems([str(data / "bench" / f"{name}.jsonl.gz") for name in BENCHMARKS]))


def planted(row):
    """The problem as training data might hold it: verbatim, re-indented, its docstring kept over other code."""
    prompt = row.get("complete_prompt") or row["prompt"]
    code = row["canonical_solution"] if row["task_id"].startswith("Mbpp") else prompt + row["canonical_solution"]
    tabs = re.sub(r"(?m)^ +", lambda m: "\t" * max(1, len(m[0]) // 4), prompt + "\n" + code)
    yield "verbatim", prompt, code
    yield "re-indented", "Solve this.", f"Here you are:\n\n```python\n{tabs}```\n"
    yield "docstring kept", "Complete this:\n" + prompt, "```python\nraise NotImplementedError\n```"


def test_planted_rows_are_found_among_evol_rows(data, index):
    evol = rows(data / "instruct" / "evol.jsonl.gz")[:600]
    plants = []
    for name in BENCHMARKS:
        for row in itertools.islice(rows(data / "bench" / f"{name}.jsonl.gz"), 0, None, EVERY):
            for how, instruction, response in planted(row):
                plants.append({"id": f"{row['task_id']} {how}", "instruction": instruction, "response": response})
    options = Options(quiet=True)
    tally = Tally("decontaminate", options)
    passed = {record["id"] for record in decontaminate((prepare(dict(r), {}) for r in [*evol, *plants]), tally, index)}
    assert len(plants) > 120
    assert not [p["id"] for p in plants if p["id"] in passed]
    assert tally.rejects.total() - len(plants) <= 10  # of 600: stock functions such as a test for primes
