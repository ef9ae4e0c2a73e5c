"""Applies Cosmic Ray's mutation operators to Python (github.com/sixty-north/cosmic-ray); they change the syntax tree.

What they make always parses, where a line rule may not. Comments and strings are never touched.
"""

import functools
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from fgit_cli.core.languages import python_tree
from fgit_cli.engines.rules import Mutation
from fgit_cli.errors import MissingExtra

LANGUAGES = frozenset({"python"})


@functools.lru_cache(maxsize=1)
def version() -> str:
    """The installed Cosmic Ray's version."""
    return metadata.version("cosmic-ray")


def mutations(code: str, language: str) -> Iterator[Mutation]:
    """Every mutation of the code; none where it is no valid Python 3. Raises MissingExtra without the package.

    The two operators that need names of variables as arguments are left out.
    """
    operators = _operators()
    if python_tree(code) is None:
        return
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code

    nodes = list(ast_nodes(get_ast(code)))
    for name, operator in operators:
        number = 0
        for node in nodes:
            for (line, _), _ in operator().mutation_positions(node):
                make = functools.partial(mutate_code, code, operator(), number)
                yield Mutation(name.rsplit("_", 1)[0], name, line - 1, make)
                number += 1


@functools.lru_cache(maxsize=1)
def _operators() -> list[tuple[str, Any]]:
    try:
        from cosmic_ray.operators.provider import OperatorProvider
    except ImportError:
        raise MissingExtra("--method cosmic-ray", "mutate") from None
    provider = OperatorProvider()
    return [(name, provider[name]) for name in provider if not provider[name].arguments()]
