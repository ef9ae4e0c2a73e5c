"""Runs the tests of a dialogue in their own process, where the code's names stand for things elsewhere.

The code is not in this process: what comes of it is data that `values.decode` reads, or a `Thing`. Nothing that a
result is compared with leaves this process while the result is data, and a `Thing` equals no data. A thing that is
neither a function to be called, an iterator to be read, nor of a class that the tests name could answer the tests with
what they want to hear: it is refused where the reference gives none, and else said (`odd`).
"""

import builtins
import contextlib
import functools
import os
import threading
import types
from typing import Any, NoReturn

from fgit_cli.executor import runner, values, wire
from fgit_cli.executor.code_side import described
from fgit_cli.executor.values import decode, encode

_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)
_OF_FUNCTIONS = frozenset({"__call__", "__bool__", "__name__", "__qualname__", "__doc__", "__module__", "__wrapped__"})
_OF_ITERATORS = frozenset({"__iter__", "__next__", "send", "close"})
_UNFAITHFUL = (b'{"unrepresentable":', b'{"digest":', b'{"defaultdict":')  # data that is not itself on the other side


class Things:
    """The things of the code's process that this one holds, and the tests' functions that the other one holds."""

    def __init__(self, named: frozenset[str], odd_allowed: bool) -> None:
        self.named, self.odd_allowed = named, odd_allowed
        self.functions: list[Any] = []
        self.classes: dict[tuple[str, ...], type] = {}
        self.odd = False
        self._turn = threading.RLock()
        values.stand_in(self._carried, thing=self._thing, function=lambda content: self.functions[content[0]])

    def get(self, name: str) -> Any:
        """What stands for one of the code's names."""
        thing = self._ask({"get": name})
        if type(thing) is Thing:
            object.__setattr__(thing, "_trusted", True)
        return thing

    def call(self, thing: "Thing", method: str | None, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """What the thing, or its method, gives; the arguments that it changes are changed here too."""
        return self._ask({"call": [thing, method, arguments, keywords]}, arguments)

    def read(self, thing: "Thing", name: str) -> Any:
        """The value of an attribute."""
        return self._ask({"read": [thing, name]})

    def may(self, thing: "Thing", use: str) -> None:
        """Look at whether the tests may use the thing so. Raises TypeError where they may not."""
        kind = _of(thing, "_kind")
        if kind == "object" and _of(thing, "_name") in self.named:
            return
        if (kind in ("function", "class") and use in _OF_FUNCTIONS) or (kind == "iterator" and use in _OF_ITERATORS):
            return
        self.odd = True
        if not self.odd_allowed:
            raise TypeError(f"the code gave an object of class {_of(thing, '_name')}, where the reference gives data")

    def _ask(self, question: dict[str, Any], arguments: list[Any] | None = None) -> Any:
        with self._turn:
            answer = self._exchange(question)
            while "call" in answer:
                answer = self._exchange(self._returned(*answer["call"]))
            if "raised" in answer:
                raise self._exception(*answer["raised"])
            if "exception" in answer:
                return self._class(answer["exception"])
            for place, value in answer.get("changed", {}).items():
                _change((arguments or [])[place], value)
            return answer["value"]

    def _returned(self, function: Any, arguments: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"returned": self.functions[function](*arguments, **keywords)}
        except BaseException as error:
            return {"raised": described(error)}

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        said = encode(message)
        if any(tag in said for tag in _UNFAITHFUL):
            unsplit("an argument cannot cross to the code as data")
        runner.emit(wire.SAID, said)
        answer = decode(runner.hear())
        if not isinstance(answer, dict):
            raise TypeError("the code's process gave no answer")
        return answer

    def _carried(self, value: Any, depth: int) -> Any:
        """The tree that carries an argument which is no data."""
        if type(value) is Thing:
            return {"thing": _of(value, "_number")}
        if not isinstance(value, _FUNCTIONS):
            unsplit(f"an argument of type {type(value).__name__} cannot cross to the code as data")
        for number, function in enumerate(self.functions):
            if function is value:
                return {"function": [number, ""]}
        self.functions.append(value)
        return {"function": [len(self.functions) - 1, str(getattr(value, "__name__", ""))]}

    def _thing(self, content: list[Any]) -> "Thing":
        number, name, kind, data = content
        return Thing(self, number, str(name)[:200], kind, data)

    def _class(self, names: list[str]) -> type:
        """The class of exceptions of these names, its own first; made here where it is not Python's."""
        first = getattr(builtins, names[0], None)
        if isinstance(first, type) and issubclass(first, BaseException):
            return first
        key = tuple(names)
        if key not in self.classes:
            self.classes[key] = type(names[0], (self._class(names[1:]) if len(names) > 1 else Exception,), {})
        return self.classes[key]

    def _exception(self, names: list[str], text: str, arguments: list[Any]) -> BaseException:
        try:
            return self._class(names)(*arguments)
        except Exception:
            return Exception(text)


class Thing:
    """An object in the code's process. What it does is done there; it equals data only by its content.

    To `isinstance` a function of the code's is a function, of the module `__main__` like all that the code defines.
    """

    __module__ = "__main__"

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return types.FunctionType if _of(self, "_kind") == "function" else Thing

    def __init__(self, things: Things, number: int, name: str, kind: str, data: Any) -> None:
        for key, value in (("things", things), ("number", number), ("name", name), ("kind", kind), ("data", data)):
            object.__setattr__(self, f"_{key}", value)
        object.__setattr__(self, "_trusted", False)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        _checked(self, "__call__")
        return _of(self, "_things").call(self, None, list(arguments), keywords)

    def __getattr__(self, name: str) -> Any:
        _checked(self, name)
        return _of(self, "_things").read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _method(self, "__setattr__", name, value)

    def __iter__(self) -> Any:
        return self if _of(self, "_kind") == "iterator" else _method(self, "__iter__")

    def __next__(self) -> Any:
        return _method(self, "__next__")

    def __contains__(self, item: Any) -> bool:
        if _of(self, "_kind") == "iterator":
            return any(item == x for x in self)
        return bool(_method(self, "__contains__", item))

    def __instancecheck__(self, instance: Any) -> bool:
        return type(instance) is Thing and bool(_method(self, "__instancecheck__", instance))

    def __subclasscheck__(self, other: Any) -> bool:
        return type(other) is Thing and bool(_method(self, "__subclasscheck__", other))

    def __hash__(self) -> int:
        return hash(_of(self, "_number"))

    def __eq__(self, other: object) -> bool:
        if type(other) is Thing:
            same = _of(other, "_number") == _of(self, "_number")
            return same or _method(self, "__eq__", other) is True
        data = _of(self, "_data")
        return data is not None and bool(data == other)

    def __ne__(self, other: object) -> bool:
        return not self == other


def _of(thing: Thing, name: str) -> Any:
    return object.__getattribute__(thing, name)


def _checked(thing: Thing, use: str) -> None:
    if not _of(thing, "_trusted"):
        _of(thing, "_things").may(thing, use)


def _method(thing: Thing, name: str, *arguments: Any) -> Any:
    _checked(thing, name)
    return _of(thing, "_things").call(thing, name, list(arguments), {})


def _operand(name: str) -> Any:
    """An operator whose result with data, which may be what the tests expect, must be a thing again."""

    def method(self: Thing, *others: Any) -> Any:
        result = _method(self, name, *others)
        if type(result) is not Thing and not all(type(other) is Thing for other in others):
            raise TypeError(f"{name} of an object of class {_of(self, '_name')} with data gives data")
        return result

    return method


def _plain(name: str) -> Any:
    return lambda self, *arguments: _method(self, name, *arguments)


for _name in str.split(
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul and rand or ror "
    "xor rxor lshift rlshift rshift rrshift neg pos invert abs lt le gt ge"
):
    setattr(Thing, f"__{_name}__", _operand(f"__{_name}__"))
for _name in str.split("len getitem setitem delitem str repr int float index bool enter exit format round"):
    setattr(Thing, f"__{_name}__", _plain(f"__{_name}__"))


def _change(old: Any, new: Any) -> None:
    """Make an argument what the code has made of it."""
    if isinstance(old, list | bytearray):
        old[:] = new
    elif isinstance(old, dict | set):
        old.clear()
        old.update(new)
    elif type(old).__name__ == "ndarray":
        old[...] = new


def unsplit(reason: str) -> NoReturn:
    """Say that these tests cannot be run apart from the code, and end at once, so that no test catches it."""
    runner.emit(wire.UNSPLIT, reason.encode()[:1000])
    os._exit(0)


def run(plan: dict[str, Any], tests: str) -> NoReturn:
    """Run the tests as the module `__main__`.

    `plan`: `names`, which the code binds and the tests use; `classes`, those of them that are no functions; `imports`,
    statements of the code on which the tests rely; `odd`, whether objects of other classes are let through.
    """
    try:
        namespace = runner.as_main()
        try:
            things = Things(frozenset(plan["classes"]), plan["odd"])
            runner.emit(wire.LOADED)
            exec(compile(plan["imports"], "imports.py", "exec", dont_inherit=True), namespace)
            for name in plan["names"]:
                with contextlib.suppress(KeyError):  # the code did not come to bind it
                    namespace[name] = things.get(name)
            runner.run_tests(tests, namespace)
            runner.tell_draws()
            if things.odd:
                runner.emit(wire.ODD)
            runner.emit(wire.FINISHED)
        except MemoryError:
            namespace.clear()
            runner.emit(wire.MEMORY)
        except BaseException as error:
            runner.raised(error)
    finally:
        os._exit(0)
