"""The program in a model's answer: what may be needed stays, what is no part of the solution goes."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.benches.bench import Task
from fgit_cli.benches.extract import Extractor, whole_program, with_ast

SOLUTION = "def f(x):\n    return x + 1\n"


def test_bare_code_stays():
    assert with_ast(SOLUTION, "f") == SOLUTION


@pytest.mark.parametrize(
    "answer",
    [
        f"Here it is:\n```python\n{SOLUTION}```\nIt adds one.",
        f"Here it is:\n\n{SOLUTION}\nThis adds one.",
        f"{SOLUTION}```\n",
        f"{SOLUTION}\nassert f(1) == 2\nprint(f(1))\n\nif __name__ == '__main__':\n    f(input())\n",
        f"{SOLUTION}\nresult = f(3)\nfor i in range(3):\n    print(f(i))\n",
        f"{SOLUTION}\ndef g(x):\n    return 'cut off by the limi",
        f"```python\n{SOLUTION}```\nOr shorter:\n```python\nf = lambda x: x - 1\n```\n",
    ],
    ids=["fenced", "prose", "open-fence", "tests", "demonstration", "truncated", "alternative"],
)
def test_what_is_no_solution_goes(answer):
    names = {}
    exec(with_ast(answer, "f"), names)
    assert names["f"](1) == 2
    assert "print" not in with_ast(answer, "f")


@pytest.mark.parametrize(
    "kept",
    [
        "from functools import lru_cache\n@lru_cache(None)\ndef f(x):\n    return x\n",
        "try:\n    import numpy as np\nexcept ImportError:\n    np = None\ndef f(x):\n    return x\n",
        "import sys\nsys.setrecursionlimit(5000)\ndef f(x):\n    return x\n",
        "def helper(d):\n    d['a'] = 1\ndef f(x):\n    helper(x)\n    return x\n",
        "def f(x):\n    return 0\ndef f(x):\n    return x\n",
        "table = []\nfor i in range(9):\n    table.append(i)\ndef f(x):\n    return table[x]\n",
        "def f(x):\n    return g(x)\nLIMIT = 3\ndef g(x):\n    return LIMIT\n",
        "if True:\n    def f(x):\n        return x\nelse:\n    f = None\n",
        "f = lambda x: x\n",
    ],
)
def test_what_the_entry_point_may_need_stays(kept):
    assert with_ast(kept, "f") == kept


def test_text_without_python_is_given_back():
    assert with_ast("I cannot do that, sorry.", "f") == "I cannot do that, sorry."


# Programs as LiveCodeBench wants them: what they print stands at the top level, called bare or guarded.
PROGRAM = "import sys\n\n\ndef main():\n    print(sum(map(int, sys.stdin.read().split())))\n\n\nmain()\nassert True\n"
GUARDED = PROGRAM.replace("main()\nassert True\n", "if __name__ == '__main__':\n    main()\n")


@pytest.mark.parametrize("program", [PROGRAM, GUARDED])
@pytest.mark.parametrize(
    "answer",
    [
        "{}",
        "Read and add.\n```python\n{}```\nThat is all.",
        "It prints\n```\n1 + 2 is 3\n```\nfirst\n```python\nprint(6)\n```\nbetter\n```python\n{}```\n"
        "prints\n```\n6 = 6!\n```\n",
        "Cut off:\n```python\n{}",
        "{}```",
    ],
    ids=["bare", "fenced", "last", "open", "begun"],
)
def test_a_program_without_entry_point_stays_whole(program, answer):
    assert whole_program(answer.format(program)).strip() == program.strip()


def test_a_program_that_does_not_parse_is_given_back_too():
    assert whole_program("So:\n```python\nprint(\n```\n") == "print(\n"


@given(st.text(alphabet="def f(x):\n  `='\"#@return1", max_size=120))
def test_any_text_comes_through_and_python_stays_python(text):
    before, after = _parses(text), _parses(with_ast(text, "f"))
    assert after or not before


def _parses(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


DRAFT = "def f(x):\n    return 0\n"
FINAL = "def f(x):\n    return helper(x) + 1\n"
HELPER = "def helper(x):\n    return x\n"


TIMES = "def helper(x):\n    return x * ONE\n"
FLOOR = "def f(x):\n    return math.floor(x + 1)\n"
OLD = "def helper(x):\n    return 9\n"
NOWHERE = "import no_such_module\n"


def fence(code, info="python", indent=""):
    return "".join(f"{indent}{line}\n" for line in [f"```{info}", *code.rstrip().split("\n"), "```"])


SHAPES = {
    "corrects itself": f"Here:\n{fence(DRAFT)}\nWait, that is wrong. The fix:\n{fence(HELPER + FINAL)}",
    "corrects itself twice": f"{fence(DRAFT)}\nHmm.\n{fence(DRAFT)}\nFinally:\n{fence(HELPER + FINAL)}\nDone.",
    "the helper behind": f"{fence(FINAL)}\nwith\n{fence(HELPER)}",
    "the helper before": f"First\n{fence(HELPER)}\nthen\n{fence(FINAL)}",
    "a constant that a helper needs": f"{fence('ONE = 1')}\n{fence(TIMES)}\n{fence(FINAL)}",
    "an import of its own": f"{fence('import math')}\nand\n{fence(FLOOR)}",
    "the signature first": f"{fence('def f(x):' + chr(10) + '    ...')}\nThe body:\n{fence(HELPER + FINAL)}",
    "the signature last": f"{fence(HELPER + FINAL)}\nIts signature is\n{fence('def f(x):' + chr(10) + '    pass')}",
    "in a list": f"1. Write it:\n\n{fence(HELPER + FINAL, indent='   ')}\n2. Run it.\n",
    "in a nested list": f"* a\n  * b\n\n{fence(HELPER + FINAL, indent='      ')}",
    "thought": f"<think>\n{fence(DRAFT)}\n</think>\n{fence(HELPER + FINAL)}",
    "thought, the tag in the prompt": f"Let me try.\n{fence(DRAFT)}\n</think>\n\n{fence(HELPER + FINAL)}",
    "bare code behind the thought": f"maybe\n{fence(DRAFT)}\n</think>\n{HELPER}{FINAL}",
    "usage behind": f"{fence(HELPER + FINAL)}\nUse it:\n{fence('y = f(3)' + chr(10) + 'assert f(1) == 1')}",
    "usage before": f"{fence('print(f(3))')}\n{fence(HELPER + FINAL)}",
    "output shown": f"{fence(HELPER + FINAL)}\ngives\n{fence('[1, 2]', info='')}",
    "a shell block": f"{fence('pip install nothing', info='bash')}\n{fence(HELPER + FINAL)}",
    "tildes": (fence(HELPER + FINAL)).replace("```", "~~~"),
    "carriage returns": fence(HELPER + FINAL).replace("\n", "\r\n"),
    "an alternative": f"{fence(HELPER + FINAL)}\nAlternatively, in one line:\n{fence('f = lambda x: x - 1')}",
    "an old helper": f"{fence(OLD + DRAFT)}\nOops.\n{fence(HELPER + FINAL)}",
    "an import that is not there": f"{fence(NOWHERE + DRAFT)}\nFixed:\n{fence(HELPER + FINAL)}",
    "quoted": "".join(f"> {line}\n" for line in fence(HELPER + FINAL).splitlines()),
    "begun in a fence": HELPER + FINAL + "```\nThat is it.\n",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_that_is_meant_is_taken(shape):
    names = {}
    exec(with_ast(SHAPES[shape], "f"), names)
    assert names["f"](1) == 2


def test_a_thought_that_does_not_end_holds_no_answer():
    names = {}
    exec(with_ast(f"<think>\nso\n{fence(HELPER + FINAL)}", "f"), names)
    assert "f" not in names


def test_markdown_that_is_run_as_it_is_gets_a_hint():
    task = Task("t/1", "", "f", {})
    extractor = Extractor("none")
    text = fence(HELPER + FINAL)
    assert extractor(text, task) == text
    assert extractor(FINAL, task) == FINAL
    [said] = extractor.notes()
    assert said == "1 samples are Markdown that does not run: t/1; --extract ast takes the programs out"
