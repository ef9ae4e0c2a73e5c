"""Packs frames between the parent and the zygote (a socket), and from the code under test to the zygote (a pipe).

Parent and zygote: one byte of kind, four of job number, eight of length, then the content. The child's: one byte of
kind, four of length, content; they are relayed as bytes inside the zygote's own `DATA` frames, so nothing the
child writes can pass for the zygote's word. To a child in a dialogue: eight bytes of length, content.
"""

import json
import socket
import struct
from typing import Any

HEADER = struct.Struct("<cIQ")
CHILD_HEADER = struct.Struct("<cI")
STAMP = struct.Struct("<d")
TOLD = struct.Struct("<Q")  # before a message to a child in a dialogue

# parent to zygote
CONFIG, JOB, STOP, TELL = b"C", b"J", b"K", b"T"
# zygote to parent
READY, FATAL, DATA, STDOUT, END = b"R", b"F", b"D", b"P", b"E"
# child to zygote
BEGIN, LOADED, OUTPUT, RAISED, MEMORY, REPORT, FINISHED = b"B", b"L", b"O", b"X", b"M", b"R", b"F"
# in a dialogue: a message for the other process; the tests cannot be run apart; the code gave a thing unasked
SAID, UNSPLIT, ODD = b"S", b"U", b"D"
DREW = b"W"  # the process has drawn random numbers
CHILD_KINDS = BEGIN + LOADED + OUTPUT + RAISED + MEMORY + REPORT + FINISHED + SAID + UNSPLIT + ODD + DREW
STAMPED = LOADED + OUTPUT + RAISED + MEMORY  # those that end the loading or an input


class Closed(Exception):
    """The other side went away."""


def pack(kind: bytes, number: int, *parts: bytes) -> list[bytes]:
    return [HEADER.pack(kind, number, sum(map(len, parts))), *parts]


def send(sock: socket.socket, kind: bytes, number: int, *parts: bytes) -> None:
    """Raises Closed where nobody reads."""
    send_packed(sock, pack(kind, number, *parts))


def send_packed(sock: socket.socket, frames: list[bytes]) -> None:
    """Send what `pack` made. Raises Closed where nobody reads."""
    try:
        sock.sendall(b"".join(frames))
    except (BrokenPipeError, ConnectionResetError):
        raise Closed from None


class Frames:
    """Puts bytes together to whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, int, bytes]]:
        """Take bytes as they come; the frames (kind, job number, content) that are whole by now."""
        buffer = self._buffer
        buffer += data
        frames, start = [], 0
        while len(buffer) - start >= HEADER.size:
            kind, number, length = HEADER.unpack_from(buffer, start)
            end = start + HEADER.size + length
            if len(buffer) < end:
                break
            frames.append((kind, number, bytes(memoryview(buffer)[start + HEADER.size : end])))
            start = end
        if start:
            del buffer[:start]
        return frames


def receive(sock: socket.socket, frames: Frames) -> list[tuple[bytes, int, bytes]]:
    """Frames made whole by one read of the socket, perhaps none. Raises Closed at its end."""
    try:
        data = sock.recv(1 << 20)
    except (ConnectionResetError, BrokenPipeError):
        raise Closed from None
    if not data:
        raise Closed
    return frames.feed(data)


def pack_json(value: Any, *blobs: bytes) -> bytes:
    """A JSON value, its length before it, and bytes after it."""
    text = json.dumps(value).encode()
    return b"".join([struct.pack("<I", len(text)), text, *blobs])


def unpack_json(content: bytes) -> tuple[Any, memoryview]:
    """The JSON value and the bytes after it."""
    (length,) = struct.unpack_from("<I", content)
    return json.loads(content[4 : 4 + length]), memoryview(content)[4 + length :]
