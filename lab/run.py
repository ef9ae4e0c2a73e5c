"""The papers in miniature: tune the mini student in many ways, test each on held-out tasks, keep every verdict.

    python -m lab.run core      the table that the method stands or falls by
    python -m lab.run           every table of lab/arms.py

Resumable: a run is done when its row stands in lab/results/TABLE.jsonl. A row holds the verdict of each task, so that
lab/results.py can pair them. Training and evaluation are those of the commands, called in this process; a line for
each run goes to stderr.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from fgit_cli.benches.mini import STUDENT
from fgit_cli.jsonl import dumps, read
from fgit_cli.training import layout, losses
from fgit_cli.training.options import Options as TrainOptions
from fgit_cli.training.pairs import Example
from lab import data
from lab.answers import Answers
from lab.arms import BATCH, TABLES, Arm
from lab.choice import FRONT, cells
from lab.forgetting import divergence
from lab.rows import RESULTS
from lab.tuning import Tuned, tune

KEPT = ("nll_fault", "nll_rest", "weight", "incorrect_preferred", "told_apart", "inactive", "margin_positive")


ALL = (*TABLES, FRONT)


def run(arm: Arm, rate: float, seed: int, answers: Answers, work: Path) -> dict[str, Any]:
    """Tune, answer, judge; the row of one run. `tokens` is what training fed the model, all its passes together."""
    pairs = data.pairs(work, seed, arm)
    started = time.process_time()
    model = work / "model"
    tokens, tuned = fed(arm, rate, seed, pairs, model)
    seconds = round(time.process_time() - started, 1)
    return {
        "arm": arm.name, "rate": rate, "seed": seed,
        "verdicts": answers.verdicts(model),
        "cpu_seconds": seconds,
        "tokens": tokens, "steps": len(tuned.steps), "share": tuned.about["fault_share"],
        "first": _short(tuned.steps[0]), "last": _short(tuned.steps[-1]),
    }  # fmt: skip


def _short(step: dict[str, Any]) -> dict[str, float | None]:
    """What a row keeps of a step's record, in three figures."""
    return {k: None if step.get(k) is None else float(f"{step[k]:.3g}") for k in KEPT}


def fed(arm: Arm, rate: float, seed: int, pairs: Path, model: Path) -> tuple[int, Tuned]:
    """The tokens fed, all passes together, in training the student on the pairs into `model`; and what it left."""
    options = TrainOptions(
        quiet=True, files=[str(pairs)], model=str(STUDENT), output_dir=str(model), seed=seed, learning_rate=rate,
        global_batch_size=BATCH, save_steps=0, **arm.train,
    )  # fmt: skip
    tuned = tune(options, arm.loss or losses.loss)
    objective = options.made_objective
    each = [sum(layout.row_sizes(objective, Example(tuned.pairs[i]), "shared")) for i in range(len(tuned.pairs))]
    passes = options.num_train_epochs + objective.preference  # the reference reads them once more
    return round(sum(each) * passes), tuned


def fill(name: str, work: Path, until: float) -> None:
    """Run what is missing of a table, cell by cell, unless the time is up."""
    path, split = RESULTS / f"{name}.jsonl", "confirmation" if name == FRONT else TABLES[name].split
    answers = Answers(split, work)
    done = {(r["arm"], r["rate"], r["seed"]) for r in read([str(path)])} if path.exists() else set()

    def keep(row: dict[str, Any]) -> None:
        with open(path, "ab") as rows:  # opened for each, so that git may exchange the file meanwhile
            rows.write(dumps(row))

    if ("base", 0.0, 0) not in done:
        keep({"arm": "base", "rate": 0.0, "seed": 0, "verdicts": answers.verdicts(STUDENT)})
    for arm, rate, seed in cells(name):
        if (arm.name, rate, seed) in done or time.monotonic() > until:
            continue
        row = run(arm, rate, seed, answers, work)
        if arm.tuned:
            row["divergence"] = round(divergence(work / "model", split, work), 5)
        keep(row)
        said = {k: row[k] for k in ("arm", "rate", "seed", "cpu_seconds", "tokens")}
        share = row["verdicts"].count("1") / len(row["verdicts"])
        print(json.dumps({"table": name, **said, "pass@1": round(share, 4)}), file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(ALL)}; none: all, in this order")
    parser.add_argument("--work", type=Path, default=Path("lab-work"), help="data is kept here (lab-work)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run later than that")
    args = parser.parse_args()
    if unknown := set(args.tables) - set(ALL):
        parser.error(f"no such table: {', '.join(sorted(unknown))}")
    args.work.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(exist_ok=True)
    until = time.monotonic() + 60 * args.minutes
    for name in args.tables or ALL:
        fill(name, args.work, until)


if __name__ == "__main__":
    main()
