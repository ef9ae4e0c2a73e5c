"""Whether two Python programs differ in names alone: the trees are walked side by side, names resolved to scopes.

A name bound in a function may be renamed freely there. A name that others can see (of a module, a class, an
attribute that the code itself defines) counts as renamed only when the new name is new: exchanging `push` and `pop`
is a fault, calling `total` `result` is none. Names that the code does not bind (builtins, imports' originals) must
stay.
"""

import ast
import re
from dataclasses import dataclass, field
from typing import Any

SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
OTHER_SCOPES = (ast.arguments, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)  # or evaluated outside
TYPE_PARAMETERS = ("TypeVar", "ParamSpec", "TypeVarTuple")  # of Python 3.12
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Scope:
    """The names that one module, class, function or comprehension binds. `number` is its place in the walk."""

    number: int
    kind: str  # "module", "class" or "function"
    parent: "Scope | None"
    bound: set[str]
    elsewhere: dict[str, str] = field(default_factory=dict)  # names declared `global` or `nonlocal`

    def resolve(self, name: str) -> "Scope | None":
        """The scope that binds `name` as seen from here; None for a builtin or an unknown name."""
        scope: Scope | None = self
        if self.elsewhere.get(name) == "global":
            while scope and scope.parent:
                scope = scope.parent
            return scope if scope and name in scope.bound else None
        if name in self.elsewhere:
            scope = self.parent
        here = True
        while scope:
            if name in scope.bound and name not in scope.elsewhere and (here or scope.kind != "class"):
                return scope
            scope, here = scope.parent, False
        return None


_NAME = re.compile(r"'\w*'")


def may_be(correct: str, variant: str) -> bool:
    """Whether two dumped trees are equal when every name and word is covered: if not, more than names differs.

    Far cheaper than `same_but_names`, which decides.
    """
    return correct != variant and _NAME.sub("''", correct) == _NAME.sub("''", variant)


def same_but_names(correct: ast.Module, variant: ast.Module) -> bool:
    """Whether the two trees are equal up to a consistent renaming of names that the code itself binds."""
    walk = _Walk(correct, variant)
    try:
        return walk.body(correct, variant, walk.roots)
    except RecursionError:
        return False


class _Walk:
    def __init__(self, correct: ast.Module, variant: ast.Module) -> None:
        self.forward: dict[tuple, tuple] = {}
        self.backward: dict[tuple, tuple] = {}
        self.scopes = 0
        self.attributes = (_own_attributes(correct), _own_attributes(variant))
        self.seen = _all_names(correct)
        self.keywords = {n.arg for n in ast.walk(correct) if isinstance(n, ast.keyword)}
        self.roots = self._open("module", (None, None), (_bound(correct), _bound(variant)))

    def _open(self, kind: str, parents: Any, bound: Any) -> tuple[Scope, Scope]:
        self.scopes += 1
        left, right = (
            Scope(self.scopes, kind, parent, names, dict(elsewhere))
            for parent, (names, elsewhere) in zip(parents, bound, strict=True)
        )
        for scope in (left, right):
            if parents[0] is not None:
                module = scope
                while module.parent:
                    module = module.parent
                module.bound |= {n for n, where in scope.elsewhere.items() if where == "global"}
        return left, right

    def names(self, a: str, b: str, scopes: tuple[Scope, Scope]) -> bool:
        """One name on each side at the same place."""
        left, right = scopes[0].resolve(a), scopes[1].resolve(b)
        if left is None or right is None or left.number != right.number:
            return left is None and right is None and a == b
        if left.kind == "class":
            return self._pair(("attribute", a), ("attribute", b), True)
        return self._pair((left.number, a), (right.number, b), left.kind == "module")

    def attribute(self, a: str, b: str) -> bool:
        if a in self.attributes[0] or b in self.attributes[1]:
            return self._pair(("attribute", a), ("attribute", b), True)
        return a == b

    def _pair(self, a: tuple, b: tuple, visible: bool) -> bool:
        if a[1] != b[1] and ((visible and b[1] in self.seen) or a[1] in self.keywords):
            return False  # not a new name, or one that a call gives by keyword
        return self.forward.setdefault(a, b) == b and self.backward.setdefault(b, a) == a

    def nodes(self, a: Any, b: Any, scopes: tuple[Scope, Scope]) -> bool:
        """Two values of the trees: nodes, lists of them, or plain values."""
        if type(a) is not type(b):
            return False
        if isinstance(a, list):
            return len(a) == len(b) and all(self.nodes(x, y, scopes) for x, y in zip(a, b, strict=True))
        if not isinstance(a, ast.AST):
            return type(a) is type(b) and repr(a) == repr(b)
        if isinstance(a, (*SCOPES, ast.ClassDef)):
            return self.scope(a, b, scopes)
        if isinstance(a, ast.Name):
            return self.names(a.id, b.id, scopes) and type(a.ctx) is type(b.ctx)
        if isinstance(a, ast.Attribute):
            return self.attribute(a.attr, b.attr) and self.nodes(a.value, b.value, scopes)
        if isinstance(a, ast.alias):
            bound = [(x.asname or x.name).split(".")[0] for x in (a, b)]
            return a.name == b.name and (a.name == "*" or self.names(bound[0], bound[1], scopes))
        if isinstance(a, ast.Global | ast.Nonlocal):
            return len(a.names) == len(b.names) and all(
                self.names(x, y, scopes) for x, y in zip(a.names, b.names, strict=True)
            )
        return self.fields(a, b, scopes, ())

    def fields(self, a: Any, b: Any, scopes: tuple[Scope, Scope], skip: tuple[str, ...]) -> bool:
        """The fields of two nodes of one type; a text that is a bound name (`except E as name`) is one."""
        for name in a._fields:
            x, y = getattr(a, name, None), getattr(b, name, None)
            if name in skip or name == "type_comment":
                continue
            binds = isinstance(a, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and name == "name"
            if (binds or name == "rest") and isinstance(x, str) and isinstance(y, str):
                if not self.names(x, y, scopes):
                    return False
            elif not self.nodes(x, y, scopes):
                return False
        return True

    def scope(self, a: Any, b: Any, outer: tuple[Scope, Scope]) -> bool:
        """A node that opens a scope: what is evaluated outside first, then the inside."""
        if isinstance(a, COMPREHENSIONS):
            inner = self._open("function", outer, (_bound(a), _bound(b)))
            first = self.nodes(a.generators[0].iter, b.generators[0].iter, outer)
            return first and self.fields(a, b, inner, ())
        kind = "class" if isinstance(a, ast.ClassDef) else "function"
        inner = self._open(kind, outer, (_bound(a), _bound(b)))
        if isinstance(a, ast.Lambda):
            return self.arguments(a.args, b.args, outer, inner) and self.nodes(a.body, b.body, inner)
        names = self.attribute if outer[0].kind == "class" else (lambda x, y: self.names(x, y, outer))
        outside = (
            names(a.name, b.name)
            and self.nodes(a.decorator_list, b.decorator_list, outer)
            and self.nodes(getattr(a, "type_params", []), getattr(b, "type_params", []), inner)
        )
        if isinstance(a, ast.ClassDef):
            heads = self.nodes(a.bases, b.bases, outer) and self.nodes(a.keywords, b.keywords, outer)
        else:
            heads = self.arguments(a.args, b.args, outer, inner)
        return outside and heads and self.body(a, b, inner)

    def arguments(self, a: ast.arguments, b: ast.arguments, outer: Any, inner: Any) -> bool:
        if not (self.nodes(a.defaults, b.defaults, outer) and self.nodes(a.kw_defaults, b.kw_defaults, outer)):
            return False
        for name in ("posonlyargs", "args", "kwonlyargs"):
            left, right = getattr(a, name), getattr(b, name)
            if len(left) != len(right) or not all(
                self.names(x.arg, y.arg, inner) for x, y in zip(left, right, strict=True)
            ):
                return False
        for x, y in ((a.vararg, b.vararg), (a.kwarg, b.kwarg)):
            if (x is None) != (y is None) or (x and y and not self.names(x.arg, y.arg, inner)):
                return False
        return True

    def body(self, a: Any, b: Any, scopes: tuple[Scope, Scope]) -> bool:
        return self.nodes(a.body, b.body, scopes)


def _bound(node: Any) -> tuple[set[str], dict[str, str]]:
    """The names a scope binds, and those it declares to live elsewhere."""
    bound: set[str] = set()
    elsewhere: dict[str, str] = {}
    stack = [(n, False) for n in _inside(node)]  # and whether we are in a comprehension, where only `:=` binds outside
    while stack:
        at, comprehension = stack.pop()
        bound |= _bound_by(at, comprehension)
        if isinstance(at, ast.Global | ast.Nonlocal):
            elsewhere |= dict.fromkeys(at.names, "global" if isinstance(at, ast.Global) else "nonlocal")
        if not isinstance(at, OTHER_SCOPES):
            inside = comprehension or isinstance(at, COMPREHENSIONS)
            stack += [(child, inside) for child in ast.iter_child_nodes(at)]
    return bound, elsewhere


def _inside(node: Any) -> list[Any]:
    """The nodes in which a scope binds its names."""
    if isinstance(node, COMPREHENSIONS):
        return [generator.target for generator in node.generators]
    if isinstance(node, ast.Lambda):
        return [node.args, node.body]
    arguments = [node.args] if hasattr(node, "args") else []
    return [*node.body, *arguments, *getattr(node, "type_params", [])]


def _bound_by(node: Any, comprehension: bool) -> set[str]:
    """The names that one node binds in the scope where it stands."""
    match node:
        case ast.arguments():
            every = [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]
            return {argument.arg for argument in every if argument}
        case ast.Name(ctx=ast.Store() | ast.Del()):
            return set() if comprehension else {node.id}
        case ast.alias():
            return {(node.asname or node.name).split(".")[0]}
        case (
            ast.NamedExpr(target=ast.Name(id=str(name)))
            | ast.FunctionDef(name=str(name))
            | ast.AsyncFunctionDef(name=str(name))
            | ast.ClassDef(name=str(name))
            | ast.ExceptHandler(name=str(name))
            | ast.MatchAs(name=str(name))
            | ast.MatchStar(name=str(name))
            | ast.MatchMapping(rest=str(name))
        ):
            return {name}
        case _:
            return {node.name} if type(node).__name__ in TYPE_PARAMETERS else set()


def _own_attributes(tree: ast.Module) -> set[str]:
    """Attributes that the code defines itself: members of its classes, and what it stores on `self` and the like."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.ClassDef):
            found |= _bound(node)[0]
    return {n for n in found if not (n.startswith("__") and n.endswith("__"))}


def _all_names(tree: ast.Module) -> set[str]:
    """Every identifier that occurs, for telling whether a new name is new."""
    found: set[str] = set()
    for node in ast.walk(tree):
        for name in ("id", "attr", "name", "arg"):
            value = getattr(node, name, None)
            if isinstance(value, str):
                found.add(value)
    return found
