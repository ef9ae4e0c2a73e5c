"""Packs and unpacks files: gzip, zstd, xz and bzip2, known by their first bytes and by the ending of their name.

What is damaged or cut off is an OSError with a message that says so, whatever the packing.
"""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from fgit_cli.errors import MissingExtra

BEGINNINGS = {
    ".gz": b"\x1f\x8b",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".xz": b"\xfd7zXZ\x00",
    ".bz2": b"BZh",
}
NAMES = {".gz": "gzip", ".zst": "zstd", ".xz": "xz", ".bz2": "bzip2"}
_SKIPPED = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")  # a frame of zstd's without content, such as pzstd's sizes
CHUNK = 4096  # packed bytes at a time: what they unpack to is held
WIDEST = 1 << 31  # bytes that zstd --long may look back


def ending(name: str) -> str:
    """The ending of a packing at the end of a name; empty for none."""
    return next((end for end in BEGINNINGS if name.lower().endswith(end)), "")


def begun(head: bytes) -> str:
    """The ending of the packing that begins so; empty for none."""
    if _SKIPPED.match(head):
        return ".zst"
    return next((end for end, first in BEGINNINGS.items() if head.startswith(first)), "")


def unpacked(stream: BinaryIO, how: str) -> io.BufferedReader:
    """What is packed in a stream; `how` is the packing's ending. Raises MissingExtra where a package is needed."""
    return io.BufferedReader(_Unpacking(_chunks(stream, how)), 1 << 16)


def packed(stream: Any, how: str) -> Any:
    """A stream that packs what is written to it into another one, which it closes at its end."""
    match how:
        case ".gz":
            return _Gzip(stream)
        case ".zst":
            compressor = _zstandard().ZstdCompressor(write_checksum=True)
            return compressor.stream_writer(stream, closefd=True)
        case ".xz":
            return _Closing(lzma.LZMAFile(stream, "wb"), stream)
        case _:
            return _Closing(bz2.BZ2File(stream, "wb"), stream)


class _Gzip(gzip.GzipFile):
    """Gzip without a name or a time in it, so that equal records make equal files."""

    def __init__(self, stream: Any) -> None:
        super().__init__("", "wb", fileobj=stream, mtime=0)
        self.beneath = stream

    def close(self) -> None:
        super().close()
        self.beneath.close()


class _Closing(io.RawIOBase):
    """A packing stream that cannot be flushed half-way, and the one beneath it; both are closed."""

    def __init__(self, stream: Any, beneath: Any) -> None:
        self.stream, self.beneath = stream, beneath

    def write(self, data: Any) -> int:
        return self.stream.write(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.stream.close()
            self.beneath.close()


class _Unpacking(io.RawIOBase):
    """A readable stream over chunks of bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks, self.rest = chunks, memoryview(b"")
        self.failed: OSError | None = None  # what is damaged stays so, whoever reads on

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.failed:
            raise self.failed
        while not self.rest:
            try:
                chunk = next(self.chunks, None)
            except OSError as error:
                self.failed = error
                raise
            if chunk is None:
                return 0
            self.rest = memoryview(chunk)
        size = min(len(buffer), len(self.rest))
        buffer[:size] = self.rest[:size]
        self.rest = self.rest[size:]
        return size


def _chunks(stream: BinaryIO, how: str) -> Iterator[bytes]:
    """The unpacked bytes, part by part: a file may hold several packed ones behind each other."""
    new = {
        ".gz": lambda: zlib.decompressobj(wbits=31),
        ".zst": lambda: _zstandard().ZstdDecompressor(max_window_size=WIDEST).decompressobj(),
        ".xz": lzma.LZMADecompressor,
        ".bz2": bz2.BZ2Decompressor,
    }[how]
    part, rest = new(), b""
    begun_part = False
    try:
        while chunk := rest or stream.read(CHUNK):
            rest = b""
            if not begun_part and not (chunk := chunk.lstrip(b"\0")):
                continue  # padding between parts and behind the last one
            begun_part = True
            yield part.decompress(chunk)
            if part.eof:
                rest, part, begun_part = part.unused_data, new(), False
    except (zlib.error, lzma.LZMAError, ValueError, EOFError) as error:
        raise OSError(f"its {NAMES[how]} packing is damaged: {error}") from None
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise OSError(f"its {NAMES[how]} packing is damaged: {error}") from None
    if begun_part:
        raise OSError(f"its {NAMES[how]} packing is cut off before its end; was it copied whole?")


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError:
        raise MissingExtra("a .zst file", "data") from None
    return zstandard
