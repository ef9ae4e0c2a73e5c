"""White space is the correct code's wherever the program stays the same."""

import ast
import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.languages import parse_python
from fgit_cli.core.splicing import fitted

CODE = (
    "def f(xs):\n    s = 0  \n\n    for x in xs:\n        if x:\n            s += x\n    return s\n\n\n"
    "def g():\n    return 1\n"
)
WRONG = CODE.replace("+= x", "-= x")


def changed(answer, correct=CODE, language="python"):
    """The lines that differ: those of the correct code, then those of the answer in its white space."""
    made = fitted(answer, correct, language)
    both = list(difflib.ndiff(correct.split("\n"), made.split("\n")))
    return [d[2:] for d in both if d[0] == "-"], [d[2:] for d in both if d[0] == "+"]


@pytest.mark.parametrize(
    "habit",
    [
        lambda code: code,
        lambda code: "\n".join(line.rstrip() for line in code.split("\n")),
        lambda code: code.replace("\n", "  \n"),
        lambda code: code.replace("\n", "\r\n"),
        lambda code: code.replace("    ", "\t"),
        lambda code: code.replace("    ", "  "),
        lambda code: code.replace("\n\n", "\n"),
        lambda code: code.replace("\n", "\n\n"),
        lambda code: f"\n\n{code}\n\n",
        lambda code: code.rstrip(),
    ],
)
def test_habits_of_writing_leave_the_changed_line(habit):
    assert changed(habit(WRONG)) == (["            s += x"], ["            s -= x"])
    assert fitted(habit(CODE), CODE, "python") == CODE


def test_a_new_line_is_written_as_the_correct_code_is():
    tabs = WRONG.replace("-= x\n", "+= x\n            s += 1\n").replace("    ", "\t")
    assert changed(tabs) == ([], ["            s += 1"])
    crlf = CODE.replace("\n", "\r\n")
    assert changed(WRONG, crlf) == (["            s += x\r"], ["            s -= x\r"])


def test_indentation_that_is_the_fault_stays():
    assert changed(CODE.replace("    return s", "        return s")) == (["    return s"], ["        return s"])


def test_what_does_not_parse_keeps_its_indentation():
    correct = "begin\n  a\n\n  b \nend\n"
    assert fitted("begin\n    a\n    c\r\nend", correct, "pascal") == "begin\n    a\n    c\nend\n"


def test_texts_keep_their_white_space():
    correct = "function f(x) {\n  return `a\n\n    b` + x;\n}\n"
    tabs = correct.replace("+ x", "- x").replace("  return", "\treturn")
    assert fitted(tabs, correct, "javascript") == correct.replace("+ x", "- x")


LINES = st.lists(
    st.sampled_from(["x = 1", "if x:", "    y = 2", "", "\tz = 3", "  ", "y += 1  ", "pass\r"]), max_size=9
)


@given(LINES, LINES)
def test_the_program_is_the_answers(answer, correct):
    answer, correct = "\n".join(answer) + "\n", "\n".join(correct) + "\n"
    made = fitted(answer, correct, "python")
    tree, after = parse_python(answer), parse_python(made)
    assert (tree and ast.dump(tree)) == (after and ast.dump(after))


@given(LINES, LINES)
def test_lines_are_the_answers_but_for_white_space(answer, correct):
    answer, correct = "\n".join(answer) + "\n", "\n".join(correct) + "\n"
    made = fitted(answer, correct, "python")
    assert [x.strip() for x in made.split("\n") if x.strip()] == [x.strip() for x in answer.split("\n") if x.strip()]
    assert fitted(correct, correct, "python") == correct
