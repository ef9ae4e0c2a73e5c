"""Decides whether an output is what was expected, by EvalPlus 0.3.1's rules (evalplus/eval/__init__.py).

It runs in the comparator's process, on decoded values made by `values.decode` alone: builtin types, numpy's,
`Subclassed`, `Unrepresentable`. An exception of any kind means that the comparison failed, as it does there.
"""

import math
from typing import Any

from fgit_cli.executor.values import Subclassed, Unrepresentable

RELATIVE = 1e-7  # rtol of numpy.testing.assert_allclose, which EvalPlus takes
_LONGEST_RANGE = 10_000_000  # items that are worth laying out
FLOAT_ATOL = 1e-6  # where a task with atol 0 expects floats


def all_floats(value: Any) -> bool:
    """A float, a non-empty list or tuple of floats, or a float array."""
    if isinstance(value, float):
        return True
    if isinstance(value, list | tuple) and value:
        return all(isinstance(item, float) for item in value)
    dtype = getattr(value, "dtype", None)
    return dtype is not None and not isinstance(value, float) and str(dtype) in ("float64", "float32")


def tolerances(expected: list[Any], atol: float) -> list[float]:
    """The absolute tolerance at each input: 0 becomes 1e-6 at the first expected float, and stays so."""
    each = []
    for value in expected:
        if atol == 0 and all_floats(value):
            atol = FLOAT_ATOL
        each.append(atol)
    return each


def equal(kind: str, output: Any, expected: Any, arguments: list, atol: float, base_atol: float) -> bool:
    """Whether `output` passes under the rule `kind`; `atol` as it stands at this input, `base_atol` as it stood before.

    `arguments`: a private copy of the input, for the rules that compute from it.
    """
    if isinstance(output, Unrepresentable) and kind not in ("always", "not-none"):
        return False
    try:
        if kind == "poly":
            return bool(abs(_polynomial(arguments[0], output)) <= base_atol)
        exact = _exact(kind, output, expected, arguments, base_atol)
        if exact or atol == 0:
            return bool(exact)
        return _close(output, expected, atol)
    except Exception:
        return False


def _exact(kind: str, output: Any, expected: Any, arguments: list[Any], atol: float) -> Any:
    if kind == "set":
        if isinstance(output, range) and len(output) > _LONGEST_RANGE:
            return False
        return set(output) == set(expected)
    if kind == "not-none":
        return output == expected if isinstance(output, bool) else expected == (output is not None)
    same = output == expected
    if kind == "equal":
        return same
    if kind == "always":
        return True
    if kind == "or-zero":
        return same or output == 0
    if kind == "digits":
        return same or output == _digit_distance(*arguments)
    if kind == "surface":
        return same or abs(output - _pyramid_surface(*arguments)) <= atol
    raise KeyError(kind)


def _close(output: Any, expected: Any, atol: float) -> bool:
    import numpy

    if isinstance(output, Subclassed) or type(output) is not type(expected):
        return False
    if isinstance(expected, list | tuple) and len(output) != len(expected):
        return False
    return bool(numpy.allclose(output, expected, rtol=RELATIVE, atol=atol))


def _polynomial(coefficients: list[float], x: Any) -> float:
    """HumanEval/32: the polynomial, lowest coefficient first, at x."""
    return sum(c * math.pow(x, i) for i, c in enumerate(coefficients))


def _digit_distance(a: int, b: int) -> int:
    """Mbpp/558: the sum of the differences between the digits, the shorter number filled with zeros."""
    one, other = str(a), str(b)
    width = max(len(one), len(other))
    return sum(abs(int(x) - int(y)) for x, y in zip(one.zfill(width), other.zfill(width), strict=True))


def _pyramid_surface(base: float, height: float) -> float:
    """Mbpp/581: the surface of a square pyramid with this base edge and height, rounded."""
    return round(base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2))
