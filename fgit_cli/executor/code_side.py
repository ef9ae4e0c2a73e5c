"""Serves the code in a dialogue: its process loads the code and does what the tests' process asks of it.

A message is a value that `values.encode` writes. The tests ask `{"get": name}`, `{"read": [thing, attribute]}`,
`{"call": [thing, method or None, arguments, keywords]}`, and end a call of one of their own functions by
`{"returned": value}` or `{"raised": exception}`. The code answers `{"value": value, "changed": {place: argument}}`,
`{"raised": exception}`, `{"exception": names}` for a class of exceptions, or `{"call": [function, arguments,
keywords]}`, which calls one of the tests' functions. An exception is `[names of its classes, text, arguments]`.

What is no data stays here and crosses as `{"thing": [number, class name, kind, content]}`: the kind is `function`,
`class`, `iterator` or `object`; the content is there for an instance of a subclass that compares as its base does.
Everything in this process is untrusted; it never sees what a result is compared with.
"""

import builtins
import functools
import itertools
import operator
import os
import types
from collections.abc import Callable
from typing import Any, NoReturn

from fgit_cli.executor import runner, values, wire
from fgit_cli.executor.values import decode, encode

_CHANGEABLE = frozenset({"list", "dict", "set", "bytearray", "ndarray"})


class _Indexed:
    """Has items by their number alone, so that Python makes the iterator."""

    def __getitem__(self, number: int) -> int:
        raise IndexError(number)


_SOME: tuple[Any, ...] = ([], (), {}, {}.values(), {}.items(), set(), "a", "\xe9", b"", range(0), range(1 << 70))
_ITERATORS = frozenset(
    [types.GeneratorType, map, filter, zip, enumerate, reversed, itertools.chain, itertools.count, itertools.islice]
    + [itertools.product, itertools.permutations, itertools.combinations, itertools.accumulate, itertools.cycle]
    + [type(iter(x)) for x in _SOME]
    + [type(iter(_Indexed())), type(iter(int, 1))]
)
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_CONTENT = (tuple, list, dict, set, frozenset, str, bytes, int, float)
_BUILTIN: dict[str, Callable[..., Any]] = {
    f"__{f.__name__}__": f for f in (bool, len, iter, next, str, repr, int, float, round, format)
}
_TEXT = 2000  # characters of an exception's text


class CodeSide:
    """The code's side of the dialogue: its names, and the things that the tests hold by number."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.things: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.theirs: dict[int, TestsFunction] = {}
        values.stand_in(self._carried, thing=lambda number: self.things[number], function=self._function)

    def _carried(self, value: Any, depth: int) -> Any:
        """The tree that carries a value which is no data."""
        kind = type(value)
        if kind in _VIEWS:
            return values.tagged(_VIEWS[kind](value), depth)
        if kind is TestsFunction:
            return {"function": [value.number]}
        number = self.numbers.get(id(value))
        if number is None:
            number = self.numbers[id(value)] = len(self.things)
            self.things.append(value)  # which also keeps its id from being given away
        what = "iterator" if kind in _ITERATORS else "function" if isinstance(value, _FUNCTIONS) else "object"
        what = "class" if isinstance(value, type) else what
        content = next(
            (base(value) for base in kind.__mro__[1:] if base in _CONTENT and kind.__eq__ is base.__eq__), None
        )
        return {"thing": [number, kind.__name__, what, values.tagged(content, depth + 1)]}

    def _function(self, content: list[Any]) -> "TestsFunction":
        number, name = content
        return self.theirs.setdefault(number, TestsFunction(number, name, self))

    def answer_all(self) -> NoReturn:
        """Answer one question after the other."""
        while True:
            self._say(self._answer(_hear()))

    def call_back(self, number: int, arguments: tuple, keywords: dict) -> Any:
        """What one of the tests' functions gives; what it asks before it returns is answered."""
        self._say({"call": [number, list(arguments), keywords]})
        while True:
            heard = _hear()
            if "returned" in heard:
                return heard["returned"]
            if "raised" in heard:
                raise _exception(*heard["raised"])
            self._say(self._answer(heard))

    def _say(self, message: dict[str, Any]) -> None:
        try:
            runner.tell_draws()
            runner.emit(wire.SAID, encode(message))
        except MemoryError:
            _out_of_memory()

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            if "get" in asked:
                return _got(self.namespace[asked["get"]])
            if "read" in asked:
                return {"value": getattr(*asked["read"])}
            return _called(*asked["call"])
        except MemoryError:
            _out_of_memory()
        except BaseException as error:
            return {"raised": described(error)}


class TestsFunction:
    """One of the tests' functions, as the code sees it."""

    def __init__(self, number: int, name: str, side: CodeSide) -> None:
        self.number, self._side = number, side
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._side.call_back(self.number, arguments, keywords)


_VIEWS: dict[type, Any] = {type({}.keys()): set, type({}.values()): list, type({}.items()): list}


def _got(value: Any) -> dict[str, Any]:
    if isinstance(value, type) and issubclass(value, BaseException):
        return {"exception": [c.__name__ for c in value.__mro__]}
    return {"value": value}


def _called(thing: Any, method: str | None, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    function = thing if method is None else _method(thing, method)
    before = [encode(a) if type(a).__name__ in _CHANGEABLE else None for a in arguments]
    value = function(*arguments, **keywords)
    changed = {i: a for i, a in enumerate(arguments) if before[i] is not None and encode(a) != before[i]}
    return {"value": value, "changed": changed} if changed else {"value": value}


def _method(thing: Any, name: str) -> Callable[..., Any]:
    """What Python does for a method; one with underscores is its operator, which may do without the method."""
    if name in _BUILTIN:
        return functools.partial(_BUILTIN[name], thing)
    if hasattr(operator, name):
        return functools.partial(getattr(operator, name), thing)
    if name.startswith("__r") and hasattr(operator, f"__{name[3:]}"):
        return lambda other: getattr(operator, f"__{name[3:]}")(other, thing)
    return getattr(thing, name)


def described(error: BaseException) -> list[Any]:
    """An exception as data: the names of its classes, its text, its arguments, those that are no plain data as text."""
    try:
        text = str(error)[:_TEXT]
        arguments = [a if type(a) in (str, int, float, bool, type(None)) else repr(a)[:_TEXT] for a in error.args[:10]]
    except BaseException:
        text, arguments = "(its message cannot be had)", []
    return [[c.__name__ for c in type(error).__mro__], text, arguments]


def _exception(names: list[str], text: str, arguments: list[Any]) -> BaseException:
    """An exception of the tests' as the code sees it: of the nearest class that is Python's own."""
    for name in names:
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, BaseException):
            return known(*arguments)
    return Exception(text)


def _hear() -> dict[str, Any]:
    return decode(runner.hear())


def _out_of_memory() -> NoReturn:
    runner.emit(wire.MEMORY)
    os._exit(0)


def run(code: str) -> NoReturn:
    """Load the code as the module `__main__`, then answer what the tests ask."""
    try:
        namespace = runner.as_main()
        try:
            exec(compile(code, "sample.py", "exec", dont_inherit=True), namespace)
        except MemoryError:
            namespace.clear()
            _out_of_memory()
        except BaseException as error:
            runner.raised(error)
            os._exit(0)
        side = CodeSide(namespace)
        runner.emit(wire.LOADED)
        side.answer_all()
    except BaseException as error:
        runner.raised(error)
    finally:
        os._exit(0)
