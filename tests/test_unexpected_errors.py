"""A record that meets a bug ends no run: it is left out with the error's type and place, and the run exits 1.

The bugs are planted: a function of each stage raises on the records whose instruction says so.
"""

import io
import json
import sys
from types import SimpleNamespace

import pytest

from fgit_cli.app import main
from fgit_cli.core import similarity as lines
from fgit_cli.stages import bugs

CODE = "def f(a):\n    return a + 1\n"
WRONG = CODE.replace("+ 1", "- 1")


def record(number, bad=False, **more):
    return {
        "instruction": f"{'BUG ' * bad}number {number}", "response": CODE, "incorrect": WRONG,
        "variants": [{"text": WRONG}], "tests": "assert f(1) == 2", **more,
    }  # fmt: skip


@pytest.fixture
def fgit(tmp_path, monkeypatch, capsys):
    """Run a command in this process on records; those that came out, those left out, what was said."""
    monkeypatch.chdir(tmp_path)

    def run(command, records, *words):
        text = "".join(json.dumps(r) + "\n" for r in records).encode()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(io.BytesIO(text)), closed=False,
                                                          isatty=lambda: False, fileno=lambda: 0))  # fmt: skip
        out, rejects = tmp_path / "out", tmp_path / "rejects"
        for path in (out, rejects):
            path.unlink(missing_ok=True)
        code = main([command, "-", "-o", str(out), "--rejects", str(rejects), *map(str, words)])
        made = out if out.exists() else tmp_path / "out.partial"
        left = rejects if rejects.exists() else tmp_path / "rejects.partial"
        read = [[json.loads(line) for line in path.read_text().splitlines()] for path in (made, left)]
        return SimpleNamespace(code=code, out=read[0], rejects=read[1], err=capsys.readouterr().err)

    return run


def bench(tmp_path, command):
    task = {"task_id": "t", "prompt": "", "entry_point": "f", "tests": "assert f(1) == 2", "canonical_solution": CODE}
    if command == "decontaminate":  # a problem that no record overlaps with
        task |= {"prompt": "Reverse the words.", "entry_point": "g", "tests": "assert g('a b') == 'b a'",
                 "canonical_solution": "def g(t):\n    return ' '.join(t.split()[::-1])\n"}  # fmt: skip
    path = tmp_path / "bench.jsonl"
    path.write_text(json.dumps(task) + "\n")
    return str(path)


def coded(number, bad=False):
    """A record whose code names the bug."""
    return record(number, bad, response=f"def f(a):\n    return {'BUG' if bad else 'a'} + 1\n")


def sample(number, bad=False):
    return record(number, bad, task_id="t", solution=CODE + "# BUG" * bad)


STAGES = {  # command, its words, the function that has the bug, what the records are
    "decontaminate": ("decontaminate", ["--against", "BENCH"], "stages.decontaminate.matches", record),
    "diff": ("diff", [], "stages.diff.compared", record),
    "diff, reading": ("diff", [], "core.fields.incorrect", record),
    "diff, its page": ("diff", ["--html", "p.html"], "views.pair_data.diff_data", record),
    "select": ("select", ["--by", "edit"], "stages.select.Sifter.sift", coded),
    "select, choosing": ("select", ["--by", "edit"], "stages.select.choose", record),
    "select, running": ("select", ["--by", "edit", "--execute", "--workers", "1"], "stages.select.execute", record),
    "select, scoring": ("select", ["--by", "edit"], "stages.select.edit_similarity", coded),
    "mutate by rules": ("mutate", ["--method", "universalmutator"], "core.variants.spliced", coded),
    "eval": ("eval", ["--bench", "BENCH", "--workers", "1"], "benches.jsonl_file.JsonlBench.check", sample),
    "eval, reading": ("eval", ["--bench", "BENCH", "--workers", "1"], "stages.judge.Samples._solution", sample),
}


def plant(monkeypatch, where, error=None):
    """Make the function raise where the text BUG is in its arguments."""
    import importlib

    parts = ["fgit_cli", *where.split(".")]
    for cut in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        break
    for name in parts[cut:-1]:
        owner = getattr(owner, name)
    real = getattr(owner, parts[-1])

    def planted(*arguments, **keywords):
        if "BUG" in str(arguments):
            raise error or KeyError("planted")
        return real(*arguments, **keywords)

    monkeypatch.setattr(owner, parts[-1], planted)


@pytest.mark.parametrize("name", STAGES)
def test_the_run_goes_on_and_asks_for_a_report(fgit, tmp_path, monkeypatch, name):
    command, words, where, make = STAGES[name]
    words = [bench(tmp_path, command) if w == "BENCH" else w for w in words]
    records = [make(n, n == 1) for n in range(4)]
    plant(monkeypatch, where)
    ran = fgit(command, records, *words)
    assert ran.code == 1, ran.err
    assert [r["instruction"] for r in ran.out] == [r["instruction"] for n, r in enumerate(records) if n != 1]
    [left] = ran.rejects
    assert left["instruction"] == records[1]["instruction"]
    assert left["reason"].startswith("unexpected KeyError at ")
    assert left["reason"].endswith("'planted'")
    assert "worth a report" in ran.err
    assert "1 unexpected KeyError" in ran.err
    assert "please report it" in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("name", ["diff", "diff, reading", "select"])
def test_three_in_a_row_stop_the_run(fgit, monkeypatch, name):
    command, words, where, make = STAGES[name]
    plant(monkeypatch, where)
    ran = fgit(command, [make(n, n in (1, 3, 5, 6, 7)) for n in range(10)], *words)
    assert ran.code == 1
    assert len(ran.out) in ((3,) if name != "select" else (0, 3))  # select scores a window before it writes one
    assert len(ran.rejects) == 5
    assert "3 records in a row met an unexpected error" in ran.err.splitlines()[-1]


def test_strict_stops_at_the_first(fgit, monkeypatch):
    plant(monkeypatch, "stages.diff.compared")
    ran = fgit("diff", [record(n, n == 1) for n in range(4)], "--strict")
    assert ran.code == 1
    assert len(ran.out) == 1
    assert "--strict: stopped at the first unexpected error" in ran.err


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), OSError(5, "broken disk")])
def test_what_is_no_bug_is_passed_on(fgit, monkeypatch, error):
    plant(monkeypatch, "stages.diff.compared", error)
    try:
        code = fgit("diff", [record(0), record(1, True)]).code
    except MemoryError:
        code = "raised"
    assert code in ("raised", 130, 4)


def test_what_a_library_in_rust_raises_is_a_bug_too(fgit, monkeypatch):
    class PanicException(BaseException):
        pass

    plant(monkeypatch, "stages.diff.compared", PanicException("index out of bounds"))
    ran = fgit("diff", [record(0), record(1, True), record(2)])
    assert ran.code == 1
    assert len(ran.out) == 2
    assert "unexpected PanicException at " in ran.rejects[0]["reason"]


def test_a_record_that_json_cannot_carry_is_left_out(fgit, monkeypatch):
    import fgit_cli.stages.diff as diff

    real = diff.compared

    def odd(pair, *rest):
        done = real(pair, *rest)
        if "1" in pair.record["instruction"]:
            pair.record["diff"]["odd"] = {1, 2}
        return done

    monkeypatch.setattr(diff, "compared", odd)
    ran = fgit("diff", [record(n) for n in range(3)])
    assert ran.code == 1
    assert len(ran.out) == 2
    assert [r["reason"].split(" at ")[0] for r in ran.rejects] == ["unexpected TypeError"]


def test_the_place_is_the_innermost_one_in_fgit():
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    assert bugs.bug_of(caught.value).place.startswith("decoder.py:")
    with pytest.raises(AttributeError) as caught:
        lines.changed_lines(1, None)
    assert bugs.bug_of(caught.value).place.startswith("core/")
