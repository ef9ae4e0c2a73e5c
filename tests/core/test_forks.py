"""Forks by hand, where white space and comments are ignored, and their invariants on random texts and tokens."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.align import Spans
from fgit_cli.core.disregard import left_out
from fgit_cli.core.disregard import places as places_of
from fgit_cli.core.forks import SideTokens, forks

WORDS = re.compile(r"\n+[ \t]*|[ \t]+\n|[ \t]?\w+|[<>=!]+|.", re.S)  # line ends take the indentation along, as in BPE
END = 0


def tokens(text, ignore, pattern=WORDS, ids=None):
    ids = {} if ids is None else ids
    pieces = [m[0] for m in pattern.finditer(text)]
    assert "".join(pieces) == text
    ends = [sum(map(len, pieces[: k + 1])) for k in range(len(pieces))]
    spans = Spans([e - len(p) for e, p in zip(ends, pieces, strict=True)], ends)
    return SideTokens(text, [*(ids.setdefault(p, len(ids) + 1) for p in pieces), END], spans, left_out(text, ignore))


def spelled(side, number):
    return side.text[side.start(number) : side.spans.ends[number]] if number < len(side.spans.ends) else "END"


def parted(correct, incorrect, ignore=("space",), pattern=WORDS):
    """The two tokens of each hunk's fork."""
    ids = {}
    c, a = tokens(correct, ignore, pattern, ids), tokens(incorrect, ignore, pattern, ids)
    found = forks(c, a, places_of(incorrect, correct, "difflib", ignore))
    return [f and (spelled(c, f[0]), spelled(a, f[1])) for f in found]


@pytest.mark.parametrize(
    ("correct", "incorrect", "expected"),
    [
        ("if x >= 3:\n    a\n", "if x > 3:\n    a\n", [(">=", ">")]),
        ("a = b\nc = d\ne\n", "a = x\nc = d\nf\n", [(" b", " x"), ("e", "f")]),
        # a forgotten check: what comes instead of it
        ("if not a:\n    return b\n", "    return b\n", [("if", " ")]),
        ("x = 1\n    if a:\n        b\n    return b\n", "x = 1\n    return b\n", [("if", "return")]),
        ("x = 1\n", "x = 1\ny = 2\n", [("END", "y")]),
        ("x = 1", "x = 1\ny = 2", [("END", "\n")]),  # the correct side ends before its line does
        ("x = 1\ny", "x = 1", [("\n", "END")]),
        ("", "a\n", [("END", "a")]),
        # the hunk's indentation is one token with the line end before it
        ("f:\n    a\n", "f:\n  a\n", [("\n    ", "\n  ")]),
        ("f:\n    a\n", "f:\na\n", [("\n    ", "\n")]),
        ("f\n\n    a\n", "f\nb\n    a\n", [("\n\n    ", "\n")]),
        # a side is the other's beginning
        ("return a\n", "return a + b\n", [("\n", " ")]),
        ("return a", "return a + b", [("END", " ")]),
    ],
)
def test_where_sides_part(correct, incorrect, expected):
    assert parted(correct, incorrect) == expected


def test_what_is_ignored_is_no_fork():
    assert parted("a = 1  \nb >= 2\n", "a = 1\nb > 2\n") == [(">=", ">")]
    assert parted("a\n  b\nc >= 2\n", "a  \n  b\nc > 2\n") == [(">=", ">")]
    assert parted("a\r\nb = 2\r\n", "a\nb = 3\n") == [(" 2", " 3")]
    # inside the hunk
    assert parted("x = 1 \ny = 2\n", "x = 1\ny = 3\nz\n") == [(" 2", " 3")]


@pytest.mark.parametrize(
    ("correct", "incorrect", "expected"),
    [
        ("    y = g(x)  # one\n    return y >= 1\n", "    y = g(x)\n    return y > 1\n", [(">=", ">")]),
        ("    # a\n    return x >= 1\n", "    # b\n    return x > 1\n", [(">=", ">")]),
        ("    h(x)\n    h(x) # a\n    k(x)\n", "    h(x) # b\n    return x\n    k(x)\n", [("h", "return")]),
        ("    y = 1  # one\n    return y\n", "    y = 2  # two\n    return y\n", [(" 1", " 2")]),
    ],
)
def test_comments_are_read_over_where_they_are_ignored(correct, incorrect, expected):
    head = "def f(x):\n"
    assert parted(head + correct, head + incorrect, ("space", "comments")) == expected


def test_with_nothing_ignored_white_space_is_a_fork():
    assert parted("a = 1 \nb\n", "a = 1\nb\n", ()) == [(" \n", "\n")]


def test_the_same_text_in_other_tokens_parts_where_the_ids_do():
    """A tokenizer that looks ahead: the model chooses between these tokens."""
    ahead = re.compile(r"ab(?=x)|a|b|.", re.S)
    assert parted("abx\n", "aby\n", pattern=ahead) == [("ab", "a")]


LINE = st.text("ab =>#\t ", max_size=6)
TEXT = st.lists(LINE, max_size=6).map("\n".join)


@given(TEXT, TEXT, st.sampled_from([(), ("space",), ("space", "comments")]))
def test_a_fork_is_of_different_ids_and_what_leads_to_it_agrees(correct, incorrect, ignore):
    ids = {}
    c, a = tokens(correct, ignore, ids=ids), tokens(incorrect, ignore, ids=ids)
    places = places_of(incorrect, correct, "difflib", ignore)
    found = forks(c, a, places)
    assert len(found) == len(places)
    for fork in found:
        if fork:
            assert c.ids[fork[0]] != a.ids[fork[1]]
    if found and found[0] and not ignore and c.ids != a.ids:
        first = next(k for k, (x, y) in enumerate(zip(c.ids, a.ids, strict=False)) if x != y)
        assert found[0] == (first, first)
