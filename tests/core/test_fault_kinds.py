"""Kinds of fault, on cases made for it and on the test data's bugs."""

import gzip
import json
from collections import Counter

import pytest

from fgit_cli.core.fault_kinds import (
    CALL,
    CONDITION,
    CONSTANT,
    EXPRESSION,
    EXTRA,
    KINDS,
    MISSING,
    NAME,
    OPERATOR,
    STATEMENT,
    UNKNOWN,
    kinds,
    response_kinds,
)  # fmt: skip

LOOP = "def f(v, n):\n    s = 0\n    for x in v:\n        if x > n and x:\n            s += x\n    return max(s, n)\n"

CASES = [
    ("x > n", "x >= n", {OPERATOR}),
    ("s += x", "s -= x", {OPERATOR}),
    (" and ", " or ", {OPERATOR}),
    ("x > n", "not x > n", {OPERATOR}),
    ("s = 0", "s = 1", {CONSTANT}),
    ("s = 0", "s = -1", {CONSTANT}),
    ("s = 0", "s = None", {CONSTANT}),
    (" and x", "", {CONDITION}),
    ("x > n and x", "len(v) == 3", {CONDITION}),
    ("        if x > n and x:\n            s += x\n", "        s += x\n", {CONDITION}),
    ("max(", "min(", {CALL}),
    ("(s, n)", "(s)", {CALL}),
    ("return max(s, n)", "return s", {CALL}),
    ("s += x", "s += n", {NAME}),
    ("return max", "s = 2\n    return max", {EXTRA}),
    ("    s = 0\n", "", {MISSING}),
    ("            s += x\n", "            s += x\n            break\n", {EXTRA}),
    ("            s += x\n", "            continue\n", {STATEMENT}),
    ("s += x", "s += (x + n) * 2", {EXPRESSION}),
    ("", "", set()),
]


@pytest.mark.parametrize(("old", "new", "want"), CASES)
def test_kind_of_a_python_fault(old, new, want):
    assert not old or LOOP.count(old) == 1
    assert kinds(LOOP, LOOP.replace(old, new), "python") == want


def test_several_faults_are_all_named():
    variant = LOOP.replace("x > n", "x >= n").replace("s = 0", "s = 1").replace("max", "min")
    assert kinds(LOOP, variant) == {OPERATOR, CONSTANT, CALL}


@pytest.mark.parametrize(
    ("language", "correct", "variant", "want"),
    [
        ("java", "class A { int f(int a) { return a + 1; } }", "class A { int f(int a) { return a - 1; } }", OPERATOR),
        ("javascript", "let a = f(1);", "let a = f(2);", CONSTANT),
        ("javascript", "let a = f(1);", "let a = g(1);", CALL),
        ("javascript", "if (a && b) { c(); }", "if (a) { c(); }", CONDITION),
        ("c", "int f() { g(); return 1; }", "int f() { return 1; }", MISSING),
        ("cpp", "int f() { return 1; }", "int f() { g(); return 1; }", EXTRA),
        ("sql", "SELECT a FROM t WHERE b > 1;", "SELECT a FROM t WHERE b >= 1;", OPERATOR),
        ("php", "$a = 'x';", "$a = 'y';", CONSTANT),
        ("go", "package a\nfunc f(a, b int) int { return a }", "package a\nfunc f(a, b int) int { return b }", NAME),
        ("cobol", "ADD 1 TO X.", "ADD 2 TO X.", UNKNOWN),
    ],
)
def test_other_languages(language, correct, variant, want):
    assert kinds(correct, variant, language) == {want}


def test_only_the_block_that_differs_counts():
    text = "One:\n```cobol\nADD 1 TO X.\n```\nTwo:\n```python\nx = 1\n```\n"
    assert response_kinds(text, text.replace("x = 1", "x = 2")) == {CONSTANT}


def test_the_test_datas_bugs_are_classified(data):
    """Nearly every human-made bug gets a kind, and those that the data calls an operator's are operators."""
    counts: Counter[str] = Counter()
    with gzip.open(data / "pairs" / "humanevalpack-even.jsonl.gz", "rt") as stream:
        for row in map(json.loads, stream):
            found = kinds(row["prompt"] + row["canonical_solution"], row["prompt"] + row["buggy_solution"], "python")
            assert found
            assert found <= set(KINDS)
            counts.update(found)
            if row["bug_type"] == "operator misuse":
                assert found & {OPERATOR, CONDITION, CALL, CONSTANT, EXPRESSION}, row["task_id"]
    assert not counts[UNKNOWN]
    assert counts[EXPRESSION] + counts[STATEMENT] < 25
