"""Whether a text overlaps with a benchmark: an index of problems, and the matches of a text against it.

Four signs, each blind to what the others see:

- `substring`: a part (prompt, docstring, prose, solution, test) stands whole in the text, white space and case aside;
- `same words`: the same of a part's prose, punctuation aside too;
- `10-grams`: of a part's runs of ten words, at least a given share occur in the text; punctuation does not count, so a
  docstring turned into comments or prose is found. Runs that several problems of a benchmark share are its
  boilerplate and count for none;
- `same code but for names`: a function of the text is a solution's function with other names (Python).
"""

import ast
import hashlib
import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.problems import Problem
from fgit_cli.core.python_same import FUNCTIONS, bare_tree

SUBSTRING, WORDS, NGRAMS, RENAMED = "substring", "same words", "10-grams", "same code but for names"
ANCHOR = 24  # characters, white space aside: a part's beginning, by which it is found; shorter parts are too common
SMALLEST = 12  # nodes of a function's tree below which its shape is too common to tell a copy
FIRST_WORDS = 4  # of prose, by which it is found; shorter prose is too common
BOILERPLATE = 3  # problems of one benchmark that share a run of words make it boilerplate

NAMED = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler)
NAMING: list[tuple[Any, str]] = [(ast.Name, "id"), (ast.arg, "arg"), (NAMED, "name")]  # where a tree's names stand

_WORDS = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Match:
    """What a text matched: the problem's benchmark, name and part, by which sign, and the share of it found."""

    benchmark: str
    task: str
    part: str
    by: str
    share: float


class Index:
    """The problems of all benchmarks, to be asked for the matches of a text. About 100 bytes a word of the problems."""

    def __init__(self, problems: Iterable[Problem], size: int = 10, share: float = 0.5) -> None:
        """`size`: words in a run. `share`: of a part's runs that must occur in a text."""
        self.size, self.share = size, share
        self._parts: list[tuple[str, str, str]] = []
        self._anchors: dict[str, list[tuple[int, str]]] = defaultdict(list)
        self._prose: dict[tuple[str, ...], list[tuple[int, list[str]]]] = defaultdict(list)
        self._short: dict[tuple[str, str], list[int]] = defaultdict(list)  # (what, squeezed text) of parts below ANCHOR
        self._runs: dict[int, list[int]] = defaultdict(list)
        self._totals: list[int] = []
        self._shapes: dict[str, tuple[str, str]] = {}
        for problem in problems:
            self._add(problem)
        self._drop_boilerplate()

    def _add(self, problem: Problem) -> None:
        for what, text in dict.fromkeys(problem.parts):
            part = len(self._parts)
            self._parts.append((problem.benchmark, problem.task, what))
            squeezed = squeeze(text)
            if len(squeezed) >= ANCHOR:
                self._anchors[squeezed[:ANCHOR]].append((part, squeezed))
            elif what in ("test", "solution"):
                self._short[what, squeezed].append(part)
            if what == "prose" and len(words := _words(text)) >= FIRST_WORDS:
                self._prose[tuple(words[:FIRST_WORDS])].append((part, words))
            runs = set() if what == "test" else set(self._hashes(text))
            self._totals.append(len(runs))
            for run in runs:
                self._runs[run].append(part)
        for code in problem.code:
            for shape in shapes(code):
                self._shapes.setdefault(shape, (problem.benchmark, problem.task))

    def _drop_boilerplate(self) -> None:
        shared = [(run, parts) for run, parts in self._runs.items() if len(parts) >= BOILERPLATE]
        for run, parts in shared:
            tasks = Counter(self._parts[p][0] for p in {self._parts[p][:2]: p for p in parts}.values())
            if max(tasks.values()) >= BOILERPLATE:
                for part in parts:
                    self._totals[part] -= 1
                del self._runs[run]

    def _hashes(self, text: str) -> Iterator[int]:
        words = _words(text)
        for i in range(len(words) - self.size + 1):
            yield hash(tuple(words[i : i + self.size]))

    def matches(self, text: str, codes: Sequence[str] = ()) -> list[Match]:
        """The problems that a text, with the pieces of Python code in it, overlaps with; the surest first."""
        found: dict[tuple[str, str], Match] = {}
        squeezed = squeeze(text)
        for at in range(len(squeezed) - ANCHOR + 1):
            for part, whole in self._anchors.get(squeezed[at : at + ANCHOR], ()):
                if squeezed.startswith(whole, at):
                    self._note(found, part, SUBSTRING, 1.0)
        words = _words(text) if self._prose else []
        for at in range(len(words) - FIRST_WORDS + 1):
            for part, prose in self._prose.get(tuple(words[at : at + FIRST_WORDS]), ()):
                if words[at : at + len(prose)] == prose:
                    self._note(found, part, WORDS, 1.0)
        for code in codes:
            for shape in shapes(code):
                if shape in self._shapes:
                    benchmark, task = self._shapes[shape]
                    found.setdefault((benchmark, task), Match(benchmark, task, "solution", RENAMED, 1.0))
        self._match_short(found, text, codes)
        counts: Counter[int] = Counter()
        for run in set(self._hashes(text)):
            counts.update(self._runs.get(run, ()))
        for part, count in counts.items():
            if count >= self.share * self._totals[part]:
                self._note(found, part, NGRAMS, round(count / self._totals[part], 3))
        return sorted(found.values(), key=lambda m: (-m.share, m.by != SUBSTRING, m.benchmark, m.task))

    def _match_short(self, found: dict[tuple[str, str], Match], text: str, codes: Iterable[str]) -> None:
        """Parts that are too short to be looked for anywhere: code that is a solution whole, two tests of a problem."""
        tests: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], int] = {}
        for line in {squeeze(line).removeprefix("assert") for line in text.split("\n")}:
            for part in self._short.get(("test", line), ()):
                tests[self._parts[part][:2]] += 1
                first.setdefault(self._parts[part][:2], part)
        for problem, count in tests.items():
            if count >= 2:
                self._note(found, first[problem], SUBSTRING, 1.0)
        for code in codes:
            for part in self._short.get(("solution", squeeze(code)), ()):
                self._note(found, part, SUBSTRING, 1.0)

    def _note(self, found: dict[tuple[str, str], Match], part: int, by: str, share: float) -> None:
        benchmark, task, what = self._parts[part]
        found.setdefault((benchmark, task), Match(benchmark, task, what, by, share))


def _words(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())


def plainly(text: str) -> str:
    """The text before it was written for HTML or JSON: `&lt;` is `<`, and `\\n` in two characters a new line."""
    return html.unescape(text).replace("\\r", "").replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')


def squeeze(text: str) -> str:
    """The text without white space, in one letter case."""
    return _SPACE.sub("", text).casefold()


def shapes(code: str) -> set[str]:
    """For every function in Python code a digest that is the same for the same function with other names.

    Names that the code binds count by their order of appearance; attributes, builtins, imports and literals as they
    are; docstring and hints not at all. Functions below SMALLEST nodes have none.
    """
    tree = bare_tree(code)
    if tree is None:
        return set()
    nodes = list(ast.walk(tree))
    own = {n.arg for n in nodes if isinstance(n, ast.arg)}
    own |= {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    own |= {n.name for n in nodes if isinstance(n, NAMED) and n.name}
    functions = (node for node in nodes if isinstance(node, FUNCTIONS))
    return {_shape(node, own) for node in functions if _size(node) >= SMALLEST}


def _size(node: ast.AST) -> int:
    return sum(1 for n in ast.walk(node) if isinstance(n, ast.expr | ast.stmt))


def _shape(function: ast.AST, own: set[str]) -> str:
    numbers: dict[str, str] = {}
    out: list[str] = []
    stack: list[object] = [function]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.AST):
            out.append(type(node).__name__)
            naming = next((f for kind, f in NAMING if isinstance(node, kind)), None)
            for field in reversed([f for f in node._fields if f not in ("ctx", "type_comment")]):
                value = getattr(node, field, None)
                if field == naming and isinstance(value, str) and value in own:
                    value = numbers.setdefault(value, f"name {len(numbers)}")
                stack.append(value)
        elif isinstance(node, list):
            out.append("[")
            stack += ["]", *reversed(node)]
        else:
            out.append(repr(node))
    return hashlib.sha256("\0".join(out).encode(errors="replace")).hexdigest()
