"""The program in a model's answer, when asked for: `ast` (ours) or `evalplus` (its sanitize).

`ast` takes the last block that defines the entry point, for an answer may correct itself, and of the others what that
block needs. It keeps whatever the entry point may need and takes away what is no part of the solution: thinking, prose,
fences, tests, demonstrations. Where a task has no entry point, the program is run as a whole.
evalplus's sanitize also loses decorated functions, imports under `try`, helpers without a return
statement and later redefinitions; it is here because published figures were made with it.
"""

import ast
import builtins
import re
from collections import Counter
from collections.abc import Mapping

from fgit_cli.benches.bench import Task
from fgit_cli.core import fences, thinking
from fgit_cli.core.languages import as_python_counts
from fgit_cli.core.python_parse import parse
from fgit_cli.errors import MissingExtra

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ALTERNATIVE = re.compile(
    r"\b(or|alternativ\w*|another|also|shorter|one-liner|variant|equivalent|more (concise|compact|pythonic))\b", re.I
)
_CORRECTION = re.compile(
    r"\b(wait|oops|mistake\w*|correct\w*|fix\w*|actually|instead|bug\w*|wrong|error\w*|fail\w*|final\w*|revis\w*|updat\w*|"
    r"improv\w*|sorry|handle\w*|edge case\w*|better)\b",
    re.I,
)
_MOST_PARSES = 400  # of one answer without fences that does not parse as a whole


class Extractor:
    """One way of extraction for a whole run, and what it did: `none`, `ast` or `evalplus`."""

    def __init__(self, how: str) -> None:
        self.how = how
        self.changed: list[str] = []  # tasks of which it left something out
        self.markdown: list[str] = []  # tasks whose text is Markdown and no program, when nothing is extracted
        self.differ: list[str] = []  # tasks whose program would be another with the other extractor
        self._found = {"changed": self.changed, "markdown": self.markdown, "differ": self.differ}

    def __call__(self, text: str, task: Task) -> str:
        """The program in `text`. Raises MissingExtra for `evalplus` without evalplus."""
        if self.how == "none":
            if "```" in text and _parse(text) is None:
                self.markdown.append(task.task_id)
            return text
        made = ours = with_ast(text, task.entry_point) if task.entry_point else whole_program(text)
        if self.how == "evalplus":
            made = with_evalplus(text, task.entry_point)
            if _tree(made) != _tree(ours):
                self.differ.append(task.task_id)
        if made.split() != text.split():
            self.changed.append(task.task_id)
        return made

    def found(self) -> dict[str, list[str]]:
        return {"changed": self.changed, **({"differs_from_ast": self.differ} if self.how == "evalplus" else {})}

    def numbers(self) -> dict[str, int]:
        """What it did as numbers that can be added up over the parts of a run."""
        return {f"{what} {task}": n for what, tasks in self._found.items() for task, n in Counter(tasks).items()}

    def add_numbers(self, numbers: Mapping[str, int]) -> None:
        """Add such sums."""
        for key, n in numbers.items():
            what, _, task = key.partition(" ")
            if what in self._found:
                self._found[what] += [task] * n

    def notes(self) -> list[str]:
        """What it did, in lines for people."""
        lines = []
        if self.changed:
            lines = [f"--extract {self.how} left something out of {len(self.changed)} samples{_named(self.changed)}"]
        if self.markdown:
            what = f"{len(self.markdown)} samples are Markdown that does not run{_named(self.markdown)}"
            lines.append(f"{what}; --extract ast takes the programs out")
        if self.differ:
            lines.append(f"ast would give another program for {len(self.differ)}{_named(self.differ)}")
        return lines


def _named(task_ids: list[str], most: int = 8) -> str:
    """The first few names, and how many more there are."""
    names = list(dict.fromkeys(task_ids))
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f": {', '.join(names[:most])}{more}" if names else ""


def _tree(text: str) -> str | None:
    """What tells two programs apart: their syntax trees."""
    module = _parse(text)
    return ast.dump(module) if module else None


def with_evalplus(text: str, entry_point: str) -> str:
    """What evalplus's sanitize makes of the text. Raises MissingExtra where it is not installed."""
    try:
        from evalplus.sanitize import sanitize
    except ImportError:
        raise MissingExtra("--extract evalplus", "eval") from None
    return sanitize(text, entry_point)


def with_ast(text: str, entry_point: str) -> str:
    """The answer's Python, without tests and demonstrations; the text itself where no Python is found in it."""
    text = thinking.answer(text)
    source = _python(text, entry_point)
    return text if source is None else _solution_only(source, entry_point)


def whole_program(text: str) -> str:
    """The answer's program, as it is: the text itself, or its last fenced block that parses (the last, if none does).

    lcb_runner takes the last block too, and does not ask whether it parses.
    """
    text = thinking.answer(text)
    if _parse(text) is not None:
        return text
    pieces = [p for b in fences.blocks(text) if b.fenced and (p := b.code(text)).strip()]
    if pieces:
        return next((p for p in reversed(pieces) if _parse(p)), pieces[-1])
    return text.partition("\n```")[0]  # an answer that was begun inside a fence closes it


def _python(text: str, entry_point: str) -> str | None:
    """The text that parses: all of it, the block with the entry point and what it needs, or a run of lines."""
    if _parse(text) is not None:
        return text
    blocks = [b for b in fences.blocks(text) if b.fenced and _parse(b.code(text))]
    pieces = [b.code(text) for b in blocks]
    defining = [i for i, piece in enumerate(pieces) if _defines(piece, entry_point)]
    if defining:
        whole = [i for i in defining if not _is_stub(pieces[i], entry_point)] or defining
        before = [text[blocks[i - 1].end if i else 0 : blocks[i].start] for i in whole]
        chosen = [whole[0], *(i for i, prose in zip(whole, before, strict=True) if not _is_alternative(prose))][-1]
        others = [piece for i, piece in enumerate(pieces) if i != chosen]
        return _with_needed(pieces[chosen], others, entry_point)
    return _longest_run(text, entry_point) or ("\n".join(pieces) if pieces else None)


def _is_alternative(prose: str) -> bool:
    """Whether the words before a block offer another way beside the one that was given, and take nothing back."""
    return bool(_ALTERNATIVE.search(prose)) and not _CORRECTION.search(prose)


def _is_stub(source: str, entry_point: str) -> bool:
    """Whether the last definition of the entry point has nothing in its body: a signature that is shown."""
    module = _parse(source)
    made = [s for s in module.body if entry_point in _names(s)] if module else []
    return bool(made) and isinstance(made[-1], ast.FunctionDef) and all(map(_says_nothing, made[-1].body))


def _says_nothing(statement: ast.stmt) -> bool:
    raised = statement.exc if isinstance(statement, ast.Raise) else None
    name = raised.func if isinstance(raised, ast.Call) else raised
    return (
        isinstance(statement, ast.Pass)
        or (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))
        or (isinstance(name, ast.Name) and name.id == "NotImplementedError")
    )


def _with_needed(source: str, others: list[str], entry_point: str) -> str:
    """The source, behind the definitions of other blocks that it needs, and that these need; the last of each name."""
    found: dict[str, tuple[int, int, str]] = {}
    for number, other in enumerate(others):
        module = _parse(other)
        for s in module.body if module else []:
            if isinstance(s, (*_DEFINITIONS, ast.Assign, ast.AnnAssign)) and not _calls(s, entry_point):
                lines = other.split("\n")[_first_line(s) - 1 : s.end_lineno]
                found |= {name: (number, s.lineno, "\n".join(lines)) for name in _names(s) - {entry_point}}
    taken: set[tuple[int, int, str]] = set()
    todo, bound = [source], set(dir(builtins))
    while todo:
        module = _parse(todo.pop())
        if module is None:
            continue
        for s in module.body:
            bound |= _names(s)
        used = {n.id for n in ast.walk(module) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        new = {found[name] for name in used - bound if name in found} - taken
        taken |= new
        todo += [text for _, _, text in new]
    return "\n".join([*(text for _, _, text in sorted(taken)), source])


def _longest_run(text: str, entry_point: str) -> str | None:
    """The run of whole lines with the most lines that parses and defines the entry point; None where none does."""
    text = as_python_counts(text)
    lines = text.split("\n")
    best: list[str] = []
    parses = 0
    for start, line in enumerate(lines):
        if not line.strip() or line[0] in " \t)]}" or len(lines) - start <= len(best):
            continue
        end = len(lines)
        while end > start and parses < _MOST_PARSES:
            parses += 1
            run = "\n".join(lines[start:end])
            failed_at = _error_line(run)
            if failed_at is None:
                if end - start > len(best) and _defines(run, entry_point):
                    best = lines[start:end]
                break
            end = min(end - 1, start + max(failed_at - 1, 0))
    return "\n".join(best) if best else None


def _parse(source: str) -> ast.Module | None:
    """The module, when the text is Python with at least one statement."""
    try:
        module = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return module if module.body else None


def _error_line(source: str) -> int | None:
    """The line, from 1, at which the text stops being Python; None where it does not."""
    try:
        parse(source)
    except SyntaxError as error:
        return error.lineno or 1
    except (ValueError, RecursionError, MemoryError):
        return 1
    return None


def _names(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement binds, inside `if`, `try` and the like too."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(a.asname or a.name).partition(".")[0] for a in statement.names}
    names = set()
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt | ast.ExceptHandler):
            names |= _names(child)  # type: ignore[arg-type]
        else:
            names |= {n.id for n in ast.walk(child) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return names


def _defines(source: str, entry_point: str) -> bool:
    module = _parse(source)
    return module is not None and any(entry_point in _names(s) for s in module.body)


def _is_main(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and any(
        isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(statement.test)
    )


def _needed(statement: ast.stmt, after: bool, entry_point: str) -> bool:
    """Whether a top-level statement may be part of the solution; `after`: it follows the entry point."""
    if isinstance(statement, ast.Assert) or _is_main(statement):
        return False
    if isinstance(statement, _DEFINITIONS) or not after:
        return not _is_print(statement)
    used = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return not used & {"input", "print"} and not _calls(statement, entry_point)
    if isinstance(statement, ast.Try | ast.If):
        return bool(_names(statement)) and not _calls(statement, entry_point) and "print" not in used
    return False


def _is_print(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"


def _calls(statement: ast.stmt, name: str) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name for n in ast.walk(statement)
    )


def _solution_only(source: str, entry_point: str) -> str:
    """The source without the lines of statements that are no part of the solution. It must parse."""
    source = as_python_counts(source)
    module = _parse(source)
    if module is None:
        return source
    last = max((i for i, s in enumerate(module.body) if entry_point in _names(s)), default=len(module.body))
    lines = source.split("\n")
    keep: set[int] = set()
    drop: set[int] = set()
    for index, statement in enumerate(module.body):
        span = range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1)
        (keep if _needed(statement, index > last, entry_point) else drop).update(span)
    return (
        "\n".join(line for number, line in enumerate(lines, 1) if number in keep or number not in drop).rstrip() + "\n"
    )


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])
