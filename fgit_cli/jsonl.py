"""Records in and out: JSON objects, one a line, split at `\\n` only.

jsonlines walks the lines, orjson reads and writes them. What JSON cannot carry faithfully (NaN, Infinity, lone
surrogates, text that is not UTF-8) is refused by name. An integer beyond 64 bits, which orjson would turn into a
float, is read and written by the standard library.
"""

import contextlib
import errno
import gzip
import itertools
import json
import math
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from fgit_cli.errors import EngineError, InputError, UsageError


def _shape_of(byte: int) -> int:
    """A digit becomes `0`, an `E` becomes `e`; `e` and `+` stay, and everything else becomes a space."""
    if byte in b"0123456789":
        return ord("0")
    if byte in b"eE":
        return ord("e")
    return byte if byte == ord("+") else ord(" ")


# Translated by this table, a line is searched for long numbers in C; a regular expression takes 1 ms.
_SHAPE = bytes(map(_shape_of, range(256)))
LONGEST_LINE = 64 << 20  # bytes; a line that is longer, such as of a small .gz that unpacks to gigabytes, is refused
_GZIP = b"\x1f\x8b"


class Record(dict):
    """A JSON object that knows where it came from: `place` is `FILE:LINE`, for messages."""

    __slots__ = ("place",)
    place: str


def loads(line: str) -> Any:
    """One JSON value, exactly. Raises ValueError with a message that names what is wrong."""
    if _maybe_big(line):
        return _careful(line)
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        _careful(line)  # names NaN and the like better than orjson does
        raise ValueError(f"not JSON: {error}") from None


def _maybe_big(line: str) -> bool:
    """Whether a number may be beyond what orjson reads exactly: 19 digits in a row, or an exponent of 3."""
    shape = line.encode("utf-8", "surrogatepass").translate(_SHAPE)
    return b"0" * 19 in shape or b"0e000" in shape or b"0e+000" in shape


def _careful(line: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON; use null or leave the field out")

    def number(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"the number {text} is too large for a float")
        return value

    try:
        value = json.loads(line, parse_constant=refuse, parse_float=number)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        code = ord(error.object[error.start])
        raise ValueError(f"a lone surrogate (\\u{code:04x}) is no text; replace or remove it") from None
    return value


def dumps(record: Any) -> bytes:
    """One line of JSON with its `\\n`. Raises ValueError for what JSON cannot carry."""
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # an integer beyond 64 bits, or a lone surrogate
        return json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"


class _Lines:
    """The lines of a stream; one that is longer than `longest` bytes comes as `{`, and then `cut` is True.

    No more than `longest` bytes are held.
    """

    def __init__(self, stream: Any, longest: int) -> None:
        self.stream, self.longest, self.cut = stream, longest, False

    def __iter__(self) -> Iterator[bytes]:
        while line := self.stream.readline(self.longest + 1):
            self.cut = len(line) > self.longest and line[-1:] != b"\n"
            while self.cut and (rest := self.stream.readline(1 << 20)) and rest[-1:] != b"\n":
                pass
            yield b"{" if self.cut else line


def read(
    files: list[str], bad_line: Callable[[InputError], None] | None = None, longest: int = LONGEST_LINE
) -> Iterator[Record]:
    """The records of the files, one after the other; of stdin for none or `-`. `longest`: bytes of a line.

    A line that is no JSON object raises InputError with its place; `bad_line(error)`, when given, is called instead
    and the line is passed over. Empty lines are passed over in silence.
    """
    import jsonlines

    for name in files or ["-"]:
        label = "stdin" if name == "-" else name
        with open_input(name) as stream:
            lines = _Lines(stream, longest)
            reader = jsonlines.Reader(lines, loads=loads)  # type: ignore[arg-type]
            for number in itertools.count(1):
                try:
                    record = Record(reader.read(type=dict))
                except jsonlines.InvalidLineError as error:
                    if not error.line.strip():
                        continue
                    what = f"longer than {longest >> 20} MB (--longest-line)" if lines.cut else _what(error)
                    refusal = InputError(what, f"{label}:{number}")
                    if bad_line is None:
                        raise refusal from None
                    bad_line(refusal)
                    continue
                except (OSError, EOFError, zlib.error) as error:
                    if type(error) is EOFError and not error.args:
                        break
                    raise InputError(f"cannot be read: {error}", f"{label}:{number}") from None
                record.place = f"{label}:{number}"
                yield record


def _what(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, UnicodeDecodeError):
        return f"not UTF-8 (byte {cause.start} of the line); convert the file"
    if str(getattr(error, "line", "")).lstrip().startswith("["):
        return "a JSON array; each line must be an object (jq -c '.[]' makes lines of an array's items)"
    if isinstance(cause, ValueError):
        return str(cause)
    return "not a JSON object; each line must be one"


def count(files: list[str]) -> int | None:
    """How many lines the files have; None where counting would eat or unpack them (stdin, a pipe, `.gz`)."""
    total = 0
    for name in files or ["-"]:
        if name == "-" or name.endswith(".gz") or not os.path.isfile(name):
            return None
        with open(name, "rb") as stream:
            while chunk := stream.read(1 << 20):
                total += chunk.count(b"\n")
    return total


@contextlib.contextmanager
def open_input(name: str) -> Iterator[BinaryIO]:
    """A file to read as bytes; `-` is stdin; gzip, known by its first bytes, is unpacked.

    Raises InputError where it cannot be opened.
    """
    if name == "-":
        yield _unpacked(sys.stdin.buffer)
        return
    try:
        stream = open(name, "rb")
    except OSError as error:
        raise InputError(f"cannot be opened: {error.strerror}", name) from None
    with stream:
        yield _unpacked(stream, name.endswith(".gz"))


def _unpacked(stream: Any, gz: bool = False) -> Any:
    """The stream, or what is packed in it; `gz` where its name says so."""
    try:
        packed = gz or stream.peek(2)[:2] == _GZIP
    except OSError:  # a folder; reading says so
        packed = False
    return gzip.GzipFile(fileobj=stream) if packed else stream


class Writer:
    """Records out, flushed one by one; to stdout, or to a file that gets its name when `close` says it is whole.

    `flag` is the option that named the file, for messages. Raises UsageError for a name that cannot be written to, and
    EngineError where writing fails, such as on a full disk.
    """

    def __init__(self, name: str | None, flag: str = "--output") -> None:
        self.name = None if name is None or name in _STDOUT else name
        self.count = 0
        self._place = f"{flag} {name}" if self.name else "stdout"
        if self.name is None:
            self._stream: Any = sys.stdout.buffer
            return
        self.path = Path(os.path.realpath(self.name))  # a link stays one: what it points to is written
        if not self.name or self.path.is_dir():
            raise UsageError(f"{flag} {self.name!r}: give the name of a file, not of a folder")
        # A device or a pipe (/dev/null, >(...)) is written as it is: a file in its place would end it for everybody.
        self.direct = is_special(self.name)
        self.partial = self.path if self.direct else self.path.with_name(f"{self.path.name}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            raw = open(self.name, "ab", buffering=0) if self.direct else _new(self.partial)
        except OSError as error:
            raise UsageError(f"{self._place}: {error.strerror}") from None
        self._stream = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if self.name.endswith(".gz") else raw

    def write(self, record: dict[str, Any]) -> None:
        line = dumps(record)
        with self._failing():
            self._stream.write(line)
            self._stream.flush()
        self.count += 1

    def close(self, whole: bool = True) -> None:
        """Close the file; under its own name when `whole`, else it stays as NAME.partial."""
        if self.name is None:
            return
        with self._failing():
            self._stream.close()
            if whole and not self.direct:
                os.replace(self.partial, self.path)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise EngineError(f"{self._place}: cannot be written: {error.strerror}") from None


def _new(path: Path) -> Any:
    """A new file of that name, open to be written; in a folder that is its owner's alone, its owner's alone too.

    A link that is there already is not followed. Raises OSError.
    """
    private = not path.parent.stat().st_mode & 0o077
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    try:
        return open(os.open(path, flags, 0o600 if private else 0o666), "wb", buffering=0)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(error.errno, f"{path.name} is a link, which is not followed; remove it") from None
        raise


_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def is_special(name: str | Path) -> bool:
    """Whether the name is that of something which is no plain file: a device, a pipe, a socket, an open stream."""
    if str(name).startswith(("/dev/std", "/dev/fd/", "/proc/")):  # behind the link there may be a plain file
        return True
    return os.path.exists(name) and not os.path.isfile(name) and not os.path.isdir(name)


def write_text_whole(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of it or the one before. A link stays one."""
    if is_special(path):
        with open(path, "a", encoding="utf-8") as stream:
            stream.write(text)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with _new(partial) as stream:
        stream.write(text.encode())
    os.replace(partial, path)
