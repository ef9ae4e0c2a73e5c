"""Whether a text without fences is code, and in which language: only what parses, or mostly does, counts.

A wrong guess would make prose wrong, or splice code into it. R, Haskell, VB and Solidity have no grammar here, so that
nothing tells their code from prose around it: unfenced they do not count. Other grammars take prose for code: PHP
counts from `<?php` on, HTML from its first tag.
"""

import re
from functools import lru_cache

from fgit_cli.core import languages, syntax

# Tried where no sign tells the language: those whose grammars refuse prose, the likelier first.
_BRACED = ("java", "c", "cpp", "csharp", "javascript", "typescript", "go", "rust", "kotlin", "swift")
_LENIENT = frozenset({"bash", "sql", "html", "css", "php", "ruby"})  # grammars that take some prose
_NAMES = {
    "python": "python", "java": "java", "javascript": "javascript", "js": "javascript", "node.js": "javascript",
    "typescript": "typescript", "c++": "cpp", "cpp": "cpp", "c#": "csharp", "c": "c", "go": "go", "golang": "go",
    "rust": "rust", "kotlin": "kotlin", "swift": "swift", "php": "php", "ruby": "ruby", "sql": "sql", "mysql": "sql",
    "postgresql": "sql", "bash": "bash", "shell": "bash", "html": "html", "css": "css", ".net": "csharp",
}  # fmt: skip
_NAMED = re.compile(
    r"(?<![\w.#+])(?:" + "|".join(map(re.escape, sorted(_NAMES, key=len, reverse=True))) + r")(?![\w#+])"
)
_SENTENCE = re.compile(r"[A-Z][\w'’-]*(?:,? [\w'’-]+){3,}[.:!?]")
_STATEMENT = re.compile(r"[;{}]\s*(?://.*)?$", re.M)
_MOST_WRONG = 0.1  # share of the characters that the grammar may not understand


def named(instruction: str) -> tuple[str, ...]:
    """The languages that an instruction names, in order."""
    text = re.sub(r"\bgo to\b|\bgo through\b", "", instruction.lower())
    found = [_NAMES[word] for word in _NAMED.findall(text)]
    if re.search(r"\bgo\b", text) and not re.search(r"\bin Go\b|\bGo (?:program|function|code|lang)", instruction):
        found = [name for name in found if name != "go"]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=64)
def language(text: str, likely: tuple[str, ...] = ()) -> str:
    """The language of a text that is code as a whole; empty for prose and where it cannot be told.

    `likely` are the languages that the text may well be in, such as the instruction's.
    """
    guessed = languages.guess(text)
    for name in dict.fromkeys([*([guessed] if guessed else []), *likely]):
        if _reads(text, name):
            return name
    if not guessed and _STATEMENT.search(text):
        return next((name for name in _BRACED if _whole(text, name) and "(" in text), "")
    return ""


def _reads(text: str, name: str) -> bool:
    if name == "python":
        return languages.is_python(text) or _mostly(text, name)
    if name == "php":  # prose before `<?php` would be part of the page
        return text.lstrip().startswith("<") if "<?php" in text else "$" in text and _mostly(text, name)
    if name == "html":
        return text.lstrip().startswith("<")
    return _mostly(text, name)


def _whole(text: str, name: str) -> bool:
    return syntax.parses(text, name)


def _mostly(text: str, name: str) -> bool:
    """Whether the grammar understands the text but for a little, and nothing in it reads like a sentence."""
    if name not in syntax.GRAMMARS or not text.strip():
        return False
    wrong = syntax.not_understood(text, name)
    if wrong is None:
        return False
    if (name in _LENIENT or wrong) and any(_SENTENCE.fullmatch(line.strip()) for line in text.split("\n")):
        return False
    return wrong <= _MOST_WRONG and (name != "python" or bool(re.search(r"[=(:]", text)))
