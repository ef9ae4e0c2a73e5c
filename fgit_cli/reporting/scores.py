"""pass@1 as the papers lay it out: models down, benches across, base with plus in brackets; intervals; pass@k."""

from fgit_cli.core.passk import mean_pass_at_k
from fgit_cli.core.statistics import wilson
from fgit_cli.reporting.results import Run, Tests
from fgit_cli.reporting.table import Column, Table

Runs = dict[tuple[str, str], Run]

TITLES = {
    "humaneval": "HumanEval", "humaneval+": "HumanEval (+)", "mbpp": "MBPP", "mbpp+": "MBPP (+)",
    "mini": "Mini", "bigcodebench": "BigCodeBench", "bigcodebench-hard": "BigCodeBench-Hard",
}  # fmt: skip


def by_name(runs: list[Run]) -> Runs:
    return {(run.model, run.bench): run for run in runs}


def models(runs: Runs) -> list[str]:
    return list(dict.fromkeys(model for model, _ in runs))


def benches(runs: Runs) -> list[str]:
    return list(dict.fromkeys(bench for _, bench in runs))


def title(bench: str) -> str:
    return TITLES.get(bench, bench)


def tested_title(bench: str, plus: bool) -> str:
    """The bench by one set of tests: `HumanEval` by base tests, `HumanEval+` by base and plus tests."""
    return title(bench).replace(" (+)", "+" if plus else "")


def percent(run: Run | None, tests: Tests) -> float | None:
    """pass@1 in percent; None where there is no such run, no such tests, or no sample that counts."""
    if run is None or tests not in run.tests:
        return None
    share = run.pass_at_1(tests)
    return None if share is None else 100 * share


def scores(runs: Runs) -> Table:
    """pass@1 in percent, one row a model."""
    columns = [Column("model", "Model"), *(Column(bench, title(bench), "score") for bench in benches(runs))]
    rows = [
        {"model": model}
        | {b: (percent(runs.get((model, b)), "base"), percent(runs.get((model, b)), "plus")) for b in benches(runs)}
        for model in models(runs)
    ]
    brackets = any("plus" in run.tests for run in runs.values())
    note = "In percent, base tests" + ("; in brackets base and plus tests." if brackets else ".")
    return Table("scores", "pass@1", columns, rows, [note, *_infra(runs), *unequal(runs)])


def intervals(runs: Runs) -> Table:
    """One row a model, bench and set of tests, with the number of tasks and the 95 % interval."""
    columns = [
        Column("model", "Model"), Column("bench", "Bench"), Column("tests", "Tests"), Column("tasks", "Tasks", "count"),
        Column("passed", "Passed", "number"), Column("pass_at_1", "pass@1", "percent"),
        Column("interval", "95 % interval", "interval"),
    ]  # fmt: skip
    rows = []
    for (model, bench), run in runs.items():
        for tests in run.tests:
            shares = run.shares(tests)
            if not shares:
                continue
            passed = sum(shares.values())
            mean = min(1.0, passed / len(shares))
            low, high = wilson(mean, len(shares))
            rows.append({
                "model": model, "bench": bench, "tests": "base and plus" if tests == "plus" else "base",
                "tasks": len(shares), "passed": passed, "pass_at_1": 100 * mean, "interval": (100 * low, 100 * high),
            })  # fmt: skip
    several = any(n > 1 for run in runs.values() for n, _ in run.counts("base").values())
    notes = ["Wilson's score interval over tasks."]
    if several:
        notes.append(
            "Several samples a task: pass@1 is the mean share of passing samples, its interval on the safe side."
        )
    return Table("intervals", "How sure each score is", columns, rows, notes)


def pass_at_k(runs: Runs) -> Table | None:
    """pass@k for the powers of ten and their halves up to the fewest samples a task has; None for one sample each."""
    columns = [Column("model", "Model"), Column("bench", "Bench"), Column("samples", "Samples", "count")]
    rows, ks = [], []
    for (model, bench), run in runs.items():
        counts = {tests: run.counts(tests) for tests in run.tests}
        fewest = min((n for n, _ in counts["base"].values()), default=0)
        if fewest < 2:
            continue
        row: dict = {"model": model, "bench": bench, "samples": fewest}
        for k in [k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= fewest]:
            ks.append(k)
            values = [100 * mean_pass_at_k(counts[t].values(), k) if t in counts else None for t in ("base", "plus")]
            row[f"pass_at_{k}"] = tuple(values)
        rows.append(row)
    if not rows:
        return None
    columns += [Column(f"pass_at_{k}", f"pass@{k}", "score") for k in sorted(set(ks))]
    return Table("passk", "pass@k", columns, rows, ["Unbiased estimator of Chen et al. 2021, in percent."])


def _infra(runs: Runs) -> list[str]:
    return [
        f"{model} on {title(bench)}: {run.infra} samples with the verdict infra are in no score; evaluate them again."
        for (model, bench), run in runs.items()
        if run.infra
    ]


def unequal(runs: Runs) -> list[str]:
    """Scores over different tasks must not be read beside each other."""
    notes = []
    for bench in benches(runs):
        tasks = {m: frozenset(run.shares("base")) for (m, b), run in runs.items() if b == bench}
        if len(set(tasks.values())) > 1:
            sizes = ", ".join(f"{m} {len(t)}" for m, t in tasks.items())
            notes.append(f"The scores on {title(bench)} are over different tasks ({sizes}).")
    return notes
