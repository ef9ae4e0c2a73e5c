"""Syntax of code by tree-sitter: does it parse, is it the same but for comments or names.

Python has its own, stricter means (python_same.py, renames.py); here it is parsed for the kinds of fault alone.
Where no grammar is known, or the correct code itself does not parse (a fragment, another dialect), Pygments' lexer
still tells comments and white space from code.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

GRAMMARS = {  # language: module and function of its grammar
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "css": ("tree_sitter_css", "language"),
    "go": ("tree_sitter_go", "language"),
    "html": ("tree_sitter_html", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "kotlin": ("tree_sitter_kotlin", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "php fragment": ("tree_sitter_php", "language_php_only"),  # PHP without its opening tag
    "python": ("tree_sitter_python", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "sql": ("tree_sitter_sql", "language"),
    "swift": ("tree_sitter_swift", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}

# Kinds of node, by the grammars' own names for them.
DEFINES = re.compile(
    r"^(?:function|method|class|constructor|struct|interface|trait|impl|module|object|enum)_"
    r"(?:definition|declaration|item|specifier)$|^(?:method|class|module|singleton_method|local_function_statement)$"
)
_EXACT = re.compile(r"string|char_literal|template|heredoc|regex|raw_text|word|^text$")  # white space counts inside
_NO_RENAMES = {"css", "html", "sql"}  # their names are those of things outside
_LEXERS = {"vb": "vb.net"}  # where Pygments knows the language by another name
_CODE_AGAIN = re.compile(r"substitution|interpolation|expansion")  # code within a text
_IDENTIFIER = re.compile(r"^(simple_)?identifier$|^variable_name$|^shorthand_property_identifier_pattern$")
_PARAMETER = re.compile(r"parameter|declarator$|^variable_declaration$|^value_binding|pattern$")
_USE = re.compile(r"call|invocation|access|member|argument|attribute|navigation|selector|type$")
_NAMING_FIELDS = {"name", "declarator", "pattern", "left", "bound_identifier", "parameter", "parameters", "variable"}
_VALUE_FIELDS = {"type", "value", "default", "default_value", "right", "object", "scope", "size"}


@lru_cache(maxsize=32)
def _parser(language: str) -> Any:
    from tree_sitter import Language, Parser

    module, function = GRAMMARS[language]
    return Parser(Language(getattr(importlib.import_module(module), function)()))


@dataclass(frozen=True)
class Leaf:
    """A token or an opened node, as it counts in a comparison: its kind, depth, field, text (empty for a node)."""

    kind: str
    depth: int
    field: str
    text: str
    declares: bool = False

    @property
    def renameable(self) -> bool:
        return bool(_IDENTIFIER.match(self.kind))


@lru_cache(maxsize=32)
def outline(code: str, language: str) -> tuple[Leaf, ...] | None:
    """The syntax tree in order, without comments, brackets and optional semicolons; None where it has an error.

    `language` is a key of GRAMMARS. Two codes with equal outlines differ in formatting or comments alone.
    """
    root = syntax_tree(code, language)
    return None if root is None else tuple(_walk(root, code.encode(), language))


def syntax_tree(code: str, language: str) -> Any | None:
    """The root node of tree-sitter's tree; None where it has an error. `language` is a key of GRAMMARS."""
    if language == "php" and "<?" not in code:
        language = "php fragment"
    root = _parser(language).parse(code.encode()).root_node
    if root.has_error:
        return syntax_tree(code, "tsx") if language == "typescript" else None
    return root


def not_understood(code: str, language: str) -> float:
    """The share of the code's bytes that stand where the grammar finds no sense; 0 where it parses."""
    if language == "php" and "<?" not in code:
        language = "php fragment"
    source = code.encode()
    wrong = 0
    todo = [_parser(language).parse(source).root_node]
    while todo:
        node = todo.pop()
        if node.is_error:
            wrong += max(1, len(source[node.start_byte : node.end_byte].strip()))
        elif node.is_missing:
            wrong += 1
        elif node.has_error:
            todo += node.children
    return wrong / max(1, len(source.strip()))


def parses(code: str, language: str) -> bool:
    """Whether `code` has no syntax error; `language` is a key of GRAMMARS."""
    return outline(code, language) is not None


def _walk(root: Any, source: bytes, language: str) -> Iterator[Leaf]:
    """Nodes and leaves in order. Text that no child covers (as inside strings) is a leaf of its own."""
    free = {"(", ")", ";"} if language in ("javascript", "typescript", "tsx") else {"(", ")"}
    stack: list[tuple[Any, int, str, Any, bool]] = [(root, 0, "", None, False)]
    while stack:
        node, depth, name, parent, exact = stack.pop()
        if isinstance(node, bytes):
            yield Leaf("text", depth, "", node.decode(errors="replace"))
            continue
        kind = node.type
        if "comment" in kind or kind == "empty_statement":
            continue
        bracketed = kind == "parenthesized_expression"
        if not node.children or kind == "variable_name":
            if kind in free and parent is not None and (kind == ";" or parent.type == "parenthesized_expression"):
                continue
            text = source[node.start_byte : node.end_byte].decode(errors="replace")
            yield Leaf(kind, depth, name, text, _declares(kind, name, parent, language))
            continue
        if not bracketed:
            yield Leaf(kind, depth, name, "")
        exact = bool(_EXACT.search(kind)) or (exact and not _CODE_AGAIN.search(kind))
        inside = depth if bracketed else depth + 1
        parts: list[tuple[Any, int, str, Any, bool]] = []
        at = node.start_byte
        for i, child in enumerate(node.children):
            parts += _gap(source[at : child.start_byte], inside, exact)
            field = node.field_name_for_child(i) or ""
            parts.append((child, inside, name if bracketed and not field else field, node, exact))
            at = child.end_byte
        parts += _gap(source[at : node.end_byte], inside, exact)
        stack += reversed(parts)


def _gap(text: bytes, depth: int, exact: bool) -> list[tuple[Any, int, str, Any, bool]]:
    return [(text, depth, "", None, exact)] if text and (exact or text.strip()) else []


def _declares(kind: str, field: str, parent: Any, language: str) -> bool:
    """Whether an identifier at this place gives the name its meaning here: a declaration, parameter, assignment."""
    if parent is None or language in _NO_RENAMES or not _IDENTIFIER.match(kind):
        return False
    if kind in ("variable_name", "shorthand_property_identifier_pattern"):
        return kind == "variable_name"  # PHP's and the shell's variables are the script's own
    if field in _VALUE_FIELDS or _USE.search(parent.type):
        return False
    if field in _NAMING_FIELDS or _PARAMETER.search(parent.type):
        return True
    holder = parent.parent  # Go's `x, y := ...`: a list of names in the field `left`
    return parent.type == "expression_list" and holder is not None and holder.child_by_field_name("left") == parent


def same_but_names(correct: tuple[Leaf, ...], variant: tuple[Leaf, ...]) -> bool:
    """Whether two outlines are equal up to a consistent renaming of declared names to names that were not there."""
    if len(correct) != len(variant):
        return False
    declared = {leaf.text for leaf in correct if leaf.declares}
    seen = {leaf.text for leaf in correct if leaf.text}
    forward: dict[str, str] = {}
    backward: dict[str, str] = {}
    for a, b in zip(correct, variant, strict=True):
        if (a.kind, a.depth, a.field) != (b.kind, b.depth, b.field):
            return False
        if a.renameable:
            if forward.setdefault(a.text, b.text) != b.text or backward.setdefault(b.text, a.text) != a.text:
                return False
        elif a.text != b.text:
            return False
    moved = {a: b for a, b in forward.items() if a != b}
    elsewhere = {leaf.text for leaf in correct if leaf.text and not leaf.renameable}  # object keys, members, keywords
    return bool(moved) and all(a in declared and a not in elsewhere and b not in seen for a, b in moved.items())


@lru_cache(maxsize=32)
def without_comments(code: str, language: str) -> str | None:
    """The code without comments, by Pygments' lexer for `language`; None where it has none."""
    from pygments.lexers import get_lexer_by_name
    from pygments.token import Comment
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(_LEXERS.get(language, language), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None
    return "".join(text for kind, text in lexer.get_tokens(code) if kind not in Comment or kind in Comment.Preproc)
