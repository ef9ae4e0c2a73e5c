"""Fenced code as models write it: found wherever it stands, put back to the byte, never mixed up with prose."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fgit_cli.core import fences, variants
from fgit_cli.core.answers import Unusable, variant, why_not_the_same_response
from fgit_cli.core.languages import of_info

# Lines of which awkward texts are made.
LINES = st.sampled_from(
    [
        "```python", "```", "~~~", "````markdown", "````", "```js", "> ```python", "> ```", "   ```py", "   ```",
        "- ```c", "x = 1", "> x = 2", "   y = 3", 'z = """', '"""', "let a = 1;", "Some prose.", "", "<details>",
        "</answer>", "1. A", "end```", "Here: ```python", "~~~~", "x\r", "\ra", "```python\r", "  ", "> ", "def f():",
        "    return 1", "/**", " */",
    ]
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(LINES, max_size=14).map("\n".join), st.text(alphabet="`~>\n\r a1-", max_size=60), st.text(max_size=40)
)


@given(TEXTS)
def test_blocks_and_prose_together_are_the_text(text):
    at = 0
    for block in fences.blocks(text):
        assert at <= block.start <= block.end <= len(text)
        lines = block.lines(text)
        whole = "\n".join(lead + code for lead, code in lines)
        assert text[block.start : block.end].removesuffix("\n") == whole
        at = block.end
    contents = {n: text[b.start : b.end] for n, b in enumerate(fences.blocks(text))}
    assert fences.splice(text, contents) == text


@given(TEXTS)
@example("```python\n   y = 3\n  ")  # an open fence
def test_a_responses_own_code_put_back_is_the_response(text):
    for block in variants.code_blocks(text):
        assert variants.spliced(text, block, block.code) == text


CODE = st.lists(
    st.sampled_from(
        ["x = 1", "    y = 2", "", "```", "def f():", "    return 1", '"""', "# a", "~~~", "> x", "```python"]
    ),
    max_size=8,
).map(lambda lines: "\n".join(lines) + "\n")


@given(st.lists(st.tuples(TEXTS, CODE), min_size=1, max_size=3), st.lists(CODE, min_size=3, max_size=3), TEXTS)
def test_no_changed_prose_passes_the_check(parts, codes, tail):
    text = "".join(f"{prose}\n```python\n{code}```\n" for prose, code in parts) + tail
    blocks = fences.blocks(text)
    contents = {n: codes[n] for n, b in enumerate(blocks) if b.fenced and n < len(codes)}
    made = fences.splice(text, contents)
    if why_not_the_same_response(text, made, contents) is not None:
        return
    assert len(fences.blocks(made)) == len(blocks)
    left = right = 0
    for old, new in zip(blocks, fences.blocks(made), strict=True):
        assert text[left : old.start] == made[right : new.start]
        left, right = old.end, new.end
    assert text[left:] == made[right:]


@given(TEXTS, TEXTS)
def test_a_variant_has_the_responses_prose(answer, tail):
    correct = f"<p>\nThe code:\n```python\ndef f(a):\n    return a + 1\n```\n{tail}"
    try:
        made = variant(answer, correct)
    except Unusable:
        return
    before, after = fences.blocks(correct), fences.blocks(made.text)
    prose = [[t[: b[0].start], t[b[-1].end :]] for t, b in ((correct, before), (made.text, after))]
    assert prose[0] == prose[1]


PY = "def f(x):\n    return x\n"
DOC = 'def f(x):\n    """So:\n\n    ```\n    f(1)\n    ```\n    """\n    return x\n'


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (f"<answer>\n```python\n{PY}```\n</answer>", [PY]),
        (f"<answer>```python\n{PY}```</answer>", [PY]),
        (f"<details>\n<summary>A</summary>\n```python\n{PY}```\n</details>", [PY]),
        (f"<p>a</p>\n~~~py\n{PY}~~~", [PY]),
        ("> So\n> ```python\n> def f(x):\n>\n>     return x\n> ```\nAnd", ["def f(x):\n\n    return x\n"]),
        ("1. A\n\n       ```python\n       x = 1\n\n       y = 2\n       ```\n", ["x = 1\n\ny = 2\n"]),
        ("- ```js\n  let y = 1;\n  ```\n", ["let y = 1;\n"]),
        (f"````markdown\nA\n```python\n{PY}```\n````\nB", [PY]),
        (f"```markdown\nA\n```python\n{PY}```\n```\nB", [PY]),
        (f"```\n```python\n{PY}```\n```\n", [PY]),
        (f"```python\n{DOC}```\nThen\n```\n1\n```\n", [DOC, "1\n"]),
        (f"```python\n{DOC.replace('    ```', '```python', 1)}```\n", [DOC.replace("    ```", "```python", 1)]),
        (DOC, [DOC]),
        (f"```python\r\n{PY}```\r\nEnd\r\n", [PY]),
        (f"````python\n{PY}```\nEnd", [PY]),
        (f"Use ```f()``` so:\n```python\n{PY}```", [PY]),
        (f"Wrong: ```python\n{PY}```", [PY]),
        (f"Bar:50%\r100%\n\r\n```python\n{PY}```\n", [PY]),
        ("```r\nx <- '```'\n```\n", ["x <- '```'\n"]),
        (f"JavaScript:\n```js\nlet a = 1;\n```\nPython:\n```python\n{PY}```\n", ["let a = 1;\n", PY]),
        (
            "/**\n * ```js\n * f()\n * ```\n */\nfunction f() {}\n",
            ["/**\n * ```js\n * f()\n * ```\n */\nfunction f() {}\n"],
        ),
        ("No code here.", ["No code here."]),
    ],
)
def test_where_code_stands(text, codes):
    assert [block.code(text) for block in fences.blocks(text)] == codes
    assert all(block.closed for block in fences.blocks(text))


def test_a_block_that_is_not_closed_says_so():
    assert [b.closed for b in fences.blocks("```python\nx = 1\n")] == [False]
    first, second = fences.blocks("```python\nx = 1\n\nThen:\n```python\ny = 1\n```\n")
    assert (first.closed, second.closed) == (False, True)


@pytest.mark.parametrize(
    ("info", "language"),
    [
        ("python", "python"), ("{python}", "python"), ("{.python .x}", "python"), ("python=", "python"),
        ("python3.11", "python"), ("python,editable", "python"), ("language=python", "python"), ("C#", "csharp"),
        ("python:main.py", "python"), ("src/main.js", "javascript"), ("Python 3", "python"), ("c++17", "cpp"),
        ('python title="a.js"', "python"), ("tool_code", "python"), ("lang-js", "javascript"), ("", ""),
        ("solution", ""), ("output", "text"), ("{r, echo=FALSE}", "r"), ("node.js", "javascript"),
    ],
)  # fmt: skip
def test_what_an_info_string_names(info, language):
    assert of_info(info) == language
