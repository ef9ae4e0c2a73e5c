"""Overlap with benchmarks: formats known by their fields, planted copies found, and what must not be found."""

import ast
import gzip
import html
import json
import re

import pytest

from fgit_cli.core.overlap import NGRAMS, RENAMED, SUBSTRING, Index, plainly, shapes, squeeze
from fgit_cli.core.problems import Problem, problem
from fgit_cli.errors import InputError
from fgit_cli.stages.decontaminate import matches

PROMPT = (
    "def moving_mean(values, width):\n"
    '    """Return the mean of every run of `width` neighbouring values, from the first run to the last one.\n'
    '    An empty list is returned when there are fewer values than that.\n    """\n'
)
BODY = (
    "    if len(values) < width:\n        return []\n    total = sum(values[:width])\n    means = [total / width]\n"
    "    for i in range(width, len(values)):\n        total += values[i] - values[i - width]\n"
    "        means.append(total / width)\n    return means\n"
)
ROW = {
    "task_id": "HumanEval/900",
    "prompt": PROMPT,
    "canonical_solution": BODY,
    "test": "",
    "entry_point": "moving_mean",
}

ROWS = {
    "HumanEval": ROW,
    "MBPP": {"task_id": 7, "text": "Write it.", "code": "def f(): pass", "test_list": []},
    "MBPP+": {
        "task_id": "Mbpp/7", "prompt": "Write it.", "canonical_solution": "def f(): pass", "base_input": [],
        "plus_input": [], "assertion": "",
    },
    "BigCodeBench": {
        "task_id": "BigCodeBench/7", "complete_prompt": PROMPT, "instruct_prompt": "Write it.",
        "canonical_solution": BODY,
    },
    "APPS": {"problem_id": 7, "question": "Read n.", "solutions": '["n = int(input())", "print(1)"]',},
    "DS-1000": {"prompt": "Problem:", "reference_code": "df = df", "metadata": {"problem_id": 7}, "code_context": ""},
    "GSM8K": {"question": "How many?", "answer": "Seven.\n#### 7"},
    "MultiPL-E": {"name": "HumanEval_7_f", "language": "lua", "prompt": "-- Write it", "tests": "", "stop_tokens": []},
}  # fmt: skip


@pytest.mark.parametrize("benchmark", sorted(ROWS))
def test_format_is_known_by_its_fields(benchmark):
    made = problem(ROWS[benchmark], 7)
    assert made.benchmark == benchmark
    assert "7" in made.task or "900" in made.task
    assert made.parts[0][0] == "prompt"
    assert all(text for _, text in made.parts)


def test_parts_of_a_function_to_complete():
    made = problem(ROW, 0)
    assert [what for what, _ in made.parts] == ["prompt", "docstring", "solution"]
    assert made.code == (PROMPT + BODY,)


@pytest.mark.parametrize(
    "row", [{"a": 1}, [], {"question": "q", "solutions": "{not json"}, {"prompt": 1, "canonical_solution": 2}]
)
def test_what_is_no_benchmark_is_refused(row):
    with pytest.raises(InputError):
        problem(row, 0)


@pytest.fixture(scope="module")
def index():
    return Index([problem(ROW, 0)])


def renamed(code):
    tree = ast.parse(code)
    for node in ast.walk(tree):
        for field in ("id", "arg", "name"):
            name = getattr(node, field, None)
            if isinstance(name, str) and name not in ("len", "sum", "range"):
                setattr(node, field, f"{name}_other")
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            del node.body[0]
    return ast.unparse(tree)


PLANTED = {
    "verbatim": (PROMPT + BODY, SUBSTRING),
    "re-indented": (re.sub(r"(?m)^ +", lambda m: "\t" * (len(m[0]) // 4), BODY), SUBSTRING),
    "letter case": (PROMPT.upper(), SUBSTRING),
    "renamed": (renamed(PROMPT + BODY), RENAMED),
    "docstring in another language's comment": ("\n".join("// " + x.strip(' "') for x in PROMPT.split("\n")), NGRAMS),
    "half of the docstring": (PROMPT[: PROMPT.index("An empty")], NGRAMS),
}


@pytest.mark.parametrize("how", PLANTED)
def test_planted_copies_are_found(index, how):
    text, by = PLANTED[how]
    found = index.matches(f"Solve this for me, please.\n{text}\nThank you.", [text])
    assert [(m.benchmark, m.task) for m in found] == [("HumanEval", "HumanEval/900")]
    assert found[0].by == by
    assert 0.5 <= found[0].share <= 1


def test_what_only_looks_alike_is_not_found(index):
    other = PROMPT[:40] + BODY.replace("+=", "-=").replace("total", "t")
    assert index.matches(other, [renamed(PROMPT + BODY).replace("+=", "-=")]) == []
    assert index.matches("", []) == []
    assert index.matches("def moving_mean(values, width):", []) == []


def test_boilerplate_of_a_benchmark_counts_for_nothing():
    frame = "You should write code that starts with the lines that are given below and ends with nothing else "
    problems = [Problem("B", str(i), (("prompt", f"{frame} {w} {w} {w}"),)) for i, w in enumerate("abc")]
    assert Index(problems).matches(frame) == []
    assert [m.task for m in Index(problems[:1]).matches(frame)] == ["0"]


def test_shapes_forget_names_but_nothing_else():
    code = PROMPT + BODY
    assert len(shapes(code)) == 1
    assert shapes(code) == shapes(renamed(code))
    assert shapes(code) != shapes(code.replace("< width", "<= width"))
    assert shapes(code) != shapes(code.replace("append", "extend"))
    assert shapes("def f(a):\n    return a + 1\n") == set()
    assert shapes("no python at all") == set()


def test_squeeze():
    assert squeeze(" A\tb\n\u00a0C") == "abc"


@pytest.mark.parametrize("name", ["HumanEvalPlus-v0.1.10", "MbppPlus-v0.2.0"])
def test_every_problem_of_a_real_benchmark_is_found_by_its_prompt(data, name):
    with gzip.open(data / "bench" / f"{name}.jsonl.gz", "rt") as stream:
        problems = [problem(json.loads(line), i) for i, line in enumerate(stream)]
    index = Index(problems)
    for p in problems:
        assert p.task in [m.task for m in index.matches(f"Please: {p.parts[0][1]}")]


TOLD = {
    "task_id": "HumanEval/901",
    "entry_point": "tallest",
    "prompt": (
        "def tallest(towers, floor):\n"
        '    """Return the name of the tallest of the given towers, by height over the floor.\n'
        "    >>> tallest({'a': 3, 'b': 5}, 1)\n    'b'\n    \"\"\"\n"
    ),
    "canonical_solution": "    return max(towers)\n",
    "test": (
        "def check(candidate):\n    assert candidate({'a': 3, 'b': 5}, 1) == 'b'\n    assert candidate({}, 2) is None\n"
    ),
}
MBPP = {
    "task_id": 77,
    "text": "Write a python function to fold the given paper strip at every second mark.",
    "code": "def fold_strip(strip):\n    return strip[::2]",
    "test_list": ["assert fold_strip([1]) == [1]", "assert fold_strip([1, 2]) == [1]"],
}


@pytest.fixture(scope="module")
def told():
    return Index([problem(TOLD, 0), problem(MBPP, 1)])


@pytest.mark.parametrize(
    ("text", "task"),
    [
        (
            "Please write: return the name of the TALLEST of the given towers - by height over the floor!",
            "HumanEval/901",
        ),
        ("Create a method that should fold the given paper strip at every second mark.", "77"),
        ("It must pass:\nassert fold_strip([1])==[1]\n  assert fold_strip([1,2])  == [1]", "77"),
        ("assert tallest({'a': 3, 'b': 5}, 1) == 'b'", "HumanEval/901"),
    ],
)
def test_a_task_told_in_other_words_or_by_its_tests_is_found(told, text, task):
    assert [m.task for m in told.matches(text)] == [task]


def test_a_short_solution_alone_is_found_and_not_inside_other_code(told):
    assert [m.task for m in told.matches("", ["return max(towers)"])] == ["HumanEval/901"]
    assert not told.matches("", ["def f(towers):\n    print(towers)\n    return max(towers)\n"])


@pytest.mark.parametrize(
    "text",
    ["Fold the strip at every second mark.", "assert fold_strip([1]) == [1]", "Return the name of the tallest tower."],
)
def test_a_phrase_or_a_single_short_test_is_no_match(told, text):
    assert not told.matches(text)


def test_text_written_for_html_or_json_is_read_as_what_it_stands_for():
    assert plainly('a &lt; b &amp;&amp; c\\n\\tx = \\"y\\"') == 'a < b && c\n\tx = "y"'


@pytest.mark.parametrize(
    "record",
    [
        {"incorrect": ROW["prompt"] + ROW["canonical_solution"]},
        {"variants": [{"text": ROW["prompt"] + ROW["canonical_solution"]}]},
        {"tests": "assert moving_mean\n" + ROW["canonical_solution"]},
        {"instruction": html.escape(ROW["prompt"]).replace("\n", "\\n")},
        {"response": json.dumps(ROW["prompt"] + ROW["canonical_solution"])},
    ],
)
def test_every_side_of_a_record_is_looked_at(index, record):
    assert matches({"instruction": "Do it.", "response": "x = 1", **record}, index)
    assert not matches({"instruction": "Do it.", "response": "x = 1"}, index)
