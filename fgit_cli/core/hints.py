"""What gives a fault away is taken out of a teacher's code: comments, docstrings and names that say what is wrong.

A model tuned on such a pair would learn the hint, not the fault, so comments that differ from the correct code's do not
survive.
"""

import difflib
import re
from collections.abc import Sequence

from fgit_cli.core.comments import CommentSpan, spans, without
from fgit_cli.core.correspondence import Unusable

_HINT_WORDS = r"(?:bug|buggy|bugged|wrong|incorrect|faulty|broken|flawed|erroneous)"
_HINT_NAME = re.compile(
    rf"\b(?:{_HINT_WORDS}_+(?P<after>\w+)|(?P<before>\w+?)_+{_HINT_WORDS}|(?-i:{_HINT_WORDS}(?P<camel>[A-Z]\w*)))\b",
    re.I,
)
_HINT = re.compile(rf"\b{_HINT_WORDS}\b|\b(?:mistake|off.by.one|should (?:be|have been|use)|introduced)\b", re.I)


def clean(code: str, correct: str, language: str, hints: dict[str, int]) -> str:
    """The answer's code without what gives the fault away; counts into `hints`.

    A changed comment is put back as the correct code has it where the two sides' comments can be aligned, else taken
    out; a docstring is put back when it hints. A hint in a name is undone when the plain name is one of the correct
    code's; else raises Unusable.
    """
    code = _names(code, correct, hints)
    mine, theirs = spans(code, language), spans(correct, language)
    texts = [code[s.start : s.end] for s in mine]
    wanted = [correct[s.start : s.end] for s in theirs]
    keys = [t.strip() for t in texts]
    matcher = difflib.SequenceMatcher(None, keys, [t.strip() for t in wanted], autojunk=False)
    replace: dict[int, str | None] = {}
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag in ("replace", "delete"):
            for i in range(a, b):
                partner = c + i - a
                same = tag == "replace" and b - a == d - c and theirs[partner].docstring == mine[i].docstring
                if mine[i].docstring:
                    if _HINT.search(texts[i]) and same and not _HINT.search(wanted[partner]):
                        replace[i] = wanted[partner]
                        hints["docstring"] = hints.get("docstring", 0) + 1
                    continue
                replace[i] = wanted[partner] if same else None
                kind = "comment" if _HINT.search(texts[i]) else "changed comment"
                hints[kind] = hints.get(kind, 0) + 1
    return _rewritten(code, mine, replace)


def _rewritten(code: str, found: Sequence[CommentSpan], replace: dict[int, str | None]) -> str:
    for i in sorted(replace, reverse=True):
        new = replace[i]
        start, end = found[i].start, found[i].end
        code = without(code, [found[i]]) if new is None else code[:start] + new + code[end:]
    return code


def _names(code: str, correct: str, hints: dict[str, int]) -> str:
    """`buggy_total` as `total`, where `total` is a word of the correct code and `buggy_total` is not."""
    words = set(re.findall(r"\w+", correct))

    def plain(match: re.Match[str]) -> str:
        camel = match["camel"] or ""
        names = [match["after"], match["before"], camel[:1].lower() + camel[1:], camel]
        if match[0] in words:
            return match[0]
        name = next((n for n in names if n and n in words), None)
        if name is None:
            raise Unusable("a name gives the fault away")
        hints["name"] = hints.get("name", 0) + 1
        return name

    return _HINT_NAME.sub(plain, code)
