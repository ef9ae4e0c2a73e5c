"""pytest's marks and fixtures, as far as tests of a single function use them.

pytest itself wants files, and a second that a sandboxed run of some milliseconds has not.
"""

import asyncio
import contextlib
import inspect
import io
import itertools
import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

BUILTIN = frozenset({"tmp_path", "tmpdir", "monkeypatch", "capsys"})


class Fixtures:
    """The fixtures that a text defines, and their values."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Callable, dict[str, Any]]] = {}
        self.instance: Any = None  # of the class whose test is being run

    def __contains__(self, name: str) -> bool:
        return name in self._made or name in BUILTIN

    def decorator(self, function: Any = None, **how: Any) -> Any:
        """What `pytest.fixture` is while the text is run: the function itself, remembered as a fixture."""
        if not callable(function):
            return lambda made: self.decorator(made, **how)
        self._made[how.get("name") or function.__name__] = (function, how)
        return function

    def wanted(self, test: Callable) -> list[str]:
        """The fixtures of a test: those that are always used, those of its marks, and those that it names."""
        always = [name for name, (_, how) in self._made.items() if how.get("autouse")]
        marked = [str(argument) for mark in marks(test, "usefixtures") for argument in mark.args]
        return list(dict.fromkeys([*always, *marked, *needed(test)]))

    def rows(self, names: list[str]) -> list[list[dict[Any, Any]]]:
        """For each of these fixtures, and those that they need, that has `params`: a row for each of them."""
        found, todo = [], list(names)
        while todo:
            name = todo.pop()
            if name in self._made:
                function, how = self._made[name]
                todo += needed(function)
                if how.get("params"):
                    found.append([{("param", name): value} for value in how["params"]])
        return found

    def value(self, name: str, stack: contextlib.ExitStack, values: dict[Any, Any]) -> Any:
        """A fixture's value, kept in `values`; what it does behind its `yield` is done when the stack is left."""
        if name not in values:
            values[name] = self._value(name, stack, values)
        return values[name]

    def _value(self, name: str, stack: contextlib.ExitStack, values: dict[Any, Any]) -> Any:
        if name == "self":
            return self.instance
        if name in self._made:
            function, _ = self._made[name]
            request = types.SimpleNamespace(param=values.get(("param", name)))
            made = function(
                **{n: request if n == "request" else self.value(n, stack, values) for n in needed(function)}
            )
            if inspect.isgenerator(made):
                stack.callback(lambda: next(made, None))
                return next(made)
            return asyncio.run(made) if inspect.iscoroutine(made) else made
        if name in ("tmp_path", "tmpdir"):
            return Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if name == "monkeypatch":
            import pytest

            return stack.enter_context(pytest.MonkeyPatch.context())
        if name == "capsys":
            return stack.enter_context(_Captured())
        raise LookupError(f"the test's fixture `{name}` is not known here")


class _Captured:
    """pytest's `capsys`: what is printed, to be read."""

    def __enter__(self) -> "_Captured":
        self._kept = sys.stdout, sys.stderr
        self._start()
        return self

    def __exit__(self, *error: Any) -> None:
        sys.stdout, sys.stderr = self._kept

    def _start(self) -> None:
        self._out, self._err = io.StringIO(), io.StringIO()
        sys.stdout, sys.stderr = self._out, self._err

    def readouterr(self) -> Any:
        said = (self._out.getvalue(), self._err.getvalue())
        self._start()
        return _Output(said)


class _Output(tuple):
    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


def needed(function: Callable) -> list[str]:
    """The parameters without a default, and without those that `mock.patch` fills."""
    patched = sum(p.attribute_name is None and p.new is mock.DEFAULT for p in getattr(function, "patchings", []))
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.kind not in variadic]
    return [p.name for p in parameters[patched:] if p.default is inspect.Parameter.empty]


def marks(made: Any, name: str) -> list[Any]:
    """pytest's marks of that name on a function, class or module."""
    found = getattr(made, "pytestmark", [])
    return [m for m in (found if isinstance(found, list) else [found]) if getattr(m, "name", "") == name]


def skipped(made: Any) -> bool:
    """Whether marks say that it is not to be run."""
    return bool(marks(made, "skip")) or any(
        not isinstance(condition, str) and condition for mark in marks(made, "skipif") for condition in mark.args
    )


def cases(parametrised: list[Any], more: list[list[dict[Any, Any]]]) -> Iterator[dict[Any, Any]]:
    """The arguments of each case: the product of the marks and of `more` rows; one empty case where there is none."""
    for chosen in itertools.product(*map(_rows, parametrised), *more):
        yield {name: value for row in chosen for name, value in row.items()}


def _rows(mark: Any) -> list[dict[Any, Any]]:
    arguments = dict(zip(("argnames", "argvalues"), mark.args, strict=False)) | mark.kwargs
    names = arguments["argnames"]
    names = [n.strip() for n in names.split(",") if n.strip()] if isinstance(names, str) else list(names)
    rows = []
    for row in arguments["argvalues"]:
        if hasattr(row, "values") and hasattr(row, "marks"):  # pytest.param
            if any(getattr(m, "name", "") in ("skip", "xfail") for m in row.marks):
                continue
            row = row.values if len(names) > 1 else row.values[0]
        rows.append(dict(zip(names, row, strict=True)) if len(names) > 1 else {names[0]: row})
    return rows
