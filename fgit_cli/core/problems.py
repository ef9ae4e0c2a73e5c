"""Benchmark problems as their files hold them: which benchmark a line is from, and its prompt, docstring, solutions.

A format is known by its field names, so any copy of a benchmark's file serves, whatever it is called.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.languages import python_tree
from fgit_cli.errors import InputError

_WRITE = re.compile(
    r"\s*write (?:an? |the )?(?:(?:simple|python|recursive|lambda|efficient|new)\s+)*"
    r"(?:function|program|code|script|method|regex|expression)s?\s*(?:that|which|to|for|using)?\b",
    re.I,
)
_EXAMPLES = re.compile(
    r"\s*(?:>>>|for (?:example|instance)|(?:some )?examples?\b|e\.g\.|(?:in|out)put\s*:|"
    r"(?:parameters|arguments|args|returns?|raises|requirements|notes?|constraints?)\s*:|"
    r"\w+\(.*\)\s*(?:==|➞|=>|->|=|➡|returns))",
    re.I,
)


@dataclass(frozen=True)
class Problem:
    """One problem: `parts` are (what, text), and `code` is whole Python code.

    What: prompt, docstring, solution; prose (a docstring without its examples, a prompt without "Write a function to");
    tests (all of them) and test (one).
    """

    benchmark: str
    task: str
    parts: tuple[tuple[str, str], ...]
    code: tuple[str, ...] = ()


def _human_eval(row: dict[str, Any]) -> Any:
    prompt, solution = row["prompt"], row["canonical_solution"]
    parts = [("prompt", prompt), *docstrings(prompt), ("solution", solution), *_checks(row)]
    return parts, [prompt + solution]


def _mbpp_plus(row: dict[str, Any]) -> Any:
    solution = row["canonical_solution"]
    text = re.sub(r'\A\s*"""|"""\s*\Z', "", row["prompt"])
    told, *tests = re.split(r"^(?=assert )", text, flags=re.M)
    tests += str(row["assertion"]).split("\n")
    return [("prompt", row["prompt"]), *_told(told), ("solution", solution), *_tests(tests)], [solution]


def _mbpp(row: dict[str, Any]) -> Any:
    prompt = row.get("text") or row["prompt"]
    tests = [*row["test_list"], *(row.get("challenge_test_list") or [])]
    return [("prompt", prompt), *_told(prompt), ("solution", row["code"]), *_tests(tests)], [row["code"]]


def _big_code_bench(row: dict[str, Any]) -> Any:
    prompt, solution = row["complete_prompt"], row["canonical_solution"]
    parts = [("prompt", row["instruct_prompt"]), ("prompt", prompt), *docstrings(prompt), ("solution", solution)]
    return parts, [prompt + solution]


def _apps(row: dict[str, Any]) -> Any:
    solutions = row["solutions"]
    if isinstance(solutions, str):
        solutions = json.loads(solutions) if solutions.strip() else []
    return [("prompt", row["question"]), *(("solution", s) for s in solutions)], solutions


def _ds1000(row: dict[str, Any]) -> Any:
    return [("prompt", row["prompt"]), ("solution", row["reference_code"])], [row["reference_code"]]


def _gsm8k(row: dict[str, Any]) -> Any:
    return [("prompt", row["question"]), ("solution", row["answer"])], []


def _multipl_e(row: dict[str, Any]) -> Any:
    return [("prompt", row["prompt"])], []


# Name, the fields that tell it (the first format whose fields are all there), the field of the task's name, its parts.
FORMATS: list[tuple[str, tuple[str, ...], tuple[str, ...], Callable[[dict[str, Any]], Any]]] = [
    ("BigCodeBench", ("complete_prompt", "instruct_prompt", "canonical_solution"), ("task_id",), _big_code_bench),
    ("DS-1000", ("prompt", "reference_code"), ("problem_id", "metadata"), _ds1000),
    ("APPS", ("question", "solutions"), ("problem_id", "id"), _apps),
    ("MultiPL-E", ("name", "language", "prompt", "tests"), ("name",), _multipl_e),
    ("MBPP", ("code", "test_list"), ("task_id",), _mbpp),
    ("MBPP+", ("task_id", "prompt", "canonical_solution", "base_input", "plus_input", "assertion"), ("task_id",),
     _mbpp_plus),
    ("HumanEval", ("prompt", "canonical_solution"), ("task_id",), _human_eval),
    ("GSM8K", ("question", "answer"), ("id",), _gsm8k),
]  # fmt: skip


def problem(row: Any, number: int) -> Problem:
    """The problem that a line of a benchmark's file holds; `number` names it where the line has no name.

    Raises InputError where the fields are those of no known benchmark, or hold something else than text.
    """
    if not isinstance(row, dict):
        raise InputError("not a JSON object")
    fits = (form for form in FORMATS if all(row.get(field) is not None for field in form[1]))
    form = next(fits, None)
    if form is None:
        known = "; ".join(f"{name}: {', '.join(needed)}" for name, needed, _, _ in FORMATS)
        raise InputError(f"its fields are those of no benchmark that is known ({known})")
    benchmark, _, names, read = form
    try:
        parts, code = read(row)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"looks like {benchmark}, but cannot be read as such: {error}") from None
    if not all(isinstance(text, str) for text in [*(t for _, t in parts), *code]):
        raise InputError(f"looks like {benchmark}, but a prompt or solution is no text")
    task = next((_name(row[n]) for n in names if row.get(n) is not None), str(number))
    return Problem(benchmark, task, tuple(parts), tuple(code))


def _name(value: Any) -> str:
    """A task's name; DS-1000 keeps its number among the metadata."""
    return str(value.get("problem_id", value) if isinstance(value, dict) else value)


def docstrings(prompt: str) -> list[tuple[str, str]]:
    """The longest docstring of a prompt that is the head of a function, and its prose, as parts; else none."""
    found = re.findall(r'"""([\s\S]*?)"""|' + r"'''([\s\S]*?)'''", prompt)
    texts = [a or b for a, b in found]
    if not texts or python_tree(prompt + "\n    pass\n") is None:
        return []
    text = max(texts, key=len)
    prose = _prose(text)
    return [("docstring", text), *([("prose", prose)] if prose.split() != text.split() else [])]


def _prose(docstring: str) -> str:
    """What a docstring says before its first example or list of parameters."""
    lines = docstring.strip().split("\n")
    end = next((i for i, line in enumerate(lines) if i and _EXAMPLES.match(line)), len(lines))
    return "\n".join(lines[:end]).strip()


def _told(prompt: str) -> list[tuple[str, str]]:
    """What a prompt such as "Write a python function to ..." asks for, whatever words come before it."""
    told = _WRITE.sub("", prompt).strip()
    return [("prose", told)] if told != prompt.strip() else []


def _checks(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The assertions of HumanEval's `check(candidate)`, on the function by its own name."""
    named = re.sub(r"\bcandidate\b", str(row.get("entry_point")), str(row.get("test") or ""))
    return _tests(re.findall(r"^ *(assert .*)$", named, re.M))


def _tests(asserts: list[str]) -> list[tuple[str, str]]:
    """The assertions, all together and each alone."""
    alone = [text for line in asserts if (text := line.strip().removeprefix("assert ").strip())]
    return [("tests", "\n".join(alone)), *(("test", text) for text in alone)] if alone else []
