"""Lines, characters and gaps: the definitions, difflib's own opcodes, and bounded worst cases."""

import difflib
import time
from itertools import accumulate

import pytest
from cydifflib import SequenceMatcher
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core import textdiff
from fgit_cli.core.textdiff import (
    BLANKS,
    Lines,
    Side,
    TooLong,
    anchor,
    common_prefix,
    comparable,
    compare,
    edit_gaps,
    hunks,
    split_lines,
)

FEW = st.text(alphabet="ab\n", max_size=40)
CODE = st.lists(
    st.sampled_from(["x = 1\n", "    return b\n", "\n", "\tif é:\r\n", "x = 2\n", "🦙\0\n", "e\u0301 \n", "end"]),
    max_size=14,
).map("".join)
TEXTS = st.one_of(FEW, CODE, st.text(max_size=60))


SPACED = st.lists(
    st.sampled_from(["x = 1", "    b", "", "  ", "x = 2"]).flatmap(
        lambda line: st.sampled_from(["\n", "\r\n", " \n", "\t\r\n", ""]).map(lambda end: line + end)
    ),
    max_size=10,
).map("".join)


def marked(side: Side) -> set[int]:
    return {i for start, end in side.chars for i in range(start, end)}


def test_lines_are_split_at_newline_only():
    assert split_lines("") == []
    assert split_lines("a") == ["a"]
    assert split_lines("a\n") == ["a\n"]
    assert split_lines("a\r\n\x0bb\x85c\u2028\n\n") == ["a\r\n", "\x0bb\x85c\u2028\n", "\n"]


@given(TEXTS)
def test_lines_give_back_the_text(text):
    assert "".join(split_lines(text)) == text
    assert len(split_lines(text)) == text.count("\n") + (text != "" and not text.endswith("\n"))


def test_a_forgotten_check_is_anchored_where_the_texts_part():
    correct = "def f(a, b):\n    if not a:\n        return 0\n    return b\n"
    incorrect = "def f(a, b):\n    return b\n"
    found = compare(incorrect, correct)
    assert found.correct == Side([1, 2], [(13, 44)], [])
    assert found.incorrect == Side([], [], [17])
    assert incorrect[17] == "r"


def test_a_line_too_many_is_anchored_on_the_correct_side():
    found = compare("a\n  x\n  b\n", "a\n  b\n")
    assert found.incorrect == Side([1], [(2, 6)], [])
    assert found.correct == Side([], [], [4])


def test_a_gap_at_the_end_is_the_end_token():
    assert compare("a\n", "a\nb\n").incorrect == Side([], [], [2])
    assert compare("", "b").incorrect == Side([], [], [0])


def test_characters_are_compared_inside_hunks():
    found = compare("x\nif a < b:\ny\n", "x\nif a <= b:\ny\n")
    assert found.correct == Side([1], [(8, 9)], [])
    assert found.incorrect == Side([1], [], [])


def test_replaced_characters_are_marked_on_both_sides():
    found = compare("a + b", "a - b")
    assert (found.correct.chars, found.incorrect.chars) == ([(2, 3)], [(2, 3)])


def test_a_missing_final_newline_is_no_difference():
    found = compare("a", "a\n")
    assert found.correct.empty
    assert found.incorrect.empty
    assert compare("x\na", "x\nb\n").correct == Side([1], [(2, 3)], [])
    found = compare("a\nb\nc", "a\nb")
    assert found.incorrect == Side([2], [(4, 5)], [])
    assert found.correct == Side([], [], [3]), "the end token"


def test_a_last_line_without_newline_is_the_same_line_elsewhere():
    found = compare("b\na", "a\nb")
    assert (found.incorrect.lines, found.correct.lines) == ([1], [0])


def test_line_ends_and_trailing_blanks_may_be_left_out():
    found = compare("if a:\r\n    b()  \r\nc", "if a:\n    b()\nc\n", ignore_space=True)
    assert found.correct.empty
    assert found.incorrect.empty
    found = compare("a \r\n  x - y\t\n", "a\n  x + y\r\n", ignore_space=True)
    assert (found.correct, found.incorrect) == (Side([1], [(6, 7)], []), Side([1], [(8, 9)], []))
    assert not compare("  a\n", "a\n", ignore_space=True).correct.empty, "leading white space counts"
    assert not compare("a\n\n", "a\n", ignore_space=True).incorrect.empty, "so does a blank line"


def test_without_space_a_line_too_many_is_anchored_behind_line_ends():
    correct, incorrect = "a\r\nb\r\nc d\r\n", "a\nc e\n"
    found = compare(incorrect, correct, "prefix-suffix", ignore_space=True)
    assert found.correct.lines == [1, 2]
    correct, incorrect = "a\r\nx\r\na\r\nb\r\n", "a\nb\n"
    found = compare(incorrect, correct, ignore_space=True)
    assert found.correct == Side([0, 1], [(0, 1), (3, 4)], []), "no line end is marked"
    assert found.incorrect == Side([], [], [2])


def test_equal_texts_have_no_difference():
    found = compare("a\nb", "a\nb")
    assert found.correct.empty
    assert found.incorrect.empty


@given(TEXTS, TEXTS)
def test_hunks_are_those_of_difflib(incorrect, correct):
    a, c = comparable(split_lines(incorrect)), comparable(split_lines(correct))
    opcodes = difflib.SequenceMatcher(None, a, c, autojunk=False).get_opcodes()
    assert hunks(a, c) == [(i1, i2, j1, j2) for tag, i1, i2, j1, j2 in opcodes if tag != "equal"]


@given(TEXTS, TEXTS)
def test_the_counted_search_finds_difflibs_hunks_too(incorrect, correct):
    a, c = split_lines(incorrect), split_lines(correct)
    pairs = list(accumulate((c.count(line) for line in a), initial=0))
    blocks = textdiff.counted_blocks(SequenceMatcher(None, a, c, autojunk=False), pairs, 10**9)
    assert list(textdiff._between(blocks, len(a), len(c))) == hunks(a, c)


def test_the_counted_search_stops():
    a = ["a\n", "b\n"] * 20
    with pytest.raises(TooLong, match="too many equal lines"):
        textdiff.counted_blocks(SequenceMatcher(None, a, a, autojunk=False), list(range(0, 820, 20)), 799)
    assert textdiff.counted_blocks(SequenceMatcher(None, a, a, autojunk=False), list(range(0, 820, 20)), 800)


@given(TEXTS, TEXTS, st.sampled_from(["difflib", "lcs", "prefix-suffix"]))
def test_invariants(incorrect, correct, algorithm):
    found = compare(incorrect, correct, algorithm)
    same = incorrect.removesuffix("\n") == correct.removesuffix("\n") and bool(incorrect) == bool(correct)
    assert same == (found.correct.empty and found.incorrect.empty)
    for side, text in ((found.correct, correct), (found.incorrect, incorrect)):
        starts = textdiff.line_starts(split_lines(text))
        on_lines = {i for n in side.lines for i in range(starts[n], starts[n + 1])}
        assert marked(side) <= on_lines
        assert side.lines == sorted(set(side.lines))
        assert side.gaps == sorted(set(side.gaps))
        assert all(0 <= g <= len(text) for g in side.gaps)
        assert all(s < e for s, e in side.chars)
        assert all(a[1] < b[0] for a, b in zip(side.chars, side.chars[1:], strict=False)), "merged"
    # what is not marked is the same on both sides
    left = "".join(c for i, c in enumerate(incorrect) if i not in marked(found.incorrect))
    right = "".join(c for i, c in enumerate(correct) if i not in marked(found.correct))
    if all(text.endswith("\n") or not text for text in (incorrect, correct)):
        assert left == right
    assert left.rstrip("\n") == right.rstrip("\n"), "a last line may lack its end"


@given(SPACED, SPACED, st.sampled_from(["difflib", "lcs", "prefix-suffix"]))
def test_without_space_no_line_end_and_no_trailing_blank_is_marked(incorrect, correct, algorithm):
    found = compare(incorrect, correct, algorithm, ignore_space=True)
    kept = []
    for side, text in ((found.correct, correct), (found.incorrect, incorrect)):
        ends = {i for i, c in enumerate(text) if not text[i : (text + "\n").index("\n", i)].strip(BLANKS)}
        assert not marked(side) & ends
        kept.append([c for i, c in enumerate(text) if i not in ends | marked(side)])
    assert kept[0] == kept[1]
    bare = [[line.rstrip() for line in split_lines(text)] for text in (incorrect, correct)]
    assert (bare[0] == bare[1]) == (found.correct.empty and found.incorrect.empty)
    clean = compare("\n".join([*bare[0], ""]), "\n".join([*bare[1], ""]), algorithm)
    assert found.correct.lines == clean.correct.lines
    assert found.incorrect.lines == clean.incorrect.lines


@given(TEXTS, TEXTS)
def test_lcs_matches_as_many_lines_as_can_be(incorrect, correct):
    a, c = split_lines(incorrect), split_lines(correct)
    table = [[0] * (len(c) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(c):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    unmatched = sum(i2 - i1 for i1, i2, _, _ in hunks(a, c, "lcs"))
    assert len(a) - unmatched == table[-1][-1]


def test_prefix_suffix_takes_the_middle_whole():
    a, c = list("axbycz"), list("a1b2cz")
    assert hunks(a, c, "prefix-suffix") == [(1, 4, 1, 4)]
    assert hunks(["x"], ["x", "x"], "prefix-suffix") == [(1, 1, 1, 2)]


@given(st.text(alphabet="ab", max_size=300), st.text(alphabet="ab", max_size=300), st.integers(0, 300))
def test_common_prefix(a, b, shared):
    a, b = "ab" * shared + a, "ab" * shared + b
    size = 0
    while size < min(len(a), len(b)) and a[size] == b[size]:
        size += 1
    assert common_prefix(a, b) == size


SHORT = st.text(alphabet="ab\n", max_size=90)


@given(SHORT, SHORT, st.integers(0, 9), st.integers(0, 9))
def test_anchor(text, other, line, other_line):
    lines, others = Lines.of(text), Lines.of(other)
    line, other_line = min(line, len(lines.keys)), min(other_line, len(others.keys))
    at, other_at = lines.starts[line], others.starts[other_line]
    rests = text[at:], other[other_at:]
    shared = common_prefix(*(t + "\n" * (t != "" and not t.endswith("\n")) for t in rests))  # a last line may lack it
    assert anchor(lines, line, others, other_line) == min(at + shared, len(text))


def test_context_marks_lines_around_but_no_more_characters():
    text = "".join(f"{i}\n" for i in range(9))
    changed = text.replace("4\n", "x\n")
    assert compare(changed, text, context=1).correct.lines == [3, 4, 5]
    assert compare(changed, text, context=1).correct.chars == [(8, 9)]
    assert compare("x\n" + text, text + "y\n", context=2).correct.lines == [7, 8, 9]


def test_edits_on_one_side_leave_a_gap_on_the_other():
    incorrect, correct = "if a < b:\n", "if a <= b:\n"
    assert edit_gaps(incorrect, correct, compare(incorrect, correct), "difflib") == ([6], [])
    assert incorrect[6] == " "
    assert edit_gaps(correct, incorrect, compare(correct, incorrect), "difflib") == ([], [6])
    assert edit_gaps("a", "ab", compare("a", "ab"), "difflib") == ([1], []), "the end token"
    assert edit_gaps("a+b", "a-b", compare("a+b", "a-b"), "difflib") == ([], [])


def test_worst_cases_end():
    started = time.monotonic()
    equal = ["x"] * 10_000
    assert hunks(equal, equal[:-1]) == [(9999, 10_000, 9999, 9999)]
    with pytest.raises(TooLong, match="too long to compare by characters"):
        compare("a" * 1_000_000, "b" * 1_000_000)
    assert compare("a" * 1_000_000, "a" * 500_000 + "b" + "a" * 499_999).correct.chars == [(500_000, 500_001)]
    many = [f"{'ab'[i % 2]}\n" for i in range(60_000)]
    with pytest.raises(TooLong):
        hunks(many, many[1:][::-1] + ["c\n"] * 9)
    assert time.monotonic() - started < 60
