"""A teacher's answer made into a variant: its code found, matched with the correct code, hints taken out, put back.

What cannot be read for certain is refused by name, and what was put back is read again: the net under all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from fgit_cli.core import fences, syntax
from fgit_cli.core.correspondence import Codes, Unusable, assigned
from fgit_cli.core.equivalence import NOT_PARSED
from fgit_cli.core.hints import clean
from fgit_cli.core.languages import guess, python_tree
from fgit_cli.core.misspelt import mended, why_no_code
from fgit_cli.core.splicing import fitted
from fgit_cli.core.textdiff import TooLong
from fgit_cli.core.variants import CodeBlock, code_blocks
from fgit_cli.core.whole import omits

OMITS = "the answer leaves code out by a mark"
__all__ = ["Parsed", "Unusable", "variant", "why_not_the_same_response"]


@dataclass
class Parsed:
    """The variant's whole response, and how often the teacher had given itself away, by kind."""

    text: str
    changes: list[tuple[str, str, str]]  # per changed block: correct code, variant's code, language
    hints: dict[str, int] = field(default_factory=dict)


def variant(
    answer: str, correct: str, scope: str = "code", hinting: bool = True, likely: tuple[str, ...] = ()
) -> Parsed:
    """The incorrect response that an answer stands for; the answer without its thinking.

    `scope` "code" puts the answer's code into the correct response's blocks; "response" takes the whole answer.
    `hinting` says that the answer repeats the code with a fault made on purpose: what gives it away is taken out, and
    an answer that lacks or doubles parts of the code is refused. `likely` are the languages that an unfenced response
    may be in. Raises Unusable with the reason.
    """
    blocks = code_blocks(correct, likely)
    if not blocks:
        raise Unusable("no code in the correct response")
    if any(not block.closed and block.end < len(correct) for block in fences.blocks(correct)):
        raise Unusable("the correct response has a fence that is not closed")
    answer = answer.strip("\n")
    if _unclosed(answer) and not _unclosed(correct):
        raise Unusable("a fence of the answer is not closed")
    found = _answer_blocks(answer, blocks, hinting)
    try:
        codes = assigned(blocks, found, hinting)
        hints: dict[str, int] = {}
        for block in blocks:
            if block.number in codes and hinting:
                codes[block.number] = clean(codes[block.number], block.code, block.language, hints)
        whole_answer = scope == "response"
        text = _cleaned(answer, found, blocks, hinting) if whole_answer else _put_back(correct, blocks, codes)
    except TooLong as reason:
        raise Unusable(str(reason)) from None
    changes = [(b.code, codes[b.number], b.language) for b in blocks if b.number in codes]
    return Parsed(text, changes, hints)


def _unclosed(text: str) -> bool:
    return not all(block.closed for block in fences.blocks(text))


def _answer_blocks(answer: str, correct: Sequence[CodeBlock], hinting: bool) -> list[CodeBlock]:
    """The code of the answer, its characters mended. Raises Unusable where there is none, or it is not whole."""
    everything = "\n".join(block.code for block in correct)
    found = [
        CodeBlock(b.number, mended(b.code, everything), b.leads, b.language, b.fenced, b.closed)
        for b in code_blocks(answer.lstrip("\ufeff"), tuple(dict.fromkeys(b.language for b in correct if b.language)))
    ]
    languages = {block.language for block in fences.blocks(answer)}
    for block in found:
        if why := why_no_code(block.code, everything):
            raise Unusable(why)
        if hinting and omits(block.code, everything, block.language):
            raise Unusable(OMITS)
    if not found:
        raise Unusable("a patch, not code" if "diff" in languages else "no code in the answer")
    return found


def _put_back(correct: str, blocks: Sequence[CodeBlock], codes: Codes) -> str:
    """The correct response with other codes, in its own white space, which `codes` hold afterwards."""
    contents = {}
    for block in blocks:
        if block.number in codes:
            codes[block.number] = fitted(codes[block.number], block.code, block.language)
            if _parses(block.code, block.language) and not _parses(codes[block.number], block.language):
                raise Unusable(NOT_PARSED)
            contents[block.number] = block.outer(codes[block.number])
    text = fences.splice(correct, contents)
    if why := why_not_the_same_response(correct, text, contents):
        raise Unusable(why)
    return text


def _parses(code: str, language: str) -> bool:
    if language == "python":
        return python_tree(code) is not None
    return language in syntax.GRAMMARS and syntax.parses(code, language)


def why_not_the_same_response(correct: str, made: str, contents: dict[int, str]) -> str | None:
    """Why `made` is more, or less, than the correct response with these contents in its blocks; None where it is that.

    It is read again as any response is: the prose around the blocks has to be there to the byte, and the same blocks.
    """
    before, after = fences.blocks(correct), fences.blocks(made)
    if len(before) != len(after):
        return "the code cannot stand in its fence"
    mine = theirs = 0
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if correct[mine : old.start] != made[theirs : new.start]:
            return "the prose around the code would change"
        if made[new.start : new.end] != contents.get(number, correct[old.start : old.end]):
            return "the code cannot stand in its fence"
        if (old.language, old.fenced, old.quoted, old.closed) != (new.language, new.fenced, new.quoted, new.closed):
            return "the code cannot stand in its fence"
        mine, theirs = old.end, new.end
    if correct[mine:] != made[theirs:]:
        return "the prose around the code would change"
    if not before[0].fenced:
        same = guess(correct) == guess(made)
    else:
        kinds = [[(b.number, b.language) for b in code_blocks(text)] for text in (correct, made)]
        same = kinds[0] == kinds[1]
    return None if same else "the code would be taken for another language"


def _cleaned(answer: str, found: list[CodeBlock], correct: list[CodeBlock], hinting: bool) -> str:
    """The whole answer, without what gives its faults away."""
    everything = "\n".join(block.code for block in correct)
    cleaned = {b.number: clean(b.code, everything, b.language, {}) if hinting else b.code for b in found}
    if not all(block.fenced for block in found):
        return cleaned[found[0].number]
    return fences.splice(answer, {b.number: b.outer(cleaned[b.number]) for b in found})
