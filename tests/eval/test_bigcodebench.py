"""BigCodeBench: every test by name, apart from the solution or with a control run; what is missing is named."""

import gzip
import json
import re
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from fgit_cli import install
from fgit_cli.benches import bigcodebench
from fgit_cli.errors import UsageError
from fgit_cli.executor import Outcome, encode, split

PROMPT = 'import math\ndef task_func(x):\n    """Root of x."""\n'
TESTS = """
import unittest
class TestCases(unittest.TestCase):
    def test_four(self):
        self.assertEqual(task_func(4), 2)
    def test_negative(self):
        with self.assertRaises(ValueError):
            task_func(-1)
    def helper(self):
        pass
"""
ROW = {
    "task_id": "BigCodeBench/13", "complete_prompt": PROMPT, "instruct_prompt": "Root of x.",
    "code_prompt": "import math\ndef task_func(x):\n", "canonical_solution": "    return math.sqrt(x)\n",
    "test": TESTS, "entry_point": "task_func",
}  # fmt: skip
MISSING = {**ROW, "task_id": "BigCodeBench/1", "complete_prompt": "import no_such_library\n" + PROMPT}
RIGHT = PROMPT + ROW["canonical_solution"]


@pytest.fixture
def tasks(tmp_path):
    path = tmp_path / "bcb.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in (ROW, MISSING)))
    return path


@pytest.fixture
def evaluate(fgit, tasks, tmp_path):
    def run(*solutions, words=(), bench="bigcodebench"):
        stdin = "".join(json.dumps({"task_id": "BigCodeBench/13", "solution": s}) + "\n" for s in solutions)
        env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
        ran = fgit("eval", "--bench", bench, "--data", tasks, *words, stdin=stdin, env=env)
        return ran, [json.loads(line) for line in ran.out.splitlines()]

    return run


def test_right_and_wrong(evaluate):
    wrong = PROMPT + "    return math.sqrt(abs(x))\n"
    ran, (first, second, third) = evaluate(RIGHT, wrong, "def task_func(:")
    assert ran.code == 0, ran.err
    assert (first["base"], first["plus"], first["error"]) == ("pass", None, None)
    assert (second["base"], second["error"]["type"]) == ("fail", "test_negative failed")
    assert (third["base"], third["error"]["type"]) == ("error", "SyntaxError")
    said = ran.err.splitlines()
    assert "1 of 2 tasks need libraries that are missing: no_such_library (1)" in said[1]
    assert install.command("bigcodebench") in said[1]
    assert "left out: 1" in said[2]
    assert any("1 of 1 reference solutions pass here" in line for line in said)
    assert "bigcodebench pass@1 33.3 (a subset: 1 of 2 tasks, 3 samples)" in said[-1]


TAMPERING = {
    "a test case that does nothing": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n"
    "unittest.TestCase.assertRaises = lambda *a: __import__('contextlib').suppress(Exception)\n",
    "a loader that finds nothing": "import unittest\nunittest.TestLoader.loadTestsFromTestCase = "
    "lambda *a: unittest.TestSuite()\n",
    "a result of its own": "import unittest\nunittest.TestResult.addFailure = unittest.TestResult.addSuccess\n"
    "unittest.TestResult.addError = unittest.TestResult.addSuccess\n",
    "an early end": "import os, atexit\natexit.register(os._exit, 0)\n",
    "a report of its own": "import sys\nsys.modules['__main__'].__report__ = {'test_four': ['ok', '']}\n",
    "frames of a traceback": "def task_func(x):\n    try:\n        1 / 0\n    except ZeroDivisionError as e:\n"
    "        f = e.__traceback__.tb_frame\n        while f:\n            for v in list(f.f_locals.values()):\n"
    "                if hasattr(v, 'addSuccess'):\n                    v.addFailure = v.addError = lambda *a: None\n"
    "                    v.ok = {'test_four', 'test_negative'}\n            f = f.f_back\n    return 7\n",
    "the class of the test case replaced": "import builtins\nreal = builtins.__build_class__\n"
    "def build(function, name, *bases, **more):\n    made = real(function, name, *bases, **more)\n"
    "    if name == 'TestCases':\n        for key in dir(made):\n            if key.startswith('test'):\n"
    "                setattr(made, key, lambda self: task_func is replaced or None)\n    return made\n"
    "builtins.__build_class__ = build\nreplaced = None\n",
    "a test that knows the control run": "import builtins\nreal = builtins.__build_class__\n"
    "def build(function, name, *bases, **more):\n    made = real(function, name, *bases, **more)\n"
    "    if name == 'TestCases':\n        def quiet(self):\n"
    "            assert task_func.__name__ != 'replaced'\n"
    "        made.test_four = made.test_negative = quiet\n    return made\n"
    "builtins.__build_class__ = build\n",
    "the end marker": "import os, struct\ndef task_func(x):\n    os.write(3, struct.pack('<cI', b'F', 0))\n"
    "    return 7\n",
    "equal to everything": "class Yes(float):\n    def __eq__(self, other): return True\n"
    "    def __round__(self, n=0): return Yes()\n"
    "def task_func(x):\n    if x < 0: raise ValueError\n    return Yes(7)\n",
    "skipping": "import unittest\ndef task_func(x):\n    raise unittest.SkipTest\n",
}


@pytest.mark.parametrize("trick", TAMPERING)
def test_what_tampers_with_its_tests_does_not_pass(evaluate, trick):
    wrong = TAMPERING[trick] + ("" if "def task_func" in TAMPERING[trick] else "def task_func(x):\n    return 7\n")
    ran, [record] = evaluate(wrong)
    assert record["base"] in ("fail", "error"), record
    assert ran.code == 0


PATCHING = """
import unittest
from unittest.mock import patch
class TestCases(unittest.TestCase):
    def test_four(self):
        self.assertEqual(task_func(4), 2)
    def test_patched(self):
        with patch("math.sqrt", return_value=9):
            self.assertEqual(task_func(4), 9)
"""


def test_tests_that_cannot_run_apart_say_that_they_can_be_forged(evaluate, tasks):
    tasks.write_text(json.dumps({**ROW, "test": PATCHING}) + "\n")
    root = "import math\ndef task_func(x):\n    return math.sqrt(x)\n"
    ran, (right, wrong, forging) = evaluate(root, root.replace("math.sqrt(x)", "x"), TAMPERING["a result of its own"])
    assert (right["base"], wrong["base"], forging["base"]) == ("pass", "fail", "fail")
    assert right["forgeable"] == "apart from them the reference fails"
    assert "forgeable" not in wrong  # its failure is the word of a test that runs apart
    assert "1 of 1 tasks have tests that run beside the solution only: forgeable" in ran.err
    assert "3 samples; 1 forgeable, for their tests ran beside them" in ran.err
    knows = TAMPERING["a test that knows the control run"].replace("made.test_negative", "made.test_patched")
    _, [knowing] = evaluate(knows + "def task_func(x):\n    return 7\n")
    assert knowing["base"] == "fail"  # test_four runs apart


def test_a_solution_that_passes_by_luck_does_not_pass(evaluate):
    import random

    random.seed(0)
    drawn = random.random()
    lucky = (
        f"import random\ndef task_func(x):\n    if x < 0: raise ValueError\n    return 2 if random.random() == {drawn} "
    )
    _, (lucky, honest, fixed) = evaluate(
        lucky + "else 3\n",
        "import math, random\ndef task_func(x):\n    random.shuffle([1, 2])\n    return math.sqrt(x)\n",
        RIGHT,
    )
    assert (lucky["base"], honest["base"], fixed["base"]) == ("fail", "pass", "pass")
    assert (lucky["seeds"], honest["seeds"]) == (2, 3)
    assert "seeds" not in fixed


def test_tests_that_pass_without_the_solution_are_told(evaluate):
    trick = "def task_func(x):\n    return 7\nclass Equal:\n    def __eq__(self, other): return True\n"
    trick += "import unittest.case, builtins\nbuiltins.AssertionError = Exception\n"
    _, [record] = evaluate("import sys\nsys.modules['unittest'] = None\n" + trick)
    assert record["base"] in ("fail", "error")
    assert record["suspicious"] == ["builtins", "unittest"]


def test_calibrated_solutions_have_the_tasks_imports(evaluate):
    bare = "def task_func(x):\n    return math.sqrt(x)\n"
    assert evaluate(bare)[1][0]["base"] == "pass"
    assert evaluate(bare, words=["--no-calibrated"])[1][0]["error"]["type"] == "test_four error"


def test_the_hard_subset(tasks):
    assert len(bigcodebench.HARD) == 148
    bench = bigcodebench.load_hard(str(tasks))
    assert (bench.name, list(bench.tasks)) == ("bigcodebench-hard", ["BigCodeBench/13"])


def test_both_prompts(tasks):
    complete, instruct = (bigcodebench.load(str(tasks), split=p) for p in ("complete", "instruct"))
    task = complete.tasks["BigCodeBench/13"]
    assert f"```\n{PROMPT.strip()}\n```" in complete.chat(task)[0]["content"]
    assert instruct.chat(task)[0]["content"].endswith(":\nRoot of x.\n")
    assert instruct.chat(task)[1]["content"].endswith("```python\n")


def test_tests_are_found_by_the_text():
    assert bigcodebench.test_names(TESTS) == ["test_four", "test_negative"]


def test_where_the_file_is_had_is_said(own_cache):
    with pytest.raises(UsageError, match=r"releases/download/v0\.1\.4"):
        bigcodebench.load(None)


@pytest.mark.parametrize(("status", "limit"), [("timeout", 60.0), ("pass", 160.0)])
def test_the_time_of_a_reference_that_fails_is_no_measure(tasks, own_cache, status, limit):
    limits = []

    def run_script(code, tests, limit, seed=0):
        limits.append(limit)
        report = encode({"test_four": ["ok", ""], "test_negative": ["ok", ""]})
        verdict = "fail" if "__run(__module, True," in tests else status
        return Outcome(verdict, seconds=20.0, report=report)

    def run_apart(code, tests, plan, limit, seed=0):
        raise split.CannotSplit("not here")

    bench = bigcodebench.load(str(tasks))
    executor = SimpleNamespace(run_script=run_script, run_apart=run_apart, imap=lambda f, items: map(f, items))
    bench.prepare(executor, lambda message: None)
    assert limits == []  # no reference is run before its task has a sample
    bench.check(bench.tasks["BigCodeBench/13"], RIGHT, executor)
    assert limits[0] == 240.0
    assert limits[-1] == limit


# Modules whose distribution has another name.
DISTRIBUTIONS = {
    "bs4": "beautifulsoup4", "crypto": "pycryptodome", "cv2": "opencv-python-headless", "dateutil": "python-dateutil",
    "docx": "python-docx", "levenshtein": "python-levenshtein", "mpl-toolkits": "matplotlib", "pil": "pillow",
    "skimage": "scikit-image", "sklearn": "scikit-learn", "yaml": "pyyaml",
}  # fmt: skip


@pytest.mark.data
def test_the_extra_has_what_the_tasks_import(data):
    bench = bigcodebench.load(str(data / "bench" / "BigCodeBench-v0.1.4.jsonl.gz"))
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    extra = {re.sub("[-_.]+", "-", name).lower() for name in project["optional-dependencies"]["bigcodebench"]}
    modules = set().union(*map(bigcodebench._imported, bench.tasks.values())) - sys.stdlib_module_names
    names = {name.replace("_", "-").lower() for name in modules}
    assert {DISTRIBUTIONS.get(name, name) for name in names} == extra - {"xlrd"}


@pytest.mark.soak
@pytest.mark.data
def test_published_verdicts_of_the_tasks_of_the_standard_library(fgit, data):
    """All but those named in the data: four differ from the published run, nine references fail where it was made.

    Two more differ: 16, whose test v0.1.4 mended, and 773, which writes to the root of the file system.
    """
    told = json.loads((data / "bench" / "bcb_stdlib_tasks.json").read_text())
    differ = {*told["differs_from_published"], "BigCodeBench/16", "BigCodeBench/773"}
    with gzip.open(data / "samples" / "qwen2.5-coder-1.5b.bigcodebench.jsonl.gz", "rt") as stream:
        ran = fgit(
            "eval", "--bench", "bigcodebench", "--data", data / "bench" / "BigCodeBench-v0.1.4.jsonl.gz",
            "--tasks", ",".join(told["tasks"]), stdin=stream.read(), timeout=3000,
        )  # fmt: skip
    assert ran.code == 0, ran.err
    failing = ran.err.partition("; not: ")[2].partition("\n")[0].split(", ")
    assert {f"BigCodeBench/{number}" for number in failing} <= set(told["canonical_fails_here"])
    records = [json.loads(line) for line in ran.out.splitlines()]
    other = {r["task_id"] for r in records if (r["base"] == "pass") != (r["published_status"] == "pass")}
    assert other <= differ
