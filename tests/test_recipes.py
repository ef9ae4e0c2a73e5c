"""Recipes: each published table has one, each line is one that the program takes, each says what it will cost."""

import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fgit_cli import prompts
from fgit_cli.app import build
from fgit_cli.benches.mini import family
from fgit_cli.core import fences
from fgit_cli.reporting import published
from recipes import runner, small
from recipes.alike import alike
from recipes.parts import Arm, Data, Recipe, Student, places
from recipes.teacher import Script

FOLDER = Path(__file__).parent.parent / "recipes"
NAMES = sorted(p.stem for p in FOLDER.glob("[a-z]*_*.py") if p.stem != "all_in_small")


def recipe(name):
    return importlib.import_module(f"recipes.{name}").RECIPE


def test_every_published_table_of_trained_models_has_a_recipe():
    """Target-DPO's 5, 6, 8 and 17 are of data and benchmarks."""
    numbers = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7}
    wanted = {
        f"{t.paper.lower().replace('-', '_')}_table{numbers.get(t.number, t.number)}"
        for t in published.tables()
        if t.source not in {f"Target-DPO {n}" for n in (5, 6, 8, 17)}
    }
    assert wanted <= set(NAMES)
    assert {"fgit_figure6", "fgit_figure7a", "fgit_figure7b", "fait_figure6", "fait_figure7"} <= set(NAMES)


def test_the_page_of_the_papers_names_each():
    page = (FOLDER.parent / "docs" / "papers.md").read_text()
    assert set(re.findall(r"python -m recipes\.(\w+)", page)) == set(NAMES)
    lines = re.findall(r"`(fgit (?:train|mutate|refine) [^`]*)`", page)
    assert len(lines) > 9
    for line in lines:
        words = shlex.split(line)
        build(words[1]).make_context(words[1], words[2:])


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


@pytest.mark.parametrize("name", NAMES)
def test_in_small_no_two_arms_share_a_product(name):
    """Each arm's verdicts are its own, so first, last and random failing versions are three models there too."""
    in_small = small.recipe_of(recipe(name))
    for student, data in in_small.rows:
        products = []
        for arm in in_small.arms:
            products += [s.product for s in runner.arm_steps(in_small, student, arm.data or data, arm, True)][-1:]
        assert len(set(products)) == len(products) == len(recipe(name).arms)


def made(folder, recipe_, weights, pairs):
    """The products of a recipe's arms in the folder: by arm the weights of the model and the ids of a pair."""
    [(student, data)] = recipe_.rows
    for arm, content, ids in zip(recipe_.arms, weights, pairs, strict=True):
        where = places(recipe_, student, arm.data or data, arm)
        (folder / where.model).mkdir(parents=True, exist_ok=True)
        (folder / where.model / "model.safetensors").write_bytes(content)
        record = {"id": arm.name, "correct_ids": ids, "mask": {"gaps": arm.name}}
        (folder / where.pairs).write_text(json.dumps(record) + "\n")


def test_arms_that_are_one_and_the_same_are_named(tmp_path):
    arms = tuple(Arm(name, f"--objective fgit --seed {name}", f"--max-length 10{name}") for name in "123")
    row = (Student("s", "s", (1, 1, 1, 1, 1, 1)), Data("d", "d", "", 1, ("fgit select {input} -o {output}",)))
    table = Recipe("x", (row,), arms, ("mini",))
    made(tmp_path, table, [b"a", b"b", b"c"], [[1], [2], [3]])
    assert list(alike(table, tmp_path)) == []
    made(tmp_path, table, [b"a", b"b", b"a"], [[1], [2], [3]])
    [said] = alike(table, tmp_path)
    assert "'1' and '3' have the same weights" in said
    made(tmp_path, table, [b"a", b"b", b"c"], [[1], [2], [2]])
    [said] = alike(table, tmp_path)
    assert "'2' and '3' are tuned on the same pairs" in said


def test_a_run_whose_arms_are_alike_fails(tmp_path, monkeypatch):
    """And reports nothing of them."""
    table = recipe("target_dpo_table20")
    in_small = replace(small.recipe_of(table), arms=table.arms[1:])
    typed = []
    monkeypatch.setattr(runner, "in_process", lambda line, *_: typed.append(line) or 0)
    monkeypatch.setattr(runner, "in_shell", lambda line, *_: typed.append(line) or 0)
    monkeypatch.setattr(runner.os, "replace", lambda *_: None)
    made(tmp_path, in_small, [b"same"] * 3, [[1], [2], [3]])
    with pytest.raises(SystemExit, match=r"alike: .*'Target-DPO \(first\)' and 'Target-DPO \(last\)' have the same"):
        runner.execute(replace(table, arms=table.arms[1:]), runner.Place(tmp_path, True))
    assert typed
    assert not any(line.startswith("fgit report") for line in typed)


def test_the_small_teacher_repairs_in_steps_and_differs_from_another():
    """So first, last and random versions, two teachers, and debugging and sampling make different pairs."""
    tasks = list(family.tasks("train", small.RECORDS, 5))
    script = Script(tasks)
    write, fix = prompts.load("refine_write"), prompts.load("refine_fix")

    def versions(model, task):
        turns = [{"role": "user", "content": write.render(instruction=task.instruction)}]
        found = []
        while len(found) < 6:
            [answer] = script.answers(model, turns, 1, 0)
            found.append(fences.blocks(answer)[0].code(answer))
            if found[-1].strip() == task.solution.strip():
                return found
            asked = fix.render(tests=task.tests, error="AssertionError")
            turns += [{"role": "assistant", "content": answer}, {"role": "user", "content": asked}]
        raise AssertionError("never repaired")

    one, other = ([versions(model, task) for task in tasks] for model in ("gpt-4o", "deepseek-chat"))
    assert sum(found[0] != found[-2] for found in one if len(found) > 2) > small.RECORDS / 3
    assert sum(a != b for a, b in zip(one, other, strict=True)) > small.RECORDS / 3
    asked = [{"role": "user", "content": write.render(instruction=tasks[0].instruction)}]
    assert len(set(script.answers("gpt-4o", asked, 5, 0))) > 1
    with small.teacher():
        answered = httpx.post(
            f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json={"model": "m", "messages": asked, "n": 2}
        )
    assert len(answered.json()["choices"]) == 2


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
