"""Records in and out: JSON objects, one a line, and the other formats in which data is kept.

`read` gives the records of files as formats/reading.py finds them; `Writer` writes them by the ending of the name. What
JSON cannot carry faithfully (NaN, Infinity, lone surrogates, text that is not UTF-8, bytes) is refused by name.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli.errors import EngineError, InputError, UsageError
from fgit_cli.formats import packing, places, reading, writing
from fgit_cli.formats.values import dumps, loads

__all__ = [
    "Record",
    "Writer",
    "count",
    "dumps",
    "is_special",
    "loads",
    "open_input",
    "read",
    "write_one",
    "write_text_whole",
]

LONGEST_LINE = 64 << 20  # bytes; a line that is longer, such as of a small .gz that unpacks to gigabytes, is refused


class Record(dict):
    """A JSON object that knows where it came from: `place` is `FILE:LINE`, for messages."""

    __slots__ = ("place",)
    place: str


def read(
    files: list[str], bad_line: Callable[[InputError], None] | None = None, longest: int = LONGEST_LINE
) -> Iterator[Record]:
    """The records of the files, one after the other; of stdin for none or `-`. `longest`: bytes of a line.

    A line that is no JSON object raises InputError with its place; `bad_line(error)`, when given, is called instead
    and the line is passed over. Empty lines are passed over in silence.
    """
    for name in places.expanded(files or ["-"]):
        for place, found in reading.rows(name, longest):
            if isinstance(found, InputError):
                if bad_line is None:
                    raise found
                bad_line(found)
                continue
            record = Record(found)
            record.place = place
            yield record


def count(files: list[str]) -> int | None:
    """How many lines the files have; None where counting would eat or unpack them (stdin, a pipe, `.gz`, a table)."""
    total = 0
    for name in files or ["-"]:
        path = reading.plain_file(name)
        if path is None:
            return None
        with open(path, "rb") as stream:
            while chunk := stream.read(1 << 20):
                total += chunk.count(b"\n")
    return total


def open_input(name: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """A file to read as bytes; `-` is stdin; what is packed (gzip, zstd, xz, bzip2) is unpacked.

    Raises InputError where it cannot be opened.
    """
    return reading.opened(name)


class Writer:
    """Records out, flushed one by one; to stdout, or to a file that gets its name when `close` says it is whole.

    The ending of the name says what is written: `.parquet` and `.arrow` a table, `.json` one array, anything else JSON
    lines, packed for `.gz`, `.zst`, `.xz` and `.bz2`. `flag` is the option that named the file, for messages. Raises
    UsageError for a name that cannot be written to, and EngineError where writing fails, such as on a full disk.
    """

    def __init__(self, name: str | None, flag: str = "--output") -> None:
        self.name = None if name is None or name in _STDOUT else name
        self.count = 0
        self._place = f"{flag} {name}" if self.name else "stdout"
        self.direct = True
        self.table = self.array = self._folder = ""
        if self.name is None:
            self._stream: Any = sys.stdout.buffer
            return
        if not self.name or places.is_folder(self.name):
            raise UsageError(f"{flag} {self.name!r}: give the name of a file, not of a folder")
        # A device or a pipe (/dev/null, >(...)) is written as it is: a file in its place would end it for everybody.
        self.direct = is_special(self.name)
        # A link stays one: what it points to is written.
        remote = places.is_remote(self.name)
        self.path = self.name if remote else os.path.realpath(places.local(self.name))
        self.partial = self.path if self.direct else f"{self.path}.partial"
        how = packing.ending(self.name)
        bare = self.name[: len(self.name) - len(how)].lower()
        self.table = "" if self.direct else writing.kind(bare)
        self.array = "[" if bare.endswith(".json") and not self.direct else ""
        if bare.endswith((".csv", ".tsv")) or (self.table and how):
            what = f"tables are packed inside; leave {how} out" if self.table else "CSV cannot hold lists and objects"
            raise UsageError(f"{self._place}: {what}; give a name with .jsonl, .parquet or .arrow")
        if self.table:
            writing.need_pyarrow(self._place)
        if self.table and remote:  # the lines that become a table stay on this machine
            self._folder = tempfile.mkdtemp(prefix="fgit-")
            self.partial = os.path.join(self._folder, "lines.partial")
        try:
            raw = open(self.name, "ab", buffering=0) if self.direct else places.open_new(self.partial)
            self._stream = packing.packed(raw, how) if how else raw
        except OSError as error:
            raise UsageError(f"{self._place}: {error.strerror}") from None

    def write(self, record: dict[str, Any]) -> None:
        line = dumps(record)
        with self._failing():
            if self.array:
                line = (b",\n" if self.count else b"[\n") + line[:-1]
            self._stream.write(line)
            self._stream.flush()
        self.count += 1

    def close(self, whole: bool = True) -> None:
        """Close the file; under its own name when `whole`, else it stays as NAME.partial.

        Raises AnswerIsNo where the records fit no table; they stay there as JSON lines.
        """
        if self.name is None:
            return
        with self._failing():
            if whole and self.array:
                self._stream.write(b"\n]\n" if self.count else b"[]\n")
            self._stream.close()
            if not whole or self.direct:
                return
            if self.table:
                writing.make_table(self.partial, self.path, self.table)
                os.unlink(self.partial)
                shutil.rmtree(self._folder, ignore_errors=True)
            else:
                places.rename(self.partial, self.path)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            raise EngineError(f"{self._place}: cannot be written: {error.strerror}") from None


_STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def write_one(name: str | None, value: dict[str, Any], flag: str = "--output") -> None:
    """Write one object that is no record of a data set, as one line, to stdout or to a file whatever its ending."""
    if name is None or name in _STDOUT:
        Writer(None).write(value)
        return
    try:
        write_text_whole(Path(name), dumps(value).decode())
    except OSError as error:
        raise UsageError(f"{flag} {name}: {error.strerror}") from None


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
    with places.open_new(str(partial)) as stream:
        stream.write(text.encode())
    os.replace(partial, path)
