"""`fgit refine` against a scripted teacher that fails, repairs, gives up, and cheats in its tests."""

import json
import re
from types import SimpleNamespace

import pytest

from fgit_cli.engines.generation import Sampling
from fgit_cli.executor import Outcome
from fgit_cli.stages.refine import Case, Debugging, Settings

pytest.importorskip("coverage")

TESTS = "assert largest([1, 3, 2]) == 3\nassert largest([-5]) == -5\n"
RIGHT = """def largest(xs):
    best = xs[0]
    for x in xs:
        if x > best:
            best = x
    return best
"""
STARTS_AT_ZERO = RIGHT.replace("xs[0]", "0")
SMALLEST = STARTS_AT_ZERO.replace("x > best", "x < best")
ENDLESS = RIGHT.replace("best = xs[0]", "best = xs[0]\n    while True:\n        pass")


def block(code):
    return f"```python\n{code}```\n"


def both(code, tests=TESTS):
    return f"The code:\n\n{block(code)}\nand its tests:\n\n{block(tests)}"


SCRIPT = {
    "[repairs]": [both(SMALLEST), block(STARTS_AT_ZERO), block(RIGHT)],
    "[at once]": [both(RIGHT)],
    "[gives up]": [both(SMALLEST), *[block(STARTS_AT_ZERO)] * 5],
    "[no tests]": [block(RIGHT)],
    "[no code left]": [both(SMALLEST), "I am sorry."],
    "[asserts nothing]": [both(SMALLEST, "assert True\nassert 1 + 1 == 2\n")],
    "[only exists]": [both(SMALLEST, "assert largest\nassert callable(largest)\n")],
    "[swallows]": [both(SMALLEST, "try:\n    assert largest([1]) == 1\nexcept Exception:\n    pass\n")],
    "[defines anew]": [both(SMALLEST, f"{RIGHT}\n{TESTS}")],
    "[exits]": [both(SMALLEST, f"import sys\nsys.exit(0)\n{TESTS}"), *[block(RIGHT)] * 5],
    "[unittest]": [
        both(
            SMALLEST,
            "import unittest\nfrom solution import largest\n\n\nclass TestLargest(unittest.TestCase):\n"
            "    def test_it(self):\n        self.assertEqual(largest([1, 2]), 2)\n\n\n"
            "if __name__ == '__main__':\n    unittest.main()\n",
        ),
        block(RIGHT),
    ],
    "[functions]": [both(SMALLEST, "def test_it():\n    assert largest([1, 2]) == 2\n"), block(RIGHT)],
    "[endless]": [both(ENDLESS), block(SMALLEST), block(RIGHT)],
    "[renames]": [both(SMALLEST), block(STARTS_AT_ZERO.replace("best", "b")), block(RIGHT)],
}


@pytest.fixture
def refine(served, fgit, tmp_path):
    def run(markers, *words, script=SCRIPT, **how):
        rows = "".join(json.dumps({"instruction": f"The largest of a list. {m}", "kept": 1}) + "\n" for m in markers)
        url = served(script=script, **how).url
        ran = fgit(
            "refine", "--base-url", url, "--rejects", "rejects.jsonl", "--time-limit", "2", *words, stdin=rows
        )  # fmt: skip
        path = tmp_path / "rejects.jsonl"
        left = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        reasons = {r["instruction"].split("list. ")[1]: r["reason"] for r in left}
        return ran, [json.loads(line) for line in ran.out.splitlines()], reasons

    return run


def test_every_kind_of_teacher(refine, fgit, tmp_path):
    ran, made, reasons = refine(list(SCRIPT))
    assert ran.code == 0, ran.err
    pairs = {r["instruction"].split("list. ")[1]: r for r in made}
    assert list(pairs) == ["[repairs]", "[unittest]", "[functions]", "[endless]", "[renames]"]
    for pair in pairs.values():
        assert pair["response"] == block(RIGHT).strip()
        assert pair["kept"] == 1
        assert pair["id"]
    repaired = pairs["[repairs]"]
    assert [a["status"] for a in repaired["attempts"]] == ["fail", "fail", "pass"]
    error = "AssertionError: assert largest([1, 3, 2]) == 3, but it was 0 (in the tests)"
    assert repaired["attempts"][0]["error"] == error
    assert repaired["tests"] == TESTS
    assert repaired["origin"]["coverage"] == 1.0
    assert repaired["incorrect"] in (block(SMALLEST).strip(), block(STARTS_AT_ZERO).strip())
    assert pairs["[endless]"]["incorrect"] == block(SMALLEST).strip()  # a timeout is no fault that is known
    assert reasons == {
        "[at once]": "passed at once",
        "[gives up]": "never passed, last: fail",
        "[no tests]": "no tests in the answer",
        "[no code left]": "a repair without code: no code in the answer",
        "[asserts nothing]": "trivial tests",
        "[only exists]": "trivial tests: they pass when the functions are empty",
        "[swallows]": "trivial tests: they pass when the functions are empty",
        "[defines anew]": "the tests define anew what they should test",
        "[exits]": "never passed, last: error",
    }
    assert "passed after iteration 0, 1, ...: 7.1% 21.4% 42.9% 42.9% 42.9% 42.9%" in ran.err
    told = re.search(
        r"(\d+\.\d) answers of the teacher for each pair; pairs by the share of lines .*: \d+ of ", ran.err
    )
    (tmp_path / "pairs.jsonl").write_text(ran.out)
    found = json.loads(fgit("report", "c=pairs.jsonl", "c=rejects.jsonl", "--format", "json").out)
    [row] = found["refined"]["rows"]
    assert told
    assert f"{row['calls']:.1f}" == told[1]
    assert (row["records"], row["pairs"]) == (len(SCRIPT), 5)
    assert [round(row["c %"], 1) for row in found["rounds"]["rows"]] == [7.1, 21.4, 42.9, 42.9, 42.9, 42.9]
    assert sum(row["c pairs"] for row in found["coverage"]["rows"]) == 5


@pytest.mark.parametrize(("which", "code"), [("first", SMALLEST), ("last", STARTS_AT_ZERO)])
def test_which_version_is_the_incorrect_one(refine, which, code):
    _, [pair], _ = refine(["[repairs]"], "--negative", which)
    assert pair["incorrect"] == block(code).strip()


def test_sampling_instead_of_repairing(refine):
    answers = [both(SMALLEST), both(STARTS_AT_ZERO), both(RIGHT), both(RIGHT)]
    script = {"[s]": [answers]}
    ran, [pair], _ = refine(["[s]"], "--sampling", "4", "--negative", "first", script=script)
    assert pair["incorrect"] == block(SMALLEST).strip()
    assert pair["origin"]["method"] == "sampling"
    assert "answer 1, 2, ...: 0.0% 0.0% 100.0% 100.0%" in ran.err


def test_the_judge_has_the_last_word(refine, tmp_path):
    _, made, reasons = refine(["[repairs]"], "--judge", judge="No.")
    assert not made
    assert reasons == {"[repairs]": "the judge sees no difference in logic"}
    [left] = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text().splitlines()]
    assert left["origin"]["calls"] == 4  # the first answer, two repairs, the judge
    assert [attempt["status"] for attempt in left["attempts"]] == ["fail", "fail", "pass"]
    _, [pair], _ = refine(["[repairs]"], "--judge", "--work-dir", "other", judge="Yes, they do.")
    assert pair["origin"]["calls"] == 4
    assert pair["incorrect"]


def test_tests_that_reach_little_are_refused(refine):
    code = RIGHT + "\n\ndef other(x):\n    y = x + 1\n    z = y + 1\n    q = z + 1\n    return q\n"
    script = {"[c]": [both(code.replace("xs[0]", "0")), block(code)]}
    _, [pair], _ = refine(["[c]"], script=script)
    assert pair["origin"]["coverage"] == pytest.approx(8 / 12, abs=0.1)
    _, made, reasons = refine(["[c]"], "--min-coverage", "0.9", script=script)
    assert not made
    assert reasons["[c]"] == "the tests cover too little (--min-coverage)"


def test_the_dialogue_shows_the_error_and_is_not_asked_twice(refine, fgit, tmp_path):
    first, _, _ = refine(["[repairs]"])
    again, _, _ = refine(["[repairs]"], script={"nothing": []})
    assert again.code == 0, again.err
    assert again.out == first.out


class Moody:
    """Stands for the executor: each program answers as its list says, the last answer again and again."""

    def __init__(self, answers):
        self.answers = answers

    def run_script(self, code, tests="", limit=10.0):
        return self.run_tests(code, tests, limit)

    def run_tests(self, code, tests, limit, reference=None, text=None):
        given = self.answers[code]
        return Outcome(given.pop(0) if len(given) > 1 else given[0], "AssertionError", "no", stage="tests")


@pytest.mark.parametrize(
    ("wrong", "right", "refused"),
    [
        (["fail"], ["pass"], ""),
        (["fail", "pass"], ["pass"], "no failing version that differs in logic"),
        (["fail", "timeout"], ["pass"], "no failing version that differs in logic"),
        (["fail"], ["pass", "fail"], "not the same twice: the correct response fails its own tests"),
    ],
)
def test_a_version_that_fails_or_passes_only_once_shows_nothing(wrong, right, refused):
    settings = Settings(iterations=1, sampling=0, negative="last", limit=1, min_coverage=0, judge=False, seed=0)
    executor = Moody({SMALLEST: wrong, RIGHT: right, "": ["fail"]})
    teacher = SimpleNamespace(sampling=Sampling(), engine=SimpleNamespace(describe=dict), durable=None, progress=None)
    debugging = Debugging(teacher, executor, {}, settings, window=1)
    case = Case({"instruction": "x"}, [], "x", tests=TESTS)
    for code in (SMALLEST, RIGHT):
        debugging._try(case, code)
    pair = debugging._pair(case)
    assert case.refused == refused
    assert bool(pair) == (not refused)


def test_a_program_that_writes_a_report_of_its_own_stops_nothing(refine):
    forged = (  # at work in the run that measures the coverage alone
        'import os, struct, sys\nif hasattr(sys.modules["__main__"], "_measured"):\n'
        "    t = b'{\"range\":[0,100000000000,1]}'\n"
        '    os.write(3, struct.pack("<cI", b"R", len(t)) + t + b"F" + bytes(4))\n'
    )
    other = forged.replace('{"range":[0,100000000000,1]}', "5")
    script = {
        "[hangs]": [both(SMALLEST), block(forged + RIGHT)],
        "[crashes]": [both(SMALLEST), block(other + RIGHT)],
        "[repairs]": SCRIPT["[repairs]"],
    }
    ran, made, _ = refine(list(script), script=script)
    assert ran.code == 0, ran.err
    assert len(made) == 3
