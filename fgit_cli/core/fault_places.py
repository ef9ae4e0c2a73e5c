"""Whether a change of code lies where it could be a fault, or in what only shows the code: for mutation rules.

A rule changes any line. An example call, its data, a message, a URL, the exit status of `main` or a type annotation can
change without anything that the code is asked for going wrong. The change is what is left between the two codes'
common beginning and end; the tree that it lies in is that of the correct code (core/syntax.py).
"""

import re
from collections.abc import Iterator
from typing import Any

from fgit_cli.core import syntax
from fgit_cli.core.textdiff import common_prefix, common_suffix

EXAMPLE = "changes an example"
MESSAGE = "changes a message or a URL"
EXIT = "changes a guard or an exit status"
PROSE = "changes prose"
ANNOTATION = "changes a type annotation"

# Kinds of node, by the grammars' own names for them.
_FUNCTION = re.compile(
    r"^(?:function|method|constructor|arrow_function|generator|lambda|closure|anonymous|local_function|singleton_method)"
    r"(?!.*(?:call|declarator|type|signature|name))|^(?:func_literal|block_argument|do_block|function_body)$"
)
_CALL = re.compile(
    r"call|invocation|object_creation|new_expression|^command$|throw|raise|echo|print|^macro_invocation$"
)
_STRING = re.compile(r"string|char_literal|character|heredoc|template|raw_text|interpreted_string|encapsed")
_CODE_IN_TEXT = re.compile(r"interpolation|substitution|expansion")
_LITERAL = re.compile(r"string|char|number|integer|float|decimal|literal|^(?:true|false|null|none|nil|nullptr)$", re.I)
_COLLECTION = re.compile(r"^(?:list|dictionary|set|tuple|array|object|initializer_list|array_\w+|\w*initializer|hash)$")
_SIMPLE = re.compile(
    r"^(?:expression_statement|assignment|\w*declaration|declaration|call|command|variable_assignment|echo_statement)$"
)
_ASSIGNED = re.compile(r"assignment|declarator|^variable_declaration$|^const_declaration$|^let_declaration$|property")
# What a message is given to: functions that print or log, and exceptions.
_TELLS = re.compile(
    r"^(?:std::)?(?:\w+[.:>-]+)*(?:print\w*|puts|echo|log|warn\w*|error|info|debug|write(?:ln|line)?|alert|fprintf|"
    r"sprintf|cout|cerr|die|panic|fatal\w*|throw|raise|assert\w*|input|prompt|cat|message|"
    r"\w*(?:Error|Exception|Warning))!?(?=\W|$)",
    re.I,
)
_URL = re.compile(r"\w+://|\bwww\.|mailto:")
_EXITS = re.compile(r"^(?:return\s*\(?\s*(?:0|EXIT_SUCCESS)?\s*\)?|(?:[\w.:]+[.:])?exit\s*\(\s*\d*\s*\))\s*;?$", re.I)
_WORDS = re.compile(r"^\W*(?:[A-Za-z']+[,;]? ){5,}[A-Za-z']+[.:!?]?\s*$")
_WORDY = frozenset({"sql", "bash"})  # languages in which a line of words is code


def why_no_fault(correct: str, variant: str, language: str) -> str | None:
    """Why the change from correct code to its variant is none that could be a fault; None where it could be one."""
    start, end = _changed(correct, variant)
    line = _lines(correct, start, end)
    if language not in _WORDY and _WORDS.match(line):
        return PROSE
    if language == "python" and "__name__" in line:
        return EXIT
    root = syntax.syntax_tree(correct, language) if language in syntax.GRAMMARS else None
    if root is None:
        return MESSAGE if _in_url(correct, start, end) else None
    at = (len(correct[:start].encode()), len(correct[:end].encode()))
    place = list(_upwards(root.descendant_for_byte_range(*at)))
    if any(node.type == "type" for node in place) and language in ("python", "typescript"):
        return ANNOTATION
    if _tells(place, at):
        return MESSAGE
    function = next((node for node in place if _FUNCTION.search(node.type)), None)
    main = function is not None and _name(function).lower() == "main"
    if _EXITS.match(line.strip()) and (main or (function is None and "exit" in line.lower())):
        return EXIT
    return EXAMPLE if (function is None or main) and _example(root, place, main) else None


def _changed(correct: str, variant: str) -> tuple[int, int]:
    """The span of the correct code between what both begin and end with."""
    start = common_prefix(correct, variant)
    return start, len(correct) - common_suffix(correct, variant, min(len(correct), len(variant)) - start)


def _lines(code: str, start: int, end: int) -> str:
    """The lines that the span touches."""
    if code[start:end].endswith("\n"):
        end -= 1
    after = code.find("\n", max(start, end))
    text = code[code.rfind("\n", 0, start) + 1 : after if after >= 0 else len(code)]
    return text if text.strip() or end <= start else code[start:end]


def _in_url(code: str, start: int, end: int) -> bool:
    return any(m.start() < start and end <= m.end() for m in re.finditer(r"\w+://[^\s\"'<>)]+", code))


def _upwards(node: Any) -> Iterator[Any]:
    while node is not None:
        yield node
        node = node.parent


def _text(node: Any) -> str:
    return node.text.decode(errors="replace") if node is not None else ""


def _tells(place: list[Any], at: tuple[int, int]) -> bool:
    """Whether the change lies in a text that is a URL, or is told to somebody."""
    inside = None
    for node in place:
        if _CODE_IN_TEXT.search(node.type):
            return False
        if _STRING.search(node.type) and node.start_byte < at[0] < node.end_byte and at[1] <= node.end_byte:
            inside = node
        elif inside is not None:
            break
    if inside is None:
        return False
    if _URL.search(_text(inside)):
        return True
    for node in _upwards(inside.parent):
        if _FUNCTION.search(node.type) or re.search(r"subscript|comparison|condition|return|pair$", node.type):
            return False
        if (_CALL.search(node.type) or "binary" in node.type or "shift" in node.type) and _TELLS.match(_text(node)):
            return True
    return False


def _name(function: Any) -> str:
    """The name of a function, also where it stands in a declarator."""
    node = function
    while node is not None and (inner := node.child_by_field_name("declarator")) is not None:
        node = inner
    named = node.child_by_field_name("name") if node is function else node
    if named is None and function.parent is not None and function.type == "function_body":
        named = next((c for c in function.parent.children if "identifier" in c.type), None)
    return _text(named)


def _example(root: Any, place: list[Any], main: bool) -> bool:
    """Whether the change lies in code that only shows other code, or in data that a script is tried on."""
    statement = place[-2] if len(place) > 1 else root
    functions = [node for node in _nodes(root) if _FUNCTION.search(node.type) or syntax.DEFINES.search(node.type)]
    others = [f for f in functions if _name(f).lower() != "main" and not any(_is(f, node) for node in place)]
    data = _only_literals(place[0])
    if main:
        return data and bool([f for f in others if _FUNCTION.search(f.type)])
    if not others:
        return data and any(_COLLECTION.match(n.type) for n in place) and any(_ASSIGNED.search(n.type) for n in place)
    names = _assigned(statement)
    if any(names & _identifiers(function) for function in others):
        return False
    looped = any(re.search(r"^(?:for|while|if|do|try|switch|case)_", node.type) for node in place)
    if looped:
        return data and not re.search(r"^(?:while|if)", statement.type)
    return bool(_SIMPLE.match(statement.type)) and not any(_FUNCTION.search(n.type) for n in _nodes(statement))


def _is(one: Any, other: Any) -> bool:
    return bool(one.id == other.id)


def _nodes(node: Any) -> Iterator[Any]:
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        todo += node.children


def _only_literals(node: Any) -> bool:
    """Whether the node is a literal or holds no names: a number, a text, a list of them, the arguments of a call."""
    found = False
    for part in _nodes(node):
        if not part.children and part.is_named:
            if not _LITERAL.search(part.type) and "content" not in part.type and "escape" not in part.type:
                return False
            found = True
    return found or bool(_STRING.search(node.type))


def _assigned(statement: Any) -> set[str]:
    """The names that a statement gives a value."""
    found = set()
    for node in _nodes(statement):
        if _ASSIGNED.search(node.type):
            for field in ("left", "name", "declarator", "pattern"):
                target = node.child_by_field_name(field)
                found |= _identifiers(target) if target is not None else set()
    return found


def _identifiers(node: Any) -> set[str]:
    return {_text(part) for part in _nodes(node) if not part.children and "identifier" in part.type} | {
        _text(part) for part in _nodes(node) if part.type == "variable_name"
    }
