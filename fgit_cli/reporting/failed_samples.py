"""Why samples fail: by type of error, and how many failures are a few lines from a correct solution.

FGit's analysis (sections I and IV) counts failures that three changed lines mend. Here the nearest correct solution
is sought among the reference (`--references`) and every passing solution read for the same task. Python is compared as
the parser sees it, without comments, docstrings, hints and what the tested function does not reach; a renamed variable
counts as a change, so the share is a lower bound.
"""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice

from cydifflib import SequenceMatcher

from fgit_cli.core.python_same import bare_tree
from fgit_cli.core.statistics import wilson
from fgit_cli.reporting.results import JudgedSample, Run, Tests
from fgit_cli.reporting.scores import Runs, benches, models
from fgit_cli.reporting.table import Column, Table

NEAR = 3  # changed lines: FGit, sections I and IV
TYPES = 12  # rows of the errors' table for each bench, before the rest is summed up
CANDIDATES = 50  # correct solutions of a task that a failure is compared with
LONGEST = 4_000_000  # pairs of lines compared: what a looping model wrote is not searched for a nearest solution

References = dict[str, str]  # task_id: a correct program


def headline(run: Run) -> Tests:
    """The tests whose pass@1 a bench is known by: both where it has both."""
    return run.tests[-1]


def failures(run: Run) -> Iterator[JudgedSample]:
    tests = headline(run)
    return (one for one in run.samples if not one.infra and not one.passes(tests))


def first_failures(run: Run) -> list[JudgedSample]:
    """Of each failed task the first failing sample: hundreds of samples a task are not each compared with hundreds."""
    return list({one.task_id: one for one in reversed(list(failures(run)))}.values())[::-1]


def errors(runs: Runs) -> Table | None:
    """Failing samples by type of their first failure, a column for each model (Target-DPO's Table 18)."""
    counted: dict[str, dict[str, Counter[str]]] = defaultdict(dict)
    for (model, bench), run in runs.items():
        counted[bench][model] = Counter(cause(one) for one in failures(run))
    columns = [Column("bench", "Bench"), Column("error", "First failure")]
    columns += [Column(model, model, "count") for model in models(runs)]
    rows: list[dict] = []
    for bench in benches(runs):
        by_model = counted[bench]
        everything: Counter[str] = sum(by_model.values(), Counter())
        kinds = [kind for kind, _ in everything.most_common(TYPES)]
        rows += [{"bench": bench, "error": kind} | {m: c[kind] for m, c in by_model.items()} for kind in kinds]
        if len(everything) > TYPES:
            rest = {m: sum(n for kind, n in c.items() if kind not in kinds) for m, c in by_model.items()}
            rows.append({"bench": bench, "error": "other types"} | rest)
        rows.append({"bench": bench, "error": "all failures"} | {m: c.total() for m, c in by_model.items()})
    if not any(c for by_model in counted.values() for c in by_model.values()):
        return None
    return Table("errors", "Failures by type", columns, rows, ["Failing samples, by the type of their first failure."])


def cause(one: JudgedSample) -> str:
    """The type of the first failure: an exception's name, or the verdict where nothing was raised."""
    verdict = next(v for v in (one.base, one.plus) if v not in ("pass", None))
    if verdict in ("timeout", "memory"):
        return verdict
    return one.error_type or "wrong output"


def messages(runs: Runs) -> Table | None:
    """The commonest messages, names and numbers taken out: `KeyError: 'X'`."""
    counted: Counter[tuple[str, str, str]] = Counter()
    for (model, bench), run in runs.items():
        for one in failures(run):
            if one.error_message:
                counted[model, bench, f"{cause(one)}: {template(one.error_message)}"] += 1
    columns = [
        Column("model", "Model"),
        Column("bench", "Bench"),
        Column("message", "Message"),
        Column("n", "Samples", "count"),
    ]
    rows = [{"model": m, "bench": b, "message": text, "n": n} for (m, b, text), n in counted.most_common(200)]
    return Table("messages", "Failures by message", columns, rows) if rows else None


def template(message: str) -> str:
    """A message without what differs from task to task: quoted texts X, numbers N, its first line alone."""
    line = message.split("\n", 1)[0][:200]
    line = re.sub(r"'[^']*'|\"[^\"]*\"", "'X'", line)
    return re.sub(r"-?\d+(\.\d+)?(e[+-]?\d+)?", "N", line)


def near(runs: Runs, nearest: "Nearest", baseline: str | None) -> Table | None:
    """The share of failures within NEAR changed lines of the nearest correct solution.

    With a baseline also the baseline's failures that each other model solves, as FGit counts them for standard SFT.
    """
    columns = [
        Column("model", "Failures of"), Column("bench", "Bench"), Column("solved_by", "Solved by"),
        Column("failures", "Failures", "count"), Column("compared", "Compared", "count"),
        Column("near", f"Within {NEAR} lines", "count"), Column("share", "Share", "percent"),
        Column("interval", "95 % interval", "interval"),
    ]  # fmt: skip
    rows = []
    for (model, bench), run in runs.items():
        failing = first_failures(run)
        rows.append(near_row(model, bench, None, [nearest.changed_lines(bench, one) for one in failing]))
        if model != baseline:
            continue
        for (other, b), theirs in runs.items():
            if b != bench or other == model:
                continue
            solved = {task for task, share in theirs.shares(headline(theirs)).items() if share == 1}
            mended = [nearest.changed_lines(bench, one) for one in failing if one.task_id in solved]
            rows.append(near_row(model, bench, other, mended))
    rows = [row for row in rows if row["compared"]]
    if not rows:
        return None
    notes = [
        "The first failing sample of each task. Compared: those of tasks for which a correct solution is at hand "
        f"({'references and ' if nearest.references else ''}passing solutions in these files).",
        "Published: 34.5 % of Llama-3.1-70B-Instruct's HumanEval failures (FGit, I); of standard SFT's failures that "
        "FGit solves 81.8 % (SemCoder-S), 71.4 % (MagiCoder-DS), 66.7 % (MagiCoder-CL) (FGit, IV-A), counted by hand.",
    ]
    return Table("near", f"Failures within {NEAR} changed lines of a correct solution", columns, rows, notes)


def near_row(model: str, bench: str, other: str | None, distances: list[int | None]) -> dict:
    compared = [d for d in distances if d is not None]
    close = sum(d <= NEAR for d in compared)
    row: dict = {
        "model": model,
        "bench": bench,
        "solved_by": other,
        "failures": len(distances),
        "compared": len(compared),
    }
    if compared:
        low, high = wilson(close / len(compared), len(compared))
        row |= {"near": close, "share": 100 * close / len(compared), "interval": (100 * low, 100 * high)}
    return row


class Nearest:
    """The correct solutions at hand for each task, and how far a failing one is from the nearest."""

    def __init__(self, runs: Runs, references: References) -> None:
        self.correct: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self.references = references
        self.found: dict[tuple[str, str, str], tuple[int, str] | None] = {}
        for (_, bench), run in runs.items():
            for one in run.samples:
                if not one.infra and one.passes(headline(run)):
                    self.correct[bench, one.task_id][one.solution] = None

    def solutions(self, bench: str, task_id: str) -> Iterable[str]:
        if task_id in self.references:
            yield self.references[task_id]
        yield from islice(self.correct.get((bench, task_id), ()), CANDIDATES)

    def closest(self, bench: str, one: JudgedSample) -> tuple[int, str] | None:
        """The fewest changed lines and the solution that needs them; None where there is no correct one."""
        key = bench, one.task_id, one.solution
        if key not in self.found:
            tried = ((changed_lines(one.solution, correct), correct) for correct in self.solutions(bench, one.task_id))
            self.found[key] = min(((n, c) for n, c in tried if n is not None), default=None, key=lambda pair: pair[0])
        return self.found[key]

    def changed_lines(self, bench: str, one: JudgedSample) -> int | None:
        found = self.closest(bench, one)
        return found[0] if found else None


def changed_lines(wrong: str, correct: str) -> int | None:
    """Lines to change, insert or take out: a hunk counts its longer side. None where they are too long to compare."""
    a, b = comparable(wrong, correct)
    if len(a) * len(b) > LONGEST:
        return None
    opcodes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in opcodes if tag != "equal")


def comparable(wrong: str, correct: str) -> tuple[list[str], list[str]]:
    """Both programs as lines that differ only where the code does; as they stand where one does not parse."""
    trees = bare_tree(wrong), bare_tree(correct)
    if trees[0] is None or trees[1] is None:
        return plain_lines(wrong), plain_lines(correct)
    shared = frozenset(functions(trees[0])) & frozenset(functions(trees[1]))
    return code_lines(wrong, shared), code_lines(correct, shared)


def plain_lines(code: str) -> list[str]:
    """The lines without blank ones, comments of their own line, and spaces at the end."""
    return [line.rstrip() for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def functions(tree: ast.Module) -> list[str]:
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@lru_cache(maxsize=4096)
def code_lines(code: str, roots: frozenset[str]) -> list[str]:
    """The module-level statements that the functions `roots` reach, last definitions only, one statement a line."""
    tree = bare_tree(code)
    assert tree is not None
    if not roots:
        return statements(tree)
    bound: dict[str, ast.stmt] = {}
    for node in tree.body:
        for name in names_bound(node):
            bound[name] = node
    reached: set[int] = set()
    wanted = list(roots)
    seen: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in seen or name not in bound:
            continue
        seen.add(name)
        reached.add(id(bound[name]))
        wanted += [n.id for n in ast.walk(bound[name]) if isinstance(n, ast.Name)]
    kept = [node for node in tree.body if id(node) in reached]
    return statements(ast.Module(body=kept, type_ignores=[]))


def statements(tree: ast.Module) -> list[str]:
    """The code as Python itself would write it, without the blank lines between functions."""
    return [line for line in ast.unparse(tree).split("\n") if line]


def names_bound(node: ast.stmt) -> list[str]:
    """What a statement of a module binds: functions, classes, imports, assigned names."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
