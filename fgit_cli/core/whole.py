"""Whether an answer is whole: it ended by itself, leaves nothing out by a mark, lacks and doubles no part of the code.

A wrong variant that lacks half of the code teaches the half, not the fault. Such an answer is refused by name, never
mended.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator

from fgit_cli.core import languages, syntax
from fgit_cli.core.textdiff import hunks

# How servers say that the model ended its answer itself.
_ENDED = frozenset(
    {"stop", "eos", "eos_token", "end_turn", "end", "stop_sequence", "complete", "completed", "finished"}
)
_CUT = frozenset({"length", "max_tokens", "max_length", "max_new_tokens", "model_length"})

_DOTS = re.compile(r"(?:\.{3,}|…+)")
_PART = (
    r"(?:code|implementations?|functions?|methods?|logic|class(?:es)?|imports?|body|program|script|file|module"
    r"|definitions?)"
)
_OMITTED = re.compile(
    rf"\b(?:existing|previous|prior|original|remaining|unchanged|other)\s+(?:\w+\s+){{0,2}}?{_PART}\b"
    rf"|\b(?:rest|remainder)\s+(?:of\s+(?:the\s+|your\s+|this\s+)?(?:\w+\s+){{0,2}}?{_PART}|is|stays?|remains?|unchanged|as"
    r"|goes|here|omitted|same|follows)\b|^(?:the\s+)?rest(?:\s+of\s+it)?$"
    rf"|\b(?:{_PART}|everything|all|else|part|lines?)\s+(?:\w+\s+){{0,3}}?"
    r"(?:unchanged|omitted|elided|truncated|skipped|(?:stays?|remains?|is|are)\s+(?:the\s+)?(?:same|as\s+(?:before|is|above)))\b"
    r"|^(?:\w+\s+)?(?:same|as)\s+(?:as\s+)?(?:before|above|previously|earlier|(?:in\s+)?(?:the\s+)?original)$"
    r"|\bfor\s+brevity\b|^(?:no\s+changes?|unchanged)(?:\s+(?:here|below|above))?$"
    r"|^(?:remains?|stays?)\s+(?:the\s+same|unchanged|as\s+is)$"
    rf"|^(?:your|more|actual|full|add|insert|other|some)\s+(?:\w+\s+)?{_PART}(?:\s+(?:here|goes|follows|below).*)?$"
    rf"|^{_PART}\s+(?:here|goes\s+here|follows|continues)$|^(?:snip(?:ped)?|omitted|etc|abbreviated|continued)$"
    r"|省略|保持不变|其余|原有代码|剩余|既存のコード|変更なし|остальн|без изменений|resto del c[oó]digo|reste du code"
    r"|restlicher code",
    re.I,
)
_COMMENT = re.compile(
    r"(?:#+|//+|--+|;+|%+|'|/\*+|<!--+|\{-|\(\*|\"\"\"|''')\s*(?P<said>.*?)\s*(?:\*+/|--+>|-\}|\*\)|\"\"\"|''')?"
)
_EDGES = " \t.…[](){}<>:;,!*-=~_#/'\""
_MOST_LOST = 1 / 3  # of the lines, net
_FEW = 3  # lines that a fault may well leave out
_TELLING = 4  # characters of a line that is no mere bracket


def why_cut(finish_reason: str | None) -> str | None:
    """Why an answer that ended so is not whole; None where the model ended it."""
    if finish_reason is None:
        return "the server does not say how the answer ended"
    ended = finish_reason.strip().lower()
    if ended in _ENDED:
        return None
    return "cut at --max-new-tokens" if ended in _CUT else f"the answer ended by {finish_reason}"


def why_not_whole(answer: str, correct: str, language: str) -> str | None:
    """Why the answer's code stands for less, or for more, than the correct code; None where it is whole."""
    if omits(answer, correct, language):
        return "the answer leaves code out by a mark"
    mine, theirs = definitions(correct, language), definitions(answer, language)
    if mine is not None and theirs is not None:
        if mine - theirs and sum(theirs.values()) < sum(mine.values()):
            return "part of the code is missing"
        if any(n > mine[name] and mine[name] for name, n in theirs.items()):
            return "part of the code is doubled"
    return _why_length(answer, correct)


def omits(answer: str, correct: str, language: str) -> bool:
    """Whether a line of the answer stands for code that is not there, and the correct code has no such line."""
    known = {line.strip() for line in correct.split("\n")}
    for line in _marks(answer, language, known):
        bare = line.strip().rstrip(";,")
        if _DOTS.fullmatch(bare) or re.fullmatch(r"[\w\s,*&:<>()\[\]\"'=-]*[:({]\s*(?:\.{3}|…)\s*[)}]?", bare):
            return True
        comment = _COMMENT.fullmatch(bare)
        said = comment["said"] if comment else bare[1:-1] if re.fullmatch(r"[\[(<{].*[\])>}]", bare) else None
        if said is None:
            continue
        if not said.strip(_EDGES):
            if _DOTS.search(said):
                return True
        elif _DOTS.match(said) or _OMITTED.search(said.strip(_EDGES)):
            return True
    return False


def _marks(answer: str, language: str, known: set[str]) -> Iterator[str]:
    """The lines that are not known and may stand for others, and comments behind `pass` or an opening brace."""
    answer = languages.as_python_counts(answer)
    inside_strings = _string_lines(answer, language)
    for number, line in enumerate(answer.split("\n")):
        if number in inside_strings or line.strip() in known:
            continue
        yield line
        behind = re.match(r"\s*(?:pass|\.\.\.|[^#/]*[{:])\s*((?:#|//|/\*).*)", line)
        if behind:
            yield behind[1]


def _string_lines(code: str, language: str) -> set[int]:
    """Lines (from 0) that stand inside a string of several lines, where dots are text."""
    if language != "python" or ('"""' not in code and "'''" not in code):
        return set()
    tree = languages.python_tree(code)
    if tree is None:
        return set()
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno and node.end_lineno > node.lineno:
            inside |= set(range(node.lineno - 1, node.end_lineno))
    return inside


def definitions(code: str, language: str) -> Counter[str] | None:
    """How often each function, method and class is defined, by its name; None where the code does not parse."""
    if language == "python":
        tree = languages.python_tree(code)
        if tree is not None:
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            return Counter(node.name for node in ast.walk(tree) if isinstance(node, kinds))
    if language not in syntax.GRAMMARS:
        return None
    root = syntax.syntax_tree(code, language)
    if root is None:
        return None
    found: Counter[str] = Counter()
    todo = [root]
    while todo:
        node = todo.pop()
        if syntax.DEFINES.search(node.type):
            name = node.child_by_field_name("name") or node.child_by_field_name("declarator")
            if name is not None:
                found[re.split(r"[\s(]", name.text.decode(errors="replace"), maxsplit=1)[0]] += 1
        todo += node.children
    return found


def _why_length(answer: str, correct: str) -> str | None:
    """Whether far more or fewer lines than a fault needs were left out, or put in a second time."""
    mine, theirs = _bare(correct), _bare(answer)
    lost = added = 0
    for i1, i2, j1, j2 in hunks(theirs, mine):
        lost += max(0, (j2 - j1) - (i2 - i1))
        added += max(0, (i2 - i1) - (j2 - j1))
    if lost > min(max(_FEW, _MOST_LOST * len(mine)), max(1, len(mine) // 2)):
        return "part of the code is missing"
    known = Counter(line for line in mine if len(line) >= _TELLING)
    given = Counter(line for line in theirs if len(line) >= _TELLING)
    again = sum(max(0, n - max(1, known[line])) for line, n in given.items())
    if again > 1 < added or (again and added * 2 >= len(mine)):
        return "part of the code is doubled"
    return None


def _bare(code: str) -> list[str]:
    """The lines without white space around and between words, blank ones left out."""
    return [line for line in (" ".join(x.split()) for x in code.split("\n")) if line]
