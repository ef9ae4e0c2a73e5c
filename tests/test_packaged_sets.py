"""The packaged option sets: each names options that there are, and what the papers' text says stands in them."""

import importlib

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
