"""What a test text says, by its syntax tree: what it defines, calls, shows, and which statements can fail."""

import ast
import re
from collections.abc import Iterator
from typing import Any

COUNTER = "_fgit_asserted_"
DEFINITION = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

_CHECKS = re.compile(r"assert|fail$|raises|warns$|deprecated_call$|testmod$", re.I)
_EXITS = ("exit", "_exit", "quit", "fail")


class Counted(ast.NodeTransformer):
    """Puts a call of the counter before every statement that can show the code to be wrong."""

    def visit(self, node: ast.AST) -> Any:
        checks = isinstance(node, ast.stmt) and can_fail(node)
        node = self.generic_visit(node)
        if not checks:
            return node
        call = ast.Expr(ast.Call(ast.Name(COUNTER, ast.Load()), [], []))
        return [ast.copy_location(call, node), node]


def can_fail(node: ast.stmt) -> bool:
    """Whether this statement itself, not one inside it, can fail because of the code's answer."""
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, DEFINITION):
        return False
    if isinstance(node, ast.If | ast.Try) and not _guards(node):
        inside = [*node.body, *node.orelse, *(s for h in getattr(node, "handlers", []) for s in h.body)]
        if any(_raises(s) for s in inside):
            return True
    return any(_CHECKS.match(_name(call)) for call in _calls(node))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module's top level, and of the `if`, `for`, `try` and `with` there."""
    for statement in body:
        yield statement
        if not isinstance(statement, DEFINITION):
            for name in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)


def defined(tree: ast.Module) -> list[str]:
    """The functions and classes that the text defines at its top level."""
    return list(dict.fromkeys(s.name for s in statements(tree.body) if isinstance(s, DEFINITION)))


def used(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names that are used at the top level outside of definitions, and names used anywhere but in their own."""
    outside: set[str] = set()
    anywhere: set[str] = set()
    for statement in statements(tree.body):
        if isinstance(statement, DEFINITION):
            anywhere |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)} - {statement.name}
        else:
            outside |= {n.id for part in _head(statement) for n in ast.walk(part) if isinstance(n, ast.Name)}
    return outside, anywhere | outside


def attributes(tree: ast.Module) -> dict[str, set[str]]:
    """For every name the attributes that are asked of it."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found.setdefault(ast.unparse(node.value), set()).add(node.attr)
    return found


def shown(tree: ast.Module) -> list[str]:
    """Texts with examples such as `>>> f(1)`: docstrings, and those that stand alone as statements."""
    texts = [
        n.value.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) and isinstance(n.value.value, str)
    ]
    return [text for text in texts if ">>>" in text]


def _guards(node: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`."""
    return any(isinstance(n, ast.Name) and n.id == "__name__" for part in _head(node) for n in ast.walk(part))


def _raises(node: ast.stmt) -> bool:
    """Whether the statement, once reached, says that the code is wrong."""
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and not node.test.value
    return isinstance(node, ast.Expr) and any(
        _name(call) in _EXITS and not (_name(call) != "fail" and _means_success(call)) for call in _calls(node)
    )


def _means_success(call: ast.Call) -> bool:
    return not call.args or (isinstance(call.args[0], ast.Constant) and not call.args[0].value)


def _calls(node: ast.stmt) -> Iterator[ast.Call]:
    """The calls in the statement's own expressions."""
    for part in _head(node):
        yield from (n for n in ast.walk(part) if isinstance(n, ast.Call))


def _name(call: ast.Call) -> str:
    """What is called, by the last part of its name."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _head(node: ast.stmt) -> list[ast.AST]:
    """The parts of a statement that are no statements."""
    inner = ast.stmt | ast.ExceptHandler | ast.match_case
    return [child for child in ast.iter_child_nodes(node) if not isinstance(child, inner)]
