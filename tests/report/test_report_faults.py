"""Kinds of fault that a run repaired or broke, from eval results alone."""

import json

from tests.helpers.eval_results import result

RIGHT = "def f(a):\n    t = 0\n    for x in a:\n        if x > 0:\n            t += x\n    return t\n"
CONSTANT = RIGHT.replace("t = 0", "t = 1")
OPERATOR = RIGHT.replace("+=", "-=")
FAR = "def f(a):\n    return sum(a)\n"


def run(write, name, *solutions):
    return write(
        name,
        [result(f"T/{i}", "pass" if c == RIGHT else "fail", None, "b", solution=c) for i, c in enumerate(solutions)],
    )


def test_repaired_and_broken(fgit, write):
    old = run(write, "old.jsonl", CONSTANT, CONSTANT, RIGHT, FAR, FAR, RIGHT)
    new = run(write, "new.jsonl", RIGHT, CONSTANT, OPERATOR, RIGHT, FAR, RIGHT)
    found = json.loads(fgit("report", old, new, "--format", "json").out)["faults"]["rows"]
    counts = {r["kind"]: (r["before"], r["repaired"], r["broken"], r["after"]) for r in found}
    assert counts == {
        "operator": (0, 0, 1, 1),
        "constant": (1, 1, 0, 0),
        "more than 3 lines away": (1, 1, 0, 0),
        "nothing to compare with": (2, 0, 0, 2),
    }


def test_the_same_code_with_another_verdict(fgit, write):
    old = write("old.jsonl", [result("T/0", "timeout", None, "b", solution=RIGHT)])
    new = write("new.jsonl", [result("T/0", "pass", None, "b", solution=RIGHT + "# fast\n")])
    rows = json.loads(fgit("report", old, new, "--format", "json").out)["faults"]["rows"]
    assert [(r["kind"], r["repaired"]) for r in rows] == [("no difference in code", 1)]
