"""pass@1, intervals and pass@k from eval results: known figures, labels, what must not be counted."""

import json

import pytest

from tests.helpers.eval_results import lines, result


def report(fgit, *words, **more):
    done = fgit("report", *words, "--format", "json", **more)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_known_figures_of_the_test_data(fgit, real):
    found = report(fgit, *sorted(real.glob("qwen.*.jsonl")))
    row = found["scores"]["rows"]
    assert len(row) == 1
    assert row[0]["model"] == "qwen"
    rounded = {name: round(value, 2) for name, value in row[0].items() if isinstance(value, float)}
    assert rounded == {
        "humaneval+_base": 43.90, "humaneval+_plus": 36.59, "mbpp+_base": 70.63, "mbpp+_plus": 59.79,
        "bigcodebench_base": 34.82,
    }  # fmt: skip
    assert [r["tasks"] for r in found["intervals"]["rows"]] == [1140, 164, 164, 378, 378]


def test_the_papers_layout(fgit, real):
    done = fgit("report", real / "qwen.humaneval.jsonl")
    assert "43.9 (36.6)" in done.out
    assert "36.5 to 51.6" in done.out


def test_plus_counts_only_where_base_passes(fgit):
    records = [result("a", "fail", "pass"), result("b", "pass", "pass"), result("c", "pass", "timeout")]
    row = report(fgit, stdin=lines(records))["scores"]["rows"][0]
    assert row["humaneval+_base"] == pytest.approx(200 / 3)
    assert row["humaneval+_plus"] == pytest.approx(100 / 3)


def test_infra_is_in_no_score_and_said(fgit):
    found = report(fgit, stdin=lines([result("a"), result("b", "infra", None)]))
    assert found["scores"]["rows"][0]["humaneval+_base"] == 100
    assert found["intervals"]["rows"][0]["tasks"] == 1
    assert any("infra" in note for note in found["scores"]["notes"])


def test_several_samples(fgit):
    records = [
        result(task, "pass" if i < passed else "fail", None, "x", i)
        for task, passed in [("a", 5), ("b", 1)]
        for i in range(10)
    ]
    found = report(fgit, stdin=lines(records))
    assert found["scores"]["rows"][0]["x_base"] == pytest.approx(30)
    row = found["passk"]["rows"][0]
    assert row["pass_at_1_base"] == pytest.approx(30)
    assert row["pass_at_10_base"] == pytest.approx(100)
    assert row["samples"] == 10


def test_labels(fgit, write):
    a, b = write("one/eval.jsonl", [result("a")]), write("two/eval.jsonl", [result("a", "fail", "fail")])
    names = lambda found: [row["model"] for row in found["scores"]["rows"]]  # noqa: E731
    assert names(report(fgit, a, b)) == ["one/eval", "two/eval"]
    assert names(report(fgit, f"sft={a}", f"FGit={b}")) == ["sft", "FGit"]
    c = write("m.mbpp.jsonl", [result("Mbpp/1", bench="mbpp+")])
    d = write("m.humaneval_plus.jsonl", [result("a")])
    assert names(report(fgit, c, d)) == ["m"]
    one, other = result("a", model="org/M"), result("a", model="org/N")
    assert names(report(fgit, write("x.jsonl", [one]))) == ["x"]
    assert names(report(fgit, write("x.jsonl", [one, other]))) == ["org/M", "org/N"]
    assert names(report(fgit, stdin=lines([one]))) == ["org/M"]


def test_different_tasks_are_said(fgit, write):
    a, b = write("a.jsonl", [result("1"), result("2")]), write("b.jsonl", [result("1")])
    assert any("different tasks (a 2, b 1)" in note for note in report(fgit, a, b)["scores"]["notes"])


def test_models_without_a_task_in_common_are_not_compared(fgit, write):
    a, b = write("a.jsonl", [result("1"), result("2")]), write("b.jsonl", [result("3")])
    found = report(fgit, a, b)
    assert found["comparison"]["rows"] == []
    assert found["comparison"]["notes"] == ["Not compared, for they have no task that a has: b."]
    assert any("different tasks (a 2, b 1)" in note for note in found["gains"]["notes"])


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"a": 1}, "neither an eval result"),
        (result("a", "passed"), "a verdict is one of"),
        (result("a", None, None), "was not evaluated"),
        ({**result("a"), "bench": None}, "needs the texts"),
    ],
)
def test_records_refused_by_place(fgit, record, message):
    done = fgit("report", stdin=lines([result("b"), record]))
    assert done.code == 3
    assert "stdin:2: " in done.err
    assert message in done.err


def test_the_same_sample_twice(fgit, write):
    done = fgit("report", write("a.jsonl", [result("1"), result("1")]))
    assert done.code == 3
    assert "comes twice" in done.err


def test_empty_input_is_said(fgit):
    done = fgit("report")
    assert (done.code, done.out, done.err) == (0, "", "fgit report: the input is empty: no records\n")


def test_usage(fgit, write, tmp_path):
    path = write("a.jsonl", [result("1")])
    for words in (
        ["--table", "nonsense"],
        ["-f", "csv", "--table", "scores", "--table", "intervals"],
        ["-o", "."],
    ):
        done = fgit("report", path, *words)
        assert (done.code, done.err.count("\n")) == (2, 1)
    assert fgit("report", path, "-o", tmp_path / "new" / "out.md", "-f", "markdown").code == 0
    assert "| a " in (tmp_path / "new" / "out.md").read_text()
