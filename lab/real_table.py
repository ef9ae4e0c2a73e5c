"""The real model's section of the page: what tuning did to its log-ratios at the fork, and what it kept."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from fgit_cli.core.statistics import bootstrap, wilson
from lab.real import BATCH, JUDGED, LONGEST, PAIRS, RATE, ROWS
from lab.rows import rows

SETS = {"humanevalpack": "HumanEvalPack, Python", "quixbugs": "QuixBugs"}
DIFFERENCES = (("FGit", "SFT"), ("fork", "SFT"), ("FGit", "base"), ("fork", "base"), ("SFT", "base"))
Run = dict[str, Any]


def section() -> str:
    """The section, as far as there are rows; empty without any."""
    found = rows(ROWS.stem)
    if not found:
        return ""
    head = (
        "\n## A real model (`python -m lab.real`, lab/real.py)\n\n"
        f"SmolLM2-135M-Instruct (`make smol`), tuned whole on at most {PAIRS} pairs of at most {LONGEST} tokens, one "
        f"epoch, batch {BATCH}, rate {RATE:g}; judged on pairs that it was not tuned on. The log-ratio (nats) of the "
        "correct token over the incorrect one at the fork is primary. Intervals: 95 %, Wilson's for shares, for means "
        "a bootstrap over pairs; no seed is drawn, so they hold for this one run of each arm.\n"
    )
    return "".join([head, *(part for name in JUDGED for part in _set(name, found))])


def _set(name: str, found: Sequence[Run]) -> Iterator[str]:
    """The table of one set that is judged on, and the arms' differences on it."""
    runs = [r for r in found if r["judged"] == name]
    yield f"\n### {SETS[name]}\n\n"
    yield "| tuned on | arm | pairs | prefers the correct token | log-ratio | NLL of the correct response | minutes |\n"
    yield f"|---|---|{'---:|' * 5}\n"
    for run in runs:
        yield _line(run)
    if any(run["source"] for run in runs):
        yield from _differences(runs)
    else:
        yield "\nNo arm has been tuned yet.\n"


def _differences(runs: Sequence[Run]) -> Iterator[str]:
    """The arms' differences from each other and from the base, on the same pairs."""
    yield "\n| tuned on | difference | log-ratio | NLL of the correct response |\n|---|---|---:|---:|\n"
    for source in dict.fromkeys(r["source"] for r in runs if r["source"]):
        for arm, than in DIFFERENCES:
            mine, theirs = ([r for r in runs if r["arm"] == x and r["source"] in (source, None)] for x in (arm, than))
            if mine and theirs:
                ratio, nll = _columns(mine[0]) - _columns(theirs[0])
                yield f"| {source} | {arm} − {than} | {_mean(ratio, '+')} | {_mean(nll, '+')} |\n"


def _columns(run: Run) -> numpy.ndarray:
    """Log-ratios and NLLs, [2, pairs], in the order of the pairs' ids."""
    return numpy.array([run["pairs"][key] for key in sorted(run["pairs"])]).T


def _line(run: Run) -> str:
    ratio, nll = _columns(run)
    share = float((ratio > 0).mean())
    low, high = wilson(share, len(ratio))
    prefers = f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
    minutes = f"{run['seconds'] / 60:.0f}" if run["source"] else "–"
    source = run["source"] or "–"
    return f"| {source} | {run['arm']} | {len(ratio)} | {prefers} | {_mean(ratio, '+')} | {_mean(nll)} | {minutes} |\n"


def _mean(values: numpy.ndarray, sign: str = "") -> str:
    low, high = bootstrap(list(values))
    return f"{values.mean():{sign}.2f} ({low:{sign}.2f} to {high:{sign}.2f})"
