"""Values cross the border whole, or as nothing that compares equal."""

import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.executor import Unrepresentable, decode, decode_plain, encode
from fgit_cli.executor.equality import equal
from fgit_cli.executor.values import enable_numpy, plainly_different

enable_numpy()

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec=None), max_size=5)
    | st.binary(max_size=5)
    | st.complex_numbers(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
        | st.frozensets(st.integers() | st.text(max_size=3), max_size=4)
    ),
    max_leaves=20,
)


def types(value):
    if isinstance(value, list | tuple):
        return type(value), [types(item) for item in value]
    if isinstance(value, dict):
        return dict, [(types(k), types(v)) for k, v in value.items()]
    return type(value)


@given(plain)
def test_a_value_and_its_types_come_back(value):
    back = decode(encode(value))
    assert back == value
    assert types(back) == types(value)


@pytest.mark.parametrize(
    "value",
    [
        10**6000, -(2**64), 2**64 - 1, "\ud800\udc00", "\U0001f600", b"\xff", bytearray(b"x"), range(3, 9, 2),
        {1, (2, 3)},
        Counter("aab"), OrderedDict(a=1), deque([1, 2]), Fraction(1, 3), Decimal("1.50"), {(1, 2): {3}},
        numpy.float64(1.5), numpy.int8(3), numpy.bool_(True),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_less_common_values(value):
    back = decode(encode(value))
    assert type(back) is type(value)
    assert back == value


def test_not_a_number_and_infinity():
    assert math.isnan(decode(encode(math.nan)))
    assert decode(encode([math.inf, -math.inf])) == [math.inf, -math.inf]


def test_arrays():
    value = numpy.arange(6.0).reshape(2, 3)
    back = decode(encode(value))
    assert back.dtype == value.dtype
    assert (back == value).all()


def test_a_defaultdict_loses_its_factory_and_nothing_else():
    assert decode(encode(defaultdict(list, {1: [2]}))) == {1: [2]}


def test_a_string_of_numpy_equals_the_string():
    assert decode(encode([numpy.str_("x")])) == ["x"]


def test_a_named_tuple_equals_its_content_but_has_no_type():
    back = decode(encode(namedtuple("P", "x y")(1, 2)))
    assert back == (1, 2)
    assert type(back) is not tuple


class Always(int):
    __hash__ = int.__hash__

    def __eq__(self, other):
        return True


class Sneaky:
    def __eq__(self, other):
        return True


@pytest.mark.parametrize("value", [Always(3), Sneaky(), (i for i in ()), map(str, [1]), object(), int, len])
def test_anything_else_equals_nothing(value):
    back = decode(encode(value))
    assert isinstance(back, Unrepresentable)
    assert back != back
    assert back != value
    assert back != 3
    assert decode(encode([value])) != [3]


def test_an_iterator_is_listed_where_asked():
    assert decode(encode((i for i in range(3)), collect=True)) == [0, 1, 2]


def test_deep_and_cyclic_values_end():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    cycle: list = []
    cycle.append(cycle)
    for value in (deep, cycle):
        assert b"too deep" in encode(value)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"{}", b'{"a":1}', b'{"set":1}', b'{"set":[[]]}', b'{"int":"z"}', b'{"dict":[1]}',
        b'{"tuple":[],"x":1}',
        b"[" * 100_000, b"\xff", b'{"complex":["a"]}', b'{"numpy":["O",[1],[1,2]]}', b'{"Fraction":[1,0]}', b"1 2",
        b'{"Decimal":"x"}', b'{"bytes":"f"}', b'{"scalar":["zz",1]}',
    ],
)  # fmt: skip
def test_bytes_of_another_making_are_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode(data)


def test_a_huge_value_is_carried_as_a_digest():
    def huge(last):
        return [("a" * 50, i) for i in range(1_200_000)] + [last]

    one = encode(huge(1))
    assert b"digest" in one
    assert decode(one) == decode(encode(huge(1)))
    assert decode(one) != decode(encode(huge(2)))
    assert decode(one) != decode(encode(tuple(huge(1))))


@given(st.lists(st.integers(-(2**65), 2**65)) | st.lists(st.floats()) | st.lists(st.text()) | st.lists(st.booleans()))
def test_lists_of_one_type_take_the_short_way_to_the_same_bytes(items):
    assert encode(items)[1:-1] == b",".join(encode(item) for item in items)


scalars = st.integers(-3, 3) | st.integers() | st.booleans() | st.text(max_size=2) | st.floats() | st.none()


@given(scalars, scalars, st.sampled_from([0.0, 1e-6]))
def test_what_is_plainly_different_is_not_equal(one, other, atol):
    if plainly_different(encode(one), encode(other), exact=atol == 0):
        assert not equal("equal", one, other, [], atol, atol)


@pytest.mark.parametrize(
    ("one", "other", "exact", "different"),
    [
        (b"1", b"2", True, True), (b"1", b"2", False, False), (b"true", b"false", True, True),
        (b'"a"', b'"b"', False, True),
        (b"1", b"1", True, False), (b"1", b"true", True, False), (b"1", b"1.0", True, False),
        (b"0", b"-0", True, False),
        (b'"a"', b'"\\u0061"', True, False), (b"[1]", b"[2]", True, False), (b"null", b"1", True, False),
    ],
)  # fmt: skip
def test_plainly_different(one, other, exact, different):
    assert plainly_different(one, other, exact) is different


@pytest.mark.parametrize("value", [None, [1, "a", [2.5, True]], {"a": {"b": []}}, "x", {}])
def test_plain_data_is_read_without_the_decoder(value):
    assert decode_plain(encode(value)) == value


@pytest.mark.parametrize(
    "text",
    ['{"range":[0,100000000000,1]}', '{"set":[1]}', '{"dict":[[1,2]]}', '{"dict":5}', "{", "[" * 9999, '[{"tuple":[]}]',
     "\xe9", '{"dict":[["a",{"bytes":"00"}]]}'],
)  # fmt: skip
def test_what_is_no_plain_data_is_refused(text):
    with pytest.raises(ValueError, match=r"Expecting|plain|nested|codec"):
        decode_plain(text.encode())
