"""EvalPlus's comparison, on the cases in which it is not plain equality."""

import math

import numpy
import pytest

from fgit_cli.executor.equality import equal, tolerances
from fgit_cli.executor.values import Subclassed, Unrepresentable


def same(output, expected, kind="equal", atol=0.0, arguments=()):
    (here,) = tolerances([expected], atol)
    return equal(kind, output, expected, list(arguments), here, atol)


@pytest.mark.parametrize(
    ("output", "expected", "passes"),
    [
        (1, 1, True), (1.0, 1, True), (True, 1, True), ([1], (1,), False), ("a", "a", True),
        (1.0 + 1e-9, 1.0, True), (1.001, 1.0, False), (1, 1.0000001, False), (math.nan, math.nan, False),
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], True), ([1.0], [1.0, 2.0], False), ((1.0,), [1.0], False),
        ([], [], True), (None, None, True), (None, 0, False), ({1: 2.0}, {1: 2.0 + 1e-9}, False),
        (numpy.float64(2.0), 2.0, True), (numpy.float64(2.0 + 1e-9), 2.0, False),
        (Subclassed((1, 2)), (1, 2), True), (Subclassed((1.0,)), (1.0 + 1e-9,), False),
        (Unrepresentable("X"), None, False), (numpy.array([1, 2]), [1, 2], False),
    ],
)  # fmt: skip
def test_plain(output, expected, passes):
    assert same(output, expected) is passes


def test_the_tolerance_appears_with_the_first_float_and_stays():
    assert tolerances([1, "a", [0.5], 3, [1]], 0.0) == [0.0, 0.0, 1e-6, 1e-6, 1e-6]
    assert tolerances([1, 0.5], 1e-4) == [1e-4, 1e-4]
    assert equal("equal", 2, 2 + 1e-8, [], 0.0, 0.0) is False
    assert equal("equal", [2], [2], [], 1e-6, 1e-6) is True


def test_a_value_that_cannot_be_closed_upon_fails_where_plain_equality_would_pass_over_it():
    assert equal("equal", "a", "b", [], 1e-6, 1e-6) is False


@pytest.mark.parametrize(
    ("kind", "output", "expected", "arguments", "passes"),
    [
        ("set", [1, 2, 2], (2, 1), (), True), ("set", [1], (2, 1), (), False), ("set", [[1]], (1,), (), False),
        ("not-none", Unrepresentable("Match"), True, (), True), ("not-none", None, True, (), False),
        ("not-none", None, False, (), True), ("not-none", False, True, (), False), ("not-none", 0, True, (), True),
        ("always", Unrepresentable("X"), 1, (), True), ("or-zero", 0, 7, (), True), ("or-zero", 1, 7, (), False),
        ("digits", 6, 99, (123, 56), False), ("digits", 7, 99, (123, 56), True),
        ("surface", 35, 34, (3, 4), True), ("surface", 34, 34, (3, 4), True), ("surface", 33, 34, (3, 4), False),
        ("surface", "35", 34, (3, 4), False), ("equal", Unrepresentable("X"), 1, (), False),
    ],
)  # fmt: skip
def test_special_tasks(kind, output, expected, arguments, passes):
    assert same(output, expected, kind, arguments=arguments) is passes


def test_a_root_of_the_polynomial():
    assert same(-0.5, 99.0, "poly", 1e-4, [[1, 2]])
    assert not same(-0.6, -0.5, "poly", 1e-4, [[1, 2]])
    assert not same("x", -0.5, "poly", 1e-4, [[1, 2]])
    assert not same(math.nan, -0.5, "poly", 1e-4, [[1, 2]])
