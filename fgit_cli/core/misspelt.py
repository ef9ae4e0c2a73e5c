"""Code that came through a page, a chat or a terminal: its characters mended, and what is no code told by name."""

import html
import re
from itertools import pairwise

from fgit_cli.core.textdiff import BLANKS

_NOTHING = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"), "")  # characters of no width
_BLANK = dict.fromkeys(map(ord, "\u00a0\u202f\u2007\u3000"), " ")
_QUOTES = {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#0?39|#x27);")
_PATCH = re.compile(
    r"^(?:@@ .*@@|<{5,9} ?(?:SEARCH|HEAD|ORIGINAL).*|\*\*\* (?:Begin Patch|Update File).*|diff --git .*|\+\+\+ \S.*)$",
    re.M,
)
_NUMBERED = re.compile(r"\s*(\d+)\s*(?:[|:.)│]|\t| {2,}|$)")


def mended(code: str, correct: str) -> str:
    """The code with plain blanks and quotes, and without entities of HTML, where the correct code has none of them."""
    code = code.replace("\r\n", "\n")
    if not _ENTITY.search(correct) and _ENTITY.search(code):
        code = _ENTITY.sub(lambda found: html.unescape(found[0]), code)
    known = set(map(ord, correct))
    for table in (_NOTHING, _BLANK, _QUOTES):
        if not known & set(table):
            code = code.translate(table)
    return code


def why_no_code(code: str, correct: str) -> str | None:
    """What a text is where it is not code as it would be run, but a patch or a listing; None for code."""
    if _PATCH.search(code) and not _PATCH.search(correct):
        return "a patch, not code"
    lines = [line for line in code.split("\n") if line.strip()]
    known = {line.strip(BLANKS) for line in correct.split("\n")}
    gone = sum(line[0] == "-" and line[1:].strip(BLANKS) in known and line.strip(BLANKS) not in known for line in lines)
    come = sum(line[0] == "+" and line.strip(BLANKS) not in known for line in lines)
    if gone and come:
        return "a patch, not code"
    if _numbered(lines) and not _numbered(correct.split("\n")):
        return "a listing with line numbers, not code"
    prompts = sum(bool(re.match(r"\s*(?:>>>|\.\.\.|In \[\d+\]:)(?: |$)", line)) for line in lines)
    if prompts * 2 > len(lines) and not any(line.lstrip().startswith(">>>") for line in known):
        return "a session, not code"
    return None


def _numbered(lines: list[str]) -> bool:
    """Whether most lines begin with a number, one more from line to line or nearly."""
    numbers = [int(found[1]) if (found := _NUMBERED.match(line)) else None for line in lines if line.strip()]
    steps = sum(a is not None and b is not None and 0 < b - a <= 3 for a, b in pairwise(numbers))
    return len(numbers) > 2 and steps * 4 >= (len(numbers) - 1) * 3
