"""Recipes: each published table has one, each line is one that the program takes, each says what it will cost."""

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli.app import build
from fgit_cli.reporting import published
from recipes import runner

FOLDER = Path(__file__).parent.parent / "recipes"
NAMES = sorted(p.stem for p in FOLDER.glob("[a-z]*_*.py") if p.stem != "all_in_small")


def recipe(name):
    return importlib.import_module(f"recipes.{name}").RECIPE


def test_every_published_table_has_a_recipe():
    numbers = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7}
    wanted = {f"{t.paper.lower().replace('-', '_')}_table{numbers.get(t.number, t.number)}" for t in published.tables()}
    assert wanted <= set(NAMES)
    assert {"fgit_figure6", "fgit_figure7a", "fgit_figure7b", "fait_figure6", "fait_figure7"} <= set(NAMES)


@pytest.mark.parametrize("smoke", [False, True])
def test_the_program_takes_every_line(smoke):
    lines = {step.line for name in NAMES for step in runner.steps(recipe(name), smoke)}
    assert len(lines) > 100
    commands = {}
    for line in lines:
        words = shlex.split(line.split(" > ")[0])
        assert words[0] == "fgit", line
        command = commands.setdefault(words[1], build(words[1]))
        command.make_context(words[1], words[2:])  # raises for an option or a value that is none


def test_products_are_made_before_they_are_read():
    for name in NAMES:
        for smoke in (False, True):
            made = set()
            for step in runner.steps(recipe(name), smoke):
                for word in re.findall(r"[\w./+-]+\.jsonl", step.line):
                    assert word in made or word.startswith("data/") or word == step.product, (name, step.line)
                made.add(step.product)


@pytest.mark.parametrize("name", ["fgit_table5", "fait_table5"])
def test_dpo_is_tuned_without_records_that_have_no_pair(name):
    """The others are, as the papers name their data sets whole; the variants are the same."""
    lines = [step.line for step in runner.steps(recipe(name), False)]
    assert sum("fgit mutate" in line for line in lines) == 1
    selected = [line for line in lines if "fgit select" in line]
    assert sorted("--no-keep-unpaired" in line for line in selected) == [False, True]
    tuned = [line for line in lines if "--objective dpo" in line]
    assert tuned
    assert all("-paired-" in line for line in tuned)


def test_long_names_fit_a_file_system():
    products = [step.product for name in NAMES for step in runner.steps(recipe(name), False)]
    assert max(len(part.encode()) for product in products for part in product.split("/")) < 140


@pytest.mark.parametrize("name", NAMES)
def test_each_says_what_it_takes(name):
    steps = runner.steps(recipe(name), False)
    said = runner.takes(sum(s.hours for s in steps), sum(s.gigabytes for s in steps))
    assert said in importlib.import_module(f"recipes.{name}").__doc__
    row = re.search(rf"\| \[{name}\][^\n]*\n", (FOLDER / "README.md").read_text())[0]
    hours, gigabytes = re.search(r"([\d.]+) h .* (\d+) GB", said).groups()
    assert f"| {hours} | {gigabytes} |" in row


def test_against_is_a_published_table():
    for name in NAMES:
        paper, number = recipe(name).against.split(":")
        assert any(t.paper.lower() == paper and t.number == number for t in published.tables()), name


def test_missing_data_is_said(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "recipes.fgit_table6", "--work", tmp_path / "w"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PYTHONPATH": str(FOLDER.parent), "PATH": "/usr/bin"},
    )  # fmt: skip
    assert done.returncode == 1
    assert "data/evol-instruct.jsonl from the hub's ise-uiuc/Magicoder-Evol-Instruct-110K" in done.stderr


def test_a_benchmarks_file_is_wanted_before_anything_runs(tmp_path, monkeypatch):
    made = recipe("target_dpo_table10")
    assert all("--data data/livecodebench.jsonl" in s.line for s in runner.steps(made, False) if "fgit eval" in s.line)
    monkeypatch.setattr(runner, "in_shell", lambda *words: pytest.fail("ran something"))
    (tmp_path / "data").mkdir()
    for _, data in made.rows:
        (tmp_path / "data" / f"{data.file}.jsonl").touch()
    with pytest.raises(SystemExit, match=r"data/livecodebench\.jsonl from the hub's livecodebench"):
        runner.execute(made, runner.Place(tmp_path, False))


@pytest.mark.soak
def test_one_in_small(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "recipes.fgit_table2", "--smoke", "--work", tmp_path],
        capture_output=True, text=True, check=False, cwd=FOLDER.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "smoke" / "fgit-ii.html").exists()
