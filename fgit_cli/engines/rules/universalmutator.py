"""Applies universalmutator's rules by its Python API (Groce et al., ICSE 2018; github.com/agroce/universalmutator).

Its rules are regular expressions over a line. Comments and docstrings are taken out before they are applied and put
back after, so no rule sees them; what the program prints on the way never reaches stdout.
"""

import contextlib
import functools
import io
import re
from collections.abc import Iterator, Sequence
from importlib import metadata

from fgit_cli.core.comments import CommentSpan, spans
from fgit_cli.engines.rules import Mutation
from fgit_cli.errors import MissingExtra

# Rule files per language, as universalmutator's own command line combines them.
RULES = {
    "python": ["python.rules"],
    **{name: [f"{name}.rules", "c_like.rules"] for name in ("c", "cpp", "java", "javascript", "swift", "rust")},
    **{name: [f"{name}.rules", "c_like.rules"] for name in ("solidity", "go")},
    "typescript": ["javascript.rules", "c_like.rules"],
    "r": ["r.rules"],
    "fortran": ["fortran.rules"],
    "lisp": ["lisp.rules"],
    "vyper": ["vyper.rules", "python.rules", "solidity.rules"],
    "fe": ["fe.rules", "python.rules", "solidity.rules"],
}
# Languages without rules of their own get the universal ones alone, as from universalmutator's own command line.
UNIVERSAL = frozenset({"bash", "csharp", "kotlin", "php", "ruby", "sql"})
_JUMP = re.compile(r"\n\s*(break|continue);")
_LOOP = re.compile(r"\b(for|while|do|loop|repeat)\b")
LONGEST_LINE = 500  # characters, our choice
LANGUAGES = frozenset(RULES) | UNIVERSAL


@functools.lru_cache(maxsize=1)
def version() -> str:
    """The installed universalmutator's version."""
    return metadata.version("universalmutator")


def mutations(code: str, language: str) -> Iterator[Mutation]:
    """Every mutation that the rules of the language make, line by line, whether or not it compiles.

    `language` is one of LANGUAGES. A line inside a comment or docstring is left alone, and so is text inside
    string literals, as by universalmutator's default. Raises MissingExtra without the package.
    """
    try:
        from universalmutator import mutator
    except ImportError:
        raise MissingExtra("--method universalmutator", "mutate") from None
    texts = code.split("\n")
    lines = [_Line(text) for text in texts]
    _take_out(lines, spans(code, language))
    chatter = io.StringIO()
    with contextlib.redirect_stdout(chatter):
        made = mutator.mutants_regexp(
            [f"{line.bare}\n" for line in lines],
            ruleFiles=["universal.rules", *RULES.get(language, [])],
            ignorePatterns=[],
            ignoreStringOnly=True,
        )
    for number, new, (rule, _), _ in made:
        if _JUMP.search(new) and language != "python" and not _LOOP.search("\n".join(texts[:number])):
            continue  # no compiler takes it; Python's own is asked later
        left = rule.split(" ==> ")[0].split(" ==>")[0].strip()
        changed = lines[number - 1].rebuilt(new.removesuffix("\n"))
        if rule.endswith("/*\\2*/\\n"):  # a statement commented out is taken out: the comment would show what was there
            yield Mutation(left, rule, number - 1, functools.partial(_joined, texts, number - 1, None))
        elif changed is not None:
            yield Mutation(left, rule, number - 1, functools.partial(_joined, texts, number - 1, changed))


def _joined(texts: list[str], number: int, changed: str | None) -> str:
    """The code with another line in that place, or with none."""
    return "\n".join([*texts[:number], *([] if changed is None else [changed]), *texts[number + 1 :]])


class _Line:
    """One line, and the same with blanks in the place of its comments."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.blank = text
        self.holes: list[tuple[int, int]] = []
        if text.endswith("\r"):
            self.cover(len(text) - 1, len(text))  # a Windows line end is no more code than a comment

    def cover(self, start: int, end: int) -> None:
        self.blank = self.blank[:start] + " " * (end - start) + self.blank[end:]
        self.holes.append((start, end))

    @property
    def bare(self) -> str:
        """What the rules see: without comments, and without what is blank at the end because of them.

        They see nothing of a very long line, which is data or minified code and costs time and memory in its square.
        """
        if len(self.text) > LONGEST_LINE:
            return ""
        return self.blank.rstrip(" \t") if self.holes else self.text

    def rebuilt(self, new: str) -> str | None:
        """The mutated line with the comments back in place; None if the change went through one."""
        old = self.bare
        if not self.holes:
            return new
        tail = self.text[len(old) :]
        head = 0
        while head < min(len(old), len(new)) and old[head] == new[head]:
            head += 1
        back = 0
        while back < min(len(old), len(new)) - head and old[-1 - back] == new[-1 - back]:
            back += 1
        for start, end in self.holes:
            if start >= len(old):
                continue
            if end <= head:
                new = new[:start] + self.text[start:end] + new[end:]
            elif start >= len(old) - back:
                at = start + len(new) - len(old)
                new = new[:at] + self.text[start:end] + new[at + end - start :]
            else:
                return None
        if "\n" in new:  # a statement put on its own line: the comment stays on the first
            first, rest = new.split("\n", 1)
            return f"{first}{tail}\n{rest}"
        return new + tail


def _take_out(lines: list[_Line], found: Sequence[CommentSpan]) -> None:
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.text) + 1)
    number = 0
    for span in found:
        while starts[number + 1] <= span.start:
            number += 1
        last = number
        while last < len(lines) and starts[last] < span.end:
            begin = max(span.start, starts[last]) - starts[last]
            end = min(span.end, starts[last] + len(lines[last].text)) - starts[last]
            if end > begin:
                lines[last].cover(begin, end)
            last += 1
