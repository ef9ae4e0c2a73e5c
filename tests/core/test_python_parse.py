"""Python is parsed again where another thread has disturbed the parser, wherever fgit parses in threads."""

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import fgit_cli
from fgit_cli.benches import extract
from fgit_cli.benches.bigcodebench import suspicious
from fgit_cli.core import python_parse
from fgit_cli.core.codeflow import gutted
from fgit_cli.core.languages import parse_python
from fgit_cli.core.python_parse import parse
from fgit_cli.core.written_tests import can_fail
from fgit_cli.executor.split import plan

CODE = "import gc\n\ndef f(x):\n    return x\n"


@pytest.fixture
def disturbed(monkeypatch):
    """Every text's first parse raises what CPython 3.11 raises; the list of texts asked for."""
    asked, real = [], ast.parse

    def once(text, *rest, **more):
        asked.append(text)
        if asked.count(text) == 1:
            raise SystemError("AST constructor recursion depth mismatch (before=25, after=23)")
        return real(text, *rest, **more)

    monkeypatch.setattr(python_parse, "ast", SimpleNamespace(parse=once))
    return asked


def test_a_disturbed_parse_is_tried_again(disturbed):
    assert ast.dump(parse(CODE)) == ast.dump(ast.parse(CODE))
    assert disturbed == [CODE, CODE]


def test_what_is_no_python_stays_an_error(disturbed):
    with pytest.raises(SyntaxError) as found:
        parse("x = 1\ny = = 2\n")
    assert found.value.lineno == 2


def test_a_parser_that_never_works_says_so(monkeypatch):
    def always(text):
        raise SystemError("out of order")

    monkeypatch.setattr(python_parse, "ast", SimpleNamespace(parse=always))
    with pytest.raises(SystemError, match="out of order"):
        parse(CODE)


@pytest.mark.parametrize(
    ("use", "wanted"),
    [
        (parse_python, lambda tree: isinstance(tree, ast.Module)),
        (gutted, lambda code: "return None" in code),
        (can_fail, lambda answer: answer is False),
        (suspicious, lambda names: names == ["gc"]),
        (extract._error_line, lambda line: line is None),
        (lambda code: plan(code, "assert f(1) == 1\n", sure=True), lambda found: found.names == ("f",)),
    ],
)
def test_each_user_outlives_a_disturbance(disturbed, use, wanted):
    assert wanted(use(CODE))
    assert len(disturbed) > 1


def test_no_other_place_parses_by_itself():
    """All but the script of the sandbox, which has a process of its own."""
    root = Path(fgit_cli.__file__).parent
    found = {str(p.relative_to(root)) for p in root.rglob("*.py") if re.search(r"\bast\.parse\(", p.read_text("utf-8"))}
    assert found == {"core/python_parse.py", "core/tests_inside/running.py"}
