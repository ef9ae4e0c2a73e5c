"""A teacher's answer as a variant: prose kept, hints gone, blocks where they belong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.answers import Unusable, variant
from fgit_cli.core.comments import spans, without
from fgit_cli.core.variants import code_blocks, spliced

BARE = "def total(xs):\n    # add them up\n    s = 0\n    for x in xs:\n        s += x\n    return s\n"
WRONG = BARE.replace("s = 0", "s = 1")
PROSE = f"Here it is:\n\n```python\n{BARE}```\n\nIt runs in O(n).\n"


def fenced(code, language="python"):
    return f"```{language}\n{code}```\n"


@pytest.mark.parametrize(
    "answer",
    [
        fenced(WRONG),
        fenced(WRONG, ""),
        fenced(WRONG, "py"),
        f"Sure!\n\n{fenced(WRONG)}\nThe fault is in line 3.",
        WRONG,
        f"~~~python\n{WRONG}~~~",
        f"The wrong version: ```python\n{WRONG}```",  # opens in the middle of a line
        f"Let me break ```x``` it.\n{fenced(WRONG)}",
        fenced(WRONG).replace("\n", "\r\n").replace("\r\n", "\n"),
        "   " + fenced(WRONG).replace("\n", "\n   "),
    ],
)
def test_code_is_found_however_it_is_wrapped(answer):
    assert variant(answer, BARE).text == WRONG
    assert variant(answer, PROSE).text == PROSE.replace("s = 0", "s = 1")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no code in the answer"),
        (f"```python\n{WRONG}", "not closed"),
        ("I cannot do that.", "no code in the answer"),
        (fenced("let s = 1;", "javascript"), "another language"),
        (fenced(WRONG.replace("s = 1", "wrong_start = 1")), "gives the fault away"),
    ],
)
def test_what_is_no_variant_says_why(answer, reason):
    with pytest.raises(Unusable, match=reason):
        variant(answer, BARE)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("    s = 1  # BUG: should be 0\n", "comment"),
        ("    # wrong start\n    s = 1\n", "comment"),
        ("    s = 1  # start here\n", "changed comment"),
    ],
)
def test_comments_that_the_correct_code_lacks_are_taken_out(line, hint):
    got = variant(fenced(WRONG.replace("    s = 1\n", line)), BARE)
    assert got.text == WRONG
    assert got.hints == {hint: 1}


def test_a_changed_comment_is_put_back():
    got = variant(fenced(WRONG.replace("# add them up", "# add them up (buggy)")), BARE)
    assert got.text == WRONG
    assert got.hints == {"comment": 1}


def test_a_name_with_a_hint_gets_its_plain_name():
    for name in ("buggy_total", "total_buggy", "incorrect_total", "buggyTotal"):
        got = variant(fenced(WRONG.replace("total", name)), BARE)
        assert got.text == WRONG, name
        assert got.hints == {"name": 1}


def test_a_name_that_the_correct_code_has_is_no_hint():
    code = "def wrong_guesses(xs):\n    return len(xs)\n"
    got = variant(fenced(code.replace("len(xs)", "len(xs) - 1")), code)
    assert "wrong_guesses" in got.text
    assert not got.hints


def test_comments_inside_strings_stay():
    code = 'def f(x):\n    return "# not a comment" + x\n'
    changed = code.replace("+ x", "+ x + x")
    assert variant(fenced(changed), code).text == changed


def test_a_docstring_that_hints_is_put_back():
    code = 'def f(x):\n    """Add one."""\n    return x + 1\n'
    changed = code.replace("Add one.", "Add one, with a bug.").replace("+ 1", "+ 2")
    got = variant(fenced(changed), code)
    assert got.text == code.replace("+ 1", "+ 2")
    assert got.hints == {"docstring": 1}


def test_comments_of_other_languages():
    code = "function f(x) {\n  return x + 1;\n}\n"
    changed = code.replace("+ 1;", "- 1; // oops, should be +")
    got = variant(fenced(changed, "js"), fenced(code, "javascript"))
    assert got.text == fenced(code.replace("+ 1", "- 1"), "javascript")
    assert got.hints == {"comment": 1}


def test_a_last_comment_without_a_line_end_is_a_comment():
    code = "int f(int x) {\n  return x + 1;\n}\n// Output: 3"
    got = variant(fenced(code.replace("+", "-") + "\n", "c"), fenced(code + "\n", "c"))
    assert not got.hints
    bare = "#include <stdio.h>\n" + code
    assert variant(fenced(bare.replace("+", "-") + "\n", "c"), bare).text == bare.replace("+", "-")


def test_blocks_are_aligned_by_language_and_likeness():
    js = "const add = (a, b) => {\n  return a + b;\n};\n"
    correct = f"Python:\n{fenced(BARE)}\nand JavaScript:\n{fenced(js, 'javascript')}\nOutput:\n\n```\n6\n```\n"
    only_js = variant(fenced(js.replace("+", "-"), "js"), correct)
    assert only_js.text == correct.replace("a + b", "a - b")
    both = variant(fenced(WRONG) + "\n" + fenced(js.replace("+", "-"), "js"), correct)
    assert both.text == correct.replace("a + b", "a - b").replace("s = 0", "s = 1")
    two = f"First:\n{fenced(BARE)}\nsecond:\n{fenced('print(total([1, 2]))')}"
    assert variant(fenced("print(total([1, 3]))"), two).text == two.replace("[1, 2]", "[1, 3]")


def test_whole_responses_keep_the_teachers_prose():
    answer = f"My own words.\n\n{fenced(WRONG.replace('s = 1', 's = 1  # BUG'))}\nThe end.\n"
    assert variant(answer, PROSE, "response").text == f"My own words.\n\n{fenced(WRONG)}\nThe end."


def test_code_in_a_list_keeps_its_indentation():
    correct = "1. First:\n\n   ```python\n   def f(x):\n       return x + 1\n   ```\n\n2. Done.\n"
    [block] = code_blocks(correct)
    assert block.code == "def f(x):\n    return x + 1\n"
    assert spliced(correct, block, block.code) == correct
    got = variant(fenced("def f(x):\n    return x - 1\n"), correct)
    assert got.text == correct.replace("+", "-")


@given(
    st.lists(
        st.sampled_from(["x = 1", "# note", "y = 2  # two", "s = '#'", "", "def f():", "    pass  # p"]), max_size=9
    )
)
def test_without_comments_python_means_the_same(parts):
    import ast

    code = "\n".join(parts)
    try:
        tree = ast.dump(ast.parse(code))
    except SyntaxError:
        return
    bare = without(code, spans(code, "python"))
    assert ast.dump(ast.parse(bare)) == tree
    assert not [s for s in spans(bare, "python") if not s.docstring]


@given(st.text(alphabet="`~ab\n #x=1", max_size=80), st.text(alphabet="`~ab\n #x=1", max_size=80))
def test_any_answer_gives_a_variant_or_a_reason(answer, correct):
    try:
        got = variant(answer, correct)
    except Unusable:
        return
    assert got.changes
