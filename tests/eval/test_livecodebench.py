"""LiveCodeBench's format: stdin programs and functions, hidden tests unpacked without unpickling, its date window."""

import base64
import csv
import datetime
import json
import pickle
import zlib

import pytest

from fgit_cli.benches import livecodebench
from fgit_cli.benches.bench import load
from fgit_cli.errors import InputError, UsageError


def hidden(cases):
    """As the releases pack their private tests."""
    return base64.b64encode(zlib.compress(pickle.dumps(json.dumps(cases)))).decode()


def case(given, right, kind):
    return {"input": given, "output": right, "testtype": kind}


ROWS = [
    {
        "question_id": "abc_a", "question_content": "Print the sum of the numbers.", "platform": "atcoder",
        "contest_date": "2024-05-04T00:00:00", "starter_code": "", "metadata": "{}",
        "public_test_cases": json.dumps([case("1 2\n", "3\n", "stdin")]),
        "private_test_cases": hidden([case("1 2 3\n", "6", "stdin"), case("\n", "0", "stdin")]),
    },
    {
        "question_id": "2999", "question_content": "Return the pairs.", "platform": "leetcode",
        "contest_date": "2024-06-01T00:00:00", "metadata": json.dumps({"func_name": "pairs"}),
        "starter_code": "class Solution:\n    def pairs(self, xs: List[int], k: int) -> List[int]:\n        ",
        "public_test_cases": [case("[1, 2]\n3", "[4, 5]", "functional")],
        "private_test_cases": json.dumps([case("[]\n0", "[]", "functional")]),
    },
]  # fmt: skip


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    return path


SUM = "import sys\nprint(sum(map(int, sys.stdin.read().split())))\n"
METHOD = "class Solution:\n    def pairs(self, xs, k):\n        return [x + k for x in xs]\n"


@pytest.mark.parametrize(
    ("task", "solution", "verdict", "error"),
    [
        ("abc_a", SUM, "pass", None),
        ("abc_a", "print(sum(map(int, open(0).read().split())), '.0', sep='')", "pass", None),
        ("abc_a", "if __name__ == '__main__':\n    print(sum(map(int, input().split())))\n    exit()\n", "pass", None),
        ("abc_a", "print(3)", "fail", "WrongOutput"),
        ("abc_a", "print(sum(map(int, input().split())))\nprint()\nprint(1)", "fail", "WrongOutput"),
        ("abc_a", "x = 1 / 0", "error", "ZeroDivisionError"),
        ("2999", METHOD, "pass", None),
        ("2999", "def pairs(xs: List[int], k):\n    return tuple(x + k for x in xs)\n", "pass", None),
        ("2999", METHOD.replace("+", "*"), "fail", "WrongOutput"),
        ("2999", "def other(xs, k):\n    return xs\n", "error", "NameError"),
    ],
)
def test_verdicts(fgit, problems, task, solution, verdict, error):
    sample = json.dumps({"task_id": task, "solution": solution})
    ran = fgit("eval", "--bench", "livecodebench", "--data", problems, stdin=sample)
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)
    assert (record["base"], (record["error"] or {}).get("type")) == (verdict, error)


def test_the_window_of_days(problems):
    day = datetime.date(2024, 6, 1)
    bench = load("livecodebench", str(problems), {"since": day})
    assert [t.task_id for t in bench.usable] == ["2999"]
    assert [t.task_id for t in load("livecodebench", str(problems), {"until": day}).usable] == ["abc_a", "2999"]
    with pytest.raises(UsageError, match="no problem"):
        load("livecodebench", str(problems), {"since": datetime.date(2025, 1, 1)})


def test_a_model_is_told_the_form(problems):
    bench = load("livecodebench", str(problems))
    program, function = (bench.chat(bench.tasks[t])[-1]["content"] for t in ("abc_a", "2999"))
    assert "# YOUR CODE HERE" in program
    assert "class Solution" in function


def test_hidden_tests_are_not_unpickled(problems):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise AssertionError('unpickled')",))

    bench = load("livecodebench", str(problems))
    task = bench.tasks["abc_a"]
    task.row["private_test_cases"] = base64.b64encode(zlib.compress(pickle.dumps(Trap()))).decode()
    with pytest.raises(InputError, match="cannot be read"):
        livecodebench._cases(task)


@pytest.mark.parametrize(
    ("printed", "expected", "same"),
    [
        ("1\n2\n", "1\n2", True),
        ("1 \n 2", "1\n2", True),
        ("1.50 2", "1.5 2.0", True),
        ("1\n\n2", "1\n2", False),
        ("yes", "Yes", False),
        ("50000000000000001", "50000000000000000", False),
        ("", "", True),
        ("nan", "1", False),
    ],
)
def test_printed_lines_are_compared_as_there(printed, expected, same):
    assert (livecodebench.difference(printed, expected) is None) == same


def test_tasks_that_are_left_out_otherwise_are_none(fgit, problems):
    words = ("--data", problems, "--from", "2024-06-01", "--tasks", "abc_a", "--model", "m")
    ran = fgit("eval", "--bench", "livecodebench", *words)
    assert ran.code == 2
    assert "--tasks abc_a: none of them is judged (outside --from and --to)" in ran.err


def test_a_models_program_is_run_whole(fgit, served, problems):
    words = ("--model", "m", "--base-url", served(answer=f"So:\n```python\n{SUM}```\n").url, "--tasks", "abc_a")
    ran = fgit("eval", "--bench", "livecodebench", "--data", problems, *words)
    assert ran.code == 0, ran.err
    assert (json.loads(ran.out)["solution"], json.loads(ran.out)["base"]) == (SUM, "pass")


def test_the_difficulty_of_a_task_is_kept_and_reported(fgit, tmp_path):
    path = tmp_path / "problems.jsonl"
    rows = [ROWS[0] | {"difficulty": "easy"}, ROWS[1] | {"difficulty": "hard"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = [{"task_id": "abc_a", "solution": SUM}, {"task_id": "2999", "solution": METHOD.replace("+", "*")}]
    stdin = "".join(json.dumps(s) + "\n" for s in samples)
    judged = fgit("eval", "--bench", "livecodebench", "--data", path, "-o", "made.jsonl", stdin=stdin)
    assert judged.code == 0, judged.err
    made = [json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines()]
    assert [(r["base"], r["difficulty"]) for r in made] == [("pass", "easy"), ("fail", "hard")]
    [told] = csv.DictReader(fgit("report", "made.jsonl", "--format", "csv").out.splitlines())
    scores = {part: float(told[f"livecodebench{part}_base"]) for part in ("", "-easy", "-hard")}
    assert scores == {"": 50, "-easy": 100, "-hard": 0}
