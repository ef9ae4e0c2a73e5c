"""Any line through every stage: records out, rejects, or one line that says what is wrong; never a bug.

Each line is a run of its own, in this process. Fields, types, control characters, line ends and sizes are drawn.
"""

import io
import json
import random
import sys
from types import SimpleNamespace

import pytest

from fgit_cli.app import main
from tests.helpers.made_tokenizers import llama_like, save

FAST, WHOLE = 60, 10_000
FIELDS = str.split(
    "instruction input output response incorrect rejected chosen prompt completion solution canonical_solution code "
    "buggy_solution messages conversations variants tests test test_list id entry_point origin similarity diff text "
    "question answer task_id system history tools prompt_ids forks"
)
KEYS = [
    *FIELDS,
    *["role", "content", "from", "value", "type", "lines", "chars", "gaps", "made", "algorithm", "correct"],
]
PIECES = [
    "def f(a):\n    return a + 1\n",
    "def f(a):\r\n    return a - 1\r\n",
    "```python\n",
    "```",
    "~~~",
    "\r",
    "\n",
    "\t",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "\ufeff",
    "\u200b",
    "\U0001f600",
    "e\u0301",
    "> ",
    "1. ",
    "<think>",
    "</think>",
    "<|im_end|>",
    "</s>",
    "<s>",
    "<script>",
    "if x:\n",
    "'''",
    '"""',
    "\\",
    "{{",
    "}}",
    "%s",
    "assert f(1) == 2",
    "import os\n",
    "# c",
    "//",
    "/*",
    "*/",
    "class A:\n  pass\n",
    "    ",
    "f",
    "x" * 300,
    "(" * 120,
    "lambda: 0",
    "\x7f",
    "...",
    "public class A { int f() { return 1; } }",
    "function f() { return 1 }",
    "<?php echo 1;",
    "#include <a>\nint main() {}",
]


def text(draw):
    return "".join(draw.choice(PIECES) for _ in range(draw.choice((0, 1, 1, 2, 3, 5, 8, 30))))


def value(draw, depth=0):
    kind = draw.randrange(12 if depth < 3 else 8)
    if kind < 5:
        return text(draw)
    if kind < 8:
        return draw.choice([None, True, False, 0, -1, 1.5, 1 << 70, 1e308, "", [], {}, "nan", draw.random()])
    if kind < 10:
        return [value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return {draw.choice(KEYS): value(draw, depth + 1) for _ in range(draw.randrange(4))}


def turn(draw):
    return {"role": draw.choice(["user", "assistant", "system", "tool", text(draw)]), "content": value(draw)}


def record(draw):
    """A line: mostly a usable record with something odd in it, now and then anything."""
    made = {"instruction": text(draw) or "Add.", "response": text(draw) or "x = 1", "incorrect": text(draw) or "x = 2"}
    made["variants"] = [{"text": text(draw), "origin": {}} for _ in range(draw.randrange(3))]
    if draw.random() < 0.3:
        made["messages"] = [turn(draw) for _ in range(draw.randrange(4))]
    for _ in range(draw.choice((0, 0, 1, 1, 2, 4))):
        made[draw.choice(FIELDS)] = value(draw)
    for _ in range(draw.choice((0, 0, 0, 1, 2))):
        made.pop(draw.choice([*made]), None)
    line = json.dumps(made if draw.random() < 0.97 else value(draw), ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.03:
        line = line[: draw.randrange(len(line) + 1)] + draw.choice(["\x00", "\\", "NaN", '"', "\ud800"]) + line
    return line


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    tokenizer = save(folder / "tokenizer", llama_like(), bos_token="<s>", eos_token="</s>")
    task = {"task_id": "a/0", "prompt": "def f(a):\n", "entry_point": "f", "canonical_solution": "    return a + 1\n",
            "test": "def check(c):\n    assert c(1) == 2\n"}  # fmt: skip
    (folder / "bench.jsonl").write_text(json.dumps(task) + "\n")
    return [
        ["decontaminate", "--against", str(folder / "bench.jsonl")],
        ["mutate", "--method", "universalmutator", "--variants", "1"],
        ["mutate", "--dry-run"],
        ["select", "--by", "edit"],
        ["diff"],
        ["diff", "--ignore", "space,comments", "--keep-unpaired"],
        ["mask", "--tokenizer", str(tokenizer), "--workers", "1"],
    ]


def run(stage, line, monkeypatch, capsys):
    data = io.BufferedReader(io.BytesIO(line.encode("utf-8", "surrogatepass") + b"\n"))
    stdin = SimpleNamespace(buffer=data, closed=False, isatty=lambda: False, fileno=lambda: 0)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    return main([*stage, "-"]), capsys.readouterr().err


@pytest.mark.parametrize("lines", [FAST, pytest.param(WHOLE, marks=pytest.mark.soak)])
def test_no_line_meets_a_bug(stages, lines, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    draw = random.Random(lines)
    for number in range(lines):
        line, stage = record(draw), stages[number % len(stages)]
        code, said = run(stage, line, monkeypatch, capsys)
        assert "unexpected" not in said, (number, stage, line, said)
        assert "Traceback" not in said, (number, stage, line, said)
        assert code in (0, 1, 3), (number, stage, line, said)
