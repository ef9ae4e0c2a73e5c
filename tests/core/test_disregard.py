"""`--ignore comments`: no mark on a comment, and everything else as without it."""

from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.disregard import comment_spans, compare, edit_gaps, why_none
from fgit_cli.core.textdiff import Side, line_starts, split_lines

LINES = st.lists(
    st.sampled_from(["x = 1\n", "x = 1  # one\n", "# alone\n", "    # in\n", "y = '# no'\n", "\n", "if x:\n",
                     "    y = 2 # é\n"]),
    max_size=8,
).map("".join)  # fmt: skip


def compare_code(incorrect, correct, ignore=("comments",)):
    return compare(incorrect, correct, "difflib", 0, ignore)


def texts(text):
    return [text[s:e] for s, e in comment_spans(text)]


def without(text):
    left_out = {i for s, e in comment_spans(text) for i in range(s, e)}
    return "".join(c for i, c in enumerate(text) if i not in left_out)


def test_a_comment_takes_its_space_or_its_line():
    assert texts("x = 1  # one\n    # alone\ny = '# no'\n") == ["  # one", "    # alone\n"]
    assert texts("def f():\n    '''# text'''\n    return 1\n") == [], "docstrings count"


def test_comments_of_other_languages():
    text = "Look # here:\n```js\nlet a = 1; // one\n/* two\n lines */\nlet s = '//';\n```\n```sql\nSELECT 1 -- x\n```\n"
    assert texts(text) == [" // one", "/* two\n lines */\n", " -- x"]
    assert texts("```nosuch\nx # y\n```\n") == []
    assert texts("Prose with # a sign.") == []


def test_a_difference_in_comments_alone_is_none():
    found = compare_code("x = 1  # a\n", "# b\nx = 1 # c\n")
    assert found.correct.empty
    assert found.incorrect.empty


def test_marks_are_at_their_places_in_the_whole_text():
    correct = "# head\nx = 1  # one\nreturn a\n"
    incorrect = "x = 2\nreturn a\n"
    found = compare_code(incorrect, correct)
    assert found.correct == Side([1], [(11, 12)], [])
    assert found.incorrect == Side([0], [(4, 5)], [])
    found = compare_code("# x\nreturn a\n", "# x\nif b: # c\n    pass\nreturn a\n")
    assert found.correct.lines == [1, 2]
    assert found.incorrect.gaps == [4]


@given(LINES, LINES)
def test_no_mark_lies_on_a_comment(incorrect, correct):
    found = compare_code(incorrect, correct)
    for text, side in ((correct, found.correct), (incorrect, found.incorrect)):
        spans = comment_spans(text)
        left_out = {i for s, e in spans for i in range(s, e)}
        marked = {i for s, e in side.chars for i in range(s, e)}
        assert not marked & left_out
        starts = line_starts(split_lines(text))
        assert marked <= {i for n in side.lines for i in range(starts[n], starts[n + 1])}
        assert all(not set(range(starts[n], starts[n + 1])) <= left_out for n in side.lines)
        assert all(g == len(text) or g not in left_out for g in side.gaps)
        assert side.lines == sorted(set(side.lines))
    kept = [
        "".join(c for i, c in enumerate(t) if not any(s <= i < e for s, e in comment_spans(t)))
        for t in (incorrect, correct)
    ]
    same = kept[0].removesuffix("\n") == kept[1].removesuffix("\n") and bool(kept[0]) == bool(kept[1])
    assert same == (found.correct.empty and found.incorrect.empty)


def test_space_and_comments_together():
    found = compare_code("a = 1  # one\r\nb = 2\r\n", "a = 1\nb = 3  # three\n", ("space", "comments"))
    assert found.correct == Side([1], [(10, 11)], [])
    assert found.incorrect == Side([1], [(18, 19)], [])


def test_gaps_inside_hunks_stand_behind_comments_too():
    incorrect, correct = "# first\nif a < b:  # here\n    c()\n", "if a <= b:\n    c()\n"
    found = compare_code(incorrect, correct)
    assert edit_gaps(incorrect, correct, found, "difflib", ("comments",)) == ([incorrect.index(" b:")], [])


def test_what_leaves_no_difference_is_named():
    assert why_none("a\n", "a\n", ("space",)) == "no difference"
    assert why_none("a\n", "a \r\n", ("space",)) == "no difference but in white space"
    assert why_none("a\n", "a", ()) == "no difference but in white space"
    assert why_none("a = 1\n", "a = 1  # one\n", ("comments",)) == "no difference but in comments"
    assert why_none("a = 1\n", "a = 1 \n", ("space", "comments")) == "no difference but in white space"


RETURNS = st.lists(
    st.sampled_from(
        ["x = 1", "# a", "y = 2  # b", "'''c\rd'''", "def f():", "    pass", "z = '\u2028'", "\x0c", "    '''e'''"]
    ),
    max_size=7,
).flatmap(
    lambda parts: st.lists(st.sampled_from(["\n", "\r", "\r\n"]), min_size=len(parts), max_size=len(parts)).map(
        lambda ends: "".join(p + e for p, e in zip(parts, ends, strict=True))
    )
)


@given(RETURNS, RETURNS)
def test_lone_returns_end_no_line(incorrect, correct):
    for text in (incorrect, correct):
        for start, end in comment_spans(text):
            said = text[start:end].strip()
            assert not said or said.startswith("#")
    found = compare_code(incorrect, correct, ("space", "comments"))
    for text, side in ((correct, found.correct), (incorrect, found.incorrect)):
        assert all(line < len(split_lines(text)) for line in side.lines)
        assert all(0 <= start < end <= len(text) for start, end in side.chars)


def test_a_comment_behind_lone_returns_is_found():
    assert texts("def f():\r    '''a\rb'''\r    return 1  # end\r\nx = 2  # two\n") == ["  # end", "  # two"]
