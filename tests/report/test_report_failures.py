"""Types of failures, and how far a failing solution is from a correct one."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.reporting.failed_samples import changed_lines, template
from tests.helpers.eval_results import lines, result

RIGHT = '''def f(a):
    """Sum of positives."""
    t = 0  # start
    for x in a:
        if x > 0:
            t += x
    return t
'''


@pytest.mark.parametrize(
    ("wrong", "n"),
    [
        (RIGHT, 0),
        (RIGHT.replace("> 0", ">= 0"), 1),
        (RIGHT.replace("t = 0  # start", "t = 1"), 1),
        ("def f(a):\n    t = 0\n    for x in a:\n        t += x\n    return t\n", 2),  # the check, and what it indents
        ("def f(a):\n    return sum(a)\n", 5),
        ("import os\n\ndef g():\n    pass\n\n" + RIGHT + "\nprint(f([1]))\n", 0),  # what f does not reach
        ("def f(a):\n    return 3\n\n" + RIGHT.replace("> 0", "> 1"), 1),  # the last definition counts
        (RIGHT.replace("def f(a):", "def f(a: list[int]) -> int:"), 0),
        (RIGHT.replace("for x in a:", "for x in a"), 1),  # does not parse: as text
        ("def other(a):\n    return 0\n", 6),
    ],
)
def test_changed_lines(wrong, n):
    assert changed_lines(wrong, RIGHT) == n


def test_a_missing_import_is_a_line():
    right = "import math\n\ndef f(x):\n    return math.sqrt(x)\n"
    assert changed_lines("def f(x):\n    return math.sqrt(x)\n", right) == 1
    assert changed_lines("import math, os\n\ndef f(x):\n    return math.sqrt(x)\n", right) == 1  # as it is written
    helper = "def g(x):\n    return x\n\ndef f(x):\n    return g(x) + 1\n"
    assert changed_lines(helper.replace("return x\n", "return -x\n"), helper) == 1


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_compares(a, b):
    assert changed_lines(a, a) == 0
    assert changed_lines(a, b) is not None


def test_template():
    assert template("name 'foo' is not defined\nmore") == "name 'X' is not defined"
    assert template("got [1, -2.5e3]") == "got [N, N]"


def records(model, *solutions):
    return [
        result(f"T/{i}", "pass" if ok else "fail", None, "b", solution=code, error=None if ok else error)
        for i, (ok, code, error) in enumerate(solutions)
    ]


def test_near_and_errors(fgit, write):
    near, far = RIGHT.replace("> 0", "< 0"), "def f(a):\n    return sum(a)\n"
    wrong = {"type": "WrongOutput", "message": "got 1, not 2"}
    a = write(
        "old.jsonl",
        records(
            "old",
            (False, near, wrong),
            (False, far, {"type": "KeyError", "message": "'k'"}),
            (True, RIGHT, None),
            (False, far, wrong),
        ),
    )
    b = write(
        "new.jsonl", records("new", (True, RIGHT, None), (True, RIGHT, None), (False, near, wrong), (False, far, wrong))
    )
    found = json.loads(fgit("report", a, b, "--format", "json").out)
    rows = {(r["model"], r["solved_by"]): r for r in found["near"]["rows"]}
    assert (rows["old", None]["failures"], rows["old", None]["compared"], rows["old", None]["near"]) == (3, 2, 1)
    assert (rows["old", "new"]["failures"], rows["old", "new"]["near"]) == (2, 1)
    assert rows["new", None]["near"] == 1
    assert found["errors"]["rows"] == [
        {"bench": "b", "error": "WrongOutput", "old": 2, "new": 2},
        {"bench": "b", "error": "KeyError", "old": 1, "new": 0},
        {"bench": "b", "error": "all failures", "old": 3, "new": 2},
    ]
    assert {"model": "old", "bench": "b", "message": "KeyError: 'X'", "n": 1} in found["messages"]["rows"]


def test_references(fgit, write):
    reference = {"task_id": "T/0", "prompt": "def f(a):\n", "canonical_solution": RIGHT.split("\n", 1)[1]}
    path = write("bench.jsonl", [reference])
    path.write_text(path.read_text().replace('"T/0"', '"T/0", "inputs": [Infinity]'))
    failing = lines(records("m", (False, RIGHT.replace("t = 0", "t = 1"), None)))
    found = json.loads(fgit("report", "--references", path, "--format", "json", stdin=failing).out)
    assert found["near"]["rows"][0]["near"] == 1
    assert found["errors"]["rows"][0]["error"] == "wrong output"
    assert "near" not in json.loads(fgit("report", "--format", "json", stdin=failing).out)
    bad = write("bad.jsonl", [{"prompt": "x"}])
    done = fgit("report", "--references", bad, stdin=failing)
    assert (done.code, "bad.jsonl:1: no text in field `task_id`" in done.err) == (3, True)


def test_every_reference_of_humaneval_is_near_itself(data):
    with gzip.open(data / "bench" / "HumanEvalPlus-v0.1.10.jsonl.gz", "rt") as stream:
        for line in stream:
            task = json.loads(line)
            code = task["prompt"] + task["canonical_solution"]
            assert changed_lines(code, code) == 0
            assert changed_lines(code + "\n\nprint('done')\n", code) == 0
