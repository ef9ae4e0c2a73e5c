"""Parses Python from any thread."""

import ast

_TRIES = 20


def parse(text: str) -> ast.Module:
    """The syntax tree of the text. Raises what `ast.parse` raises for a text that is not Python.

    CPython 3.11 counts the depth of the tree that it builds once for all threads, so a thread that parses meanwhile can
    make it raise SystemError ("AST constructor recursion depth mismatch") for a text that is right: it is tried again.
    """
    for _ in range(_TRIES - 1):
        try:
            return ast.parse(text)
        except SystemError:
            continue
    return ast.parse(text)
