"""Tests in every style that people write: the right code passes, the wrong code fails; what tests nothing says so."""

from pathlib import Path

import pytest

from fgit_cli.core import written_tests
from fgit_cli.executor import Executor, decode

RIGHT = """def total(xs):
    out = 0
    for x in xs:
        if x is None:
            raise ValueError("no number")
        out += x
    return out
"""
WRONG = RIGHT.replace("out = 0", "out = 1").replace("raise ValueError", "raise KeyError")


def sections(name):
    """The texts of a file, each with the line above it that begins with ===."""
    parts = Path(__file__).with_name(name).read_text().split("=== ")[1:]
    return [tuple(part.split("\n", 1)) for part in parts]


STYLES = dict(sections("written_tests.txt"))
NO_TESTS = [("the tests assert nothing", ""), *sections("written_no_tests.txt")]


@pytest.fixture(scope="module")
def executor():
    with Executor("none", 1) as made:
        yield made


def run(executor, code, tests):
    return executor.run_script(code, written_tests.script(tests))


@pytest.mark.parametrize("tests", STYLES.values(), ids=STYLES)
def test_the_right_code_passes_and_the_wrong_code_does_not(executor, tests):
    right = run(executor, RIGHT, tests)
    assert right.status == "pass", right.message
    assert written_tests.no_test(decode(right.report)) is None
    assert run(executor, WRONG, tests).status in ("fail", "error")
    assert written_tests.can_fail(tests)


@pytest.mark.parametrize(("why", "tests"), NO_TESTS)
def test_what_tests_nothing_says_so(executor, tests, why):
    done = run(executor, RIGHT, tests)
    assert done.status == "pass", done.message
    assert written_tests.no_test(decode(done.report)) == why


@pytest.mark.parametrize("tests", ["", "# to do", "print(total([1]))", "def test_a():\n    total([1])\n"])
def test_what_can_never_fail_is_known_without_running_it(tests):
    assert not written_tests.can_fail(tests)


@pytest.mark.parametrize(
    ("code", "tests"),
    [
        (RIGHT.replace("out = 0", "raise SystemExit(0)"), "assert total([1]) == 1\n"),
        (RIGHT.replace("out = 0", "raise SystemExit(0)"), "def test_a():\n    assert total([1]) == 1\n"),
        (RIGHT, "import sys\nsys.exit(0)\nassert total([1]) == 1\n"),
    ],
)
def test_an_exit_before_the_end_is_no_pass(executor, code, tests):
    assert run(executor, code, tests).status == "error"


def test_a_wrong_text_is_an_error_of_its_own(executor):
    done = run(executor, RIGHT, "assert total([1, 2]) ==\n")
    assert (done.status, done.error_type, done.stage) == ("error", "SyntaxError", "tests")


@pytest.mark.parametrize("report", [b"1", None, 5, [], {"asserted": "0"}, {"tested": 1}])
def test_a_report_that_is_not_the_scripts_says_nothing(report):
    assert written_tests.no_test(report) is None
