"""Writes Python values as type-tagged JSON: what crosses the border between untrusted code and what compares it.

Plain JSON stands for None, bool, int, finite float, str and list. Everything else is an object of one tag and its
content: {"tuple": [...]}, {"set": [...]}, {"frozenset": [...]}, {"dict": [[k, v], ...]}, {"bytes": hex},
{"bytearray": hex}, {"int": hex} (beyond 64 bits), {"float": "nan" | "inf" | "-inf"}, {"complex": [re, im]},
{"str": hex of UTF-8} (with lone surrogates), {"range": [start, stop, step]}, {"deque": [...]}, {"Counter": dict},
{"OrderedDict": dict}, {"defaultdict": dict}, {"Fraction": [n, d]}, {"Decimal": text}, {"date": ISO text},
{"time": ISO text}, {"datetime": ISO text}, {"timedelta": [days, seconds, microseconds]},
{"numpy": [dtype, shape, items]}, {"scalar": [dtype, item]}, {"digest": [type, length, bytes, BLAKE2b]} (a list or
tuple of more than 64 MB, all of exact builtin types: Mbpp/255 has one of a gigabyte), {"sub": value} (an instance of a
subclass that compares as its base does; by content), and {"unrepresentable": type name}, equal to nothing.

The encoder runs in the process of the code under test. It asks `type(x) is ...`, never the object, and holds its
own references, taken before that code runs. It need not be honest: whatever it writes is only an output.
"""

import collections
import datetime
import decimal
import fractions
import hashlib
import json
import marshal
import math
import re
from collections.abc import Callable
from typing import Any

# Private references: the code under test may patch builtins and modules after this.
_type, _len, _list, _tuple, _map, _set = type, len, list, tuple, map, set
_dict_items = dict.items
_mro = type.__dict__["__mro__"].__get__
_name = type.__dict__["__name__"].__get__
_c_encoder = json.encoder.c_make_encoder  # type: ignore[attr-defined]
_escape = json.encoder.encode_basestring_ascii
_float_repr, _int_bits, _hex = float.__repr__, int.bit_length, hex
_join, _encode_text, _isfinite = "".join, str.encode, math.isfinite
_Counter, _OrderedDict, _defaultdict, _deque = (
    collections.Counter, collections.OrderedDict, collections.defaultdict, collections.deque,
)  # fmt: skip
_marshal, _blake2b, _all, _min, _max = marshal.dumps, hashlib.blake2b, all, min, max
_isascii = str.isascii
_Fraction, _Decimal = fractions.Fraction, decimal.Decimal
_date_text, _time_text = datetime.date.isoformat, datetime.time.isoformat
_datetime_text = datetime.datetime.isoformat
_MAX_DEPTH = 200  # containers in containers; deeper values are unrepresentable
_LONG = 10_000  # items from which a list or tuple may be one that is carried as a digest
_DIGEST_FROM = 64 << 20  # bytes, as marshal writes it
_SMALL = 1 << 63  # integers below this are written as JSON has them
_ENCODING_ERRORS = (RecursionError, ValueError, TypeError, AttributeError)


class Unrepresentable:
    """Stands, on the trusted side, for a value of a type that cannot be carried over: equal to nothing."""

    __slots__ = ("name",)
    __hash__ = object.__hash__

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<a value of type {self.name}>"


class Subclassed:
    """Stands for an instance of a subclass (a named tuple, say): equal to what its content is equal to, of no type."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if type(other) is Subclassed else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Digest(tuple):
    """Stands for a value that is too large to carry: equal to what has the same digest."""


def encode(value: Any, collect: bool = False) -> bytes:
    """`value` as type-tagged JSON, ASCII. `collect`: the items of an iterator stand for it, as a list.

    Never raises for a value's sake: what cannot be carried is `unrepresentable`. MemoryError passes through.
    """
    if collect and hasattr(value, "__next__"):
        value = _list(value)
    try:
        tree = _digest(value) if _type(value) in (_list, _tuple) and _len(value) >= _LONG else None
        return _encode_text(_dump(_tagged(value, 0) if tree is None else tree), "ascii")
    except _ENCODING_ERRORS:
        return _encode_text('{"unrepresentable":' + _escape(_name(_type(value))) + "}", "ascii")


_dump_parts = _c_encoder(None, None, _escape, None, ":", ",", False, False, False)


def _dump(tree: Any) -> str:
    return _join(_dump_parts(tree, 0))


def _tagged(x: Any, depth: int) -> Any:
    """`x` as a tree of exact lists, dicts, strs, ints, floats, bools and None."""
    t = _type(x)
    if t is int:
        return x if _int_bits(x) <= 64 else {"int": _hex(x)}
    if t is str:
        return _text(x)
    if t is bool or x is None:
        return x
    if t is float:
        return x if _isfinite(x) else {"float": _float_repr(x)}
    if depth > _MAX_DEPTH:
        return {"unrepresentable": "value nested too deep"}
    encoder = _CONTAINERS.get(t)
    if encoder is not None:
        return encoder(x, depth + 1)
    return _other(x, t, depth)


def _text(x: str) -> Any:
    if x.isascii():
        return x
    try:
        _encode_text(x, "utf-8")
        return x
    except UnicodeEncodeError:
        return {"str": _encode_text(x, "utf-8", "surrogatepass").hex()}


def _items(x: Any, depth: int) -> Any:
    """The items, tagged; a list or tuple of one plain type is taken as it is (the encoder writes both alike)."""
    kinds = _set(_map(_type, x))
    if _len(kinds) == 1 and _type(x) in (_list, _tuple):
        (kind,) = kinds
        if kind is int and _min(x) > -_SMALL and _max(x) < _SMALL:
            return x
        if kind is bool or (kind is str and _all(_map(_isascii, x))) or (kind is float and _all(_map(_isfinite, x))):
            return x
    return [_tagged(item, depth) for item in x]


def _digest(x: Any) -> Any:
    """A very long list or tuple by the hash of its content; None when it is not that large, or of other types.

    marshal version 2 writes equal values of exact builtin types alike, and refuses others.
    """
    total, state = 0, _blake2b(digest_size=32)
    for start in range(0, _len(x), 1000):
        try:
            part = _marshal(x[start : start + 1000], 2)
        except ValueError:
            return None
        total += _len(part)
        state.update(part)
    if total < _DIGEST_FROM:
        return None
    return {"digest": [_name(_type(x)), _len(x), total, state.hexdigest()]}


def _pairs(x: dict, depth: int) -> list:
    return [[_tagged(k, depth), _tagged(v, depth)] for k, v in _dict_items(x)]


_CONTAINERS: dict[type, Any] = {
    list: _items,
    tuple: lambda x, d: {"tuple": _items(x, d)},
    dict: lambda x, d: {"dict": _pairs(x, d)},
    set: lambda x, d: {"set": _items(x, d)},
    frozenset: lambda x, d: {"frozenset": _items(x, d)},
    bytes: lambda x, d: {"bytes": x.hex()},
    bytearray: lambda x, d: {"bytearray": x.hex()},
    complex: lambda x, d: {"complex": [_tagged(x.real, d), _tagged(x.imag, d)]},
    range: lambda x, d: {"range": [_tagged(x.start, d), _tagged(x.stop, d), _tagged(x.step, d)]},
    _deque: lambda x, d: {"deque": _items(x, d)},
    _Counter: lambda x, d: {"Counter": _pairs(x, d)},
    _OrderedDict: lambda x, d: {"OrderedDict": _pairs(x, d)},
    _defaultdict: lambda x, d: {"defaultdict": _pairs(x, d)},
    _Fraction: lambda x, d: {"Fraction": [_tagged(x.numerator, d), _tagged(x.denominator, d)]},
    _Decimal: lambda x, d: {"Decimal": _Decimal.__str__(x)},
    datetime.date: lambda x, d: {"date": _date_text(x)},
    datetime.time: lambda x, d: {"time": _time_text(x)},
    datetime.datetime: lambda x, d: {"datetime": _datetime_text(x)},
    datetime.timedelta: lambda x, d: {"timedelta": [x.days, x.seconds, x.microseconds]},
}
_NUMPY: dict[str, Any] = {}
# In a dialogue (dialogue.py) at most one function: what stands for a value of another type, or None for nothing.
_STAND_INS: list[Callable[[Any, int], Any]] = []


def stand_in(function: Callable[[Any, int], Any], /, **made: Callable[[Any], Any]) -> None:
    """Let values of other types cross in this process.

    `function(value, depth)` gives the tree that is written, or None for nothing; `made` holds, by tag, what `decode`
    makes of a content.
    """
    _STAND_INS[:] = [function]
    _DECODERS.update(made)


tagged = _tagged  # for the content of what stands in


def enable_numpy() -> None:
    """Carry numpy's arrays and scalars too; called once by a process that has imported numpy before untrusted code."""
    import numpy

    _NUMPY.update(
        array=numpy.ndarray, tolist=numpy.ndarray.tolist, scalar_tolist=numpy.generic.tolist,
        scalars=frozenset(t for t in numpy.sctypeDict.values() if numpy.dtype(t).kind in "biufc"),
        text=numpy.str_,
    )  # fmt: skip


def _other(x: Any, t: type, depth: int) -> Any:
    if _STAND_INS and (tree := _STAND_INS[0](x, depth)) is not None:
        return tree
    if _NUMPY:
        if t is _NUMPY["array"]:
            return {"numpy": [x.dtype.str, _list(x.shape), _tagged(_NUMPY["tolist"](x), depth + 1)]}
        if t in _NUMPY["scalars"]:
            return {"scalar": [x.dtype.str, _tagged(_NUMPY["scalar_tolist"](x), depth + 1)]}
        if t is _NUMPY["text"]:
            return {"sub": _text(_BASES[str](x))}
    for base in _mro(t):
        if base in _BASES:
            if t.__eq__ is base.__eq__ and t.__ne__ is base.__ne__ and t.__hash__ is base.__hash__:
                return {"sub": _tagged(_BASES[base](x), depth + 1)}
            break
    return {"unrepresentable": _name(t)}


# A subclass's content, read by the base class's own methods, whatever the subclass defines.
_BASES: dict[type, Any] = {
    bool: bool,
    int: int.__int__,
    float: float.__float__,
    str: lambda x: str.__getitem__(x, slice(None)),
    bytes: lambda x: bytes.__getitem__(x, slice(None)),
    list: lambda x: list.__getitem__(x, slice(None)),
    tuple: lambda x: tuple.__getitem__(x, slice(None)),
    dict: lambda x: dict(dict.items(x)),
    set: lambda x: {*set.__iter__(x)},
    frozenset: lambda x: frozenset(frozenset.__iter__(x)),
}


_PLAIN = re.compile(rb'(?P<int>0|-?[1-9][0-9]{0,17})|(?P<bool>true|false)|(?P<str>"[ !#-\[\]-~]*")')


def plainly_different(one: bytes, other: bytes, exact: bool) -> bool:
    """Whether two encoded values are of one plain kind (text; with `exact` a small int, a bool) and not the same bytes.

    So no two of them are equal; most wrong answers are of this kind, and need not be decoded to be known as wrong.
    """
    kinds = [m and m.lastgroup for m in map(_PLAIN.fullmatch, (one, other))]
    return one != other and kinds[0] is not None and kinds[0] == kinds[1] and (exact or kinds[0] == "str")


def decode(data: bytes) -> Any:
    """The value that `encode` carried. Raises ValueError for bytes that are none of its making."""
    try:
        text = data.decode("ascii")
        tree = json.loads(text, object_hook=_untagged)
    except (RecursionError, TypeError, KeyError, AttributeError, OverflowError, ArithmeticError) as error:
        raise ValueError(f"not a type-tagged value: {error}") from None
    return tree


def decode_plain(data: bytes) -> Any:
    """The value, where it is made of None, bools, numbers, text, lists and dicts with text as keys alone.

    Reading it takes no longer than reading its JSON, whoever wrote it. Raises ValueError for anything else.
    """
    try:
        return _plain(json.loads(data.decode("ascii")))
    except RecursionError:
        raise ValueError("nested too deep") from None


def plain_report(data: bytes) -> Any:
    """What a script left as its report, where that is plain data; None where it left none, or something else."""
    try:
        return decode_plain(data) if data else None
    except ValueError:
        return None


def _plain(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_plain(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    pairs = tree.get("dict") if len(tree) == 1 else None
    if not isinstance(pairs, list) or not all(isinstance(p, list) and len(p) == 2 and type(p[0]) is str for p in pairs):
        raise ValueError("not plain data")
    return {key: _plain(value) for key, value in pairs}


def _untagged(tagged: dict) -> Any:
    if len(tagged) != 1:
        raise ValueError("not a type-tagged value: an object must have one tag")
    [(tag, content)] = tagged.items()
    if tag not in _DECODERS:
        raise ValueError(f"not a type-tagged value: unknown tag {tag[:40]!r}")
    return _DECODERS[tag](content)


def _array(content: list) -> Any:
    import numpy

    dtype, shape, items = content
    return numpy.array(items, dtype=_numeric(dtype)).reshape(shape)


def _scalar(content: list) -> Any:
    import numpy

    dtype, item = content
    return numpy.array(item, dtype=_numeric(dtype))[()]


def _numeric(name: str) -> Any:
    """The named dtype. Raises TypeError for any that is not of numbers: a string's may ask for a gigabyte an item."""
    import numpy

    dtype = numpy.dtype(name)
    if dtype.kind not in "biufc":
        raise TypeError(f"dtype {name[:20]!r}")
    return dtype


_DECODERS: dict[str, Any] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
    "bytes": bytes.fromhex,
    "bytearray": bytearray.fromhex,
    "int": lambda text: int(text, 16),
    "float": float,
    "complex": lambda parts: complex(*parts),
    "str": lambda text: bytes.fromhex(text).decode("utf-8", "surrogatepass"),
    "range": lambda parts: range(*parts),
    "deque": collections.deque,
    "Counter": lambda pairs: collections.Counter(dict(pairs)),
    "OrderedDict": collections.OrderedDict,
    "defaultdict": lambda pairs: collections.defaultdict(None, pairs),
    "Fraction": lambda parts: fractions.Fraction(*parts),
    "Decimal": decimal.Decimal,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "datetime": datetime.datetime.fromisoformat,
    "timedelta": lambda parts: datetime.timedelta(*parts),
    "numpy": _array,
    "scalar": _scalar,
    "digest": Digest,
    "sub": Subclassed,
    "unrepresentable": Unrepresentable,
}
