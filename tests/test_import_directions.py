"""Imports run one way. The table says for each part of fgit what it may import; this is all that a change edits."""

import ast
import graphlib
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "fgit_cli"

# A part is a folder of fgit_cli or a module at its top. BELOW may be imported by every part but core.
BELOW = {"errors", "options", "jsonl", "formats", "hub", "messages", "prompts", "configs", "install", "completion",
         "suggestions", "older_transformers"}  # fmt: skip
MAY_IMPORT = {
    "__main__": {"app"},
    "app": {"commands"},
    "api": {"core", "executor", "engines", "training", "benches", "stages"},
    "commands": {"stages", "engines", "training", "benches", "executor", "core", "reporting", "views"},
    "stages": {"engines", "training", "benches", "executor", "core"},
    "engines": {"executor", "core"},
    "training": {"core"},
    "benches": {"executor", "core"},
    "executor": {"core"},
    "reporting": {"views", "core"},
    "views": {"core"},
    "core": set(),
}
AMONG_BELOW = {
    "errors": {"install"},
    "completion": set(),
    "options": {"errors", "completion"},
    "jsonl": {"errors", "messages", "formats"},
    "formats": {"errors", "install"},
    "hub": {"errors", "messages"},
    "messages": {"errors", "options"},
    "prompts": {"errors"},
    "configs": set(),
    "install": set(),
    "older_transformers": set(),
    "suggestions": set(),
}
# Imports that run upward or close a circle and are still there: (module, imported module). Only ever made shorter.
STILL_THERE: set[tuple[str, str]] = set()


def imports() -> dict[str, set[str]]:
    """For each module of fgit_cli the modules of fgit_cli that it imports anywhere, inside functions too."""
    modules = {".".join(p.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): p
               for p in PACKAGE.rglob("*.py")}  # fmt: skip
    found = {}
    for module, path in modules.items():
        folder = path.relative_to(PACKAGE).parent.parts
        named = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = (node.module or "").split(".")
                if node.level:
                    base = ["fgit_cli", *folder[: len(folder) - node.level + 1], *filter(None, base)]
                whole = ".".join(base)
                named |= {f"{whole}.{a.name}" if f"{whole}.{a.name}"[9:] in modules else whole for a in node.names}
        found[module] = {name[9:] for name in named if name.startswith("fgit_cli.")} - {module}
    return found


def part(module: str) -> str:
    return module.split(".")[0]


def allowed() -> dict[str, set[str]]:
    below = dict.fromkeys(MAY_IMPORT, BELOW) | {"core": {"errors"}}
    return {name: others | below[name] for name, others in MAY_IMPORT.items()} | AMONG_BELOW


def test_the_table_has_no_circle():
    assert list(graphlib.TopologicalSorter(allowed()).static_order())


def test_every_part_is_in_the_table():
    assert {part(module) for module in imports()} <= {*allowed(), "__init__"}


def test_every_import_is_in_the_table():
    table = allowed()
    against = {
        (module, other)
        for module, others in imports().items()
        for other in others
        if part(other) not in (part(module), "__init__") and part(other) not in table.get(part(module), ())
    }
    assert against <= STILL_THERE
    assert {(a, b) for a, b in STILL_THERE if b not in imports().get(a, ())} == set(), "gone, and still listed"


def test_modules_import_each_other_in_no_circle():
    edges = {module: {o for o in others if (module, o) not in STILL_THERE} for module, others in imports().items()}
    assert list(graphlib.TopologicalSorter(edges).static_order())
