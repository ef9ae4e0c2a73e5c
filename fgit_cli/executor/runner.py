"""Executes the code under test in the forked child and writes what comes of it to a pipe.

This process is untrusted from its first line on: whatever it writes is an output, compared elsewhere. It never sees an
expected value.
"""

import json
import os
import random
import sys
import threading
import types
from typing import Any, NoReturn

from fgit_cli.executor import wire
from fgit_cli.executor.values import decode, encode

RESULTS = 3  # the descriptor of the pipe
QUESTIONS = 4  # in a dialogue, the descriptor of the pipe from which the other process's messages are read
_MESSAGE = 500  # characters of an exception's text that are reported

# Private references: the code under test may patch os and builtins after this.
_write, _read, _exit, _pack = os.write, os.read, os._exit, wire.CHILD_HEADER.pack
_set_recursion_limit, _recursion_limit = sys.setrecursionlimit, sys.getrecursionlimit
_json_of = json.JSONEncoder().encode
_random_state = random.getstate
_type_name = type.__dict__["__name__"].__get__


def emit(kind: bytes, content: bytes = b"") -> None:
    """Write one frame."""
    data = memoryview(_pack(kind, len(content)) + content)
    while data:
        data = data[_write(RESULTS, data) :]


_start: list[Any] = []  # the state of `random` that the process was given, until it is known to have left it


def seed(number: int) -> None:
    """Seed `random`, and numpy's where that is loaded."""
    random.seed(number)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(number)
    _start[:] = [_random_state(), _numpy_state()]


def _numpy_state() -> Any:
    if "numpy" not in sys.modules:
        return None
    state = sys.modules["numpy"].random.get_state()
    return state[1].tobytes(), state[2]


def tell_draws() -> None:
    """Write, once, that random numbers were drawn from the generators that `seed` has set."""
    try:
        if _start and _start != [_random_state(), _numpy_state()]:
            _start.clear()
            emit(wire.DREW)
    except Exception:  # the code has taken the generators apart
        _start.clear()
        emit(wire.DREW)


def hear() -> bytes:
    """The next message of the other process in a dialogue; ends this one where there is none."""
    size = wire.TOLD.unpack(_exactly(wire.TOLD.size))[0]
    return _exactly(size)


def _exactly(size: int) -> bytes:
    parts = []
    while size:
        part = _read(QUESTIONS, min(size, 1 << 20))
        if not part:
            _exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def raised(error: BaseException) -> None:
    """Report an exception: its type's name and the start of its text."""
    try:
        message = str(error)[:_MESSAGE]
    except BaseException:
        message = "(its message cannot be had)"
    emit(wire.RAISED, _json_of([_type_name(type(error)), message]).encode())


def run_calls(code: str, entry_point: str, inputs: list[bytes], collect: bool, keep_going: bool) -> NoReturn:
    """Load the code, call the function for each input, write each output or exception as a frame; then end."""
    try:
        namespace: dict[str, Any] = {}
        try:
            exec(code, namespace)
            function = namespace[entry_point]
        except MemoryError:
            namespace.clear()
            emit(wire.MEMORY)
            _exit(0)
        except BaseException as error:
            raised(error)
            _exit(0)
        emit(wire.LOADED)
        for data in inputs:
            if not _call(function, data, collect) and not keep_going:
                break
        tell_draws()
        emit(wire.FINISHED)
    finally:
        _exit(0)


def _call(function: Any, data: bytes, collect: bool) -> bool:
    """Call once; True when there is an output."""
    limit = _recursion_limit()
    try:
        output = function(*decode(data))
        _set_recursion_limit(max(limit, 3000))
        encoded = encode(output, collect)
        del output
    except MemoryError:
        emit(wire.MEMORY)
        return False
    except BaseException as error:
        raised(error)
        return False
    finally:
        _set_recursion_limit(limit)
    emit(wire.OUTPUT, encoded)
    return True


def run_script(code: str, tests: str) -> NoReturn:
    """Execute code, then tests, as the module `__main__`; write where it got to; then end."""
    try:
        namespace = as_main()
        try:
            try:
                exec(compile(code, "sample.py", "exec", dont_inherit=True), namespace)
            except SystemExit as leaving:
                if tests or leaving.code not in (None, 0):
                    raise
            emit(wire.LOADED)
            run_tests(tests, namespace)
            tell_draws()
            emit(wire.FINISHED)
        except MemoryError:
            namespace.clear()
            emit(wire.MEMORY)
        except BaseException as error:
            _flush()
            raised(error)
    finally:
        _exit(0)


def as_main() -> dict[str, Any]:
    """The namespace of a new, empty module `__main__`."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv = ["sample.py"]
    namespace = module.__dict__
    namespace["__builtins__"] = __builtins__
    return namespace


def run_tests(tests: str, namespace: dict[str, Any]) -> None:
    """Execute the tests; write what they leave in `__report__`."""
    exec(compile(tests, "tests.py", "exec", dont_inherit=True), namespace)
    threading._shutdown()  # type: ignore[attr-defined]  # non-daemon threads may still print
    sys.stdout.flush()
    if "__report__" in namespace:
        emit(wire.REPORT, encode(namespace["__report__"]))


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BaseException:
        pass
