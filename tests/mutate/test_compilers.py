"""Compilers are asked where they are installed; what they cannot know leaves a variant as it is."""

import json
import os
import time

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
    assert compilers.verdict(code, code.replace(right, wrong), language) == "breaks"
    assert compilers.verdict(code, code.replace("0", "1"), language) == "compiles"
    assert compilers.verdict("this is no code", "nor is this", language) == "fragment"


def test_without_a_compiler_nothing_is_told(monkeypatch):
    monkeypatch.setattr(compilers.shutil, "which", lambda name: None)
    assert compilers.verdict(CODES["cpp"][0], "this is no code", "cpp") == "fragment"
    assert compilers.verdict("x = 1\n", "x =\n", "python") == "fragment"


TROUBLES = {
    "out of time": "sleep 60 & echo $! > child; wait",
    "killed": "kill -9 $$",
    "its compiler killed": "echo 'gcc: fatal error: Killed signal terminated program cc1'; exit 1",
    "out of memory": "echo 'cc1: out of memory allocating 65536 bytes after a total of 1048576 bytes'; exit 1",
    "out of disk": "echo 'Snippet.java:1: error: error while writing Snippet: No space left on device'; exit 1",
    "out of files": "echo 'x.c:1:10: fatal error: stdio.h: Too many open files'; exit 1",
    "a part is missing": "echo \"gcc: fatal error: cannot execute 'cc1': execvp: No such file or directory\"; exit 1",
    "an error of its own": "echo 'x.c:3:1: internal compiler error: in build_int'; exit 4",
    "no virtual machine": "echo 'Error: Could not create the Java Virtual Machine.'; exit 1",
}


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A `gcc` that takes code in which `right` stands, and else does as the script says."""

    def put(script, right="right"):
        program = tmp_path / "bin" / "gcc"
        program.parent.mkdir()
        last = "for file; do :; done\n"
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\n{last}grep -q "{right}" "$file" && exit 0\n{script}\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        compilers._surroundings.cache_clear()

    yield put
    compilers._surroundings.cache_clear()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_compiler_in_trouble_tells_nothing(compiler, monkeypatch, tmp_path, trouble):
    monkeypatch.setattr(compilers, "SECONDS", 1.0)
    compiler(TROUBLES[trouble])
    assert compilers.verdict("right", "wrong", "c") == "untold"
    if trouble == "out of time":  # and what it had started is ended
        for _ in range(100):
            if not _alive(int((tmp_path / "child").read_text())):
                break
            time.sleep(0.02)  # until the system has collected it
        else:
            pytest.fail("still running")


def _alive(number):
    try:
        with open(f"/proc/{number}/stat") as stat:
            return stat.read().split(") ")[-1][0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("where", ["x.c:3:1: error: expected ';'", "/usr/include/c++/12/bits/a.h:4:2: fatal error: no"])
def test_a_refusal_names_a_line(compiler, where):
    compiler(f'echo "{where}"; exit 1')
    assert compilers.verdict("right", "wrong", "c") == "breaks"
    assert compilers.verdict("right", "right, too", "c") == "compiles"


def test_a_compiler_that_cannot_be_started_tells_nothing(compiler, monkeypatch):
    compiler("")
    assert compilers.compiles("right", "c") is True

    def none_left(*words, **how):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(compilers.subprocess, "Popen", none_left)
    assert compilers.compiles("right", "c") is None
    monkeypatch.setattr(compilers.tempfile, "TemporaryDirectory", none_left)  # no space left, say
    assert compilers.compiles("right", "c") is None


def test_what_a_compiler_cannot_tell_is_kept_and_said(fgit, compiler):
    pytest.importorskip("universalmutator")
    code = "int f(int a) {\n    return a + 1;\n}\n"
    rows = [{"id": "a", "instruction": "Add.", "response": f"```c\n{code}```\n"}]
    compiler("kill -9 $$", right="return a + 1;")
    ran = fgit("mutate", "--method", "universalmutator", "--variants", "2", stdin=lines(rows))
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)["variants"]) == 2
    assert "2 variants on which a compiler gave no answer" in ran.err


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
