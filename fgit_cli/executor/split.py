"""Tells whether tests can be run apart from the code, and what they need of it, by the two texts alone.

The tests are Python run after the code, in its namespace. Run apart, the names that they take from the code stand for
things in the code's process (tests_side.py), all but the modules that the code imports, which are imported again.
"""

import ast
import builtins
import symtable
import sys
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.python_parse import parse

_ALIASES = {"np": "numpy", "pd": "pandas", "plt": "matplotlib.pyplot", "sns": "seaborn", "dt": "datetime"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)
_BUILTINS = frozenset(dir(builtins))
# What tests say that have to do with more of the code's process than its names.
_BESIDE = frozenset(
    str.split(
        "patch mock Mock MagicMock monkeypatch capsys capfd capsysbinary caplog redirect_stdout redirect_stderr stdout "
        "stderr stdin open tempfile TemporaryDirectory NamedTemporaryFile tmp_path tmpdir chdir environ seed globals "
        "inspect getsource settrace gc __code__ __dict__ __globals__ __main__ doctest"
    )
)


class CannotSplit(Exception):
    """These tests cannot be run apart from the code; says why."""


@dataclass(frozen=True)
class SplitPlan:
    """What the tests need of the code. `names`: bound by the code; `classes`: those that the tests name and that are no
    functions; `imports`: statements; `odd`: the code may give objects of other classes."""

    names: tuple[str, ...]
    classes: tuple[str, ...]
    imports: str
    odd: bool = True

    def as_record(self) -> dict[str, Any]:
        return {"names": self.names, "classes": self.classes, "imports": self.imports, "odd": self.odd}


def plan(code: str, tests: str, sure: bool) -> SplitPlan:
    """What the tests need of this code. Raises CannotSplit.

    `sure`: the code is the reference, which will show whether the tests run apart; else what tests commonly cannot is
    refused by name, and a name of Python's or of a module that the code binds to something of its own.
    """
    try:
        read = parse(tests)
        wanted = _free(tests) | _taken(read)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise CannotSplit("the tests do not parse") from None
    try:
        tree = parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = ast.Module([], [])  # it fails when it is loaded
    said = {
        n.id if isinstance(n, ast.Name) else n.attr for n in ast.walk(read) if isinstance(n, ast.Name | ast.Attribute)
    }
    imported, bound = _imports(tree), _bound(tree)
    own = (wanted | _defined(tree, _DEFINITIONS)) & bound
    if not sure:
        own -= {name for name in own - wanted if _elsewhere(name)}
        for name in sorted(own):
            if _elsewhere(name):
                raise CannotSplit(f"the code gives {name} a meaning of its own")
        if beside := sorted(said & _BESIDE - own):
            raise CannotSplit(f"the tests use {beside[0]}")
    statements = []
    for name in sorted((wanted - own) & imported.keys()):
        if not _harmless(*imported[name], name):
            raise CannotSplit(f"the tests use {name}, which the code imports")
        module, member = imported[name]
        statements.append(f"from {module} import {member} as {name}" if member else f"import {module} as {name}")
    return SplitPlan(
        tuple(sorted(own)), tuple(sorted(own & wanted - _defined(tree, _FUNCTIONS))), "\n".join(statements)
    )


def _elsewhere(name: str) -> bool:
    """Whether the name means something without the code."""
    return name in _BUILTINS or name in _ALIASES or name in sys.stdlib_module_names


def _harmless(module: str, member: str | None, name: str) -> bool:
    """Whether the import binds what its name says, so that nothing else can pass under the name."""
    if member is None:
        return module == name or _ALIASES.get(name) == module
    return member == name and module.partition(".")[0] in sys.stdlib_module_names and not module.startswith("unittest")


def _free(tests: str) -> set[str]:
    """The names that the tests use and do not bind themselves at the top level."""
    top = symtable.symtable(tests, "tests.py", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()}
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    todo = list(top.get_children())
    while todo:
        table = todo.pop()
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        bound |= {s.get_name() for s in table.get_symbols() if s.is_declared_global() and s.is_assigned()}
        todo += table.get_children()
    return used - bound


def _taken(tests: ast.Module) -> set[str]:
    """The names that the tests may mean to import from the code, and the attributes of modules that it may be."""
    names, modules = set(), set()
    for node in ast.walk(tests):
        if isinstance(node, ast.ImportFrom) and (node.level or _may_be_code(node.module or "")):
            names |= {a.name for a in node.names}
            modules |= {a.asname or a.name for a in node.names}
        elif isinstance(node, ast.Import):
            modules |= {a.asname or a.name.partition(".")[0] for a in node.names if _may_be_code(a.name)}
    attributes = (n for n in ast.walk(tests) if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name))
    return names | {n.attr for n in attributes if n.value.id in modules}  # type: ignore[attr-defined]


def _may_be_code(module: str) -> bool:
    top = module.partition(".")[0]
    return top not in sys.stdlib_module_names and top not in ("numpy", "pandas", "pytest", "hypothesis")


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a module's top level, those in `if`, `try`, `with` and loops too."""
    found = []
    for statement in body:
        found.append(statement)
        if not isinstance(statement, _DEFINITIONS):
            for name in ("body", "orelse", "finalbody"):
                found += _statements(getattr(statement, name, []))
            for handler in getattr(statement, "handlers", []):
                found += _statements(handler.body)
    return found


def _imports(tree: ast.Module) -> dict[str, tuple[str, str | None]]:
    """The names that imports bind, with module and member; `import a.b` binds `a`."""
    names: dict[str, tuple[str, str | None]] = {}
    for s in _statements(tree.body):
        if isinstance(s, ast.Import):
            for a in s.names:
                names[a.asname or a.name.partition(".")[0]] = (a.name if a.asname else a.name.partition(".")[0], None)
        elif isinstance(s, ast.ImportFrom) and not s.level and s.module:
            names |= {a.asname or a.name: (s.module, a.name) for a in s.names}
    return names


def _bound(tree: ast.Module) -> set[str]:
    """The names that the code binds at its top level by other means than imports."""
    names: set[str] = set()
    for s in _statements(tree.body):
        if isinstance(s, _DEFINITIONS):
            names.add(s.name)
        elif not isinstance(s, ast.Import | ast.ImportFrom):
            parts = [s] if not hasattr(s, "body") else [c for c in ast.iter_child_nodes(s) if isinstance(c, ast.expr)]
            names |= {n.id for part in parts for n in ast.walk(part)
                      if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}  # fmt: skip
    return names


def _defined(tree: ast.Module, kinds: tuple[type[ast.stmt], ...]) -> set[str]:
    """The names of the definitions of these kinds at the code's top level."""
    return {s.name for s in _statements(tree.body) if isinstance(s, kinds)}  # type: ignore[attr-defined]
