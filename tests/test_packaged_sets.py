"""The packaged option sets: each names options that there are, and what the papers' text says stands in them."""

import importlib
import json
from pathlib import Path

import pytest

from fgit_cli.app import COMMANDS
from fgit_cli.options import CONFIGS, read_config

SETS = sorted(p.stem for p in CONFIGS.glob("*.toml"))
CHAIN = ("mutate", "refine", "select", "mask", "train", "eval")


def options(name, command):
    return read_config(name, importlib.import_module(f"fgit_cli.commands.{command}").Options, command, COMMANDS)


def test_there_is_one_for_each_paper_and_objective():
    assert SETS == ["codeflow", "fait", "fgit", "target-dpo", "target-rpo"]


@pytest.mark.parametrize("name", SETS)
def test_every_key_is_an_option_of_its_command(name):
    assert any(options(name, command) for command in CHAIN)


@pytest.mark.parametrize("name", ["fgit", "fait"])
def test_fgit_to_the_letter(name):
    assert options(name, "mask") | {"max_length": 1024} == {
        "algorithm": "difflib", "granularity": "hybrid", "gaps": "ignore", "ignore": ["none"], "max_length": 1024,
        "keep_unpaired": True,
    }  # fmt: skip
    assert options(name, "train") == {
        "objective": "fgit", "alpha": 2.0, "normalise": "pairs", "learning_rate": 5e-6, "num_train_epochs": 1,
        "lr_scheduler_type": "linear",
    }  # fmt: skip
    mutate = options(name, "mutate")
    assert (mutate["temperature"], mutate["variants"]) == (0.8, 3 if name == "fgit" else 1)
    assert (mutate["prompt"], mutate["scope"]) == ("figure3", "response")
    select = options(name, "select")
    for made in (mutate, select):  # no filter that the paper does not name, and no record lost
        assert (made["faults_only"], made["keep_unpaired"]) == (False, True)
    assert mutate["clean"] is False


@pytest.mark.parametrize("name", ["target-dpo", "target-rpo"])
def test_target_dpo_to_the_letter(name):
    mask, train = options(name, "mask"), options(name, "train")
    assert (mask["algorithm"], mask["granularity"], mask["gaps"]) == ("lcs", "line", "ignore")
    assert (mask["max_length"], mask["max_prompt"], mask["too_long"]) == (2048, 1024, "drop")
    assert (train["objective"], train["beta"], train["learning_rate"]) == (name, 0.1, 1e-5)
    assert (train["global_batch_size"], train["num_train_epochs"], train["warmup_ratio"]) == (128, 3, 0.03)


def test_codeflow_filters():
    assert options("codeflow", "select")["max_side_lines"] == 20
    assert options("codeflow", "refine") == {"model": "gpt-4o", "iterations": 5, "negative": "random", "judge": True}


CODE = "def f(a):\n    t = 0\n    for x in a:\n        t += x\n    return t\n"
LONG = "".join(f"    t = t + {n}\n" for n in range(20))  # as many lines as a side may change
FILTERED = {  # what is made of CODE, and why `select --config codeflow` leaves it out
    CODE.replace("t = 0", "t = 1"): "",
    CODE.replace("    return t\n", LONG + "    return t\n"): "",
    CODE.replace("    return t\n", LONG + "    t = 0\n    return t\n"): "more changed lines on a side",  # (ii)
    CODE + "# the sum of the items\n": "same AST",  # (i)
    CODE.replace("t = 0", "t = 0  # nothing yet"): "same AST",
    CODE.replace("+= x", "+= (x)"): "same AST",  # (iv)
    CODE.replace("t = 0", "t=0").replace("    return", "\n    return"): "same AST",
    CODE.replace("t", "total").replace("retotalurn", "return"): "only renames",
}


@pytest.mark.parametrize("swapped", [False, True], ids=["incorrect changed", "correct changed"])
def test_codeflow_leaves_out_what_the_paper_does(fgit, tmp_path, swapped):
    pairs = [(code, CODE) if swapped else (CODE, code) for code in FILTERED]
    rows = [{"id": str(i), "instruction": "i", "response": c, "incorrect": w} for i, (c, w) in enumerate(pairs)]
    ran = fgit("select", "--config", "codeflow", "--rejects", "left", stdin="".join(json.dumps(r) + "\n" for r in rows))
    assert [json.loads(line)["id"] for line in ran.out.splitlines()] == ["0", "1"], ran.err
    left = {r["id"]: r["reason"] for r in map(json.loads, (tmp_path / "left").read_text().splitlines())}
    for number, reason in list(enumerate(FILTERED.values()))[2:]:
        assert left[str(number)].startswith(reason)


@pytest.mark.parametrize("name", ["target-dpo", "target-rpo"])
def test_what_is_too_long_is_left_out_and_not_cut(fgit, tmp_path, name):
    """(iii): no side is longer than 2,048 tokens with its prompt, no prompt longer than 1,024; one token decides."""

    def record(prompt, correct, incorrect):
        lines = ("x = 1\n" * correct + "y = 2\n", "x = 1\n" * incorrect + "y = 3\n")
        return {"id": f"{prompt} {correct} {incorrect}", "instruction": "f " * prompt, "response": lines[0],
                "incorrect": lines[1]}  # fmt: skip

    tok = Path(__file__).parent / "cases" / "mask" / "papers-set" / "tok"

    def masked(*sizes, **words):
        flags = [w for flag, value in words.items() for w in (f"--{flag.replace('_', '-')}", value)]
        rows = "".join(json.dumps(record(*size)) + "\n" for size in sizes)
        ran = fgit("mask", "--config", name, "--tokenizer", tok, "--rejects", "left", *flags, stdin=rows)
        left = [json.loads(line) for line in (tmp_path / "left").read_text().splitlines()]
        return [json.loads(line) for line in ran.out.splitlines()], {r["id"]: r["reason"] for r in left}

    [a, b, c], _ = masked((1, 1, 1), (2, 1, 1), (1, 2, 1), max_length="100000", max_prompt="100000")
    word, line = (len(two[key]) - len(a[key]) for two, key in ((b, "prompt_ids"), (c, "correct_ids")))
    prompt, side = len(a["prompt_ids"]), len(a["correct_ids"])
    words = 1 + (1024 - prompt) // word  # the most that the prompt may have
    lines = 1 + (2048 - prompt - side) // line  # and a side, beside the shortest prompt
    fits = [(words, 1, 1), (1, lines, lines)]
    made, left = masked(*fits, (words + 1, 1, 1), (1, lines + 1, 1), (1, 1, lines + 1))
    assert [(len(r["prompt_ids"]) + word > 1024, len(r["correct_ids"]) + line > 2048 - prompt) for r in made] == [
        (True, False), (False, True)
    ]  # fmt: skip
    assert list(left.values()) == ["prompt too long", "response too long", "response too long"]
    assert {r["correct_ids"][-1] for r in made} == {a["correct_ids"][-1]}  # the end token: nothing was cut
