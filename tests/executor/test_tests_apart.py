"""Tests run in a process where the code is not: honest code fares as it does beside them, and no program forges.

`apart/honest` holds code and, after the line `# tests`, its tests; `apart/wrong` holds programs that mean to pass the
tests of `double` and do not compute it.
"""

from pathlib import Path

import pytest

from fgit_cli.errors import UsageError
from fgit_cli.executor import Executor, probe

PROGRAMS = Path(__file__).parent / "apart"
HONEST = {path.stem: path.read_text().split("# tests\n") for path in sorted((PROGRAMS / "honest").iterdir())}
WRONG = {path.stem: path.read_text() for path in sorted((PROGRAMS / "wrong").iterdir())}
DOUBLE = "def double(x):\n    return 2 * x\n"
ASSERTS = "assert double(2) == 4\nassert double(5) == 10\n"
UNITTEST = """
import unittest
class T(unittest.TestCase):
    def test_a(self):
        self.assertEqual(double(2), 4)
    def test_b(self):
        self.assertAlmostEqual(double(2.5), 5.0)
r = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromTestCase(T).run(r)
assert r.wasSuccessful() and not r.skipped, r.errors
"""
TRICKY = [  # the same demand on `double` in the styles that a forger would like best
    ASSERTS,
    "assert abs(double(2) - 4) < 1e-9\nassert abs(double(3) - 6) < 1e-9\n",
    "x = double(2)\nassert x == 4 or x is True\nassert 4 == double(2)\nassert not double(11) != 22\n",
    "assert [double(n) for n in (1, 2)] == [2, 4]\nassert double(7) in (14,)\nassert {double(1): 1} == {2: 1}\n",
    UNITTEST,
    "assert double('a').startswith('aa') and double('b').endswith('bb') and 'cc' in double('c')\n",
    "try:\n    assert double(2) == 4\n    assert double(4) == 8\nexcept (KeyError, OSError):\n    pass\n",
]


@pytest.fixture(scope="module", params=["namespaces", "landlock+seccomp", "none"])
def executor(request):
    try:
        probe(request.param)
    except UsageError as error:
        pytest.skip(str(error))
    with Executor(request.param, workers=2, memory=1 << 30) as made:
        yield made


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("known", [True, False], ids=["reference", "alone"])
def test_honest_code_passes_apart(executor, name, known):
    program, tests = HONEST[name]
    outcome = executor.run_tests(program, tests, 8.0, program if known else None)
    assert (outcome.status, outcome.message) == ("pass", "")
    assert outcome.forgeable == ""


@pytest.mark.parametrize("tests", TRICKY, ids=range(len(TRICKY)))
def test_the_right_program_passes_all_styles(executor, tests):
    assert executor.run_tests(DOUBLE, tests, 8.0).status == "pass"
    assert executor.run_tests("def double(x):\n    return x + x\n", tests, 8.0, DOUBLE).status == "pass"


@pytest.mark.parametrize("name", WRONG)
def test_no_program_forges(executor, name):
    for tests in TRICKY:
        outcome = executor.run_tests(WRONG[name], tests, 0.7, DOUBLE)
        assert outcome.status != "pass", tests
        assert outcome.forgeable == "", tests
        alone = executor.run_tests(WRONG[name], tests, 0.7)
        assert alone.status != "pass" or alone.forgeable, tests
    assert executor.run_tests(DOUBLE, ASSERTS, 8.0).status == "pass"  # the next is not harmed


@pytest.mark.parametrize(
    ("program", "tests", "why"),
    [
        (DOUBLE, "import sys\nassert sys.stdout and double(1) == 2", "the tests use stdout"),
        (DOUBLE, "class Own(int):\n    pass\nassert double(Own(2)) == 4", "an argument of type Own"),
        ("def f(t):\n    return t.__name__\n", "assert f(int) == 'int'", "an argument of type type"),
        ("from unittest.mock import ANY\ndef f():\n    return 1\n", "assert f() == ANY", "the tests use ANY"),
        ("def max(a):\n    return 1\n", "assert max([1, 0]) == 1", "the code gives max a meaning of its own"),
        ("class Point:\n    x = 3\ndef f():\n    return Point()\n", "assert f().x == 3", "objects of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_says_so(executor, program, tests, why):
    outcome = executor.run_tests(program, tests, 8.0)
    assert outcome.status == "pass"
    assert why in outcome.forgeable


def test_the_reference_decides(executor):
    patched = "import builtins\nlines = []\nold, builtins.print = builtins.print, lambda *a: lines.append(a)\n"
    tests = patched + "greet()\nbuiltins.print = old\nassert lines == [('hi',)]"
    reference = "def greet():\n    print('hi')\n"
    right = executor.run_tests(reference, tests, 8.0, reference)
    assert right.status == "pass"
    assert "the reference fails" in right.forgeable
    assert executor.run_tests("def greet():\n    print('ho')\n", tests, 8.0, reference).status == "fail"
    taken = executor.run_tests(
        "def max(a):\n    return sorted(a)[-1]\n",
        "assert max([1, 3]) == 3",
        8.0,
        "def max(a):\n    return sorted(a)[-1]",
    )
    assert taken.status == "pass"
    assert taken.forgeable == ""


def test_limits_hold_on_both_sides(executor):
    assert executor.run_tests("def f():\n    while True: pass", "f()", 0.4).status == "timeout"
    assert executor.run_tests("def f():\n    pass", "f()\nwhile True: pass", 0.4).status == "timeout"
    hog = "def f():\n    return [bytearray(1 << 28) for _ in range(64)]"
    assert executor.run_tests(hog, "f()", 8.0).status == "memory"
    big = executor.run_tests("def f():\n    return 'x' * (80 << 20)", "assert len(f()) == 80 << 20", 8.0)
    assert big.status in ("error", "memory")
    assert executor.run_tests("raise ValueError('at once')", "f()", 8.0).message == "at once"
    assert executor.run_tests("def f(x):\n    return x", "y = 'z' * (8 << 20)\nassert f(y) == y", 8.0).status == "pass"
