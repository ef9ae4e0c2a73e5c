"""The real model's section of the page: what tuning did to its log-ratios at the fork, and what it kept."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from fgit_cli.core.crossed import crossed
from fgit_cli.core.statistics import wilson
from lab.real import ARMS, BASE, BATCH, JUDGED, LONGEST, PAIRS, ROWS
from lab.rows import rows

SETS = {"humanevalpack": "HumanEvalPack, Python", "quixbugs": "QuixBugs"}
DIFFERENCES = (
    ("FGit", "SFT"), ("fork", "SFT"), ("fork + dft", "SFT"), ("SFT", "base"), ("FGit", "base"), ("fork", "base"),
    ("fork + dft", "base"),
)  # fmt: skip
Row = dict[str, Any]


def section() -> str:
    """The section, as far as there are rows; empty without any."""
    found = rows(ROWS.stem)
    if not found:
        return ""
    head = (
        "\n## A real model (`python -m lab.real`, lab/real.py)\n\n"
        f"SmolLM2-135M-Instruct (`make smol`), tuned whole on at most {PAIRS} pairs of at most {LONGEST} tokens, one "
        f"epoch, batch {BATCH}; judged on pairs that it was not tuned on. The log-ratio (nats) of the correct token "
        "over the incorrect one at the fork is primary. Intervals: 95 %; pairs are drawn, and seeds with them where "
        "there are several (Wilson's for shares of pairs). Differences are of the same pairs, a mean over the "
        "rates.\n"
    )
    return "".join([head, *(part for name in JUDGED for part in _set(name, found))])


def _set(name: str, found: Sequence[Row]) -> Iterator[str]:
    """The tables of one set that is judged on: each arm at each rate, and the arms' differences."""
    of_set = [r for r in found if r["judged"] == name]
    yield f"\n### {SETS[name]}\n\n"
    yield "| tuned on | arm | rate | seeds | prefers the correct token | log-ratio | NLL of the correct response |\n"
    yield f"|---|---|{'---:|' * 5}\n"
    cells = {(r["source"], r["arm"], r["rate"]): None for r in of_set}  # once each, in this order
    for source, arm, rate in sorted(cells, key=lambda c: (c[0] or "", [BASE.arm, *ARMS].index(c[1]), c[2])):
        yield _line(source, arm, rate, _values(of_set, arm, source, (rate,)))
    sources = sorted({r["source"] for r in of_set if r["source"]})
    if not sources:
        yield "\nNo arm has been tuned yet.\n"
        return
    yield "\n| tuned on | difference | log-ratio | NLL of the correct response |\n|---|---|---:|---:|\n"
    for source in sources:
        rates = sorted({r["rate"] for r in of_set if r["source"] == source})
        for arm, than in DIFFERENCES:
            mine, theirs = (_values(of_set, x, None if x == BASE.arm else source, rates) for x in (arm, than))
            if mine is not None and theirs is not None:
                ratio, nll = mine - theirs
                yield f"| {source} | {arm} − {than} | {_mean(ratio, '+')} | {_mean(nll, '+')} |\n"


def _values(of_set: Sequence[Row], arm: str, source: str | None, rates: Sequence[float]) -> numpy.ndarray | None:
    """Log-ratios and NLLs, [2, seeds, pairs] in the order of the pairs' ids, a mean over the rates.

    None where no seed was run at all of the rates; the base has one seed and one rate, whatever is asked.
    """
    if arm == BASE.arm:
        rates = (BASE.rate,)
    seeds: dict[int, dict[float, list[Any]]] = {}
    for r in of_set:
        if r["arm"] == arm and r["source"] == source and r["rate"] in rates:
            told = [r["pairs"][key] for key in sorted(r["pairs"])]
            seeds.setdefault(r["seed"], {})[r["rate"]] = told
    whole = [numpy.mean(list(at.values()), axis=0).T for _, at in sorted(seeds.items()) if len(at) == len(rates)]
    return numpy.stack(whole, axis=1) if whole else None


def _line(source: str | None, arm: str, rate: float, values: numpy.ndarray | None) -> str:
    assert values is not None
    ratio, nll = values
    seeds, pairs = ratio.shape
    share = float((ratio > 0).mean())
    low, high = wilson(share, pairs)
    prefers = f"{100 * share:.0f} % ({100 * low:.0f} to {100 * high:.0f})"
    at = f"{rate:g}" if source else "–"
    return f"| {source or '–'} | {arm} | {at} | {seeds} | {prefers} | {_mean(ratio, '+')} | {_mean(nll)} |\n"


def _mean(values: numpy.ndarray, sign: str = "") -> str:
    found = crossed(values, range(values.shape[1]))
    return f"{found.mean:{sign}.2f} ({found.low:{sign}.2f} to {found.high:{sign}.2f})"
