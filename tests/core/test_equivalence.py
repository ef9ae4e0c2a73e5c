"""What counts as no fault, on small cases made for it and on the test data."""

import gzip
import json

import pytest

from fgit_cli.core.equivalence import (
    EQUAL,
    NOT_COMPILED,
    NOT_PARSED,
    ONLY_RENAMES,
    SAME_AST,
    SAME_BYTECODE,
    TOO_LONG,
    reason,
    response_reason,
)

ADD = "def add(a, b):\n    return a + b\n"
STACK = (
    "class Stack:\n    def __init__(self):\n        self.items = []\n"
    "    def push(self, x):\n        self.items.append(x)\n"
    "    def take(self):\n        return self.items.pop()\n"
)

NO_FAULT = [
    (ADD, "def add(a, b):  \r\n\r\n    return a + b", EQUAL),
    (ADD, "def add(a, b):\n    return a +\n", NOT_PARSED),
    (ADD, "def add(a, b):\n    return a + b\x00\n", NOT_PARSED),
    (ADD, "def add(a, b):\n    pass\nreturn a + b\n", NOT_COMPILED),
    (ADD, "def add(a, b):\n    # BUG: off by one\n    return (a + b)\n", SAME_AST),
    (ADD, 'def add(a, b):\n    """Adds."""\n    return a + b\n', SAME_AST),
    (ADD, "def add(a: int, b: int) -> int:\n    return a + b\n", SAME_AST),
    ("x = 2 * 3\n", "x = 6\n", SAME_BYTECODE),
    ("def f(a):\n    return a\n", "def f(a):\n    pass\n    return a\n", SAME_BYTECODE),
    (ADD, "def add(x, y):\n    return x + y\n", ONLY_RENAMES),
    (ADD, "def add(b, a):\n    return b + a\n", ONLY_RENAMES),
    (ADD, "def buggy_add(a, b):\n    return a + b\n", ONLY_RENAMES),
    (STACK, STACK.replace("items", "elements"), ONLY_RENAMES),
    (STACK, STACK.replace("take", "take_last"), ONLY_RENAMES),
    ("def f(v):\n    return [x for x in v if x]\n", "def f(v):\n    return [y for y in v if y]\n", ONLY_RENAMES),
    ("import numpy as np\nprint(np.e)\n", "import numpy as n\nprint(n.e)\n", ONLY_RENAMES),
    ("def f(v):\n  def g():\n    nonlocal v\n    v += 1\n  g()\n  return v\n",
     "def f(w):\n  def g():\n    nonlocal w\n    w += 1\n  g()\n  return w\n", ONLY_RENAMES),
    ("try:\n  f()\nexcept OSError as e:\n  print(e)\n",
     "try:\n  f()\nexcept OSError as x:\n  print(x)\n", ONLY_RENAMES),
]  # fmt: skip

FAULTS = [
    (ADD, "def add(a, b):\n    return a - b\n"),
    (ADD, "def add(a, b):\n    return a + a\n"),
    (ADD, "def add(x, y):\n    return x + x\n"),
    (ADD, "def add(a, b):\n    return b + a\n"),  # only equal for numbers
    ("x = 1\n", "x = 1.0\n"),
    ("x = 0.0\n", "x = -0.0\n"),
    ("x = 1\n", "x = True\n"),
    ("def f(a):\n    assert a\n    return a\n", "def f(a):\n    return a\n"),
    ("def f(m, i, j):\n    return m[i][j]\n", "def f(m, i, j):\n    return m[j][i]\n"),
    ("def f(v):\n    return max(v)\n", "def f(v):\n    return min(v)\n"),
    ("from math import floor\nprint(floor(1))\n", "from math import ceil\nprint(ceil(1))\n"),
    ("import math\nprint(math.floor(1))\n", "import math\nprint(math.ceil(1))\n"),
    (STACK, STACK.replace("push", "other").replace("take", "push").replace("other", "take")),
    (STACK, STACK.replace("self.items.pop()", "self.item.pop()")),
    (STACK, STACK.replace("items.append", "items.remove")),
    ("def f(a):\n    return a\nf(a=1)\n", "def f(b):\n    return b\nf(a=1)\n"),
    ("class A:\n    n = 1\n    def f(self):\n        return self.n\n",
     "class A:\n    m = 1\n    def f(self):\n        return self.n\n"),
    ("n = 0\ndef f():\n    global n\n    n += 1\n", "n = 0\ndef f():\n    n = 0\n    n += 1\n"),
    ("def f(n):\n    x = 1\n    def g():\n        return x + n\n    return g\n",
     "def f(n):\n    x = 1\n    def g():\n        return n + n\n    return g\n"),
    ("def low():\n    return 0\ndef high():\n    return 1\n", "def high():\n    return 0\ndef low():\n    return 1\n"),
    ("for i in range(3):\n    print(i)\n", "for i in range(4):\n    print(i)\n"),
    ("async def f():\n    pass\n", "def f():\n    pass\n"),
    ("def f(a, *, b):\n    return a\n", "def f(a, b):\n    return a\n"),
]  # fmt: skip


@pytest.mark.parametrize(("correct", "variant", "why"), NO_FAULT)
def test_no_fault_has_its_reason(correct, variant, why):
    assert reason(correct, variant, "python") == why


@pytest.mark.parametrize(("correct", "variant"), FAULTS)
def test_a_fault_has_none(correct, variant):
    assert reason(correct, variant, "python") is None


def test_hostile_code_is_answered():
    """Deep nesting and huge texts get an answer, never an exception."""
    deep = [
        "x = " + "(" * 3000 + ")" * 3000,
        "x = " + "-" * 3000 + "1",
        "x = " + "+".join("1" * 5000),
        "[" * 150 + "]" * 150,
    ]
    for code in deep:
        assert reason(code, code + "\ny = 1\n", "python") is None
    assert reason("x = 1\n" * 50_000, "x = 2\n" * 50_000, "python") == TOO_LONG
    assert response_reason("", "") == EQUAL
    assert response_reason("", "x = 1") is None


def test_blocks_of_a_response_are_compared_in_their_own_languages():
    text = "```python\nx = 1\n```\nand\n```js\nlet y = 1;\n```\n"
    assert response_reason(text, text.replace("x = 1", "x = (1)")) == SAME_AST
    assert response_reason(text, text.replace("let y = 1", "let y = 2")) is None
    assert response_reason(text, text.replace("let y = 1", "let y = ")) == NOT_PARSED
    assert response_reason(text, text.replace("x = 1", "x =").replace("y = 1", "y = 2")) == NOT_PARSED
    assert response_reason(text, text.replace("and", "plus")) == EQUAL
    assert response_reason(text, "```python\nx = 2\n```\n") is None


def rows(path):
    with gzip.open(path, "rt") as stream:
        return [json.loads(line) for line in stream]


def test_every_human_made_bug_is_a_fault(data):
    """All buggy solutions of HumanEvalPack fail their tests, so none may be called equal."""
    for row in rows(data / "pairs" / "humanevalpack-even.jsonl.gz"):
        correct, buggy = (row["prompt"] + row[k] for k in ("canonical_solution", "buggy_solution"))
        assert reason(correct, buggy) is None, row["task_id"]


def test_every_quixbug_is_a_fault(data):
    for row in rows(data / "pairs" / "quixbugs.jsonl.gz"):
        assert reason(row["correct"], row["buggy"], "python") is None, row["name"]


def test_code_in_a_quotation_is_compared_without_its_marks():
    correct = "Look:\n> ```python\n> def f(a):\n>     return a + 1\n> ```\n"
    assert response_reason(correct, correct.replace("+ 1", "+  1")) == SAME_AST
    assert response_reason(correct, correct.replace("+ 1", "- 1")) is None
    assert response_reason(correct, correct.replace("+ 1", "+ (")) == NOT_PARSED
