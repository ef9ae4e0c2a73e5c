"""Compilers are asked where they are installed; what they cannot know leaves a variant as it is."""

import json

import pytest

from fgit_cli.engines.rules import compilers
from tests.helpers.served_teacher import lines

CODES = {
    "c": ('int f(int a) {\n    return strlen("abc") + a;\n}\n', "return strlen", "return &strlen"),
    "cpp": ("bool same(vector<int> a, int k) {\n    return k == 0 || a[k] != a[k - 1];\n}\n", "!= a", "= a"),
    "java": (
        "static boolean f(int[] a) {\n    return a[0] != new ArrayList<Integer>().size();\n}\n",
        "!= new",
        "= new",
    ),
}


@pytest.mark.parametrize("language", CODES)
def test_what_no_compiler_takes(language):
    if not compilers.installed(language):
        pytest.skip(f"no compiler for {language} here")
    code, right, wrong = CODES[language]
    assert compilers.breaks(code, code.replace(right, wrong), language)
    assert not compilers.breaks(code, code.replace("0", "1"), language)
    assert not compilers.breaks("this is no code", "nor is this", language)  # nothing can be told of a fragment


def test_without_a_compiler_nothing_is_told(monkeypatch):
    monkeypatch.setattr(compilers.shutil, "which", lambda name: None)
    assert not compilers.breaks(CODES["cpp"][0], "this is no code", "cpp")
    assert not compilers.breaks("x = 1\n", "x =\n", "python")


def test_rules_and_their_faults(fgit):
    pytest.importorskip("universalmutator")
    code = 'def f(x):\n    return x + 1\n\nprint("three of 3")\nprint(f(3))\n'
    rows = [{"id": "a", "instruction": "Add.", "response": f"```python\n{code}```\n"}]
    changed = {}
    for words in ((), ("--no-faults-only",)):
        ran = fgit("mutate", "--method", "universalmutator", "--variants", "200", *words, stdin=lines(rows))
        variants = [v["text"].split("\n") for v in json.loads(ran.out)["variants"]]
        changed[words] = {i for v in variants for i, line in enumerate(code.split("\n")) if line not in v}
        assert ("changes an example" in ran.err) is (not words)
    assert changed[()] == {1}
    assert changed[("--no-faults-only",)] >= {1, 3, 4}


def test_workers_change_nothing(fgit):
    pytest.importorskip("universalmutator")
    fenced = [f"```{language}\n{code}```\n" for language, (code, *_) in CODES.items()]
    rows = [{"id": str(i), "instruction": "Do.", "response": text} for i, text in enumerate(fenced)]
    words = ("mutate", "--method", "universalmutator")
    one, two = (fgit(*words, "--workers", n, stdin=lines(rows)).out for n in (1, 2))
    assert one == two
    assert [json.loads(line)["id"] for line in one.splitlines()] == ["0", "1", "2"]
