"""Make lab/RESULTS.md anew from the rows in lab/results: what they answer, tables by `fgit report`, what is missing.

python -m lab.results
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from fgit_cli.jsonl import dumps, read
from lab.arms import BATCH, RECORDS, TABLES, TASKS
from lab.claims import CLAIMS, Claim, compare, judged

HERE = Path(__file__).parent
# Arms that a table is compared with stand in others, run in the same way.
JOINED = {"ablations": ("core",), "confirmation": ("core",)}
HEAD = f"""# The papers in miniature

Made by `make lab`; nothing here is typed by hand. The mini student (fgit_cli/benches/mini/student, 0.95 million
parameters) is tuned on {RECORDS} instructions of the training split, batch {BATCH}, one epoch unless the arm says
otherwise; a seed draws its own instructions, wrong variants and order, which all arms share. The metric is greedy
pass@1, by executed tests, on {TASKS} tasks whose compositions neither the student nor any arm has seen. Family, split,
metric, seeds and arms were fixed before arms were compared (lab/arms.py), the rates by SFT alone on the validation
split; what had to be chosen was chosen there. Variants: `rules` are universalmutator's, `own` the student's own sampled
answers that fail the tests, the nearest one by edit distance; an instruction without a variant is trained on as plain
SFT does. Intervals are over seeds and tasks together; tests are paired over seeds (t), two-sided, with Holm's
correction over all claims of this page (the three that confirm what was chosen on the validation split: over those
three, as LOG.md says), and in each table over its rows. CPU seconds are those of training; the
answers take about as long again.
"""


def rows(table: str) -> list[dict[str, Any]]:
    path = HERE / "results" / f"{table}.jsonl"
    return list(read([str(path)])) if path.exists() else []


def joined(table: str) -> list[dict[str, Any]]:
    """A table's rows, with those it is compared with; the base model, which no seed changes, at every rate and seed."""
    mine = rows(table)
    runs = {(r["rate"], r["seed"]) for r in mine if r["arm"] != "base"}
    mine += [r for other in JOINED.get(table, ()) for r in rows(other) if (r["rate"], r["seed"]) in runs]
    tuned = [r for r in mine if r["arm"] != "base"]
    base = [{**r, "rate": rate, "seed": seed} for r in mine if r["arm"] == "base" for rate, seed in sorted(runs)]
    return base + tuned


def verdicts(found: list[dict[str, Any]], arm: str, rates: tuple[float, ...]) -> dict[int, Any]:
    """Each seed's verdicts [tasks], a mean over the rates; only seeds that were run at all of them."""
    import numpy

    seeds: dict[int, dict[float, list[int]]] = defaultdict(dict)
    for r in found:
        if r["arm"] == arm and r["rate"] in rates:
            seeds[r["seed"]][r["rate"]] = [int(v) for v in r["verdicts"]]
    return {s: numpy.mean(list(runs.values()), axis=0) for s, runs in seeds.items() if len(runs) == len(rates)}


def answered(claims: tuple[Claim, ...]) -> list[tuple[Claim, dict[str, Any]]]:
    """The claims that the rows can answer, with what they say."""
    import numpy

    asked, found = [], []
    for claim in claims:
        all_rows = joined(claim.table)
        mine, theirs = (verdicts(all_rows, arm, claim.rates) for arm in (claim.arm, claim.than))
        if shared := sorted(mine.keys() & theirs.keys()):
            asked.append(claim)
            found.append(compare(*(numpy.array([side[s] for s in shared]) for side in (mine, theirs))))
    told: dict[Claim, dict[str, Any]] = {}
    for family in {claim.family for claim in asked}:
        members = [(claim, f) for claim, f in zip(asked, found, strict=True) if claim.family == family]
        told |= zip([claim for claim, _ in members], judged([f for _, f in members]), strict=True)
    return [(claim, told[claim]) for claim in asked]


def said(claim: Claim, found: dict[str, Any]) -> str:
    p = "– | –" if found["p"] is None else f"{found['p']:.2g} | {found['p_holm']:.2g}"
    rates = ", ".join(f"{rate:g}" for rate in claim.rates)
    return (
        f"| {claim.arm} > {claim.than} | {found['difference']:+.2f} ({found['low']:+.2f} to {found['high']:+.2f}) | "
        f"{p} | **{found['answer']}** | {found['seeds']} | {rates} | {claim.source} |\n"
    )


def in_short(claim: Claim, found: dict[str, Any]) -> str:
    p = "" if found["p"] is None else f", p {found['p']:.2g}, after Holm {found['p_holm']:.2g}"
    between = f"{found['low']:+.1f} to {found['high']:+.1f} points"
    return f"{claim.arm} > {claim.than} **{found['answer']}** ({between}{p})"


def headline(found: list[tuple[Claim, dict[str, Any]]]) -> str:
    """The claim to test, for each kind of variant, and whether what was chosen on the validation split is confirmed."""
    told = {(claim.arm, claim.than): in_short(claim, f) for claim, f in found if claim.table == "core"}
    lines = ["\n## FGit > SFT > base?\n\n"]
    for variants in ("rules", "own faults"):
        steps = [told[pair] for pair in ((f"FGit, {variants}", "SFT"), ("SFT", "base")) if pair in told]
        lines.append(f"- {'; '.join(steps) or f'{variants}: no rows yet'}.\n")
    lines.append(
        "\n## A better weight, chosen on the validation split: confirmed on tasks and seeds it has not seen?\n\n"
    )
    lines += [f"- {in_short(claim, f)}.\n" for claim, f in found if claim.family == "confirmation"]
    return "".join(lines)


def answers() -> str:
    """What holds, what does not, what is not known: a row for each claim."""
    all_found = answered(CLAIMS)
    counted = {word: sum(f["answer"] == word for _, f in all_found) for word in ("holds", "does not hold", "not known")}
    alone = sum(f["answer"] == "not known" and f["p"] is not None and f["p"] < 0.05 for _, f in all_found)
    lines = [
        headline(all_found),
        "\n## What holds, what does not, what is not known\n\n",
        f"{len(all_found)} of {len(CLAIMS)} claims have rows: {counted['holds']} hold, {counted['does not hold']} do "
        f"not (the opposite is shown). Of the others, whose interval says what is still possible, {alone} have p below "
        "0.05 before the correction. Differences in points of pass@1, a mean over the rates named.\n\n",
        "| claim | difference (95 %) | p | p, Holm | answer | seeds | rates | who says so |\n",
        f"{'|---' * 8}|\n",
    ]
    return "".join([*lines, *(said(claim, found) for claim, found in all_found)])


def report(table: str) -> str:
    """The rows of a table by `fgit report`."""
    spread = [
        {**r, "passed": {str(i): int(v) for i, v in enumerate(r["verdicts"])}} for r in joined(table)
    ]  # fmt: skip
    words = ["-m", "fgit_cli", "report", "-", "--baseline", "SFT", "--format", "markdown", "--quiet"]
    done = subprocess.run([sys.executable, *words], input=b"".join(map(dumps, spread)), capture_output=True, check=True)
    return done.stdout.decode().partition("\n\n")[2]  # without its heading


MEASURED = {
    "nll_fault": "−log P, marked tokens", "nll_rest": "−log P, others", "weight": "W",
    "incorrect_preferred": "pairs with H̄a > H̄c", "inactive": "inactive",
}  # fmt: skip


def looked_at(table: str) -> str:
    """What training saw in its first step, which is the same at every rate; means over seeds."""
    first: dict[str, dict[int, dict[str, float | None]]] = defaultdict(dict)
    for row in rows(table):
        if row.get("first"):
            first[row["arm"]][row["seed"]] = row["first"]
    lines = []
    for arm, seeds in first.items():
        columns = [[v for f in seeds.values() if (v := f[name]) is not None] for name in MEASURED]
        lines.append(f"| {arm} | {' | '.join(f'{sum(c) / len(c):.3g}' if c else '–' for c in columns)} |\n")
    head = f"| first step | {' | '.join(MEASURED.values())} |\n|---|{'---:|' * len(MEASURED)}\n"
    return "\n" + head + "".join(lines) if lines else ""


def main() -> None:
    out = [HEAD, answers()]
    for name, table in TABLES.items():
        wanted = {(arm.name, rate, seed) for arm, rate, seed in table.cells()}
        missing = sorted(wanted - {(r["arm"], r["rate"], r["seed"]) for r in rows(name)}, key=lambda c: c[::-1])
        out.append(f"\n## {table.title}, on the {table.split} split (`python -m lab.run {name}`)\n\n")
        if rows(name):
            out += [report(name), looked_at(name)]
        out.append(f"\n{len(wanted) - len(missing)} of {len(wanted)} runs are in it.")
        if missing:
            first = "; ".join(f"{arm} at {rate:g}, seed {seed}" for arm, rate, seed in missing[:5])
            out.append(f" Missing, first of all: {first}.")
        out.append("\n")
    (HERE / "RESULTS.md").write_text("".join(out), encoding="utf-8")
    print(f"wrote {HERE / 'RESULTS.md'}")


if __name__ == "__main__":
    main()
