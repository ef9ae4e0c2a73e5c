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
import hashlib
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fgit_cli import app
from fgit_cli.training.estimate import Shape, Tokens, flops, utilisation
from fgit_cli.training.gpus import GPUS

ROOT = Path(__file__).parent.parent
MINI = ROOT / "fgit_cli" / "benches" / "mini" / "student"
GPU, COUNT = "a800-80gb", 8  # the papers' machine
# Means over the evol rows by deepseek-coder's tokenizer, cut at 1,024: prompt, response, branch of the incorrect side.
PROMPT, RESPONSE, BRANCH = 83, 283, 60


@dataclass(frozen=True)
class Student:
    """A model to tune. `template` is mask's; `sizes` are layers, width, attention, keys, inner, vocabulary.

    `inner` is that of a gated MLP (three matrices); `train` holds flags that only this student needs.
    """

    name: str
    hub: str
    sizes: tuple[int, int, int, int, int, int]
    template: str = ""
    train: str = ""

    @property
    def shape(self) -> Shape:
        layers, width, attention, keys, inner, vocabulary = self.sizes
        matrices = layers * (2 * width * attention + 2 * width * keys + 3 * width * inner)
        parameters = matrices + 2 * vocabulary * width
        return Shape(parameters, parameters, matrices, layers, width, attention, keys, inner, vocabulary)


@dataclass(frozen=True)
class Data:
    """Pairs: the records that they come from (data/FILE.jsonl, had from `source`), and the lines that make them.

    `variants`: the name of the data set whose variants these are, where that is another one.
    """

    name: str
    file: str
    source: str
    records: int
    lines: tuple[str, ...]
    variants: str = ""


@dataclass(frozen=True)
class Arm:
    """A way to tune: flags of mask and train. `data` replaces the recipe's; without `train` the student stays as is."""

    name: str
    train: str = ""
    mask: str = ""
    data: Data | None = None


@dataclass(frozen=True)
class Recipe:
    """`rows` are (student, data) with all `arms` each; `against` is the published table; `absent` what is not made."""

    against: str
    rows: tuple[tuple[Student, Data], ...]
    arms: tuple[Arm, ...]
    benches: tuple[str, ...]
    common: str = "--config fgit"  # flags of train that all arms share
    mask: str = "--config fgit"
    report: str = ""
    absent: str = ""


@dataclass
class Step:
    """A line and the file that it leaves."""

    line: str
    product: str
    hours: float = 0.0
    gigabytes: float = 0.0


@dataclass
class Place:
    """Where a run of a recipe works, and whether in small."""

    folder: Path
    smoke: bool


BENCH_DATA = {  # what `fgit eval` does not fetch itself: the file data/BENCH.jsonl, and where it is had
    "livecodebench": "the hub's livecodebench/code_generation_lite (test.jsonl to test5.jsonl, joined: release v5)",
}
SMALL = Student("mini", str(MINI), (4, 128, 128, 128, 384, 600))
FEW = Data(
    "mini", "mini", "", 96,
    ("fgit mutate --method universalmutator {input} -o {output}", "fgit select --by edit {input} -o {output}"),
)  # fmt: skip


def in_small(recipe: Recipe) -> Recipe:
    """The same arms on the mini student, with variants by rules."""
    arms = tuple(replace(arm, data=None) for arm in recipe.arms)
    return replace(recipe, rows=((SMALL, FEW),), arms=arms, benches=("mini",))


def key(*flags: str) -> str:
    """A short name of flags, so that recipes that tune alike share the model."""
    return hashlib.sha256("\0".join(flags).encode()).hexdigest()[:8]


def slug(*words: str) -> str:
    return re.sub(r"[^\w.+]+", "-", " ".join(w for w in words if w)).strip("-").lower()


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
    model = student.hub
    out = shlex.quote(model)
    if arm.train:
        yield from data_steps(data)
        mask = " ".join(w for w in (recipe.mask, arm.mask) if w)
        template = f"--template {student.template} " if student.template else ""
        pairs = f"{slug(student.name, data.name)}-{key(mask)}.pairs.jsonl"
        selected = f"{slug(data.name)}.selected.jsonl"
        yield Step(f"fgit mask --tokenizer {shlex.quote(model)} {template}{mask} {selected} -o {pairs}", pairs)
        flags = " ".join(w for w in (recipe.common, student.train, arm.train) if w)
        out = f"models/{slug(student.name, data.name, objective_of(flags))}-{key(mask, flags)}"
        small = " --learning-rate 1e-4 --global-batch-size 16" if smoke else ""
        log = f"{out}.log.jsonl"
        yield Step(
            f"fgit train --model {shlex.quote(model)} --output-dir {out} --overwrite-output-dir --save-steps 0 "
            f"{flags}{small} {pairs} > {log}",
            log, *([] if smoke else cost(student, data, flags)),
        )  # fmt: skip
    for bench in recipe.benches:
        name, split = bench.removesuffix("-instruct"), " --split instruct" if bench.endswith("-instruct") else ""
        few = " --tasks 0-59" if smoke else ""
        file = f" --data data/{name}.jsonl" if name in BENCH_DATA else ""
        asked = f" --template {student.template}" if student.template and not arm.train else ""  # a tuned one has it
        verdicts = f"verdicts/{slug(Path(out).name if arm.train else student.name, bench)}.jsonl"
        yield Step(f"fgit eval --bench {name}{file}{split}{few} --model {out}{asked} -o {verdicts}", verdicts)


def objective_of(flags: str) -> str:
    """The objective that flags of train name."""
    return (re.search(r"--objective (\S+)", flags) or ["", "fgit"])[1]


def cost(student: Student, data: Data, flags: str) -> tuple[float, float]:
    """Hours on COUNT GPUs and gigabytes on disk, by the cost model of `fgit train --dry-run`."""
    objective = objective_of(flags)
    pairs, epochs = data.records, float(re.search(r"--num-train-epochs (\S+)", flags + " --num-train-epochs 1")[1])  # type: ignore[index]
    row = PROMPT + RESPONSE + (0 if objective == "sft" else BRANCH)
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
        recipe = in_small(recipe)
    for student, data in recipe.rows:
        for arm in recipe.arms:
            verdicts = []
            for step in arm_steps(recipe, student, arm.data or data, arm, smoke):
                found.setdefault(step.product, step)
                if step.product.startswith("verdicts/"):
                    verdicts.append(step.product)
            label = student.name if not arm.train else f"{student.name} + {arm.name}"
            labels += [shlex.quote(f"{label}={name}") for name in verdicts]
    against = "" if smoke else f" --against {recipe.against}"
    page = f"{slug(recipe.against)}.html"
    files = " ".join(labels)
    lines = [f"fgit report {files}{against}{f' {recipe.report}' if recipe.report else ''}"]
    lines.append(f"fgit report {files}{against} --format html -o {page}")
    return [*found.values(), Step(lines[0], ""), Step(lines[1], page)]


def execute(recipe: Recipe, place: Place) -> None:
    """Run what has no product yet; a product gets its name when its line is done."""
    for folder in ("data", "models", "verdicts"):
        (place.folder / folder).mkdir(parents=True, exist_ok=True)
    if place.smoke:
        first = Step("python -m fgit_cli.benches.mini --split train --count 96 > data/mini.jsonl", "data/mini.jsonl")
        lines = [first, *steps(recipe, place.smoke)]
    else:
        lines = steps(recipe, place.smoke)
        needed = {d.file: d.source for _, row in recipe.rows for a in recipe.arms if a.train for d in [a.data or row]}
        needed |= {name: where for name, where in BENCH_DATA.items() if name in recipe.benches}
        missing = {name: where for name, where in needed.items() if not (place.folder / f"data/{name}.jsonl").exists()}
        if missing:
            said = "; ".join(f"{place.folder}/data/{name}.jsonl from {where}" for name, where in missing.items())
            raise SystemExit(f"put in place first, as JSONL: {said}")
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
