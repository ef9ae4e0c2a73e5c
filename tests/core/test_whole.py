"""Answers that are not whole: cut, with a mark for what is left out, or without it."""

import pytest

from fgit_cli.core.whole import definitions, omits, why_cut, why_not_whole

CODE = "def f(x):\n    return x\n\n\ndef g(x):\n    y = f(x)\n    y += 1\n    return y\n"


@pytest.mark.parametrize("reason", ["stop", "STOP", "eos_token", "end_turn"])
def test_endings_of_whole_answers(reason):
    assert why_cut(reason) is None


@pytest.mark.parametrize(
    ("reason", "why"),
    [("length", "cut at --max-new-tokens"), ("MAX_TOKENS", "cut at --max-new-tokens"), ("abort", "ended by abort"),
     ("content_filter", "ended by content_filter"), ("error", "ended by error"), (None, "does not say")],
)  # fmt: skip
def test_endings_of_answers_that_are_cut(reason, why):
    assert why in (why_cut(reason) or "")


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...", "    ...", "// ... rest of the code remains the same", "/* unchanged */",
        "# (rest unchanged)", "<!-- ... -->", "def g(): ...", "# rest of implementation", "# same as before",
        "    pass  # unchanged", "function g() { ... }", "function g() { /* ... */ }", "// other methods",
        "# [previous code]", "[rest of the code]", "// code omitted for brevity", "# No changes here", "…",
        "// Your code here", "# 其余代码不变", "# Everything else stays the same",
        "# keep the rest of the function as is",
    ],
)  # fmt: skip
def test_a_mark_stands_for_code(line):
    assert omits(f"{CODE}{line}\n", CODE, "python")
    assert not omits(f"{CODE}{line}\n", f"{CODE}{line}\n", "python"), "the correct code has it too"


@pytest.mark.parametrize(
    "line",
    [
        "# add them all", "x = [...]", "f(...args);", "# compare with the previous item", "void f(int a, ...);",
        "# Initialize the rest of the list", "print('...')", "# the sum remains zero", "# return the original list",
        "x[...] = 1", "# sort the remaining items", "print(f'... {x}')", 'def h():\n    """\n    ...\n    """',
    ],
)  # fmt: skip
def test_a_comment_or_dots_in_code_are_no_mark(line):
    assert not omits(f"{CODE}{line}\n", CODE, "python")


def test_parts_that_are_missing_or_doubled():
    assert why_not_whole(CODE.split("\n\n\n")[0] + "\n", CODE, "python") == "part of the code is missing"
    assert why_not_whole(CODE + CODE, CODE, "python") == "part of the code is doubled"
    assert why_not_whole(CODE.replace("    y += 1\n", ""), CODE, "python") is None
    long = "".join(f"x{i} = {i}\n" for i in range(12))
    assert why_not_whole(long[: len(long) // 2] + "\n", long, "python") == "part of the code is missing"
    assert why_not_whole(long + long, long, "") == "part of the code is doubled"


def test_definitions_of_other_languages():
    assert definitions("int f(int a) { return a; }\nstruct S { int x; };", "c") == {"f": 1, "S": 1}
    assert definitions("class A { void f() {} A() {} }", "java") == {"A": 2, "f": 1}
    assert definitions("def f; end\nclass B\n def g; end\nend", "ruby") == {"B": 1, "f": 1, "g": 1}
    assert definitions("func f() {}\nfunc (a A) g() {}", "go") == {"f": 1, "g": 1}
    assert definitions("SELEC (", "sql") is None
