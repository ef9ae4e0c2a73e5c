"""What kind of fault a wrong variant holds: operator, constant, condition, call, name, missing or extra statement.

`kinds(correct, variant, language)` is pure and takes code without fences, as `core.equivalence.reason` does;
`response_kinds(correct, variant)` takes whole responses. Both give a set, since one variant may hold several faults:
a table counts a variant under each of its kinds, so shares may add up to more than 1. The order of KINDS is that of
a table's rows. Both codes' syntax trees (tree-sitter, Python's too) are walked side by side down to where they differ.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from fgit_cli.core import fences
from fgit_cli.core.languages import guess
from fgit_cli.core.syntax import GRAMMARS, syntax_tree

OPERATOR = "operator"  # one operator for another, or a negation put in or left out
CONSTANT = "constant"  # one literal for another
CONDITION = "condition"  # a test with another shape, or none where there was one
CALL = "call"  # another function called, or other arguments by number or order
NAME = "name"  # one variable, member or type for another
MISSING = "missing statement"
EXTRA = "extra statement"
EXPRESSION = "expression"  # any other change inside an expression
STATEMENT = "statement"  # a statement of another kind in a statement's place, or statements in another order
UNKNOWN = "not classified"  # no grammar for the language, or the code does not parse

KINDS = (OPERATOR, CONSTANT, CONDITION, CALL, NAME, MISSING, EXTRA, EXPRESSION, STATEMENT, UNKNOWN)

_LITERAL = re.compile(r"integer|float|number|string|char|literal|^(true|false|none|null|nil|boolean|escape_sequence)$")
_NAME = re.compile(r"identifier|^name$|variable|constant$|type$")
_STATEMENT = re.compile(r"statement|declaration|definition|_item$|_clause$|^(if|for|while|method|class|return|unless)$")
_CALL = re.compile(r"call|invocation|^new_expression$|object_creation")
_ARGUMENTS = re.compile(r"argument|^parameters$|parameter_list|formal_parameters")
_TEST = re.compile(r"^(if_clause|assert_statement|guard_statement)$")
_BRANCH = re.compile(r"if|while|unless|switch|match|guard|try")
_NEGATION = re.compile(r"not_operator|unary|prefix_expression")


def kinds(correct: str, variant: str, language: str = "") -> frozenset[str]:
    """The kinds of fault by which `variant` differs from `correct`; empty where the trees are the same."""
    language = guess(correct, language)
    if language not in GRAMMARS:
        return frozenset({UNKNOWN})
    left, right = syntax_tree(correct, language), syntax_tree(variant, language)
    if left is None or right is None:
        return frozenset({UNKNOWN})
    found: set[str] = set()
    try:
        _compare(_node(left), _node(right), _Place(), found)
    except RecursionError:
        return frozenset({UNKNOWN})
    return frozenset(found)


def response_kinds(correct: str, variant: str) -> frozenset[str]:
    """The same for two whole responses, block by block where they have equally many."""
    left, right = fences.blocks(correct), fences.blocks(variant)
    if len(left) != len(right):
        return kinds(fences.code(correct), fences.code(variant), left[0].language)
    found: frozenset[str] = frozenset()
    for a, b in zip(left, right, strict=True):
        if a.code(correct) != b.code(variant):
            found |= kinds(a.code(correct), b.code(variant), a.language)
    return found


@dataclass(frozen=True)
class _Node:
    kind: str
    text: str  # of a leaf
    children: tuple["_Node", ...]
    field: str = field(default="", compare=False)  # the parent's name for this place

    def __hash__(self) -> int:
        return hash((self.kind, self.text, len(self.children)))

    def inner(self) -> Iterator["_Node"]:
        """Every node below."""
        for child in self.children:
            yield child
            yield from child.inner()


@dataclass(frozen=True)
class _Place:
    """Where in the tree we are: inside a test, directly in a list of arguments, naming what is called."""

    test: bool = False
    arguments: bool = False
    called: bool = False


def _node(node: Any, name: str = "") -> _Node:
    children = tuple(
        _node(child, node.field_name_for_child(i) or "")
        for i, child in enumerate(node.children)
        if "comment" not in child.type and child.type not in (";", ",")
    )
    text = "" if children else node.text.decode(errors="replace")
    return _Node(node.type, text, children, name)


def _compare(a: _Node, b: _Node, place: _Place, found: set[str]) -> None:
    """Add to `found` the kinds of difference between two nodes that stand in the same place."""
    if a == b:
        return
    if a.kind != b.kind or not (a.children and b.children):
        found.add(_replaced(a, b, place))
        return
    opcodes = SequenceMatcher(None, a.children, b.children, autojunk=False).get_opcodes()
    for tag, i1, i2, j1, j2 in opcodes:
        if tag == "equal":
            continue
        gone, come = list(a.children[i1:i2]), list(b.children[j1:j2])
        if len(gone) == len(come):
            for x, y in zip(gone, come, strict=True):
                _compare(x, y, _inside(a, x, place), found)
        else:
            _unpaired(a, gone, come, place, found)


def _inside(parent: _Node, child: _Node, place: _Place) -> _Place:
    test = child.field == "condition" or bool(_TEST.match(parent.kind))
    statement = bool(_STATEMENT.search(child.kind)) or child.kind in ("block", "body_statement")
    return _Place(
        test=test or (place.test and not statement),
        arguments=bool(_ARGUMENTS.search(parent.kind)),
        called=child.field in ("function", "method")
        or (bool(_CALL.search(parent.kind)) and child.field == "name")
        or (place.called and child.field in ("attribute", "property", "field", "name")),
    )


def _unpaired(parent: _Node, gone: list[_Node], come: list[_Node], place: _Place, found: set[str]) -> None:
    """Children that have no partner by number: pair those of the same kind in order, judge what remains."""
    for x in list(gone):
        partner = next((y for y in come if y.kind == x.kind and x.children), None)
        if partner is not None:
            gone.remove(x)
            come.remove(partner)
            _compare(x, partner, _inside(parent, x, place), found)
    for nodes, kind in ((gone, MISSING), (come, EXTRA)):
        if not nodes:
            continue
        if any(_STATEMENT.search(n.kind) for n in nodes):
            found.add(kind)
        elif _ARGUMENTS.search(parent.kind):
            found.add(CALL)
        elif place.test or any(_inside(parent, n, place).test for n in nodes):
            found.add(CONDITION)
        elif any(_NEGATION.search(n.kind) for n in nodes) or all(_symbol(n) for n in nodes):
            found.add(OPERATOR)
        else:
            found.add(EXPRESSION)


def _replaced(a: _Node, b: _Node, place: _Place) -> str:
    """The kind of one node put in another's place."""
    if _value(a) and _value(b):
        return CONSTANT
    if _symbol(a) and _symbol(b):
        return OPERATOR
    if _STATEMENT.search(a.kind) or _STATEMENT.search(b.kind):
        wrapped = b in a.inner() or a in b.inner() or any(x == y for x in a.inner() for y in b.children)
        if wrapped and (_BRANCH.search(a.kind) or _BRANCH.search(b.kind)):
            return CONDITION  # the statement without its test, or with one too many
        return STATEMENT
    if any(_NEGATION.search(x.kind) and y in x.children for x, y in ((a, b), (b, a))):
        return OPERATOR
    if place.called or _CALL.search(a.kind) or _CALL.search(b.kind):
        return CALL
    if place.test and (a.children or b.children):
        return CONDITION
    if _NAME.search(a.kind) and _NAME.search(b.kind) and not (a.children or b.children):
        return NAME
    return EXPRESSION


def _value(node: _Node) -> bool:
    """A literal, signed or not."""
    if _LITERAL.search(node.kind):
        return True
    return bool(_NEGATION.search(node.kind)) and bool(_LITERAL.search(node.children[-1].kind if node.children else ""))


def _symbol(node: _Node) -> bool:
    """An operator: a token that is no name, number or bracket, or a word like `and`."""
    if node.children:
        return False
    return node.text in ("and", "or", "not", "in", "is", "not in", "is not") or bool(
        re.fullmatch(r"[-+*/%<>=!&|^~?:@.]+", node.text)
    )
