"""The answer in words: each pair of models, also those beside the baseline; one sentence over all benches."""

import pytest

from fgit_cli.reporting.in_words import Finding, Measure
from tests.helpers.eval_results import result


def verdicts(pattern, bench="humaneval+"):
    table = {".": ("pass", "pass"), "b": ("pass", "fail"), "x": ("fail", "fail")}
    return [result(f"T/{i}", *table[c], bench=bench) for i, c in enumerate(pattern)]


@pytest.fixture
def three(write):
    """Base, SFT that mends 20 of 40 failures, and FGit that mends 10 more."""
    patterns = {"base": "." * 20 + "x" * 40, "sft": "." * 40 + "x" * 20, "fgit": "." * 50 + "x" * 10}
    return [f"{name}={write(f'{name}.jsonl', verdicts(pattern))}" for name, pattern in patterns.items()]


def test_terminal_begins_with_the_answer(fgit, three):
    out = fgit("report", *three).out.splitlines()
    assert out[0].startswith("sft is better than base on HumanEval+: +33.3 points, 95 % interval ")
    assert out[0].endswith("20 won and 0 lost of 60 tasks, p < 0.001.")
    assert out[1].startswith("fgit is better than base on HumanEval+: +50.0 points")
    assert out[2].startswith("fgit is better than sft on HumanEval+: +16.7 points")
    assert out[3] == ""
    assert "HumanEval+: +16.7 points" not in fgit("report", *three, "--table", "scores").out


def test_of_two_others_the_better_one_comes_first(fgit, three):
    turned = fgit("report", three[0], three[2], three[1]).out.splitlines()
    assert turned[2].startswith("fgit is better than sft on HumanEval+: +16.7 points")


def test_markdown_has_them_as_a_list(fgit, three):
    out = fgit("report", *three, "--format", "markdown").out
    assert out.startswith("- sft is better than base on HumanEval+: +33.3 points")


def test_one_model_alone_is_told_by_its_score_on_the_page(fgit, three):
    page = fgit("report", three[1], "--format", "html").out
    assert "sft solves 66.7 % of HumanEval+" in page
    assert "over 60 tasks" in page
    assert fgit("report", three[1]).out.startswith("pass@1")


def test_the_page_begins_with_the_answer_and_one_figure(fgit, three):
    pytest.importorskip("matplotlib")
    page = fgit("report", *three, "--format", "html").out
    answer = page[page.index('id="answer"') : page.index('id="scores"')]
    assert answer.index("fgit is better than sft") < answer.index("<svg")
    assert answer.count("<svg ") == 1
    assert page.index('id="answer"') < page.index('id="plots"')


def test_of_many_models_the_rest_is_left_to_the_tables(fgit, write):
    files = [f"m{n}={write(f'{n}.jsonl', verdicts('.' * (10 + n) + 'x' * 10))}" for n in range(6)]  # 15 comparisons
    for words in ([], ["--format", "markdown"]):
        assert "3 more are in the tables below." in fgit("report", *files, *words).out.splitlines()[12]


def measure(place, answer):
    return Measure(place, answer, 1.0, (0.0, 2.0), "words")


@pytest.mark.parametrize(
    ("measures", "claim", "answer"),
    [
        (["better"], "a is better than b on P0", "better"),
        (["cannot tell"], "a cannot be told from b on P0", "cannot tell"),
        (["better", "better", "worse"], "a is better than b on P0 and P1 and is worse than b on P2", ""),
        (["better", "cannot tell"], "a is better than b on P0 and cannot be told from it on P1", "better"),
        (["worse"] * 3, "a is worse than b on P0, P1 and P2", "worse"),
    ],
)
def test_several_benches_are_one_sentence(measures, claim, answer):
    found = Finding("a", "b", [measure(f"P{n}", what) for n, what in enumerate(measures)])
    assert (found.claim, found.answer) == (claim, answer)
    assert len(list(found.lines())) == (1 if len(measures) == 1 else 1 + len(measures))


def test_many_models_are_compared_though_their_table_is_long(fgit, write):
    files = [write(f"m{n}.jsonl", verdicts("." * (5 + n) + "x" * (15 - n))) for n in range(8)]
    out = fgit("report", *files).out
    assert "m7 cannot be told from m0" in out
    assert "Between the others" not in out
    assert "Between the others" in fgit("report", *files, "--table", "between").out
