"""The rows of lab/results as arrays: which arm passed which task, at which rates and seeds."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy

from fgit_cli.jsonl import read

RESULTS = Path(__file__).parent / "results"
# Arms that a table is compared with stand in others, run in the same way.
JOINED = {"ablations": ("core",), "confirmation": ("core",), "dft-front": ("front",)}


def rows(table: str) -> list[dict[str, Any]]:
    """The table's own rows."""
    path = RESULTS / f"{table}.jsonl"
    return list(read([str(path)])) if path.exists() else []


def joined(table: str) -> list[dict[str, Any]]:
    """A table's rows, with those it is compared with; the base model, which no seed changes, at every rate and seed."""
    mine = rows(table)
    runs = {(r["rate"], r["seed"]) for r in mine if r["arm"] != "base"}
    mine += [r for other in JOINED.get(table, ()) for r in rows(other) if (r["rate"], r["seed"]) in runs]
    tuned = [r for r in mine if r["arm"] != "base"]
    base = [{**r, "rate": rate, "seed": seed} for r in mine if r["arm"] == "base" for rate, seed in sorted(runs)]
    return base + tuned


def verdicts(found: list[dict[str, Any]], arm: str, rates: tuple[float, ...]) -> dict[int, numpy.ndarray]:
    """Each seed's verdicts [tasks], a mean over the rates; only seeds that were run at all of them."""
    seeds: dict[int, dict[float, list[int]]] = defaultdict(dict)
    for r in found:
        if r["arm"] == arm and r["rate"] in rates:
            seeds[r["seed"]][r["rate"]] = [int(v) for v in r["verdicts"]]
    return {s: numpy.mean(list(runs.values()), axis=0) for s, runs in seeds.items() if len(runs) == len(rates)}


def moved(table: str, arm: str, than: str, rates: tuple[float, ...]) -> numpy.ndarray | None:
    """What the arm passes more than the other [seeds, tasks], a mean over the rates; None without a seed of both."""
    found = joined(table)
    mine, theirs = (verdicts(found, name, rates) for name in (arm, than))
    shared = sorted(mine.keys() & theirs.keys())
    return numpy.array([mine[seed] - theirs[seed] for seed in shared]) if shared else None
