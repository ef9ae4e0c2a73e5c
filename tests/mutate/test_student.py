"""`--method student`: the model's own answers, kept where they are wrong."""

import json

import pytest

CORRECT = "def add(x):\n    return x + 1\n"
WRONG = "```python\ndef add(number):  # my own comment\n    return number - 1\n```"


@pytest.fixture
def student(served, fgit):
    def run(answer, *words, **record):
        row = {"instruction": "Add one.", "response": f"So:\n\n```python\n{CORRECT}```\n", **record}
        url = served(answer=answer).url
        return fgit(
            "mutate", "--method", "student", "--model", "m", "--variants", "1", "--base-url", url,
            "--work-dir", url.rsplit(":")[-1].replace("/", "-"), *words,
            stdin=json.dumps(row) + "\n",
        )  # fmt: skip

    return run


def test_a_wrong_answer_is_kept_as_it_is_in_the_correct_responses_prose(student):
    ran = student(WRONG, tests="assert add(1) == 2\n")
    assert ran.code == 0, ran.err
    [variant] = json.loads(ran.out)["variants"]
    assert variant["text"] == f"So:\n\n{WRONG}\n"
    assert variant["origin"]["method"] == "student"


def test_an_answer_that_passes_the_tests_is_left_out(student):
    ran = student(WRONG.replace("- 1", "- -1"), tests="assert add(1) == 2\n")
    assert ran.out == ""
    assert "no variant: passes the tests" in ran.err


def test_a_timeout_is_no_verdict(student):
    endless = WRONG.replace("return number - 1", "while True: pass")
    ran = student(endless, "--time-limit", "0.5", tests="assert add(1) == 2\n")
    assert "no variant: runs out of time" in ran.err


@pytest.mark.parametrize(
    "tests",
    [
        "assert False\n",
        "assert add(1) == 3\n",
        "assert sub(1) == 0\n",
        "import no_such_package\nassert add(1) == 2\n",
        "assert add(1) ==\n",
        "while True: pass\n",
    ],
)
@pytest.mark.parametrize("answer", [WRONG, WRONG.replace("return number - 1", "number += 1\n    return number")])
def test_tests_that_the_correct_response_fails_show_nothing_to_be_wrong(student, tests, answer):
    ran = student(answer, "--time-limit", "0.5", tests=tests)
    assert ran.out == ""
    assert "no variant: the correct response fails its own tests" in ran.err


def test_what_no_test_has_judged_says_so(student):
    judged = student(WRONG, tests="assert add(1) == 2\n")
    assert json.loads(judged.out)["variants"][0]["origin"]["judged"] == "fails its record's tests"
    assert "untested" not in judged.err
    untested = student(WRONG)
    assert json.loads(untested.out)["variants"][0]["origin"]["judged"] == "untested"
    assert "1 variants untested, for their records have no tests" in untested.err


def test_without_tests_what_differs_in_code_counts_and_a_rename_does_not(student):
    assert json.loads(student(WRONG).out)["variants"]
    same = student(WRONG.replace("- 1", "+ 1"))
    assert same.out == ""
    assert "only renames" in same.err


def test_answers_of_an_earlier_run_are_counted(student, served):
    assert "taken from the work folder" not in student(WRONG, "--work-dir", "w").err
    assert "1 answers taken from the work folder" in student(WRONG, "--work-dir", "w").err


def test_the_model_must_be_named(fgit):
    ran = fgit("mutate", "--method", "student", stdin="")
    assert ran.code == 2
    assert "--model" in ran.err
