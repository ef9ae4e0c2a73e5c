"""Comments and docstrings: where they are, so that rules leave them alone and a teacher's hints can be taken out.

Python is read by its own tokenizer and parser; other languages, and Python that does not parse, by Pygments.
"""

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fgit_cli.core.languages import as_python_counts, python_tree

_STRING_LINE = re.compile(r"""(^|[;:])[ \t]*[rRuU]?["']""", re.M)


@dataclass(frozen=True)
class CommentSpan:
    """`code[start:end]` in characters; `docstring` or comment."""

    start: int
    end: int
    docstring: bool


@lru_cache(maxsize=256)
def spans(code: str, language: str) -> tuple[CommentSpan, ...]:
    """Comments and docstrings of the code in order, none overlapping; empty for a language that Pygments lacks.

    Docstrings are known in Python alone. A shebang and an encoding line count as comments.
    """
    if language == "python":
        found = _python(code)
        if found is not None:
            return tuple(found)
    return tuple(_pygments(code, language))


def without(code: str, found: Sequence[CommentSpan]) -> str:
    """The code without these spans; a line that held nothing else goes with its comment."""
    out, at = [], 0
    for span in found:
        start = code.rfind("\n", 0, span.start) + 1
        end = code.find("\n", span.end)
        end = len(code) if end < 0 else end
        if not code[start : span.start].strip() and not code[span.end : end].strip():
            out.append(code[at:start] if start >= at else "")
            at = min(end + 1, len(code))
        else:
            before = code[at : span.start]
            out.append(before if code[span.end : end].strip() else before.rstrip(" \t"))
            at = span.end
    return "".join([*out, code[at:]])


def _python(code: str) -> list[CommentSpan] | None:
    """None where the code is no valid Python."""
    if not any(sign in code for sign in "#\"'"):
        return []  # it can have neither
    code = as_python_counts(code)
    tree = python_tree(textwrap.dedent(code))
    if tree is None:
        return None
    starts = [0]
    for line in code.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found = []
    try:
        docstrings = _docstring_lines(code, tree)
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            comment = token.type == tokenize.COMMENT
            if comment or (token.type == tokenize.STRING and token.start[0] in docstrings):
                (row, column), (last, end) = token.start, token.end
                found.append(CommentSpan(starts[row - 1] + column, starts[last - 1] + end, not comment))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return None
    return found


def _docstring_lines(code: str, tree: ast.Module) -> set[int]:
    """The first line (from 1) of every docstring; a string statement elsewhere documents too and counts."""
    if not _STRING_LINE.search(code):
        return set()  # a walk of the tree is most of the cost
    return {
        n.lineno
        for n in ast.walk(tree)
        if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) and isinstance(n.value.value, str)
    }


def _pygments(code: str, language: str) -> list[CommentSpan]:
    lexer = _lexer(language)
    if lexer is None:
        return []
    from pygments.token import Comment, String

    found: list[CommentSpan] = []
    for at, kind, text in lexer.get_tokens_unprocessed(f"{code}\n"):  # lexers want a comment's line to end
        docstring = kind in String.Doc
        if (kind in Comment and kind not in Comment.Preproc and kind not in Comment.PreprocFile) or docstring:
            end = at + len(text.rstrip("\n"))
            if found and found[-1].end == at and found[-1].docstring == docstring:
                found[-1] = CommentSpan(found[-1].start, end, docstring)
            elif end > at:
                found.append(CommentSpan(at, end, docstring))
    return found


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None
