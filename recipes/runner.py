"""What the recipes share: a table of a paper as data, and the commands that make it again, one after the other.

A recipe names students, data, arms (ways to tune) and benches. `run` types the commands of README's chain for them:
mutate or refine, select, mask, train, eval, report. A command whose product exists is passed over, so a recipe
that was stopped goes on, and recipes that share a work folder share what they have in common.

    python -m recipes.fgit_table1 --plan      the commands, with hours and disk by fgit train's cost model
    python -m recipes.fgit_table1             for real; needs GPUs, a teacher server and the data sets
    python -m recipes.fgit_table1 --smoke     the same commands on the mini student, in minutes on a CPU
"""

import argparse
import contextlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fgit_cli import app
from fgit_cli.training.estimate import Tokens, flops, utilisation
from fgit_cli.training.gpus import GPUS
from recipes import small
from recipes.alike import alike
from recipes.parts import Arm, Data, Recipe, Step, Student, flags_of, objective_of, places, slug

ROOT = Path(__file__).parent.parent
GPU, COUNT = "a800-80gb", 8  # the papers' machine
# Means over the evol rows by deepseek-coder's tokenizer, cut at 1,024: prompt, response, branch of the incorrect side.
PROMPT, RESPONSE, BRANCH = 83, 283, 60


@dataclass
class Place:
    """Where a run of a recipe works, and whether in small."""

    folder: Path
    smoke: bool


BENCH_DATA = {  # what `fgit eval` does not fetch itself: the file data/BENCH.jsonl, and where it is had
    "livecodebench": "the hub's livecodebench/code_generation_lite (test.jsonl to test5.jsonl, joined: release v5)",
}


def data_steps(data: Data) -> Iterator[Step]:
    """From the data set's records to pairs."""
    made = f"data/{data.file}.jsonl"
    for number, line in enumerate(data.lines, 1):
        last = number == len(data.lines)
        name = f"{slug(data.name)}.selected" if last else f"{slug(data.variants or data.name)}.{number}"
        source, made = made, f"{name}.jsonl"
        yield Step(line.format(input=source, output=made), made)


def arm_steps(recipe: Recipe, student: Student, data: Data, arm: Arm, smoke: bool) -> Iterator[Step]:
    """From records to verdicts: those of the data, mask, train, eval."""
    hub = shlex.quote(student.hub)
    pairs, out = places(recipe, student, data, arm)
    if arm.train:
        yield from data_steps(data)
        mask, train = flags_of(recipe, student, arm)
        template = f"--template {student.template} " if student.template else ""
        selected = f"{slug(data.name)}.selected.jsonl"
        yield Step(f"fgit mask --tokenizer {hub} {template}{mask} {selected} -o {pairs}", pairs)
        few = " --learning-rate 1e-3 --global-batch-size 16" if smoke else ""
        log = f"{out}.log.jsonl"
        yield Step(
            f"fgit train --model {hub} --output-dir {out} --overwrite-output-dir --save-steps 0 "
            f"{train}{few} {pairs} > {log}",
            log, *([] if smoke else cost(student, data, train)),
        )  # fmt: skip
    for bench in recipe.benches:
        name, split = bench.removesuffix("-instruct"), " --split instruct" if bench.endswith("-instruct") else ""
        tasks = " --tasks 0-59" if smoke else ""
        file = f" --data data/{name}.jsonl" if name in BENCH_DATA else ""
        asked = f" --template {student.template}" if student.template and not arm.train else ""  # a tuned one has it
        verdicts = f"verdicts/{slug(Path(out).name if arm.train else student.name, bench)}.jsonl"
        yield Step(
            f"fgit eval --bench {name}{file}{split}{tasks} --model {shlex.quote(out)}{asked} -o {verdicts}", verdicts
        )


def cost(student: Student, data: Data, flags: str) -> tuple[float, float]:
    """Hours on COUNT GPUs and gigabytes on disk, by the cost model of `fgit train --dry-run`."""
    objective = objective_of(flags)
    told = re.search(r"--num-train-epochs (\S+)", flags)
    pairs, epochs = data.records, float(told[1]) if told else 1.0
    row: float = PROMPT + RESPONSE + (0 if objective == "sft" else BRANCH)
    if objective.endswith(("dpo", "rpo")):
        row *= 4 / 3  # the frozen reference's forward pass
    read = RESPONSE + (0 if objective == "sft" else RESPONSE)
    tokens = Tokens(int(row * pairs), int((PROMPT + RESPONSE) * pairs), read * pairs, int(row * row * pairs))
    speed = COUNT * GPUS[GPU].peak * utilisation(student.shape.width, liger=True)
    hours = epochs * flops(student.shape, tokens, False) / speed / 3600
    return hours, 2 * student.shape.parameters / 1e9


def steps(recipe: Recipe, smoke: bool) -> list[Step]:
    """Every line of the recipe in order, each product once, the report last."""
    found: dict[str, Step] = {}
    labels = []
    if smoke:
        recipe = small.recipe_of(recipe)
    names = [student.name for student, _ in recipe.rows]
    for student, data in recipe.rows:
        for arm in recipe.arms:
            verdicts = []
            for step in arm_steps(recipe, student, arm.data or data, arm, smoke):
                found.setdefault(step.product, step)
                if step.product.startswith("verdicts/"):
                    verdicts.append(step.product)
            name = student.name if names.count(student.name) == 1 else f"{student.name} on {data.name}"
            label = name if not arm.train else f"{name} + {arm.name}"
            labels += [shlex.quote(f"{label}={name}") for name in verdicts]
    against = "" if smoke else f" --against {recipe.against}"
    if against and "--table" in recipe.report:
        against += " --table against"
    page = f"{slug(recipe.against)}.html"
    files = " ".join(labels)
    lines = [f"fgit report {files}{against}{f' {recipe.report}' if recipe.report else ''}"]
    lines.append(f"fgit report {files}{against} --format html -o {page}")
    return [*found.values(), Step(lines[0], ""), Step(lines[1], page)]


def execute(recipe: Recipe, place: Place) -> None:
    """Run what has no product yet; a product gets its name when its line is done.

    Nothing is reported of arms that are one and the same.
    """
    for folder in ("data", "models", "verdicts"):
        (place.folder / folder).mkdir(parents=True, exist_ok=True)
    lines = steps(recipe, place.smoke)
    if place.smoke:
        lines = [*small.first_steps(recipe), *lines]
    else:
        needed = {d.file: d.source for _, row in recipe.rows for a in recipe.arms if a.train for d in [a.data or row]}
        needed |= {name: where for name, where in BENCH_DATA.items() if name in recipe.benches}
        missing = {name: where for name, where in needed.items() if not (place.folder / f"data/{name}.jsonl").exists()}
        if missing:
            said = "; ".join(f"{place.folder}/data/{name}.jsonl from {where}" for name, where in missing.items())
            raise SystemExit(f"put in place first, as JSONL: {said} (--benches leaves a benchmark out)")
    *making, words, page = lines
    with small.teacher() if place.smoke else contextlib.nullcontext():
        _type(making, place)
    if same := list(alike(small.recipe_of(recipe) if place.smoke else recipe, place.folder)):
        raise SystemExit("arms that are to be compared are alike: " + "; ".join(same))
    _type([words, page], place)


def _type(lines: list[Step], place: Place) -> None:
    for step in lines:
        product = place.folder / step.product
        if step.product and product.exists():
            continue
        print(f"$ {step.line}", flush=True)
        typed, arrow, out = step.line.partition(" > ")
        partial = f"{out}.partial" if arrow else ""
        code = (in_process if place.smoke and typed.startswith("fgit ") else in_shell)(typed, partial, place.folder)
        if code:
            raise SystemExit(f"ended with exit status {code}; the same command again goes on here")
        if arrow:
            os.replace(place.folder / partial, product)


def in_shell(line: str, out: str, folder: Path) -> int:
    """The line in a shell where `fgit` and `python` are this installation's; its exit status."""
    python = shlex.quote(sys.executable)
    shell = f'python() {{ {python} "$@"; }}; fgit() {{ {python} -m fgit_cli "$@"; }}; {line}'
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with open(folder / out, "wb") if out else contextlib.nullcontext() as stdout:
        return subprocess.run(["bash", "-c", shell], cwd=folder, env=environment, stdout=stdout, check=False).returncode


def in_process(line: str, out: str, folder: Path) -> int:
    """The same in this process: in small, importing torch takes longer than all the rest."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with contextlib.chdir(folder):
            if out:
                with open(out, "wb") as stream:
                    os.dup2(stream.fileno(), 1)
            return app.main(shlex.split(line)[1:])
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def plan(recipe: Recipe) -> None:
    """The lines, and what they take."""
    hours = gigabytes = 0.0
    for step in steps(recipe, smoke=False):
        print(f"$ {step.line}")
        hours, gigabytes = hours + step.hours, gigabytes + step.gigabytes
    print(f"\n{takes(hours, gigabytes)} Teacher, similarity and evaluation come on top (README).")
    if recipe.absent:
        print(f"Not made: {recipe.absent}")


def takes(hours: float, gigabytes: float) -> str:
    return f"Training: {hours:.1f} h on {COUNT} x {GPU}; models: {gigabytes:.0f} GB."


def main(recipe: Recipe) -> None:
    """The command line of a recipe."""
    parser = argparse.ArgumentParser(description=f"Make {recipe.against} again.")
    parser.add_argument("--smoke", action="store_true", help="on the mini student, in minutes on a CPU")
    parser.add_argument("--plan", action="store_true", help="print the commands, hours and disk, and stop")
    parser.add_argument("--work", type=Path, default=Path("recipes-work"), help="folder for everything made")
    parser.add_argument("--benches", help="only these, with commas")
    args = parser.parse_args()
    if args.benches:
        recipe = replace(recipe, benches=tuple(args.benches.split(",")))
    if args.plan:
        plan(recipe)
    else:
        execute(recipe, Place(args.work / "smoke" if args.smoke else args.work, args.smoke))
