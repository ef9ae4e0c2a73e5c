"""Code in a response: its fenced blocks as models write them, or the whole text where it has none.

A model's text is no page of CommonMark: a fence counts right behind `<answer>` or `<p>`, in a quotation or a list,
however far it is indented, and at the end of a line of prose. Lines are ended by `\\n` alone. A fence inside a string,
docstring or comment is code: of the readings that are possible the one is taken under which the code parses in its
language. A block keeps its place in the text, so that other code can be put there.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from fgit_cli.core import languages, syntax

# What may stand before a fence on its line: blanks, marks of quotations, marks of list items.
_LEAD = r"(?P<lead>[ \t]*(?:>[ \t]*)*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*)"
_FENCE = re.compile(rf"{_LEAD}(?P<marks>`{{3,}}|~{{3,}})(?P<info>[^\n]*)")
_LATE = re.compile(
    r"(?P<lead>[^`\n]*[^`\s])[ \t]*(?P<marks>`{3,})(?P<info>[^`\n]*)"
)  # ends a line of prose, or follows a tag
_CLOSING = re.compile(r"[ \t>]*(?P<marks>`{3,}|~{3,})(?:[ \t]*</?\w[^<>\n]*>)*[ \t\r]*")
_LOOSE = re.compile(r"[^`\n]*[^`\s](?P<marks>`{3,})[ \t\r]*")  # ends the last line of code
_QUOTED = re.compile(r"[ \t]*>")
_MOST_READINGS = 12  # closing fences that are tried for one block

# Languages whose grammars refuse prose, so that a longer reading that parses is the right one.
_STRICT = frozenset(
    ["c", "cpp", "csharp", "go", "java", "javascript", "kotlin", "python", "ruby", "rust", "swift", "typescript"]
)
_WRAPPERS = frozenset({"markdown", "text", ""})  # what a fence around a whole answer, fences included, is called


@dataclass(frozen=True)
class Block:
    """One piece of code: `text[start:end]` in characters, without the fences.

    `language`: what the fence names, by its usual name; empty where it names none that is known. `quoted`: how many
    marks `>` stand before each line. `closed`: whether a closing fence was found.
    """

    start: int
    end: int
    language: str
    fenced: bool
    quoted: int = 0
    closed: bool = True

    def lines(self, text: str) -> list[tuple[str, str]]:
        """The block's lines, line ends left out, each as what stands before the code and the code.

        Before the code stand the marks of quotations and the indentation that all lines share.
        """
        whole = text[self.start : self.end].removesuffix("\n").split("\n")
        found = [_unquoted(line, self.quoted) for line in whole] if self.quoted else [("", line) for line in whole]
        if not self.fenced:
            return found
        shared = _shared_indent(code for _, code in found)
        parted = []
        for lead, code in found:  # a line of less white space than the others share is blank
            width = len(shared) if code.startswith(shared) else len(code) - len(code.lstrip(" \t"))
            parted.append((lead + code[:width], code[width:]))
        return parted

    def code(self, text: str) -> str:
        """The code alone, with a final `\\n` where the block has one."""
        inside = text[self.start : self.end]
        if not self.fenced:
            return inside
        return "\n".join(code for _, code in self.lines(text)) + "\n" * inside.endswith("\n")


@dataclass(frozen=True)
class _Fence:
    """A line that may open a block."""

    line: int
    mark: str
    size: int
    info: str
    language: str
    quoted: int
    late: bool  # behind prose


def blocks(text: str) -> list[Block]:
    """The fenced blocks in order; the whole text as one block where there is no fence, or where it is code itself."""
    return list(_blocks(text))


@lru_cache(maxsize=64)  # a stage asks several times for the blocks of the response at hand
def _blocks(text: str) -> tuple[Block, ...]:
    whole = (Block(0, len(text), "", False),)
    if "```" not in text and "~~~" not in text:
        return whole
    found = tuple(_Scanner(text).blocks())
    return whole if not found or _is_code(text, text.rfind("\n", 0, found[0].start - 1) + 1) else found


def _is_code(text: str, fence: int) -> bool:
    """Whether a text with a fence, whose line begins there, is code as a whole: the fence is in a string or comment.

    What stands before such a fence is not whole.
    """
    language = languages.guess(text)
    return bool(text[:fence].strip() and _holds_fences(text, language) and not parses(text[:fence], language))


def _holds_fences(code: str, language: str) -> bool:
    """Whether the code parses, and fences in it stand in strings or comments, where any other text could stand.

    To JavaScript three backticks are code by themselves.
    """
    return bool(parses(re.sub("```+|~~~+", "@#@", code), language))


def code(text: str) -> str:
    """The code of a response: the contents of its blocks joined by a newline."""
    return "\n".join(b.code(text).removesuffix("\n") if b.fenced else text for b in blocks(text))


def splice(text: str, replacements: dict[int, str]) -> str:
    """`text` with other contents in the blocks whose numbers are keys; fences and prose stay as they are."""
    out, at = [], 0
    for number, block in enumerate(blocks(text)):
        if number in replacements:
            out += [text[at : block.start], replacements[number]]
            at = block.end
    return "".join([*out, text[at:]])


def parses(code: str, language: str) -> bool | None:
    """Whether the code parses in its language; None where the language has no grammar, or one that takes anything."""
    if language == "python":
        return languages.python_tree(code) is not None
    return syntax.parses(code, language) if language in _STRICT else None


def _unquoted(line: str, depth: int) -> tuple[str, str]:
    found = re.match(rf"[ \t]*(?:>[ \t]?){{0,{depth}}}", line) if ">" in line else None
    return (line[: found.end()], line[found.end() :]) if found and ">" in found[0] else ("", line)


def _shared_indent(lines: Iterable[str]) -> str:
    """The blanks with which every line begins that has more than blanks."""
    shared: str | None = None
    for line in lines:
        bare = line.lstrip(" \t")
        if not bare.strip("\r"):
            continue
        indent = line[: len(line) - len(bare)]
        if shared is None:
            shared = indent
        while not indent.startswith(shared):
            shared = shared[:-1]
    return shared or ""


class _Scanner:
    """One pass over a text's lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = text.split("\n")
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.fences = [fence for number in range(len(self.lines)) if (fence := self._fence(number))]
        self.wrappers: list[_Fence] = []

    def blocks(self) -> Iterator[Block]:
        at = 0  # the first line that is not read yet
        for fence in self.fences:
            if fence.line < at or self._closes_wrapper(fence):
                continue
            block, line = self._read(fence)
            if block is None:
                if line:
                    self.wrappers.append(fence)
                continue
            at = line
            yield block

    def _fence(self, number: int) -> _Fence | None:
        """The fence on this line, if it may open a block."""
        line = self.lines[number].rstrip(" \t\r")
        if "```" not in line and "~~~" not in line:
            return None
        found = _FENCE.fullmatch(line)
        if found and not (found["marks"][0] == "`" and "`" in found["info"]):
            language = languages.of_info(found["info"])
            quoted = found["lead"].count(">")
            return _Fence(
                number, found["marks"][0], len(found["marks"]), found["info"].strip(), language, quoted, False
            )
        found = _LATE.fullmatch(line)
        if not found:
            return None
        language = languages.of_info(found["info"])
        opens = bool(language) if found["info"].strip() else found["lead"][-1] in ":>"
        if not opens or len(found["info"].split()) > 1:
            return None
        return _Fence(number, "`", len(found["marks"]), found["info"].strip(), language, 0, True)

    def _closes_wrapper(self, fence: _Fence) -> bool:
        """Whether this fence closes one that stands around fenced blocks; then it is prose, as that one is."""
        if not self.wrappers or fence.info or fence.late:
            return False
        outer = self.wrappers[-1]
        if fence.mark != outer.mark or fence.size < outer.size:
            return False
        later = [f for f in self.fences if f.line > fence.line]
        bare = sum(not f.info for f in later)
        more = self.lines[fence.line + 1].strip() if fence.line + 1 < len(self.lines) else ""
        if outer.size == 3 and bare - (len(later) - bare) >= 2 and more and not more.startswith(outer.mark * 3):
            return False  # enough fences are left for a block without a language
        self.wrappers.pop()
        return True

    def _read(self, fence: _Fence) -> tuple[Block | None, int]:
        """The block that a fence opens, and the first line behind it; no block, and 1, for a wrapper, 0 for none."""
        end = self._end_of_quotation(fence)
        closings = list(self._closings(fence, end))
        inner = next((f for f in self.fences if f.line > fence.line and f.info and not f.late), None)
        first = closings[0] if closings else None
        nested = inner is not None and inner.line < (first[0] if first else end)
        chosen = self._parsing(fence, closings, nested)
        if chosen is None:
            if nested and inner is not None and fence.language in _WRAPPERS and inner.language:
                return None, 1
            if nested and inner is not None:
                return self._unread(fence, closings, end, inner)
            if first is None:
                return self._unclosed(fence, end)
            chosen = first
        line, content_end = chosen
        return self._block(fence, content_end), line + 1

    def _parsing(self, fence: _Fence, closings: list[tuple[int, int]], nested: bool) -> tuple[int, int] | None:
        """The first closing fence under which the code parses; None where that tells nothing, and the first counts."""
        if not closings or (not nested and self._regular(closings[0][0])):
            return closings[0] if closings and not nested else None
        for closing in closings[:_MOST_READINGS]:
            block = self._block(fence, closing[1])
            content = block.code(self.text)
            language = fence.language or languages.guess(content)
            if content.strip() and language not in _WRAPPERS and _holds_fences(content, language):
                return closing
        return None

    def _regular(self, closing: int) -> bool:
        """Whether the fence behind this closing one opens a block and says of what, or there is none."""
        later = next((f for f in self.fences if f.line > closing), None)
        return later is None or bool(later.info)

    def _unread(
        self, fence: _Fence, closings: list[tuple[int, int]], end: int, inner: _Fence
    ) -> tuple[Block | None, int]:
        """A block with fences inside where parsing does not tell its end: those inside have to come in pairs."""
        depth = 1
        closing = dict(closings)
        for line in range(fence.line + 1, end):
            opens = any(f.line == line and f.info and not f.late for f in self.fences)
            if opens:
                depth += 1
            elif line in closing:
                depth -= 1
                if depth == 0:
                    return self._block(fence, closing[line]), line + 1
        return self._block(fence, self.starts[inner.line], closed=False), inner.line

    def _unclosed(self, fence: _Fence, end: int) -> tuple[Block | None, int]:
        block = self._block(fence, min(self.starts[end], len(self.text)), closed=False)
        if fence.late or not self.text[block.start : block.end].strip():
            return None, 0
        return block, end

    def _closings(self, fence: _Fence, end: int) -> Iterator[tuple[int, int]]:
        """Lines that may close the block, each with the place where its content ends: those as they should be first."""
        loose = []
        for number in range(fence.line + 1, end):
            line = self.lines[number]
            if fence.mark * 3 not in line:
                continue
            found = _CLOSING.fullmatch(line)
            if found and found["marks"][0] == fence.mark:
                if len(found["marks"]) >= fence.size:
                    yield number, self.starts[number]
                else:
                    loose.append((number, self.starts[number]))
            elif (found := _LOOSE.fullmatch(line)) and fence.mark == "`" and not self._opens_late(number):
                loose.append((number, self.starts[number] + found.start("marks")))
        yield from loose

    def _opens_late(self, number: int) -> bool:
        return any(f.line == number for f in self.fences)

    def _end_of_quotation(self, fence: _Fence) -> int:
        """The first line behind the fence's quotation; behind the text where it stands in none."""
        if fence.quoted:
            for number in range(fence.line + 1, len(self.lines)):
                if not _QUOTED.match(self.lines[number]):
                    return number
        return len(self.lines)

    def _block(self, fence: _Fence, end: int, closed: bool = True) -> Block:
        start = min(self.starts[fence.line + 1], len(self.text))
        return Block(start, max(start, end), fence.language, True, fence.quoted, closed)
