"""The code of a response, block by block, and other code put back in its place: prose and fences never differ."""

import difflib
from dataclasses import dataclass
from functools import lru_cache

from fgit_cli.core import fences, unfenced
from fgit_cli.core.languages import guess

# Holds no logic that could be wrong.
NOT_CODE = frozenset({"text", "json", "yaml", "xml", "html", "css", "markdown", "csv", "toml", "ini", "diff"})


@dataclass(frozen=True)
class CodeBlock:
    """A block of a response that holds code.

    `code` is without what stands before each of its lines, such as a list's indentation: `leads`, one for each line.
    """

    number: int
    code: str
    leads: tuple[str, ...]
    language: str
    fenced: bool
    closed: bool = True

    def outer(self, code: str) -> str:
        """Other code as it stands in the response: behind the leads of the lines that it shares with this one."""
        if not any(self.leads):
            return code
        mine, theirs = self.code.split("\n"), code.split("\n")
        usual = max(self.leads, key=self.leads.count)
        leads = [usual if line.strip() else usual.rstrip(" \t") for line in theirs]
        matcher = difflib.SequenceMatcher(None, mine, theirs, autojunk=False)
        for start, at, size in matcher.get_matching_blocks():
            leads[at : at + size] = (*self.leads, "")[start : start + size]
        if not theirs[-1]:  # behind the last line end stands no line, but what an open fence has there
            leads[-1] = self.leads[-1] if len(self.leads) == len(mine) and not mine[-1] else ""
        return "\n".join(lead + line for lead, line in zip(leads, theirs, strict=True))


def code_blocks(text: str, likely: tuple[str, ...] = ()) -> list[CodeBlock]:
    """The blocks of a response that hold code, numbered as `fences.blocks` numbers them.

    A fenced block counts unless its language is one without logic, or it names none and looks like none where another
    block has a known language (program output, mostly). A text without fences counts where it parses, or mostly does,
    in a language that can be told from it or is one of the `likely` ones.
    """
    return list(_code_blocks(text, likely))


@lru_cache(maxsize=64)
def _code_blocks(text: str, likely: tuple[str, ...]) -> tuple[CodeBlock, ...]:
    found = []
    for number, block in enumerate(fences.blocks(text)):
        code = block.code(text)
        language = guess(code, block.language) if block.fenced else unfenced.language(text, likely)
        if not code.strip() or language in NOT_CODE or (not language and not block.fenced):
            continue
        leads = tuple(lead for lead, _ in block.lines(text))
        found.append(CodeBlock(number, code, leads, language, block.fenced, block.closed))
    known = [b for b in found if b.language]
    return tuple(known or found)


def spliced(text: str, block: CodeBlock, code: str) -> str:
    """The response with other code in one block."""
    return fences.splice(text, {block.number: block.outer(code)})
