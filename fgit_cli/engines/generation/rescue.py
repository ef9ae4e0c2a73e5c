"""Reads what can still be read of a damaged answer store; the damaged file is kept beside the new one.

Where sqlite itself finds no way to a row any more (its way from page to page leads through what is lost), the pages
that are there are read one by one, by sqlite's file format (https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6
and 2.1). A row counts only where all of it is there.
"""

import mmap
import os
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR)
KEY = 32  # bytes of a key, which is a SHA-256
HALVINGS, MORE = 12, 6  # of a range in which nothing can be read: at first, and after a row was read
INDEX_INTERIOR, INDEX_LEAF = 2, 10  # kinds of pages of a table without row ids, whose rows are in both
INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}  # kinds of values, and their bytes


def is_damage(error: sqlite3.Error) -> bool:
    """Whether sqlite says that the file is not what it wrote, and not that it is locked or the disk full."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in DAMAGED


def set_aside(path: Path) -> Path:
    """Move the database with its log to a name that is free, and return that name."""
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            os.replace(log, aside.with_name(aside.name + suffix))
    return aside


def readable(path: Path, columns: tuple[str, ...], table: str) -> Iterator[tuple[Any, ...]]:
    """The rows that can be read of a table without row ids, whose first column is a `key` of 32 bytes; each once."""
    seen = set()
    for rows in (_by_sqlite(path, ", ".join(columns), table), _by_pages(path, len(columns))):
        for row in rows:
            if isinstance(row[0], bytes) and len(row[0]) == KEY and row[0] not in seen:
                seen.add(row[0])
                yield row


def _by_sqlite(path: Path, columns: str, table: str) -> Iterator[tuple[Any, ...]]:
    """The rows to which sqlite finds a way.

    Where a page is damaged, what lies between the last row read and the end of the range is halved, to find the rows on
    the other side of the gap. How often is bounded, because all rows of a range may be lost.
    """
    try:
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        database.text_factory = bytes  # a row whose text is damaged must not hide the others
    except sqlite3.Error:
        return
    query = f"SELECT {columns} FROM {table} WHERE key >= ? AND key < ? ORDER BY key"
    ranges = [(0, 2 ** (8 * KEY), HALVINGS)]
    while ranges:
        low, high, halvings = ranges.pop()
        try:
            for row in database.execute(query, (_bytes(low), _bytes(high))):
                if isinstance(row[0], bytes) and len(row[0]) == KEY:
                    low, halvings = int.from_bytes(row[0]) + 1, MORE
                    yield row
        except sqlite3.Error:
            middle = (low + high) // 2
            if halvings and low < middle:
                ranges += [(middle, high, halvings - 1), (low, middle, halvings - 1)]
    database.close()


def _bytes(number: int) -> bytes:
    """A key; the end of all keys is one byte longer than any."""
    return number.to_bytes(KEY) if number < 2 ** (8 * KEY) else b"\xff" * (KEY + 1)


def _by_pages(path: Path, columns: int) -> Iterator[tuple[Any, ...]]:
    """The rows in any page of the file that is a whole page of rows."""
    if path.stat().st_size < 100:  # no header
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        (size,) = struct.unpack(">H", content[16:18])
        if content[:16] != b"SQLite format 3\0" or not (size == 1 or size >= 512):
            return
        pages = _Pages(content, 65536 if size == 1 else size, content[20])
        free = pages.free()
        for number in range(2, len(content) // pages.size + 1):
            if number not in free:
                for payload in pages.payloads(number):
                    row = _record(payload)
                    if row is not None and len(row) == columns:
                        yield row


class _Pages:
    """The pages of a database, numbered from 1; `usable` are the bytes of one that hold content."""

    def __init__(self, content: mmap.mmap, size: int, reserved: int) -> None:
        self.content, self.size, self.usable = content, size, size - reserved
        self.taken: set[int] = set()  # overflow pages of the rows read: a page is one row's

    def page(self, number: int) -> bytes:
        """A page's bytes; fewer where the file ends."""
        return self.content[(number - 1) * self.size : number * self.size]

    def free(self) -> set[int]:
        """Pages that are in use no more, and may hold rows as they once were."""
        found: set[int] = set()
        (trunk,) = struct.unpack(">I", self.content[32:36])
        while trunk and trunk not in found and len(page := self.page(trunk)) == self.size:
            found.add(trunk)
            trunk, count = struct.unpack(">II", page[:8])
            count = min(count, self.size // 4 - 2)
            found |= set(struct.unpack(f">{count}I", page[8 : 8 + 4 * count]))
        return found

    def payloads(self, number: int) -> Iterator[bytes]:
        """The rows of a page as they are stored; those of which a part is lost are left out."""
        page = self.page(number)
        if len(page) < self.size or page[0] not in (INDEX_INTERIOR, INDEX_LEAF):
            return
        head = 12 if page[0] == INDEX_INTERIOR else 8
        count = struct.unpack(">H", page[3:5])[0]
        if head + 2 * count > self.size:
            return
        for at in struct.unpack(f">{count}H", page[head : head + 2 * count]):
            length, at = _varint(page, at + (4 if page[0] == INDEX_INTERIOR else 0))
            most, least = (self.usable - 12) * 64 // 255 - 23, (self.usable - 12) * 32 // 255 - 23
            here = length
            if length > most:
                here = least + (length - least) % (self.usable - 4)
                here = here if here <= most else least
            payload = page[at : at + here]
            if length > here:
                payload += self._overflow(page[at + here : at + here + 4], length - here)
            if len(payload) == length:
                yield payload

    def _overflow(self, pointer: bytes, missing: int) -> bytes:
        """The rest of a row, from a chain of pages that must end with it; empty where it does not."""
        if len(pointer) < 4 or missing > len(self.content):
            return b""
        (number,), found, chain = struct.unpack(">I", pointer), bytearray(), []
        while number and len(found) < missing:
            page = self.page(number)
            if len(page) < self.size or number in self.taken:
                return b""
            chain.append(number)
            self.taken.add(number)
            found += page[4 : self.usable]
            (number,) = struct.unpack(">I", page[:4])
        return b"" if number else bytes(found[:missing])


def _record(payload: bytes) -> tuple[Any, ...] | None:
    """A row's values: None, integers, and texts and blobs alike as bytes; None where it is no row."""
    length, at = _varint(payload, 0)
    kinds = []
    while at < length:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    row: list[Any] = []
    for kind in kinds:
        if kind == 0:
            row.append(None)
        elif kind in (8, 9):
            row.append(kind - 8)
        elif kind in INTEGERS or kind >= 12:
            size = INTEGERS.get(kind, (kind - 12) // 2)
            value = payload[at : at + size]
            row.append(int.from_bytes(value, signed=True) if kind in INTEGERS else value)
            at += size
        else:
            return None
    return tuple(row) if at == len(payload) else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number of up to nine bytes at a place, and the place behind it."""
    value = 0
    for byte in data[at : at + 8]:
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    last = data[at : at + 1]
    return (value << 8 | last[0] if last else value), at + 1
