"""Opens what holds records, and finds out what it is: by its place, its first bytes, and the ending of its name.

Content counts more than the name, so that a file that was packed or named otherwise is read all the same. What cannot
be read is named: an archive, a page of the web, a database.
"""

import contextlib
import io
import itertools
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any, BinaryIO

from fgit_cli.errors import InputError
from fgit_cli.formats import packing, places, tables, texts
from fgit_cli.formats.texts import Rows

ARROW_STREAM = b"\xff\xff\xff\xff"
# What else begins so, in words.
STRANGERS = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unpack it",
    b"SQLite format 3\x00": "an SQLite database; export the table as CSV",
    b"%PDF": "a PDF",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it",
    b"\x93NUMPY": "a numpy array",
    b"\x80\x02": "a Python pickle, which is not opened: it could run anything",
    b"\x80\x03": "a Python pickle, which is not opened: it could run anything",
    b"\x80\x04": "a Python pickle, which is not opened: it could run anything",
    b"\x80\x05": "a Python pickle, which is not opened: it could run anything",
    b"\x89HDF": "an HDF5 file",
    b"FEA1": "an old Feather file; write it as Arrow or Parquet",
    b"Obj\x01": "an Avro file; write it as Parquet",
    b"ORC": "an ORC file; write it as Parquet",
    b"\x04\x22\x4d\x18": "packed by lz4; pack it by zstd or gzip",
    b"\xff\xfe\0\0": "UTF-32 text; make UTF-8 of it: iconv -f UTF-32 -t UTF-8",
    b"\xff\xfe": "UTF-16 text; make UTF-8 of it: iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "UTF-16 text; make UTF-8 of it: iconv -f UTF-16 -t UTF-8",
    b"version https://git-lfs": "a pointer of Git LFS, not the file; fetch it: git lfs pull",
    b"\x1f\x9d": "packed by compress; pack it by gzip",
    b"\x5d\0\0": "packed by lzma; pack it by xz",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}
MARKUP = ((b"<?xml", "XML"), (b"<", "a page of the web, not data; was the download refused?"))
TAR = 257  # where a tar archive says that it is one
NAMED = {"Parquet": (".parquet", ".pq"), "Arrow": (".arrow", ".feather")}  # by what their names end with


class Block(str):
    """The name of a file of plain lines, of which those that begin in the bytes from `start` to `end` are read.

    `first` is the number of the first of them; 0 where it is not known, because the file is far away.
    """

    start: int
    end: int
    first: int

    @classmethod
    def of(cls, name: str, start: int, end: int, first: int) -> "Block":
        block = cls(name)
        block.start, block.end, block.first = start, end, first
        return block


class _Part(io.RawIOBase):
    """A file from one offset to another."""

    def __init__(self, stream: BinaryIO, block: Block) -> None:
        stream.seek(block.start)
        self.stream, self.left = stream, block.end - block.start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        found = self.stream.read(min(len(buffer), self.left))
        buffer[: len(found)] = found
        self.left -= len(found)
        return len(found)


def rows(name: str, longest: int) -> Rows:
    """Place and content of each row of a file, a folder, an address or, for `-`, stdin. `longest`: bytes of a line.

    A row that is none comes as the InputError that says so. Raises InputError for what cannot be read.
    """
    label = "stdin" if name == "-" else name
    if isinstance(name, Block):
        with closing(places.open_read(name)) as stream:
            label = label if name.first else f"{label} (from byte {name.start})"
            yield from texts.lines(io.BufferedReader(_Part(stream, name), 1 << 16), label, longest, name.first or 1)
        return
    if _is_of_hub(name):
        yield from tables.hub(name)
        return
    if name != "-" and not places.is_remote(name) and os.path.isdir(places.local(name)):
        yield from _folder(places.local(name))
        return
    with opened(name) as stream:
        head = _head(stream)
        match _kind(head, name, label):
            case "parquet":
                yield from tables.parquet(_seekable(stream, label), label)
            case "arrow":
                yield from tables.arrow(_seekable(stream, label), label, is_file=True)
            case "arrow stream":
                yield from tables.arrow(stream, label, is_file=False)
            case "array":
                yield from texts.array(stream, label, longest)
            case "csv":
                yield from texts.table(stream, label, longest, ",")
            case "tsv":
                yield from texts.table(stream, label, longest, "\t")
            case _:
                yield from texts.lines(stream, label, longest)


def loose_rows(name: str) -> Iterator[tuple[str, Any]]:
    """Place and value of each line, of each entry of a JSON array or of each row of a table, of a benchmark's file.

    JSON is read by the standard library: benchmarks' own files hold Infinity and NaN (MBPP+ does), which records may
    not. A file is held whole only where it is one array. Raises InputError for what cannot be read.
    """
    if _is_table(name):
        for place, row in rows(name, 1 << 30):
            if isinstance(row, InputError):
                raise row
            yield place, row
        return
    with opened(name) as stream:
        try:
            first = stream.readline()
            if first.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
                for number, row in enumerate(json.loads(first + stream.read()), 1):
                    yield f"{name}, entry {number}", row
                return
            for number, line in enumerate(itertools.chain([first], stream), 1):
                if line.strip():
                    yield f"{name}:{number}", json.loads(line)
        except (ValueError, OSError, EOFError, RecursionError) as error:
            raise InputError(f"cannot be read as JSON lines or a JSON array: {error}", name) from None


def _is_table(name: str) -> bool:
    """Whether it holds rows of columns, and no JSON."""
    if name.startswith("hf://") or places.is_folder(name):
        return True
    with opened(name) as stream:
        return _kind(_head(stream), name, name) not in ("lines", "array")


@contextlib.contextmanager
def opened(name: str) -> Iterator[io.BufferedReader]:
    """A file to read as bytes, unpacked; `-` is stdin. Raises InputError where it cannot be opened."""
    if name == "-":
        yield _unpacked(sys.stdin.buffer, "")
        return
    with closing(places.open_read(name)) as stream:
        yield _unpacked(stream, name)


def plain_file(name: str) -> str | None:
    """The path of a file of this machine that holds lines as they are; None for anything else."""
    return places.local(name) if not places.is_remote(name) and holds_lines(name) else None


def holds_lines(name: str) -> bool:
    """Whether it is a file, here or behind an address, that holds lines as they are."""
    if name == "-" or packing.ending(name) or _is_of_hub(name):
        return False
    if not places.is_remote(name) and not os.path.isfile(places.local(name)):
        return False
    try:
        with closing(places.open_read(name)) as stream:
            head = _head(_buffered(stream))
            return not packing.begun(head) and _kind(head, name, name) == "lines"
    except (OSError, InputError):
        return False


def _is_of_hub(name: str) -> bool:
    """Whether it is the name of a data set of the hub, and no file there."""
    return name.startswith("hf://") and not name.startswith("hf://datasets/")


def _buffered(stream: Any) -> Any:
    """The stream, or a buffer before it: what is behind an address has no `peek`."""
    return stream if hasattr(stream, "peek") else io.BufferedReader(_Raw(stream), 1 << 16)


def _unpacked(stream: Any, name: str) -> Any:
    """The stream, or what is packed in it: by its first bytes, or because its name says so."""
    stream = _buffered(stream)
    how = packing.begun(_head(stream)) or packing.ending(name)
    if how and not packing.begun(_head(stream)):
        if not _head(stream):
            return stream
        raise InputError(f"its name ends with {how}, but it is not packed by {packing.NAMES[how]}", name)
    return packing.unpacked(stream, how) if how else stream


class _Raw(io.RawIOBase):
    """Any readable object as what a buffer can stand before."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self.stream.seekable())

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self.stream.seek(offset, whence))

    def tell(self) -> int:
        return int(self.stream.tell())

    def readinto(self, buffer: Any) -> int:
        found = self.stream.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _head(stream: Any) -> bytes:
    """The first bytes, which stay to be read. A damaged file has none; reading says so."""
    try:
        return bytes(stream.peek(512)[:512])
    except OSError:
        return b""


def _kind(head: bytes, name: str, label: str) -> str:
    """What begins with these bytes. Raises InputError, in words, for what is no table and no text of records."""
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if head.startswith(ARROW_STREAM):
        return "arrow stream"
    if what := _stranger(head):
        raise InputError(f"this is {what}", label)
    bare = name.lower().removesuffix(packing.ending(name))
    for what, endings in NAMED.items():
        if bare.endswith(endings) and head:
            raise InputError(f"its name says {what}, but it does not begin as {what} does; is the file whole?", label)
    if bare.endswith((".csv", ".tsv")):
        return bare[-3:]
    return "array" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[" else "lines"


def _stranger(head: bytes) -> str:
    """What else begins with these bytes, in words; empty for what may be text."""
    for begins, what in STRANGERS.items():
        if head.startswith(begins):
            return what
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for begins, what in MARKUP:
        if text.startswith(begins):
            return what
    if head[TAR : TAR + 5] == b"ustar":
        return "a tar archive; unpack it and give its files"
    if how := packing.begun(head):
        return f"packed twice, inside by {packing.NAMES[how]}; unpack it once"
    if head[1:2] == b"\0" == head[3:4] and b"\0" not in (head[:1], head[2:3]):
        return "UTF-16 text; make UTF-8 of it: iconv -f UTF-16LE -t UTF-8"
    if b"\0" in head[:8]:
        return "neither text nor a table that fgit knows"
    return ""


def _seekable(stream: Any, label: str) -> BinaryIO:
    """The stream itself, where a table's end can be read before its rows."""
    if stream.seekable():
        return stream  # type: ignore[no-any-return]
    how = "a pipe" if label == "stdin" else "a packed file"
    raise InputError(f"a table cannot be read from {how}, for its directory is at its end; give its file", label)


def _folder(name: str) -> Rows:
    """The rows of a saved data set. Raises InputError for any other folder, with what to give instead."""
    inside = set(os.listdir(name))
    if inside & {"dataset_dict.json", "state.json"}:
        yield from tables.saved(name)
        return
    known = (".jsonl", ".json", ".csv", ".tsv", *packing.BEGINNINGS, *(end for ends in NAMED.values() for end in ends))
    for ending in known:
        if count := sum(file.lower().endswith(ending) for file in inside):
            pattern = os.path.join(name, f"*{ending}")
            raise InputError(f"a folder with {count} {ending} files; give the files themselves: {pattern}", name)
    raise InputError("a folder without a saved data set (dataset_dict.json or state.json)", name)
