"""Tests as people write them, made a script that runs them behind the code: pytest functions and classes with marks
and fixtures, unittest cases, doctests, main guards, plain asserts; `from solution import f` finds the code.

What the script does is written in tests_inside/. Where it is run is not decided here.
"""

import ast
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fgit_cli.core import tests_inside
from fgit_cli.core.python_parse import parse
from fgit_cli.core.tests_inside import reading

_MODULES = ("reading", "pytest_ways", "running")  # of tests_inside, in the order in which they need each other

ASSERT_NOTHING = "the tests assert nothing"
DEFINE_ANEW = "the tests define anew what they should test"


def script(tests: str) -> str:
    """Python to be run after the code, as the module `__main__`: raises where a test fails, and leaves a report."""
    return f"exec({_program()!r}, {{'__name__': 'fgit_tests', 'TESTS': {tests!r}}})\n"


def no_test(report: Any) -> str | None:
    """Why a script that passed tested nothing, by the (decoded) report that it left; None where it did test.

    The report comes from the untrusted process; of one that is not the script's nothing is said.
    """
    if not isinstance(report, Mapping):
        return None
    if report.get("asserted") == 0:
        return ASSERT_NOTHING
    return DEFINE_ANEW if report.get("tested") == 0 else None


def can_fail(tests: str) -> bool:
    """Whether anything in the text could show code to be wrong, as far as reading it tells."""
    try:
        tree = parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # it fails for any code, or is a doctest
    if reading.shown(tree):
        return True
    return any(isinstance(node, ast.stmt) and reading.can_fail(node) for node in ast.walk(tree))


@lru_cache(maxsize=1)
def _program() -> str:
    """The sources of tests_inside/ as modules, and the call that runs `TESTS`."""
    sources = {}
    for name in _MODULES:  # read and not imported: what they import takes long and serves the sandbox alone
        source = Path(tests_inside.__path__[0], f"{name}.py").read_text(encoding="utf-8")
        sources[f"{tests_inside.__name__}.{name}"] = source
    return f"""import sys, types
for name, source in {sources!r}.items():
    module = sys.modules[name] = types.ModuleType(name)
    if "." in name:
        setattr(sys.modules.setdefault(name.rpartition(".")[0], types.ModuleType("")), name.rpartition(".")[2], module)
    exec(compile(source, name, "exec", dont_inherit=True), module.__dict__)
main = sys.modules["__main__"]
main.__report__ = module.run(TESTS)
"""
