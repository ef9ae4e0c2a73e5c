"""Tests that a model wrote for its own code: found in its answer, made to run, and checked for saying anything.

The relative of FGit that learns from debugging (Target-DPO, section 2.1, appendix A.2) makes pairs from an instruction
alone: a teacher writes code and tests and repairs the code until the tests pass. All of that stands on the tests, and
a teacher may write tests that cannot fail.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterable
from types import CodeType

from fgit_cli.core import fences
from fgit_cli.core.answers import OMITS, Unusable
from fgit_cli.core.equivalence import normalise
from fgit_cli.core.languages import python_tree
from fgit_cli.core.python_parse import parse
from fgit_cli.core.variants import code_blocks
from fgit_cli.core.whole import omits
from fgit_cli.core.written_tests import can_fail


def code_and_tests(answer: str) -> tuple[str, str]:
    """The code and the tests of an answer with both in fenced blocks; tests are the last block that asserts anything.

    Raises Unusable with the reason.
    """
    blocks = _python_blocks(answer)
    if not blocks:
        raise Unusable("no code in the answer")
    asserting = [i for i, code in enumerate(blocks) if i and can_fail(code)]
    if not asserting:
        raise Unusable("no tests in the answer")
    return _valid(blocks[0]), runnable(blocks[asserting[-1]], blocks[0])


def only_code(answer: str, failing: str) -> str:
    """The code of an answer that repairs `failing`.

    A block that quotes the failing code, or tests it, is not the repair, nor is one that defines nothing of it. Raises
    Unusable where there is none, where there are several, and for code that is not whole.
    """
    blocks = _python_blocks(answer)
    wanted = _defined(python_tree(failing))
    failed = normalise(failing)
    repairs = {normalise(code): code for code in blocks if normalise(code) != failed}
    if len(repairs) > 1:
        repairs = {k: c for k, c in repairs.items() if not wanted or wanted <= _defined(python_tree(c))} or repairs
    if not blocks:
        raise Unusable("no code in the answer")
    repairs = repairs or {failed: blocks[0]}
    if len(repairs) > 1:
        raise Unusable("several repairs in one answer")
    code = next(iter(repairs.values()))
    if omits(code, failing, "python"):
        raise Unusable(OMITS)
    return code


def _python_blocks(answer: str) -> list[str]:
    """The Python of an answer, block by block. Raises Unusable for a fence that is not closed."""
    if not all(block.closed for block in fences.blocks(answer)):
        raise Unusable("a fence of the answer is not closed")
    return [b.code for b in code_blocks(answer, ("python",)) if b.language in ("python", "")]


def runnable(tests: str, code: str) -> str:
    """The tests as Python to be run after the code: without imports of it, and with calls of what they only define.

    Statements that assert nothing of the code are taken out. Raises Unusable for tests that do not parse, define anew
    what they should test, or have nothing left.
    """
    tree = python_tree(tests)
    if tree is None:
        raise Unusable("the tests do not parse")
    own = _defined(python_tree(code))
    body = [s for s in tree.body if not _imports_code(s, own) and not _runs_unittest(s)]
    if own & _defined(ast.Module(body, [])):
        raise Unusable("the tests define anew what they should test")
    body = [s for s in body if not (isinstance(s, ast.Assert) and not _names(s) & _reached(body, own))]
    calls = [c for s in body for c in _calls(s)]
    module = ast.Module(body, [])
    if not (can_fail(ast.unparse(module)) and _names(module) & own):
        raise Unusable("trivial tests")
    lines = [ast.get_source_segment(tests, s, padded=True) or "" for s in body]
    decorated = [_with_decorators(s, text) for s, text in zip(body, lines, strict=True)]
    return "\n".join([*decorated, *calls]) + "\n"


def telling(tests: str) -> str:
    """The tests with messages: a failing `assert f(2) == 3` says so, and what f(2) was instead."""

    class Tell(ast.NodeTransformer):
        def visit_Assert(self, node: ast.Assert) -> ast.AST:
            if node.msg is not None:
                return node
            said: list[ast.expr] = [ast.Constant(ast.unparse(node))]
            if isinstance(node.test, ast.Compare):
                name = "_compared"
                node.test.left = ast.NamedExpr(ast.Name(name, ast.Store()), node.test.left)
                said += [ast.Constant(", but it was "), ast.FormattedValue(ast.Name(name, ast.Load()), ord("r"))]
            node.msg = ast.JoinedStr(said)
            return node

    tree = python_tree(tests)
    if tree is None:
        return tests
    copy = parse(ast.unparse(tree))
    return ast.unparse(ast.fix_missing_locations(Tell().visit(copy))) + "\n"


def gutted(code: str) -> str:
    """The code with empty functions: tests that still pass test nothing. Raises Unusable if it does not parse."""
    tree = python_tree(code)
    if tree is None:
        raise Unusable("the code does not parse")

    class Gut(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.body = [ast.Return(ast.Constant(None))]
            return node

        def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
            node.body = [ast.Return(ast.Constant(None))]
            return node

    copy = parse(ast.unparse(tree))
    return ast.unparse(ast.fix_missing_locations(Gut().visit(copy))) + "\n"


def executable_lines(code: str) -> set[int]:
    """The lines (from 1) at which the code's bytecode does something; empty for code that does not compile."""
    try:
        todo = [compile(code, "solution.py", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return set()
    lines: set[int] = set()
    while todo:
        block = todo.pop()
        lines |= {line for _, _, line in block.co_lines() if line}
        todo += [c for c in block.co_consts if isinstance(c, CodeType)]
    return lines


def coverage_program(code: str, tests: str) -> str:
    """A program that runs both under coverage.py and leaves the code's executed lines in `__report__`."""
    return f"""import coverage
_measured = coverage.Coverage(data_file=None, include=["/solution.py"])
_measured.start()
try:
    exec(compile({code!r}, "/solution.py", "exec"), globals())
    exec(compile({tests!r}, "/tests.py", "exec"), globals())
finally:
    _measured.stop()
__report__ = sorted(_measured.get_data().lines("/solution.py") or [])
"""


def fenced(code: str) -> str:
    """Code as a response."""
    return f"```python\n{code.rstrip()}\n```"


def _valid(code: str) -> str:
    if python_tree(code) is not None and not _defined(python_tree(code)):
        raise Unusable("the code defines nothing that could be tested")
    return code


def _defined(tree: ast.Module | None) -> set[str]:
    """Names that a module binds at its top level by def, class or assignment."""
    names: set[str] = set()
    for s in tree.body if tree else []:
        if isinstance(s, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(s.name)
        elif isinstance(s, ast.Assign):
            names |= {t.id for t in s.targets if isinstance(t, ast.Name)}
    return names


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _reached(body: list[ast.stmt], own: set[str]) -> set[str]:
    """The code's names and those that the tests compute from them, one after the other."""
    reached = set(own)
    for _ in body:
        before = len(reached)
        for s in body:
            if _names(s) & reached:
                reached |= {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
                if isinstance(s, ast.FunctionDef):
                    reached.add(s.name)
        if len(reached) == before:
            break
    return reached


def _imports_code(s: ast.stmt, own: set[str]) -> bool:
    if not isinstance(s, ast.ImportFrom):
        return False
    library = (s.module or "").partition(".")[0] in sys.stdlib_module_names
    return s.level > 0 or any(a.name in own or (a.name == "*" and not library) for a in s.names)


def _runs_unittest(s: ast.stmt) -> bool:
    """`unittest.main()`, alone or under `if __name__ == "__main__":`, would end the process."""
    if isinstance(s, ast.If) and "__name__" in _names(s.test):
        return True
    return isinstance(s, ast.Expr) and isinstance(s.value, ast.Call) and ast.unparse(s.value.func) == "unittest.main"


def _calls(s: ast.stmt) -> list[str]:
    """What runs a test that is only defined: a `test_...` function, the cases of a unittest class."""
    if isinstance(s, ast.FunctionDef) and s.name.startswith("test") and not s.args.args:
        return [f"{s.name}()"]
    if isinstance(s, ast.ClassDef) and any(ast.unparse(b).endswith("TestCase") for b in s.bases):
        return [f"__import__('unittest').defaultTestLoader.loadTestsFromTestCase({s.name}).debug()"]
    return []


def _with_decorators(s: ast.stmt, text: str) -> str:
    """A definition's source segment leaves its decorators out."""
    decorators = getattr(s, "decorator_list", [])
    return "\n".join([*(f"@{ast.unparse(d)}" for d in decorators), text])


TENTHS = range(0, 101, 10)  # what `tenth` may be


def by_tenths(shares: Iterable[float]) -> dict[int, int]:
    """How many of the shares lie in each of TENTHS."""
    counts = Counter(map(tenth, shares))
    return {low: counts[low] for low in TENTHS}


def tenth(share: float) -> int:
    """The share in percent, down to whole tens; only all of it is 100."""
    return int(10 * share + 1e-9) * 10
