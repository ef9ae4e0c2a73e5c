"""Tests as people write them, made a script that runs them behind the code: pytest functions and classes with marks
and fixtures, unittest cases, doctests, main guards, plain asserts; `from solution import f` finds the code.

What runs inside the sandbox is tests_driver.py. Where it runs is not decided here.
"""

import ast
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fgit_cli.core import tests_driver

ASSERT_NOTHING = "the tests assert nothing"
TEST_NOTHING = "the tests define anew what they should test"


def script(tests: str) -> str:
    """Python to be run after the code, as the module `__main__`: raises where a test fails.

    It leaves a report, see `no_test`.
    """
    return f"exec({_driver()!r}, {{'__name__': 'fgit_tests', 'TESTS': {tests!r}}})\n"


def no_test(report: Any) -> str | None:
    """Why a script that passed tested nothing, by the (decoded) report that it left; None where it did test.

    The report comes from the untrusted process; of one that is none of the script's nothing is said.
    """
    if not isinstance(report, Mapping):
        return None
    if report.get("asserted") == 0:
        return ASSERT_NOTHING
    return TEST_NOTHING if report.get("tested") == 0 else None


def can_assert(tests: str) -> bool:
    """Whether anything in the text could show code to be wrong, as far as reading it tells."""
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ">>>" in tests or bool(tests.strip())  # what does not parse fails when it is run
    counted = ast.dump(tests_driver.Counted().visit(tree))
    return tests_driver.COUNTER in counted or any(">>>" in text for text in tests_driver.docstrings(tree))


@lru_cache(maxsize=1)
def _driver() -> str:
    source = Path(tests_driver.__file__).read_text(encoding="utf-8")
    source = re.sub(r'\A""".*?"""\n', "", source, flags=re.S)
    end = "import sys\nmain = sys.modules['__main__']\nmain.__report__ = Driver(TESTS, main.__dict__).run()\n"
    return source + end
