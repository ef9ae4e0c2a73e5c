"""What runs a test text beside the code that it tests, in the sandbox; its own source is part of the script.

`fgit_cli/core/written_tests.py` makes the script. Only the standard library is imported here: nothing of fgit is there.
The texts that people write mean to be run by pytest, by unittest, by doctest or as they are; all of these are run here
after one text has been executed, because a test that is only defined tests nothing.

Left in the global `__report__` of the code's module: `asserted`, how many assertions were reached, and `tested`, 0 when
the text defines anew everything that the code defines, so that nothing of the code was run.
"""

import ast
import asyncio
import contextlib
import doctest
import importlib.util
import inspect
import io
import itertools
import re
import sys
import tempfile
import types
import unittest
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

COUNTER = "_fgit_asserted_"
RUNNERS = {("unittest", "main"), ("pytest", "main"), ("doctest", "testmod"), ("doctest", "testfile")}
_CHECKS = re.compile(r"assert|fail$|raises$|warns$|deprecated_call$|testmod$|expect$", re.I)
_EXITS = ("exit", "_exit", "quit")


class Skipped(Exception):
    """A test that does not want to be run here."""


class Driver:
    """One test text, run in the namespace of the code."""

    def __init__(self, text: str, namespace: dict[str, Any]) -> None:
        self.text, self.names = text, namespace
        self.asserted = 0
        self.fixtures: dict[str, tuple[Callable, bool]] = {}
        self.code_defines = {n: v for n, v in namespace.items() if _is_own(v)}

    def run(self) -> dict[str, int]:
        """Run the text and all tests that it defines; the report. Raises what the first failing test raises."""
        try:
            tree = ast.parse(self.text)
        except SyntaxError:
            if ">>>" not in self.text:
                raise
            self.doctests([self.text])
            return self.report()
        self.names[COUNTER] = self.count
        self.give_modules(tree)
        self.take_runners(tree)
        shown = [text for text in docstrings(tree) if ">>>" in text]
        called = self.called(tree)
        counted = ast.fix_missing_locations(Counted().visit(tree))
        try:
            exec(compile(counted, "tests.py", "exec", dont_inherit=True), self.names)
        except SystemExit as leaving:  # `sys.exit()` at the end of a main guard
            if leaving.code not in (None, 0, False):
                raise
        except unittest.SkipTest:
            return self.report()
        for name in self.defined(tree):
            self.run_defined(name, self.names.get(name), called)
        if not self.asserted:
            self.doctests(shown)
        return self.report()

    def report(self) -> dict[str, int]:
        still = [n for n, v in self.code_defines.items() if self.names.get(n) is v]
        return {"asserted": self.asserted, "tested": int(bool(still) or not self.code_defines)}

    def count(self, by: int = 1) -> None:
        self.asserted += by

    # What the text takes for granted.

    def give_modules(self, tree: ast.Module) -> None:
        """Let imports of the code find it, whatever its file is thought to be called (`from solution import f`)."""
        uses = {n.value.id: set() for n in ast.walk(tree) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                uses[node.value.id].add(node.attr)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    node.level, node.module = 0, node.module or node.names[0].name
                    if node.names[0].name == node.module:  # `from . import solution`
                        node.module = "__main__"
                        self.names.setdefault(node.names[0].name, sys.modules["__main__"])
                self.give(node.module or "", {alias.name for alias in node.names})
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    self.give(alias.name, uses.get(alias.asname or alias.name, set()))

    def give(self, module: str, wanted: set[str]) -> None:
        """Make `module` a name of the code's where it is none that is there and the code has what is wanted of it."""
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or module == "__main__":
            return
        own = {n for n in wanted if n in self.code_defines or n in self.names}
        if not own and wanted != {"*"}:
            return
        if _found(top) and not (own and own <= set(self.code_defines)):
            return
        main = sys.modules["__main__"]
        for end in [i for i, c in enumerate(module) if c == "."] + [len(module)]:
            sys.modules[module[:end]] = main
        parts = module.split(".")
        for part in parts[1:]:
            self.names.setdefault(part, main)

    def take_runners(self, tree: ast.Module) -> None:
        """Let the text's own call of a test runner do nothing: what it would run is run here, and it would exit."""
        imported = {a.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        imported |= {n.module.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module}
        unittest.main = lambda *args, **kwargs: None  # type: ignore[assignment,misc]
        unittest.TextTestRunner.run = self.run_suite  # type: ignore[assignment,method-assign]
        doctest.testmod = self.testmod  # type: ignore[assignment]
        if "pytest" in imported:
            import pytest

            pytest.main = lambda *args, **kwargs: 0  # type: ignore[assignment]
            pytest.fixture = self.fixture  # type: ignore[assignment]

    def testmod(self, *args: Any, **kwargs: Any) -> doctest.TestResults:
        """The examples in the docstrings of code and tests."""
        failed = attempted = 0
        for test in doctest.DocTestFinder().find(sys.modules["__main__"], "__main__", globs=dict(self.names)):
            found = self.examples(test)
            failed, attempted = failed + found.failed, attempted + found.attempted
        return doctest.TestResults(failed, attempted)

    def examples(self, test: doctest.DocTest) -> doctest.TestResults:
        said = io.StringIO()
        found = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.write)
        self.count(sum(bool(e.want or e.exc_msg) for e in test.examples))
        if found.failed:
            raise AssertionError(" ".join(said.getvalue().split())[-300:])
        return found

    def doctests(self, texts: list[str]) -> None:
        """The examples of texts such as `>>> f(1)` with the answer below."""
        for text in texts:
            text = "\n".join(line for line in text.split("\n") if line.strip() not in ("\"\"\"", "'''"))
            self.examples(doctest.DocTestParser().get_doctest(text, dict(self.names), "tests", None, 0))

    # What the text only defines.

    def defined(self, tree: ast.Module) -> list[str]:
        """The functions and classes that the text defines at its top level, under whatever `if` or `try`."""
        return list(dict.fromkeys(n.name for n in _statements(tree.body) if isinstance(n, _DEFINING)))

    def called(self, tree: ast.Module) -> set[str]:
        """Names that the text calls outside of the definition of that name."""
        found = set()
        for statement in _statements(tree.body):
            own = statement.name if isinstance(statement, _DEFINING) else None
            inside = statement if isinstance(statement, _DEFINING) else _headless(statement)
            for part in [inside] if isinstance(inside, ast.AST) else inside:
                found |= {n.id for n in ast.walk(part) if isinstance(n, ast.Name) and n.id != own}
        return found

    def run_defined(self, name: str, made: Any, used: set[str]) -> None:
        """Run a definition if it is a test: by its name, or because it asserts and nothing else calls it."""
        if isinstance(made, type):
            if issubclass(made, unittest.TestCase):
                self.run_suite(None, unittest.defaultTestLoader.loadTestsFromTestCase(made))
            elif name not in used and any(n.startswith("test") for n in dir(made)):
                self.run_class(made)
            return
        if not isinstance(made, types.FunctionType) or name in self.fixtures:
            return
        marked = bool(_marks(made, "parametrize"))
        if name.startswith("test"):
            needed = _needed(made)
            if name in used and not marked and not (needed and set(needed) <= self.known_fixtures()):
                return  # the text calls it itself
            if needed and not marked and not set(needed) <= self.known_fixtures():
                self.run_candidate(made, needed)
                return
            self.run_function(made)
        elif name not in used and COUNTER in _all_names(made.__code__):
            needed = _needed(made)
            if needed:
                self.run_candidate(made, needed)
            else:
                self.run_function(made)

    def run_candidate(self, made: Callable, needed: list[str]) -> None:
        """`def check(candidate)`: called with the code's function, where the code has but one."""
        functions = [v for v in self.code_defines.values() if isinstance(v, types.FunctionType)]
        if len(needed) == 1 and len(functions) == 1:
            made(functions[0])

    def run_suite(self, runner: Any, suite: Any) -> unittest.TestResult:
        """unittest's cases, the first failure raised as it was."""
        result = _Failing()
        suite(result)
        if result.first:
            raise result.first
        return result

    def run_class(self, made: type) -> None:
        """A class as pytest runs it: a fresh object for each method, with setup before and teardown behind."""
        once = made()
        _call(once, "setup_class", made)
        for name in [n for n in vars(made) if n.startswith("test")] + sorted(
            n for n in dir(made) if n.startswith("test") and n not in vars(made)
        ):
            if not callable(getattr(made, name)):
                continue
            each = made()
            _call(each, "setup_method", getattr(each, name), or_name="setup")
            try:
                self.run_function(getattr(each, name), made)
            finally:
                _call(each, "teardown_method", getattr(each, name), or_name="teardown")
        _call(once, "teardown_class", made)

    def run_function(self, made: Callable, within: type | None = None) -> None:
        """One test for each of its parametrised cases, with its fixtures; a coroutine is awaited."""
        for mark in _marks(made, "skipif") + _marks(within, "skipif"):
            if mark.args and not isinstance(mark.args[0], str) and mark.args[0]:
                return
        if _marks(made, "skip") or _marks(within, "skip"):
            return
        expected = bool(_marks(made, "xfail"))
        for values in _cases(_marks(made, "parametrize") + _marks(within, "parametrize")):
            try:
                with contextlib.ExitStack() as stack:
                    more = {n: self.value(n, stack, values) for n in self.wanted(made) if n not in values}
                    given = {n: v for n, v in {**values, **more}.items() if n in inspect.signature(made).parameters}
                    result = made(**given)
                    if inspect.iscoroutine(result):
                        asyncio.run(result)
            except unittest.SkipTest:
                continue
            except Exception as error:
                if type(error).__name__ == "Skipped" or (expected and type(error).__name__ != "Failed"):
                    continue
                raise
            except BaseException as error:
                if type(error).__name__ != "Skipped":  # pytest.skip
                    raise

    # Fixtures.

    def fixture(self, function: Any = None, **how: Any) -> Any:
        """What `pytest.fixture` is while the text is run: the function, remembered as a fixture."""
        if function is None:
            return lambda made: self.fixture(made, **how)
        self.fixtures[how.get("name") or function.__name__] = (function, bool(how.get("autouse")))
        if how.get("params"):
            function._fgit_params = list(how["params"])
        return function

    def known_fixtures(self) -> set[str]:
        return set(self.fixtures) | {"tmp_path", "tmpdir", "monkeypatch", "capsys", "request"}

    def wanted(self, made: Callable) -> list[str]:
        """The fixtures of a test: those that it names, and those that are always used."""
        always = [n for n, (_, autouse) in self.fixtures.items() if autouse]
        marked = [str(a) for mark in _marks(made, "usefixtures") for a in mark.args]
        return list(dict.fromkeys(always + marked + _needed(made)))

    def value(self, name: str, stack: contextlib.ExitStack, values: dict[str, Any]) -> Any:
        """A fixture's value; what it does behind its `yield` is done when the stack is left."""
        if name in values:
            return values[name]
        if name in self.fixtures:
            function, _ = self.fixtures[name]
            request = types.SimpleNamespace(param=getattr(function, "_fgit_params", [None])[0])
            needed = {n: request if n == "request" else self.value(n, stack, values) for n in _needed(function)}
            made = function(**needed)
            if inspect.isgenerator(made):
                values[name] = next(made)
                stack.callback(lambda: next(made, None))
            else:
                values[name] = asyncio.run(made) if inspect.iscoroutine(made) else made
            return values[name]
        if name in ("tmp_path", "tmpdir"):
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if name == "monkeypatch":
            import pytest

            return stack.enter_context(pytest.MonkeyPatch.context())
        if name == "capsys":
            return stack.enter_context(_Captured())
        raise LookupError(f"the test's fixture `{name}` is not known here")


class Counted(ast.NodeTransformer):
    """Puts a call of the counter before every statement that can show the code to be wrong."""

    def visit(self, node: ast.AST) -> Any:
        checks = isinstance(node, ast.stmt) and not isinstance(node, _DEFINING) and _checks(node)
        node = self.generic_visit(node)
        if not checks:
            return node
        call = ast.Expr(ast.Call(ast.Name(COUNTER, ast.Load()), [], []))
        return [ast.copy_location(call, node), node]


class _Failing(unittest.TestResult):
    """Keeps the first failure itself, and stops there."""

    first: BaseException | None = None

    def _take(self, test: Any, error: Any) -> None:
        self.first = self.first or error[1]
        self.stop()

    addFailure = addError = _take  # noqa: N815 - unittest's names

    def addSubTest(self, test: Any, subtest: Any, error: Any) -> None:  # noqa: N802
        if error:
            self._take(subtest, error)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self._take(test, (None, AssertionError(f"{test} passes, which was not expected")))


class _Captured(contextlib.AbstractContextManager):
    """pytest's `capsys`: what is printed, to be read."""

    def __enter__(self) -> "_Captured":
        self._kept = sys.stdout, sys.stderr
        self._start()
        return self

    def _start(self) -> None:
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()

    def readouterr(self) -> Any:
        out, err = sys.stdout.getvalue(), sys.stderr.getvalue()  # type: ignore[attr-defined]
        self._start()
        return _Output((out, err))

    def __exit__(self, *error: Any) -> None:
        sys.stdout, sys.stderr = self._kept


class _Output(tuple):
    @property
    def out(self) -> str:
        return self[0]

    @property
    def err(self) -> str:
        return self[1]


_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _checks(node: ast.stmt) -> bool:
    """Whether this statement itself, not one inside it, can fail because of the code's answer."""
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.If):
        return any(_raises(s) for s in [*node.body, *node.orelse])
    if isinstance(node, ast.Try):
        return any(_raises(s) for s in [*node.body, *node.orelse]) or any(
            _raises(s) for h in node.handlers for s in h.body
        )
    return any(_CHECKS.match(_called_name(c)) for c in _own_calls(node))


def _raises(node: ast.stmt) -> bool:
    if isinstance(node, ast.Raise | ast.Assert):
        return True
    return isinstance(node, ast.Expr) and any(_called_name(c) in (*_EXITS, "fail") for c in _own_calls(node))


def _own_calls(node: ast.stmt) -> Iterator[ast.Call]:
    """The calls in the statement's own expressions."""
    for part in _headless(node):
        yield from (n for n in ast.walk(part) if isinstance(n, ast.Call))


def _headless(node: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that are no statements."""
    return [
        child
        for child in ast.iter_child_nodes(node)
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case)
    ]


def _called_name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module's top level, and of the `if`, `for`, `try` and `with` there."""
    for statement in body:
        yield statement
        if not isinstance(statement, _DEFINING):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def docstrings(tree: ast.Module) -> list[str]:
    """The docstrings of a module and of what it defines, and texts that stand alone as statements."""
    return [
        n.value.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) and isinstance(n.value.value, str)
    ]


def _is_own(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType) and getattr(value, "__module__", None) == "__main__"


def _found(module: str) -> bool:
    try:
        return module in sys.modules or importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _all_names(code: types.CodeType) -> set[str]:
    """The global names that a function's code uses, in functions inside it too."""
    inner = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return set(code.co_names).union(*(_all_names(c) for c in inner))


def _needed(function: Callable) -> list[str]:
    """The parameters without a default."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.default is inspect.Parameter.empty]


def _marks(made: Any, name: str) -> list[Any]:
    """pytest's marks of that name."""
    marks = getattr(made, "pytestmark", [])
    return [m for m in (marks if isinstance(marks, list) else [marks]) if getattr(m, "name", "") == name]


def _cases(marks: list[Any]) -> Iterator[dict[str, Any]]:
    """The arguments of each parametrised case: the product of the marks; one empty case without marks."""
    for values in itertools.product(*(_rows(mark) for mark in marks)):
        yield {name: value for row in values for name, value in row.items()}


def _rows(mark: Any) -> list[dict[str, Any]]:
    arguments = dict(zip(("argnames", "argvalues"), mark.args, strict=False)) | mark.kwargs
    names = arguments["argnames"]
    names = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
    rows = []
    for row in arguments["argvalues"]:
        if hasattr(row, "values") and hasattr(row, "marks"):  # pytest.param
            if any(m.name in ("skip", "xfail") for m in row.marks):
                continue
            row = row.values if len(names) > 1 else row.values[0]
        rows.append(dict(zip(names, row, strict=True)) if len(names) > 1 else {names[0]: row})
    return rows


def _call(made: Any, name: str, argument: Any, or_name: str = "") -> None:
    """Call a method of setup or teardown where there is one, with the argument if it takes it."""
    method = getattr(made, name, None) or getattr(made, or_name, None) if or_name else getattr(made, name, None)
    if callable(method):
        method(argument) if _needed(method) else method()
