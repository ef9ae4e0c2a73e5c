"""Reads the rows of texts: JSON lines, one JSON array, CSV. Memory is bounded by the longest line or item allowed.

Each function yields a row's place (`FILE:LINE`, or `FILE, item N`) and the row, or the InputError that says why it is
none; reading goes on behind such a row. A file that cannot be read on raises InputError.
"""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from fgit_cli.errors import InputError
from fgit_cli.formats.values import loads

Rows = Iterator[tuple[str, dict[str, Any] | InputError]]
ARRAY = "a JSON array; each line must be an object (jq -c '.[]' makes lines of an array's items)"
GOES_ON = "the object goes on behind its line; each line must be a whole one (jq -c . writes them so)"
CHUNK = 1 << 16
_QUOTED = re.compile(r'"(?:[^"]|"")*"?')
_SAID = re.compile(r"sep=([,;\t|])\r?\n")


class Lines:
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


def too_long(longest: int) -> str:
    return f"longer than {longest >> 20} MB (--longest-line)"


def lines(stream: Any, label: str, longest: int, first: int = 1) -> Rows:
    """JSON objects, one a line; empty lines are passed over. `first` is the number of the first line."""
    import jsonlines

    whole = Lines(stream, longest)
    reader = jsonlines.Reader(whole, loads=loads)  # type: ignore[arg-type]
    for number in itertools.count(first):
        place = f"{label}:{number}"
        try:
            yield place, reader.read(type=dict)
        except jsonlines.InvalidLineError as error:
            if error.line.strip():
                yield place, InputError(too_long(longest) if whole.cut else _what(error), place)
        except EOFError:
            return
        except OSError as error:
            raise InputError(f"cannot be read: {error}", place) from None


def _what(error: Exception) -> str:
    cause = error.__cause__
    if isinstance(cause, UnicodeDecodeError):
        return f"not UTF-8 (byte {cause.start} of the line); convert the file"
    text = str(getattr(error, "line", "")).strip()
    if text.startswith("["):
        return ARRAY
    if isinstance(cause, ValueError):
        return GOES_ON if text.startswith("{") and _goes_on(text) else str(cause)
    return "not a JSON object; each line must be one"


def _goes_on(text: str) -> bool:
    """Whether a text that is not JSON lacks nothing but its end."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text) or "Unterminated" in error.msg
    except RecursionError:
        pass
    return False


def array(stream: BufferedReader, label: str, longest: int) -> Rows:
    """The objects of one JSON array, read item by item."""
    for number, item in enumerate(_items(stream, label, longest), 1):
        place = f"{label}, item {number}"
        if item is None:
            yield place, InputError(too_long(longest), place)
            continue
        try:
            value = loads(item.decode())
        except UnicodeDecodeError as error:
            yield place, InputError(f"not UTF-8 (byte {error.start} of the item); convert the file", place)
        except ValueError as error:
            yield place, InputError(str(error), place)
        else:
            no_object = "not a JSON object; each item of the array must be one"
            yield place, value if isinstance(value, dict) else InputError(no_object, place)


class _Items:
    """Finds the items of an array in its text, chunk by chunk; one that is longer than `longest` bytes is not held."""

    MARK = re.compile(rb'["\[\]{},]')
    TEXT = re.compile(rb'(?:[^"\\]|\\.)*+', re.S)  # of a string, up to its closing quote or a lone backslash

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.rest = b""  # read, and not yet looked at
        self.parts: list[bytes] = []  # of the item at work
        self.size = self.depth = self.number = 0
        self.inside = self.started = self.ended = False  # inside of a string, of the array; behind the array

    def feed(self, chunk: bytes) -> Iterator[bytes | None]:
        """The items that this chunk completes; None for one that is too long."""
        text = self.rest + chunk
        if not self.started:
            text = text.removeprefix(b"\xef\xbb\xbf").lstrip()
            self.started, text = bool(text), text[1:]
        at = start = 0
        while at < len(text) and not self.ended:
            if self.inside:
                at = self.TEXT.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
                if text[at : at + 1] != b'"':
                    break
                self.inside, at = False, at + 1
                continue
            mark = self.MARK.search(text, at)
            at = mark.end() if mark else len(text)
            match mark and mark[0]:
                case b'"':
                    self.inside = True
                case b"{" | b"[":
                    self.depth += 1
                case b"," | b"]" if not self.depth:
                    self.ended = text[at - 1 : at] == b"]"
                    self._keep(text[start : at - 1])
                    start = at
                    yield from self._item()
                case b"}" | b"]":
                    self.depth -= 1
        if not self.ended:
            self._keep(text[start:at])
        self.rest = text[at:]

    def _keep(self, part: bytes) -> None:
        self.size += len(part)
        if self.size <= self.longest:
            self.parts.append(part)
        else:
            self.parts = []

    def _item(self) -> Iterator[bytes | None]:
        text = b"".join(self.parts).strip()
        long = self.size > self.longest
        self.parts, self.size = [], 0
        if text or long or self.number or not self.ended:  # `[]` has none
            self.number += 1
            yield None if long else text


def _items(stream: BufferedReader, label: str, longest: int) -> Iterator[bytes | None]:
    """The text of each item of the array that a stream holds; None for one that is longer than `longest` bytes."""
    found = _Items(longest)
    try:
        while chunk := stream.read1(CHUNK):
            yield from found.feed(chunk)
            if found.ended and found.rest.strip():
                raise InputError("something follows the end of the JSON array; give it a file of its own", label)
    except OSError as error:
        raise InputError(f"cannot be read: {error}", label) from None
    if not found.ended:
        raise InputError("the JSON array has no end; is the file whole?", f"{label}, item {found.number + 1}")


def table(stream: Any, label: str, longest: int, delimiter: str) -> Rows:
    """The rows of CSV as objects, keyed by its first line; every value is text.

    Where the first line has no `delimiter`, a semicolon, a tab or a comma in it is taken for one. A line `sep=;` before
    it, as Excel writes, says which it is.
    """
    csv.field_size_limit(longest)
    decoded = _decoded(Lines(stream, longest), label, longest)
    before: list[str] = []
    for line in decoded:
        before.append(line)
        if said := _SAID.fullmatch(line):
            before[-1], delimiter = "\n", said[1]
        elif line.strip():
            outside = _QUOTED.sub("", line)
            delimiter = next((one for one in (delimiter, ";", "\t", ",") if one in outside), delimiter)
            break
    reader = csv.reader(itertools.chain(before, decoded), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    while True:
        place = f"{label}:{reader.line_num + 1}"
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            no_end = "a carriage return is no end of a line; make line feeds of them"
            raise InputError(f"not CSV: {no_end if 'new-line' in str(error) else error}", place) from None
        if not row:
            continue
        if names is None:
            names = _header(row, place)
        elif len(row) != len(names):
            yield place, InputError(f"{len(row)} values, but the header names {len(names)} columns", place)
        else:
            yield place, dict(zip(names, row, strict=True))


def _header(row: list[str], place: str) -> list[str]:
    twice = next((name for name in row if row.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two columns are named {twice!r}; rename one", place)
    return row


def _decoded(whole: Lines, label: str, longest: int) -> Iterator[str]:
    number = 1
    try:
        for number, line in enumerate(whole, 1):
            if whole.cut:
                raise InputError(too_long(longest), f"{label}:{number}")
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        what = f"not UTF-8 (byte {error.start} of the line); convert the file"
        raise InputError(what, f"{label}:{number}") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error}", f"{label}:{number}") from None
