"""Is it better, where, and is it noise: gains over a baseline, paired tests, the tasks won and lost."""

from collections.abc import Iterable

from fgit_cli.core.statistics import answer, compare, holm, needed
from fgit_cli.errors import UsageError
from fgit_cli.reporting.results import Run, Tests
from fgit_cli.reporting.scores import Runs, benches, models, percent, tested_title, unequal
from fgit_cli.reporting.table import Column, Table

TESTS_TITLE: dict[Tests, str] = {"base": "base", "plus": "base and plus"}

Shared = tuple[str, str, Tests, dict[str, float], dict[str, float]]  # what `shared_tasks` finds of a pair of runs


def choose_baseline(runs: Runs, asked: str | None) -> str:
    """The model that the others are compared with: the one asked for, else the first.

    Raises UsageError for a model that is not there.
    """
    names = models(runs)
    if asked is not None and asked not in names:
        raise UsageError(f"--baseline {asked}: no such model; there are: {', '.join(names)}")
    return asked or names[0]


def gains(runs: Runs, baseline: str) -> Table:
    """Relative gain of pass@1 over the baseline, in percent of the baseline's; the last column that of the averages.

    The papers' "average relative improvement" of a model is that of the average over all their figures, base and plus
    (FGit, section IV-B: 4.9 % for SemCoder-S, from 61.2 to 64.2).
    """
    pairs = [(b, t) for b in benches(runs) for t in tests_of(runs, b)]
    columns = [Column("model", "Model")]
    columns += [Column(f"{b}_{t}", tested_title(b, t == "plus"), "relative") for b, t in pairs]
    columns.append(Column("average", "Of the averages", "relative"))
    rows = []
    for model in models(runs):
        if model == baseline:
            continue
        row: dict = {"model": model}
        both = []
        for bench, tests in pairs:
            new, old = percent(runs.get((model, bench)), tests), percent(runs.get((baseline, bench)), tests)
            if new is not None and old is not None:
                both.append((new, old))
                row[f"{bench}_{tests}"] = relative(new, old)
        row["average"] = relative(sum(n for n, _ in both), sum(o for _, o in both)) if both else None
        rows.append(row)
    note = "Of the averages: the mean of all the model's figures here against the baseline's, as the papers count it."
    return Table("gains", f"Relative gain over {baseline}", columns, rows, [note, *unequal(runs)])


def relative(new: float, old: float) -> float | None:
    return 100 * (new - old) / old if old else None


def tests_of(runs: Runs, bench: str) -> list[Tests]:
    """The tests that any model has on a bench."""
    there = {t for (_, b), run in runs.items() if b == bench for t in run.tests}
    return [t for t in ("base", "plus") if t in there]


def paired(runs: Runs, baseline: str) -> Table:
    """Every other model against the baseline, task by task; Holm's correction over the whole table."""
    rows = tested(shared_tasks(runs, baseline), baseline)
    columns = [Column("model", "Model"), *COMPARED]
    compared = {row["model"] for row in rows}
    others = [model for model in models(runs) if model != baseline and model not in compared]
    notes = [f"Not compared, for they have no task that {baseline} has: {', '.join(others)}."] if others else []
    return Table(
        "comparison", f"Against {baseline}, task by task", columns, rows, [*notes, *(explained(rows) if rows else ())]
    )


def between(runs: Runs, baseline: str) -> Table | None:
    """The models beside the baseline against each other, of two the better one against the other; None for fewer.

    By one set of tests a bench alone: base and plus where both have them. Holm's correction is over this table.
    """
    others = [model for model in models(runs) if model != baseline]
    rows: list[dict] = []
    for place, earlier in enumerate(others):
        for later in others[place + 1 :]:
            both = {key: run for key, run in runs.items() if key[0] in (earlier, later)}
            found = shared_headlines(both, earlier)
            gained = sum(sum(new.values()) - sum(old.values()) for *_, new, old in found)
            rows += tested(found, earlier) if gained >= 0 else tested(shared_headlines(both, later), later)
    if not rows:
        return None
    adjust(rows)
    columns = [Column("model", "Model"), Column("against", "Against"), *COMPARED]
    return Table("between", "Between the others, task by task", columns, rows, explained(rows)[1:2])


COMPARED = [
    Column("bench", "Bench"), Column("tests", "Tests"), Column("tasks", "Tasks", "count"),
    Column("wins", "Wins", "count"), Column("losses", "Losses", "count"),
    Column("difference", "Difference", "points"), Column("interval", "95 % interval", "interval"),
    Column("p", "p", "p"), Column("p_holm", "p, Holm", "p"), Column("answer", "Answer"),
    Column("needed", "Needed", "points"),
]  # fmt: skip


def tested(pairs: Iterable[Shared], against: str) -> list[dict]:
    """A row for each pair of runs with its difference, interval and test; Holm's correction is over these rows."""
    rows: list[dict] = []
    for model, bench, tests, new, old in pairs:
        found = compare(list(new.values()), [old[task] for task in new])
        need = needed(found.wins + found.losses) if found.test == "McNemar, exact" else None
        rows.append({
            "model": model, "against": against, "bench": bench, "tests": TESTS_TITLE[tests], "tasks": found.tasks,
            "wins": found.wins, "losses": found.losses, "difference": 100 * found.difference,
            "interval": (100 * found.low, 100 * found.high), "p": found.p, "test": found.test,
            "needed": None if need is None else 100 * need / found.tasks,
        })  # fmt: skip
    adjust(rows)
    return rows


def adjust(rows: list[dict]) -> None:
    """Put Holm's p over all these rows, and the answer that it allows, into each."""
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
        row["answer"] = answer(row["difference"], p)


def explained(rows: list[dict]) -> list[str]:
    tests = " or ".join(sorted({row["test"] for row in rows}))
    comparisons = f"{len(rows)} comparison{'s' * (len(rows) != 1)}"
    return [
        "Differences in points of percent over the tasks that both have; interval: Tango's paired score interval, with "
        "several samples a task Bonett and Price's; either holds 0 where p alone cannot tell.",
        f"p: {tests}, two-sided; Holm over the {comparisons} of this table; the answer is at 0.05 after Holm.",
        "Needed: the smallest difference that the same number of disagreements could have shown at 0.05, alone.",
    ]


def shared_tasks(runs: Runs, baseline: str) -> list[Shared]:
    """Model, bench, tests, and per shared task the shares of the model and of the baseline."""
    found = []
    for (model, bench), run in runs.items():
        base = runs.get((baseline, bench))
        if model == baseline or base is None:
            continue
        for tests in run.tests:
            if tests not in base.tests:
                continue
            new, old = run.shares(tests), base.shares(tests)
            shared = [task for task in new if task in old]
            if shared:
                found.append((model, bench, tests, {t: new[t] for t in shared}, {t: old[t] for t in shared}))
    return found


def shared_headlines(runs: Runs, baseline: str) -> list[Shared]:
    """Of what `shared_tasks` finds one entry a model and bench: by base and plus tests where both have them."""
    return list({found[:2]: found for found in shared_tasks(runs, baseline)}.values())


def wins_and_losses(runs: Runs, baseline: str) -> Table:
    """One row a task on which a model and the baseline differ, with both verdicts."""
    columns = [
        Column("model", "Model"), Column("bench", "Bench"), Column("task_id", "Task"), Column("outcome", "Outcome"),
        Column("verdict", "Verdict"), Column("baseline", "Baseline's verdict"),
    ]  # fmt: skip
    rows = []
    for model, bench, tests, new, old in shared_tasks(runs, baseline):
        if tests != (
            "plus" if "plus" in runs[model, bench].tests and "plus" in runs[baseline, bench].tests else "base"
        ):
            continue
        for task in new:
            if new[task] != old[task]:
                rows.append({
                    "model": model, "bench": bench, "task_id": task,
                    "outcome": "won" if new[task] > old[task] else "lost",
                    "verdict": verdict(runs[model, bench], task), "baseline": verdict(runs[baseline, bench], task),
                })  # fmt: skip
    rows.sort(key=lambda row: (row["model"], row["bench"], row["outcome"] == "lost"))
    note = "By base and plus tests together where the bench has both."
    return Table("tasks", f"Tasks won and lost against {baseline}", columns, rows, [note])


def verdict(run: Run, task: str) -> str:
    """A task's verdict in a word, with the error's type; of several samples how many pass."""
    samples = run.tasks[task]
    if len(samples) > 1:
        n, c = run.counts(run.tests[-1])[task]
        return f"{c} of {n} pass"
    one = samples[0]
    failed = [v for v in (one.base, one.plus) if v not in ("pass", None)]
    return f"{failed[0]}, {one.error_type}" if failed and one.error_type else failed[0] if failed else "pass"
