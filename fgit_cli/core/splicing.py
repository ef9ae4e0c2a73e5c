"""An answer's code with the correct code's white space: how lines end and are indented is no fault.

Lines are matched without the white space at their ends. A matched line is the correct code's own, to the byte; another
gets the correct code's usual line end, no trailing blanks, and its indentation in the correct code's unit; blank lines
that were added or lost between two matched lines are the correct code's. Where the program would become another one by
this (indentation was the fault), or nothing can be parsed, indentation and blank lines stay the answer's.
"""

import ast
from collections import Counter
from dataclasses import dataclass

from fgit_cli.core import languages, syntax
from fgit_cli.core.textdiff import BLANKS, hunks


def fitted(answer: str, correct: str, language: str) -> str:
    """The answer's code with the correct code's white space; both without fences. Raises textdiff.TooLong."""
    mine, theirs = _Code.of(correct), _Code.of(answer)
    ending = correct[len(correct.removesuffix("\n")) :]
    for indented in (False, True):
        made = "\n".join(_woven(mine, theirs, indented)) + ending
        if same_program(answer, made, language):
            return made
    return "\n".join(_trimmed(mine, theirs)) + ending


def same_program(first: str, second: str, language: str) -> bool:
    """Whether both codes parse, to the same syntax tree; white space inside texts does not count."""
    if language == "python":
        left, right = _tree(first), _tree(second)
        if left is not None or right is not None:
            return left == right
    if language not in syntax.GRAMMARS:
        return False
    leaves = _leaves(first, language)
    return leaves is not None and leaves == _leaves(second, language)


def _tree(code: str) -> str | None:
    tree = languages.parse_python(code)
    if tree is None:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = " ".join(node.value.split())
    try:
        return ast.dump(tree)
    except RecursionError:
        return None


def _leaves(code: str, language: str) -> list[tuple[str, int, str]] | None:
    outline = syntax.outline(code, language)
    if outline is None:
        return None
    leaves = ((leaf.kind, leaf.depth, " ".join(leaf.text.split()), leaf.text) for leaf in outline)
    return [(kind, depth, text) for kind, depth, text, written in leaves if text or not written]


@dataclass(frozen=True)
class _Code:
    """The lines of a code that are not blank, and before each of them, and behind the last, the blank ones."""

    lines: list[str]
    gaps: list[list[str]]

    @classmethod
    def of(cls, code: str) -> "_Code":
        lines: list[str] = []
        gaps: list[list[str]] = [[]]
        for line in code.removesuffix("\n").split("\n"):
            if line.strip(BLANKS):
                lines.append(line)
                gaps.append([])
            else:
                gaps[-1].append(line)
        return cls(lines, gaps)

    @property
    def indents(self) -> list[str]:
        return [_indent(line) for line in self.lines]

    @property
    def end(self) -> str:
        """What usually stands at the end of a line, before its `\\n`."""
        returns = sum(line.endswith("\r") for line in self.lines)
        return "\r" if returns * 2 > len(self.lines) else ""


def _woven(mine: _Code, theirs: _Code, indented: bool) -> list[str]:
    """Lines of the answer (`theirs`) in the white space of the correct code (`mine`).

    `indented`: lines are the same only where they are indented alike, which tells equal lines of one code apart.
    """
    units = _unit(theirs.indents), _unit(mine.indents)
    keys = [[line.strip(BLANKS) for line in code.lines] for code in (theirs, mine)]
    if indented:
        keys = [
            [_converted(indent, *units) + key for indent, key in zip(theirs.indents, keys[0], strict=True)],
            [indent + key for indent, key in zip(mine.indents, keys[1], strict=True)],
        ]
    partner: dict[int, int] = {}  # a line of the answer: the same line of the correct code, or the one in its place
    same: dict[int, int] = {}
    i = j = 0
    for i1, i2, j1, j2 in [*hunks(keys[0], keys[1]), (len(keys[0]), len(keys[0]), len(keys[1]), len(keys[1]))]:
        same |= zip(range(i, i1), range(j, j1), strict=True)
        if i2 - i1 == j2 - j1:
            partner |= zip(range(i1, i2), range(j1, j2), strict=True)
        i, j = i2, j2
    partner |= same
    indents = _Indents(mine, theirs, same)

    def indent(number: int) -> str:
        place = None if indented else partner.get(number)
        return indents.of(number) if place is None else mine.indents[place]

    out: list[str] = []
    for number, line in enumerate([*theirs.lines, None]):
        out += _gap(mine, theirs, number, partner)
        if line is not None:
            out.append(mine.lines[same[number]] if number in same else indent(number) + line.strip(BLANKS) + mine.end)
    return out


def _gap(mine: _Code, theirs: _Code, number: int, partner: dict[int, int]) -> list[str]:
    """The blank lines before a line of the answer, or behind its last one."""
    ends = {-1: -1, len(theirs.lines): len(mine.lines)}
    here = partner.get(number, ends.get(number))
    before = partner.get(number - 1, ends.get(number - 1))
    added = len(theirs.gaps[number])
    if here is None:
        return [mine.end] * added
    if before == here - 1:
        return mine.gaps[here]
    if before is not None:  # lines of the correct code are left out here
        known = mine.gaps[before + 1 : here + 1]
        return next((gap for gap in (known[-1], known[0]) if len(gap) == added), max(known, key=len))
    first = number - 1  # the answer's own lines stand before this one
    while first - 1 >= 0 and first - 1 not in partner:
        first -= 1
    inside = sum(map(len, theirs.gaps[first : number + 1]))
    if added == len(mine.gaps[here]) or inside == 0:
        return mine.gaps[here]
    return [mine.end] * added


class _Indents:
    """How the answer's indentation is written in the correct code."""

    def __init__(self, mine: _Code, theirs: _Code, same: dict[int, int]) -> None:
        self.theirs = theirs.indents
        self.mine = {number: mine.indents[own] for number, own in same.items()}
        self.units = _unit(theirs.indents), _unit(mine.indents)

    def of(self, number: int) -> str:
        """The indentation of a line that the correct code has not."""
        indent = self.theirs[number]
        near = sorted(self.mine, key=lambda other: (abs(other - number), other))
        for other in near:
            if self.theirs[other] == indent:
                return self.mine[other]
        for other in near:
            if indent.startswith(self.theirs[other]):
                return self.mine[other] + _converted(indent[len(self.theirs[other]) :], *self.units)
        return _converted(indent, *self.units)


def _converted(blanks: str, unit: str, wanted: str) -> str:
    """Indentation in one unit, written in another; as it is where either is not known."""
    if not unit or not wanted or unit == wanted:
        return blanks
    rest = blanks
    while rest.startswith(unit):
        rest = rest[len(unit) :]
    return wanted * ((len(blanks) - len(rest)) // len(unit)) + rest


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(indents: list[str]) -> str:
    """The blanks by which lines are usually indented more than the line before; empty where none is."""
    steps = Counter(
        after[len(before) :]
        for before, after in zip(["", *indents], indents, strict=False)
        if after.startswith(before) and after != before
    )
    return steps.most_common(1)[0][0] if steps else ""


def _trimmed(mine: _Code, theirs: _Code) -> list[str]:
    """The answer's lines as they are, but for line ends and trailing blanks, and the blank lines around all."""
    inner = [_flat(code) for code in (theirs, mine)]
    keys = [[line.rstrip(BLANKS) for line in lines] for lines in inner]
    out: list[str] = []
    at = 0
    for i1, i2, j1, j2 in hunks(keys[0], keys[1]):
        out += inner[1][at:j1]
        out += [key + mine.end for key in keys[0][i1:i2]]
        at = j2
    out += inner[1][at:]
    return [*mine.gaps[0], *out, *(mine.gaps[-1] if mine.lines else [])]


def _flat(code: _Code) -> list[str]:
    """Everything between the first and the last line that is not blank."""
    lines: list[str] = []
    for number, line in enumerate(code.lines):
        lines += [*(code.gaps[number] if number else []), line]
    return lines
