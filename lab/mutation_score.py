"""How many small faults the mini bench's tests notice: the mutation score of its own tests.

    python -m lab.mutation_score [TASKS]

Every reference solution is changed in one place by an ordinary mutation operator (comparison, arithmetic, constant,
negated condition, dropped statement, bound), and the task's inputs are run. A mutant that gives the reference's answer
on all of them and on 400 further random inputs of the same kind is taken to be equal in meaning and left out of the
count; one that differs only on the further inputs is a miss.
"""

import ast
import copy
import sys
from collections.abc import Iterator
from random import Random

from fgit_cli.benches.mini.family import Task, tasks
from fgit_cli.benches.mini.inputs import number_lists, sentences, texts

_COMPARE = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,), ast.Is: (ast.IsNot,),
}  # fmt: skip
_ARITHMETIC = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult}


def mutants(source: str) -> Iterator[str]:
    """The source with one place changed, for every place and operator."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for change in _changes(node):
            other = copy.deepcopy(tree)
            target = list(ast.walk(other))[number]
            change(target)
            yield ast.unparse(ast.fix_missing_locations(other))


def _changes(node: ast.AST) -> Iterator:
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            for kind in _COMPARE.get(type(op), ()):
                yield lambda n, i=i, kind=kind: n.ops.__setitem__(i, kind())
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield lambda n: setattr(n, "op", _ARITHMETIC[type(n.op)]())
    if isinstance(node, ast.Constant) and type(node.value) is int:
        for step in (1, -1):
            yield lambda n, step=step: setattr(n, "value", n.value + step)
    if isinstance(node, ast.If | ast.IfExp):
        yield lambda n: setattr(n, "test", ast.UnaryOp(ast.Not(), n.test))
    if isinstance(node, ast.FunctionDef | ast.For | ast.If):
        for i, statement in enumerate(node.body):
            if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.Return | ast.If):
                yield lambda n, i=i: n.body.__setitem__(i, ast.Pass())


def answers(source: str, name: str, inputs: list[tuple]) -> list:
    """What the function returns for each input; the exception's type where it raises."""
    namespace: dict = {}
    exec(source, namespace)
    out = []
    for arguments in inputs:
        try:
            out.append(namespace[name](*(list(a) if isinstance(a, list) else a for a in arguments)))
        except Exception as error:
            out.append(type(error))
    return out


def further(task: Task, random: Random) -> list[tuple]:
    """More inputs of the kind that the task's own are."""
    marks = [v for a in task.inputs[0:4] for x in a if isinstance(x, list) for v in x][:6]
    shape = task.composition.split("/")[0]
    if task.composition.startswith("together"):
        return list(zip(number_lists(random, marks, 400), number_lists(random, marks, 400), strict=False))
    if isinstance(task.inputs[0][0], list):
        return [(x,) for x in number_lists(random, marks, 400)]
    make = sentences if shape == "words" else texts
    return [(x,) for x in make(random, "abest", 400)]


def score(count: int, split: str = "test") -> tuple[int, int, list[tuple[str, str]]]:
    """Mutants killed, mutants that differ in meaning, and the missed ones as (task, source)."""
    killed = total = 0
    missed = []
    for task in tasks(split, count):  # type: ignore[arg-type]
        more = further(task, Random(task.task_id))
        right = answers(task.solution, task.entry_point, more)
        for source in mutants(task.solution):
            if answers(source, task.entry_point, task.inputs) != task.expected:
                killed, total = killed + 1, total + 1
            elif answers(source, task.entry_point, more) != right:
                total += 1
                missed.append((task.task_id, source))
    return killed, total, missed


if __name__ == "__main__":
    killed, total, missed = score(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
    for name, source in missed[:20]:
        print(f"missed, {name}:\n{source}\n")
    print(f"mutation score {killed / total:.1%} ({killed} of {total} mutants that differ in meaning)")
