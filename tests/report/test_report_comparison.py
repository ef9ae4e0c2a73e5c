"""Two models on the same tasks: the tests' numbers by hand, gains as the papers count them, wins and losses."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli import install
from tests.helpers.eval_results import lines, result

ROOT = Path(__file__).parent.parent.parent


def verdicts(pattern, bench="humaneval+", **more):
    """`.` passes, `b` passes base alone, `x` fails; one task each."""
    table = {".": ("pass", "pass"), "b": ("pass", "fail"), "x": ("fail", "fail")}
    return [result(f"T/{i}", *table[c], bench=bench, **more) for i, c in enumerate(pattern)]


def compare(fgit, write, old, new, *words):
    a, b = write("a.jsonl", verdicts(old)), write("b.jsonl", verdicts(new))
    done = fgit("report", f"sft={a}", f"fgit={b}", "--format", "json", *words)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_by_hand(fgit, write):
    found = compare(fgit, write, "." * 50 + "x" * 50, "." * 48 + "xx" + "." * 12 + "x" * 38)
    base, plus = found["comparison"]["rows"]
    assert (base["wins"], base["losses"], base["tasks"]) == (12, 2, 100)
    assert base["difference"] == pytest.approx(10)
    p = 2 * sum(math.comb(14, i) for i in range(12, 15)) / 2**14
    assert base["p"] == pytest.approx(p)
    assert base["p_holm"] == plus["p_holm"] == pytest.approx(2 * p)
    assert base["answer"] == "better"
    assert base["interval_low"] < 10 < base["interval_high"]
    assert base["needed"] == 10  # of 14 disagreements 12 to 2 is the first below 0.05: 11 to 3 has 0.057


def test_agrees_with_statsmodels(fgit, write):
    contingency_tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    row = compare(fgit, write, "." * 20 + "x" * 30, "." * 15 + "x" * 5 + "." * 9 + "x" * 21)["comparison"]["rows"][0]
    theirs = contingency_tables.mcnemar([[15, 5], [9, 21]], exact=True)
    assert row["p"] == pytest.approx(theirs.pvalue)


def test_cannot_tell(fgit, write):
    row = compare(fgit, write, "....xx", "...xx.")["comparison"]["rows"][0]
    assert (row["answer"], row["p"], row["needed"]) == ("cannot tell", 1.0, None)


def test_against_itself(fgit, write):
    found = compare(fgit, write, ".bx", ".bx")
    assert {row["answer"] for row in found["comparison"]["rows"]} == {"cannot tell"}
    assert found["tasks"]["rows"] == []


def test_gains(fgit, write):
    found = compare(fgit, write, "..bx", "...b")
    assert found["gains"]["rows"] == [
        {"model": "fgit", "humaneval+_base": pytest.approx(100 / 3), "humaneval+_plus": pytest.approx(50),
         "average": pytest.approx(40)}
    ]  # fmt: skip
    found = compare(fgit, write, "xx", ".x")
    assert found["gains"]["rows"][0]["humaneval+_base"] is None  # nothing is relative to nought


def test_baseline(fgit, write):
    found = compare(fgit, write, "..xx", "...x", "--baseline", "fgit")
    assert {row["model"] for row in found["comparison"]["rows"]} == {"sft"}
    assert found["comparison"]["rows"][0]["difference"] == pytest.approx(-25)
    done = fgit("report", "--baseline", "sft", stdin=lines(verdicts(".")))
    assert done.code == 2
    assert "there are: stdin" in done.err


def test_only_shared_tasks(fgit, write):
    rows = compare(fgit, write, "...x", "..")["comparison"]["rows"]
    assert {row["tasks"] for row in rows} == {2}


def test_several_samples_use_sign_flips(fgit, write):
    a = write(
        "a.jsonl", [result(f"T/{i}", "fail" if s < 3 else "pass", None, "x", s) for i in range(8) for s in range(4)]
    )
    b = write(
        "b.jsonl", [result(f"T/{i}", "fail" if s < 1 else "pass", None, "x", s) for i in range(8) for s in range(4)]
    )
    row = json.loads(fgit("report", a, b, "--format", "json").out)["comparison"]["rows"][0]
    assert row["difference"] == pytest.approx(50)
    assert row["p"] == pytest.approx(2 / 2**8)
    assert row["needed"] is None


def test_wins_and_losses(fgit, write):
    rows = compare(fgit, write, ".xb", "x..")["tasks"]["rows"]
    assert [(r["task_id"], r["outcome"], r["verdict"], r["baseline"]) for r in rows] == [
        ("T/1", "won", "pass", "fail"), ("T/2", "won", "pass", "fail"), ("T/0", "lost", "fail", "pass"),
    ]  # fmt: skip


def test_long_tables_only_by_name(fgit, write):
    a, b = write("a.jsonl", verdicts(".x")), write("b.jsonl", verdicts("x."))
    assert "Tasks won" not in fgit("report", a, b).out
    assert "Tasks won" in fgit("report", a, b, "--table", "tasks").out


def test_without_scipy(write):
    """The rest is written, and what is missing is said; asked for by name it is an error."""
    a, b = write("a.jsonl", verdicts(".x")), write("b.jsonl", verdicts("x."))
    block = "import sys; sys.modules['scipy'] = None; from fgit_cli.app import main; sys.exit(main(sys.argv[1:]))"

    def run(*words):
        return subprocess.run(
            [sys.executable, "-c", block, "report", str(a), str(b), *words],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    done = run()
    assert done.returncode == 0
    assert "50.0" in done.stdout
    assert install.command("report") in done.stderr
    assert run("--table", "comparison").returncode == 2
