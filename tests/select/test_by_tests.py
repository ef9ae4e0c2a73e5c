"""Wrong means failing twice; everything else is no evidence."""

import itertools

import pytest

from fgit_cli.executor import Outcome
from fgit_cli.stages.by_tests import CORRECT_FAILS, SOMETIMES, RecordsTests


class Scripted:
    """A runner that answers as told and counts how often it was asked."""

    def __init__(self, *statuses):
        self.answers, self.asked = iter(statuses), 0

    def run_tests(self, code, tests, limit, reference=None, text=None):
        self.asked += 1
        return Outcome(next(self.answers))


@pytest.mark.parametrize("statuses", itertools.product(("fail", "error"), repeat=2))
def test_wrong_is_failing_twice(statuses):
    runner = Scripted(*statuses)
    assert RecordsTests(runner, "", "", 1).why_not_wrong("") is None
    assert runner.asked == 2


@pytest.mark.parametrize(
    ("statuses", "why"),
    [
        (("pass",), "passes the tests"),
        (("timeout",), "runs out of time"),
        (("memory",), "runs out of memory"),
        (("infra",), "could not be run"),
        (("fail", "pass"), SOMETIMES),
        (("error", "timeout"), "runs out of time"),
        (("fail", "infra"), "could not be run"),
    ],
)
def test_anything_else_leaves_it_out(statuses, why):
    runner = Scripted(*statuses)
    assert RecordsTests(runner, "", "", 1).why_not_wrong("") == why
    assert runner.asked == len(statuses)


@pytest.mark.parametrize("status", ["fail", "error", "timeout", "memory"])
def test_tests_that_the_correct_response_fails_judge_nothing(status):
    assert RecordsTests(Scripted(status), "", "", 1).why_not_correct() == CORRECT_FAILS


def test_the_correct_response_passes_or_is_not_judged():
    assert RecordsTests(Scripted("pass"), "", "", 1).why_not_correct() is None
    assert RecordsTests(Scripted("infra"), "", "", 1).why_not_correct() == "could not be run"
