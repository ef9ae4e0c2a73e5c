"""Reads and writes JSON values exactly, and says by name what JSON cannot carry.

orjson reads and writes them. NaN, Infinity and lone surrogates are refused. An integer beyond 64 bits, which orjson
would turn into a float, is read and written by the standard library.
"""

import json
import math
from typing import Any

import orjson


def _shape_of(byte: int) -> int:
    """A digit becomes `0`, an `E` becomes `e`; `e` and `+` stay, and everything else becomes a space."""
    if byte in b"0123456789":
        return ord("0")
    if byte in b"eE":
        return ord("e")
    return byte if byte == ord("+") else ord(" ")


# Translated by this table, a line is searched for long numbers in C; a regular expression takes 1 ms.
_SHAPE = bytes(map(_shape_of, range(256)))


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
