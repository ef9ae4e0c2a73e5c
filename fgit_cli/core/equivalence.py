"""What is no fault is no variant: why a piece of code is not a wrong variant of a correct one, or that it is one.

`reason` compares code with code, `response_reason` a whole response with another, block by block. Both return None
for a real variant, else one of the named reasons below, which `mutate` and `select` count. That the code behaves
differently is not shown by this: only running tests (`select --execute`) does.
"""

from fgit_cli.core import fences, python_same, renames, syntax
from fgit_cli.core.languages import guess, python_tree

EQUAL = "equal after normalisation"
TOO_LONG = "too long to compare"
NOT_PARSED = "does not parse"
NOT_COMPILED = "does not compile"
SAME_AST = "same AST without docstrings"
FORMATTING = "only formatting or comments"
SAME_BYTECODE = "same bytecode"
ONLY_RENAMES = "only renames"

LONGEST = 200_000  # characters of code; beyond, no student's context holds it and comparing takes minutes

REASONS = (EQUAL, TOO_LONG, NOT_PARSED, NOT_COMPILED, FORMATTING, SAME_AST, SAME_BYTECODE, ONLY_RENAMES)


def normalise(code: str) -> str:
    """The code without what no reader sees: line ends as `\\n`, no white space at line ends, no blank lines."""
    lines = (line.rstrip() for line in code.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return "\n".join(line for line in lines if line)


def reason(correct: str, variant: str, language: str = "") -> str | None:
    """Why `variant` is no wrong variant of `correct`; None where it is one.

    Both are code, without fences. `language` is a fence's name for it (`py`, `C++`); empty for unknown, which is
    taken as Python where the correct code parses as Python. Python is compared by its own parser and compiler, other
    languages by tree-sitter, the rest by a lexer. Syntax counts against the variant only where the correct code parses.
    """
    if normalise(correct) == normalise(variant):
        return EQUAL
    if max(len(correct), len(variant)) > LONGEST:
        return TOO_LONG
    language = guess(correct, language)
    if language == "python" and python_tree(correct) is not None:
        return _python(correct, variant)
    outline = syntax.outline(correct, language) if language in syntax.GRAMMARS else None
    if outline is not None:
        return _other(outline, variant, language)
    left, right = (syntax.without_comments(code, language) if language else None for code in (correct, variant))
    return FORMATTING if left is not None and right is not None and normalise(left) == normalise(right) else None


def response_reason(correct: str, variant: str) -> str | None:
    """The same for two responses, prose and fences around the code included; prose does not count.

    Blocks are compared in order. One that is too long or breaks the syntax speaks for the whole response; else one
    real fault makes it a variant; else the most telling of the blocks' reasons is given. Responses with different
    numbers of blocks are compared by all their code together.
    """
    left, right = fences.blocks(correct), fences.blocks(variant)
    if len(left) != len(right):
        return reason(fences.code(correct), fences.code(variant), left[0].language)
    found = [reason(a.code(correct), b.code(variant), a.language) for a, b in zip(left, right, strict=True)]
    for broken in (TOO_LONG, NOT_PARSED, NOT_COMPILED):
        if broken in found:
            return broken
    return None if None in found else max(found, key=lambda why: REASONS.index(why or EQUAL))


def _python(correct: str, variant: str) -> str | None:
    if python_tree(variant) is None:
        return NOT_PARSED
    tree, made = python_same.dumped(correct), python_same.dumped(variant)
    if tree is not None and tree == made:
        return SAME_AST
    bytecode = python_same.fingerprint(correct)
    if bytecode is not None:
        compiled = python_same.fingerprint(variant)
        if compiled is None:
            return NOT_COMPILED
        if compiled == bytecode:
            return SAME_BYTECODE
    if tree is None or made is None or not renames.may_be(tree, made):
        return None
    left, right = python_same.bare_tree(correct), python_same.bare_tree(variant)
    if left is None or right is None:
        return NOT_PARSED
    return ONLY_RENAMES if renames.same_but_names(left, right) else None


def _other(outline: tuple[syntax.Leaf, ...], variant: str, language: str) -> str | None:
    made = syntax.outline(variant, language)
    if made is None:
        return NOT_PARSED
    if made == outline:
        return FORMATTING
    return ONLY_RENAMES if syntax.same_but_names(outline, made) else None
