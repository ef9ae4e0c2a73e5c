"""Runs a test text in the namespace of the code: executes it, then runs every test that it only defines.

People write texts for pytest, unittest or doctest, and texts that run by themselves. What would start one of these
runners does nothing here, for it would exit, and its tests are run anyway.
"""

import ast
import asyncio
import contextlib
import doctest
import importlib.util
import inspect
import io
import sys
import traceback
import types
import unittest
from collections.abc import Callable
from typing import Any

from fgit_cli.core.tests_inside import pytest_ways, reading


def run(text: str) -> dict[str, int]:
    """Run the tests behind the code, which is the module `__main__`. Raises what the first failing test raises.

    The report: `asserted`, how many assertions were reached; `tested`, 0 where the text defines anew all that the code
    defines, so that nothing of the code was run.
    """
    run = TestText(text, sys.modules["__main__"].__dict__)
    try:
        run.everything()
    except BaseException as error:
        if _is_pytests(error, "Failed"):
            raise AssertionError(str(error)) from None
        if not _is_pytests(error, "Skipped") and not isinstance(error, unittest.SkipTest):
            raise
    return run.report()


class TestText:
    """A text of tests, and what came of it as far as it ran."""

    def __init__(self, text: str, namespace: dict[str, Any]) -> None:
        self.text, self.names = text, namespace
        self.asserted = 0
        self.fixtures = pytest_ways.Fixtures()
        self.code = {n: v for n, v in namespace.items() if _is_own(v)}

    def report(self) -> dict[str, int]:
        still = any(self.names.get(name) is value for name, value in self.code.items())
        return {"asserted": self.asserted, "tested": int(still or not self.code)}

    def count(self) -> None:
        self.asserted += 1

    def everything(self) -> None:
        try:
            tree = ast.parse(self.text)
        except SyntaxError:
            if ">>>" not in self.text:
                raise
            self.examples(self.text)
            return
        self.names[reading.COUNTER] = self.count
        self.names.setdefault("__file__", "tests.py")
        self.give_modules(tree)
        self.take_runners(tree)
        outside, anywhere = reading.used(tree)
        shown, defined = reading.shown(tree), reading.defined(tree)
        counted = ast.fix_missing_locations(reading.Counted().visit(tree))
        try:
            exec(compile(counted, "tests.py", "exec", dont_inherit=True), self.names)
        except SystemExit as leaving:
            if leaving.code not in (None, 0, False) or not _at_the_end(leaving, tree):
                raise
        asserting = self.asserting(defined)
        for name in defined:
            made = self.names.get(name)
            known_as_test = name.lower().startswith("test") or _is_case(made)
            if name not in (outside if known_as_test else anywhere):
                self.definition(name, made, name.startswith("test") or name in asserting)
        for text in shown if not self.asserted else ():
            self.examples(text)

    # What the text takes for granted.

    def give_modules(self, tree: ast.Module) -> None:
        """Let imports of the code find it, whatever its file is thought to be called (`from solution import f`)."""
        asked = reading.attributes(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    node.level, node.module = 0, node.module or "_package"
                modules = {a.name for a in node.names if self.has(asked.get(a.asname or a.name, set()))}
                names = {alias.name for alias in node.names} - modules
                self.give(node.module or "", names, modules)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    self.give(alias.name, asked.get(alias.asname or alias.name, set()), set())

    def has(self, names: set[str]) -> bool:
        return bool(names) and names <= set(self.code)

    def give(self, module: str, names: set[str], modules: set[str]) -> None:
        """Make `module` a name of the code's, if there is no such module and the code has what is wanted of it.

        `modules` are submodules of it that the code stands for.
        """
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top == "__main__":
            return
        if not (modules or names == {"*"} or any(name in self.names for name in names)):
            return
        if _found(top) and not (not modules and self.has(names)):
            return
        main = sys.modules["__main__"]
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            sys.modules[".".join(parts[:end])] = main
        for part in [*parts[1:], *modules]:
            self.names.setdefault(part, main)

    def take_runners(self, tree: ast.Module) -> None:
        """Let the text's own call of a test runner start nothing."""
        unittest.main = lambda *args, **kwargs: None  # type: ignore[assignment, misc]
        unittest.TextTestRunner.run = lambda runner, suite: self.suite(suite)  # type: ignore
        doctest.testmod = self.testmod  # type: ignore[assignment]
        imports = (n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom))
        named = [a.name for n in imports for a in n.names] + [
            n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)
        ]
        if any(name.partition(".")[0] == "pytest" for name in named):
            import pytest

            pytest.main = lambda *args, **kwargs: 0  # type: ignore[assignment]
            pytest.fixture = self.fixtures.decorator  # type: ignore[assignment]

    # What the text defines.

    def asserting(self, defined: list[str]) -> set[str]:
        """The functions that assert something, or call one that does."""
        uses = {n: _global_names(f.__code__) for n in defined if isinstance(f := self.names.get(n), types.FunctionType)}
        found = {reading.COUNTER}
        for _ in uses:
            found |= {name for name, names in uses.items() if names & found}
        return found

    def definition(self, name: str, made: Any, is_test: bool) -> None:
        """Run a definition that the text itself does not run: a case, the methods of a class, a function that tests."""
        if isinstance(made, type):
            if _is_case(made):
                self.suite(unittest.defaultTestLoader.loadTestsFromTestCase(made))
            else:
                self.methods(made)
        elif isinstance(made, types.FunctionType) and is_test and name not in self.fixtures:
            self.function(made)

    def suite(self, suite: Any) -> unittest.TestResult:
        """Run unittest's cases. Raises the first failure."""
        result = _FirstFailure()
        suite(result)
        if result.first:
            raise result.first
        return result

    def methods(self, made: type) -> None:
        """A class as pytest runs it: a fresh object for each method, with its setup before and teardown behind."""
        names = [n for n in dir(made) if n.startswith("test") and callable(getattr(made, n))]
        if not names or pytest_ways.needed(made) or pytest_ways.skipped(made):
            return
        _call(made, "setup_class", made)
        for name in sorted(names, key=lambda n: list(vars(made)).index(n) if n in vars(made) else -1):
            each = self.fixtures.instance = made()
            method = getattr(each, name)
            _call(each, "setup_method" if hasattr(each, "setup_method") else "setup", method)
            try:
                self.function(method, made)
            finally:
                _call(each, "teardown_method" if hasattr(each, "teardown_method") else "teardown", method)
        _call(made, "teardown_class", made)

    def function(self, test: Callable, within: type | None = None) -> None:
        """One test: each of its cases, with its fixtures; a coroutine is awaited."""
        if pytest_ways.skipped(test):
            return
        parametrised = pytest_ways.marks(test, "parametrize") + pytest_ways.marks(within, "parametrize")
        given = {name for mark in pytest_ways.cases(parametrised, []) for name in mark}
        wanted = [name for name in self.fixtures.wanted(test) if name not in given]
        if not all(name in self.fixtures for name in wanted) and not given:
            self.candidate(test, wanted)
            return
        for values in pytest_ways.cases(parametrised, self.fixtures.rows(wanted)):
            try:
                self.case(test, wanted, values)
            except unittest.SkipTest:
                continue
            except BaseException as error:
                if _is_pytests(error, "Skipped") or pytest_ways.marks(test, "xfail"):
                    continue
                raise

    def case(self, test: Callable, wanted: list[str], values: dict[Any, Any]) -> None:
        with contextlib.ExitStack() as stack:
            for name in wanted:
                self.fixtures.value(name, stack, values)
            taken = inspect.signature(test).parameters
            result = test(**{name: value for name, value in values.items() if name in taken})
            if inspect.iscoroutine(result):
                asyncio.run(result)

    def candidate(self, test: Callable, wanted: list[str]) -> None:
        """`def check(candidate)`: called with the code's function, where the code has but one."""
        functions = [v for v in self.code.values() if isinstance(v, types.FunctionType)]
        if len(wanted) == 1 and len(functions) == 1:
            test(functions[0])

    # Examples in texts.

    def testmod(self, *args: Any, **kwargs: Any) -> doctest.TestResults:
        """What `doctest.testmod` is: the examples in the docstrings of code and tests; raises for a wrong one."""
        attempted = 0
        for test in doctest.DocTestFinder().find(sys.modules["__main__"], "__main__", globs=dict(self.names)):
            attempted += self.run_examples(test)
        return doctest.TestResults(0, attempted)

    def examples(self, text: str) -> None:
        """The examples of a text such as `>>> f(1)` with what it gives below."""
        lines = [line for line in text.split("\n") if line.strip() not in ('"""', "'''")]
        self.run_examples(doctest.DocTestParser().get_doctest("\n".join(lines), dict(self.names), "tests", None, 0))

    def run_examples(self, test: doctest.DocTest) -> int:
        said = io.StringIO()
        found = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.write)
        self.asserted += sum(bool(e.want or e.exc_msg) for e in test.examples)
        if found.failed:
            raise AssertionError(" ".join(said.getvalue().split())[-300:])
        return found.attempted


class _FirstFailure(unittest.TestResult):
    """Keeps the first failure itself, and stops there."""

    first: BaseException | None = None

    def _take(self, error: BaseException | None) -> None:
        self.first = self.first or error
        self.stop()

    def addFailure(self, test: Any, err: Any) -> None:
        self._take(err[1])

    def addError(self, test: Any, err: Any) -> None:
        self._take(err[1])

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err:
            self._take(err[1])

    def addUnexpectedSuccess(self, test: Any) -> None:
        self._take(AssertionError(f"{test} passes, which was not expected"))


def _at_the_end(leaving: SystemExit, tree: ast.Module) -> bool:
    """Whether the text itself, in its last statement, ends like a program: `sys.exit(main())` in a main guard."""
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(leaving.__traceback__)]
    own = [line for name, line in frames if name == "tests.py"]
    return bool(own) and frames[-1][0] == "tests.py" and own[0] >= tree.body[-1].lineno


def _is_case(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, unittest.TestCase)


def _is_own(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType) and getattr(value, "__module__", None) == "__main__"


def _is_pytests(error: BaseException, name: str) -> bool:
    return {name, "OutcomeException"} <= {kind.__name__ for kind in type(error).__mro__}


def _found(module: str) -> bool:
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _global_names(code: types.CodeType) -> set[str]:
    """The names that a function's code uses, in functions inside it too."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*(_global_names(c) for c in inner))


def _call(made: Any, name: str, argument: Any) -> None:
    """Call a method of setup or teardown where there is one, with the argument if it takes it."""
    method = getattr(made, name, None)
    if callable(method):
        method(argument) if pytest_ways.needed(method) else method()
