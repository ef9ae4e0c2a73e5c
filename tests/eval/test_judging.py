"""Samples become verdicts: in order, each under its task, with pass@k over the right tasks."""

import json
from collections import Counter

import pytest

from fgit_cli.benches.bench import Checked, load
from fgit_cli.benches.evalplus_json import EvalResults
from fgit_cli.errors import InputError, UsageError
from fgit_cli.stages.judge import Samples, Scores, judge

RIGHT = {"task_id": "HumanEval/0", "completion": "    return x + 1\n"}
PLUS_FAILS = {"task_id": "HumanEval/0", "solution": "def add_one(x):\n    return abs(x) + 1\n"}
WRONG = {"task_id": "HumanEval/1", "completion": "    return x\n"}
SLOW = {"task_id": "HumanEval/1", "completion": "    return x / 2  # slow\n"}
INFRA = {"task_id": "HumanEval/1", "completion": "    return x / 2  # infra\n"}


class Counts:
    def __init__(self):
        self.rejected = []

    def reject(self, record, reason):
        self.rejected.append((record["task_id"], reason))

    def count(self, what, by=1):
        raise AssertionError


def judged(path, records, box, bench="humaneval+"):
    loaded = load(bench, str(path))
    samples, scores, tally = Samples(loaded), Scores(loaded), Counts()
    out = list(judge(map(samples, records), tally, loaded, box, scores))
    return out, scores, tally


def test_a_record_says_what_the_contract_says(small, box):
    [(record, checked)], _, _ = judged(small, [{**PLUS_FAILS, "note": "kept"}], box)
    assert record == {
        "task_id": "HumanEval/0",
        "note": "kept",
        "bench": "humaneval+",
        "sample": 0,
        "solution": PLUS_FAILS["solution"],
        "base": "pass",
        "plus": "fail",
        "error": {"type": "WrongOutput", "message": "no"},
        "seconds": 1.0,
    }
    assert checked.failed == (None, 0)


def test_a_completion_follows_the_prompt(small, box):
    [(record, _)], _, _ = judged(small, [RIGHT], box)
    assert record["solution"].startswith("def add_one")
    assert (record["base"], record["plus"]) == ("pass", "pass")


def test_order_is_kept_whatever_is_slow(small, box):
    records = [SLOW, RIGHT, SLOW, RIGHT, RIGHT, WRONG]
    out, scores, _ = judged(small, records, box)
    assert [r["task_id"] for r, _ in out] == [r["task_id"] for r in records]
    assert [r["sample"] for r, _ in out] == [0, 0, 1, 1, 2, 2]
    assert scores.both == Counter({"HumanEval/0": 3, "HumanEval/1": 2})


def test_base_alone_has_no_plus(small, box):
    [(record, _)], scores, _ = judged(small, [PLUS_FAILS], box, bench="humaneval")
    assert (record["base"], record["plus"]) == ("pass", None)
    assert scores.summary() == ["humaneval pass@1 100.0 (a subset: 1 of 2 tasks, 1 samples)"]


def test_unknown_tasks_are_rejected_and_counted(small, box):
    out, scores, tally = judged(small, [{"task_id": "HumanEval/900", "solution": ""}, RIGHT], box)
    assert len(out) == 1
    assert tally.rejected == [("HumanEval/900", "unknown task")]
    assert "1 of 2 tasks" in scores.summary()[0]


def test_infra_counts_in_no_score(small, box):
    out, scores, _ = judged(small, [RIGHT, INFRA], box)
    assert out[1][0]["base"] == "infra"
    first, second = scores.summary()
    assert first.startswith("humaneval+ pass@1 100.0 base, 100.0 base and plus")
    assert second.startswith("1 samples without a verdict")


def test_pass_at_k_is_unbiased(small):
    scores = Scores(load("humaneval+", str(small)))
    for number in range(10):
        scores.add("HumanEval/0", Checked("pass" if number < 3 else "fail", "pass"))
        scores.add("HumanEval/1", Checked("pass", "pass" if number < 5 else "fail"))
    one, ten = scores.summary()
    assert one == "humaneval+ pass@1 65.0 base, 40.0 base and plus (2 tasks, 20 samples)"
    assert ten.startswith("humaneval+ pass@10 100.0 base, 100.0 base and plus")


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"solution": ""}, "task_id"),
        ({"task_id": "HumanEval/0"}, "neither `solution`"),
        ({"task_id": "HumanEval/0", "solution": ["a", "b"]}, "repeat the task's record"),
    ],
)
def test_what_is_no_sample_is_refused(small, record, message):
    with pytest.raises(InputError, match=message):
        Samples(load("humaneval+", str(small)))(record)


def test_ground_truth_is_made_once_and_kept(small, box):
    judged(small, [RIGHT, RIGHT, RIGHT], box)
    assert box.references == 2  # base and plus
    judged(small, [RIGHT], box)
    assert box.references == 2


def test_a_broken_ground_truth_is_made_anew(small, box, tmp_path):
    judged(small, [RIGHT], box)
    for kept in (tmp_path / "cache").rglob("*.jsonl"):
        kept.write_bytes(kept.read_bytes()[:-3])
    out, _, _ = judged(small, [RIGHT], box)
    assert box.references == 4
    assert out[0][0]["plus"] == "pass"


def test_evalplus_json(small, box, tmp_path):
    out, _, _ = judged(small, [PLUS_FAILS, WRONG], box)
    results = EvalResults(load("humaneval+", str(small)))
    for record, checked in out:
        results.add(record, checked)
    results.write(tmp_path / "results.json")
    made = json.loads((tmp_path / "results.json").read_text())
    assert made["eval"]["HumanEval/0"] == [
        {
            "task_id": "HumanEval/0",
            "solution": PLUS_FAILS["solution"],
            "base_status": "pass",
            "plus_status": "fail",
            "base_fail_tests": [],
            "plus_fail_tests": [[-1]],
        }
    ]
    assert made["eval"]["HumanEval/1"][0]["base_fail_tests"] == [[1.0]]


def test_unknown_benchmarks_are_named():
    with pytest.raises(UsageError, match="no such benchmark or file; there are humaneval, humaneval"):
        load("humanevil", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"not json\n", "not JSON"),
        (b"[1]\n", "`task_id` is missing"),
        (b'{"task_id": "HumanEval/0"}\n', "`prompt` is missing"),
        (b"", "holds no task"),
    ],
)
def test_a_file_that_is_no_benchmark_is_named(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(line)
    with pytest.raises(InputError, match=message) as raised:
        load("humaneval+", str(path))
    assert str(path) in str(raised.value)


SLEEPY = {"task_id": "HumanEval/0", "solution": "import time\ndef add_one(x):\n    time.sleep(1.4)\n    return x + 1\n"}


def test_what_evalplus_would_stop_for_its_time_is_counted(small):
    from fgit_cli.executor import Executor

    with Executor(workers=1) as executor:
        out, scores, _ = judged(small, [SLEEPY, RIGHT], executor)
    assert [(r["base"], r["plus"]) for r, _ in out] == [("pass", "pass")] * 2
    assert scores.beyond_peer == ["HumanEval/0"]
    assert "1 samples pass that EvalPlus's time limits would fail (HumanEval/0)" in "\n".join(scores.summary())


def test_evalplus_limits_stop_it(small, fgit):
    ran = fgit("eval", "--data", small, "--limits", "evalplus", stdin=json.dumps(SLEEPY) + "\n" + json.dumps(RIGHT))
    assert ran.code == 0, ran.err
    slow, right = map(json.loads, ran.out.splitlines())
    assert (slow["base"], right["base"]) == ("timeout", "pass")
    assert slow["made"]["limits"] == "evalplus"
    assert "would fail" not in ran.err


def test_plus_inputs_are_not_run_where_the_base_inputs_used_up_the_time(small, monkeypatch):
    from fgit_cli.benches import evalplus
    from fgit_cli.executor import Executor

    asked = []
    verdict = evalplus.EvalPlusBench._verdict
    monkeypatch.setattr(evalplus, "TIME_TOTAL", 0.5)
    monkeypatch.setattr(
        evalplus.EvalPlusBench, "_verdict", lambda *args: asked.append((args[3], args[2])) or verdict(*args)
    )
    busy = "import time\ndef add_one(x):\n    end = time.process_time() + 0.3\n"
    busy += "    while time.process_time() < end: pass\n    return x + 1\n"
    slow_at_plus = busy.replace("0.3", "0.3 * (x not in (1, 2))")
    with Executor(workers=2) as executor:
        out, _, _ = judged(small, [{"task_id": "HumanEval/0", "solution": s} for s in (busy, slow_at_plus)], executor)
    assert [(r["base"], r["plus"], r["error"]["message"]) for r, _ in out] == [
        ("timeout", "timeout", "the total time limit ran out"),
        ("pass", "timeout", "the total time limit ran out"),
    ]
    assert [part for solution, part in asked if solution == busy] == ["base_input"]


def test_limits_are_those_of_evalplus():
    from fgit_cli.benches.evalplus import LIMITS

    assert LIMITS["evalplus"].each((0.1, 0.5)) == (1.0, 2.0)
    assert LIMITS["evalplus"].total((0.1, 0.5)) == 4.0
    assert LIMITS["evalplus"].total((20.0,)) == 61.0
    assert LIMITS["fgit"].each((0.1, 2.0)) == (4.0, 8.0)
