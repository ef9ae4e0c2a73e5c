"""Rendering that ends: a Jinja template of somebody else's gets so much time and makes so much text, and no more."""

import contextlib
import ctypes
import functools
import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment

from fgit_cli.errors import one_line

SECONDS = 10.0  # for one text
LONGEST = 64 << 20  # characters of a text
_MEMORY = 1 << 30  # bytes that rendering a text may take
_TICK = 0.1  # seconds between looks at the clock
_DIGITS = 6  # of a width in a format
_BITS = 1 << 20  # of an integer


class TimeIsUp(Exception):
    """A template took longer than SECONDS."""


class Unbounded(Exception):
    """A template asks for a value that is larger than any text; the message says which."""


class TooMuchMemory(Exception):
    """A template made the process larger than any text can need."""


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox, in which also no single operation takes long or makes a huge value."""

    intercepted_binops = frozenset(["**", "*", "%", "+"])

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        for name in ("center", "indent", "wordwrap", "tojson"):
            self.filters[name] = _with_small_numbers(self.filters[name])

    def call(self, context: Any, function: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(getattr(function, "__self__", None), str):
            _refuse_large([*arguments, *keywords.values()])
        return super().call(context, function, *arguments, **keywords)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and isinstance(left, int) and isinstance(right, int):
            if abs(right) * max(1, left.bit_length()) > _BITS:
                raise Unbounded(f"a power of {left.bit_length()} bits by {right}")
        elif operator == "+":
            if isinstance(left, str | list) and isinstance(right, str | list) and len(left) + len(right) > LONGEST:
                raise Unbounded(f"{len(left)} and {len(right)} items together")
        elif operator == "*":
            for many, each in ((left, right), (right, left)):
                if isinstance(many, int) and hasattr(each, "__len__") and many * len(each) > LONGEST:
                    raise Unbounded(f"{many} times {len(each)} items")
            if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _BITS:
                raise Unbounded("a product of huge integers")
        elif operator == "%" and isinstance(left, str) and any(d and len(word) > _DIGITS for d, word in _numbers(left)):
            raise Unbounded("a format with a huge width")
        return super().call_binop(context, operator, left, right)


def _refuse_large(arguments: list[Any]) -> None:
    for number in arguments:
        if isinstance(number, int) and number > LONGEST:
            raise Unbounded(f"the number {number} for a text")


def _with_small_numbers(function: Any) -> Any:
    @functools.wraps(function)
    def checked(*arguments: Any, **keywords: Any) -> Any:
        _refuse_large([*arguments, *keywords.values()])
        return function(*arguments, **keywords)

    return checked


def _numbers(text: str) -> Iterator[tuple[bool, str]]:
    return ((digits, "".join(group)) for digits, group in itertools.groupby(text, str.isdigit))


def rendered(template: Any, values: dict[str, Any]) -> str:
    """The template's text. Raises TimeIsUp, Unbounded, and whatever else rendering raises."""
    parts, length = [], 0
    with _limited():
        for part in template.generate(**values):
            parts.append(part)
            length += len(part)
            if length > LONGEST:
                raise Unbounded(f"more than {LONGEST >> 20} million characters")
    return "".join(parts)


def said(error: BaseException) -> str:
    """One line on why a template gave no text."""
    if isinstance(error, TimeIsUp):
        return f"it was not done after {SECONDS:g} seconds"
    if isinstance(error, MemoryError | TooMuchMemory):
        return "it needs more memory than there is"
    if isinstance(error, RecursionError):
        return "it calls itself without end"
    name = "" if isinstance(error, Unbounded) else f"{type(error).__name__}: "
    return one_line(f"{name}{error}", 300)


class _Clock:
    """A thread that looks at the time for all threads that render, and interrupts one that takes too long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[int, tuple[float, int]] = {}  # by thread: the time, and the memory that may be held
        self._running = False

    def start(self, thread: int) -> None:
        with self._lock:
            self._until[thread] = time.monotonic() + SECONDS, _held() + _MEMORY
            if not self._running:
                self._running = True
                threading.Thread(target=self._look, daemon=True).start()

    def stop(self, thread: int) -> bool:
        """Whether the thread was not interrupted."""
        with self._lock:
            return self._until.pop(thread, None) is not None

    def _look(self) -> None:
        idle = 0
        while idle < 100:
            time.sleep(_TICK)
            with self._lock:
                idle = 0 if self._until else idle + 1
                for thread, (until, memory) in list(self._until.items()):
                    if time.monotonic() > until or _held() > memory:
                        del self._until[thread]
                        reason = TimeIsUp if time.monotonic() > until else TooMuchMemory
                        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(reason))
                if idle >= 100:
                    self._running = False


def _held() -> int:
    """Bytes of memory that this process holds; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as pages:
            return int(pages.read().split()[1]) * 4096
    except OSError:
        return 0


_CLOCK = _Clock()


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Interrupt this thread by TimeIsUp when the time for one text is over."""
    thread = threading.get_ident()
    _CLOCK.start(thread)
    try:
        yield
    finally:
        if not _CLOCK.stop(thread):
            with contextlib.suppress(TimeIsUp, TooMuchMemory):  # it may still be on its way here
                time.sleep(_TICK)
                for _ in range(100):
                    pass
