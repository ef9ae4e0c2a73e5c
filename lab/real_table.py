"""The real model's section of the page: what tuning did to its log-ratios at the fork, and what it kept."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy

from fgit_cli.core.crossed import Effect, crossed
from fgit_cli.core.statistics import holm
from fgit_cli.reporting.table import text
from lab.real import ARMS, BASE, BATCH, JUDGED, LONGEST, PAIRS, ROWS
from lab.rows import rows

SETS = {"humanevalpack": "HumanEvalPack, Python", "quixbugs": "QuixBugs"}
DIFFERENCES = (
    ("FGit", "SFT"), ("fork", "SFT"), ("fork + dft", "SFT"), ("SFT", "base"), ("FGit", "base"), ("fork", "base"),
    ("fork + dft", "base"),
)  # fmt: skip
PRIMARY_SET, PRIMARY = ("humanevalpack", "bugs"), DIFFERENCES[:3]  # as lab/LOG.md declared them
CLOSE = 0.1  # nats; a difference within them counts as none
Row = dict[str, Any]


def section() -> str:
    """The section, as far as there are rows; empty without any."""
    found = rows(ROWS.stem)
    if not found:
        return ""
    head = (
        "\n## A real model (`python -m lab.real`, lab/real.py)\n\n"
        f"SmolLM2-135M-Instruct (`make smol`), tuned whole on at most {PAIRS} pairs of at most {LONGEST} tokens, one "
        f"epoch, batch {BATCH}; judged on pairs that it was not tuned on. Primary is the log-ratio, in nats, of the "
        "correct token over the incorrect one where a pair's sides part. Differences are of the same pairs, a mean "
        "over the rates, with 95 % intervals that draw pairs and seeds together.\n"
    )
    return "".join([head, _cost(found), _primary(found), *(part for name in JUDGED for part in _set(name, found))])


def _cost(found: Sequence[Row]) -> str:
    """How many runs there are and how long the tuning of each took; empty before the first."""
    seconds = [r["seconds"] for r in found if r["judged"] == JUDGED[0] and r["source"]]
    if not seconds:
        return ""
    return f"\n{len(seconds)} runs, tuned in {numpy.mean(seconds):.0f} s each (lab/LOG.md says on what).\n"


def _primary(found: Sequence[Row]) -> str:
    """The differences that were declared before the arms ran, with Holm's correction.

    Empty while one is missing, and with fewer seeds than a p asks for.
    """
    name, source = PRIMARY_SET
    of_set = [r for r in found if r["judged"] == name]
    pairs = [(_difference(of_set, arm, than, source)[0], f"{arm} − {than}") for arm, than in PRIMARY]
    known = [(effect, effect.p, said) for effect, said in pairs if effect and effect.p is not None]
    if len(known) < len(PRIMARY):
        return ""
    lines = []
    for (effect, p, said), adjusted in zip(known, holm([p for _, p, _ in known]), strict=True):
        ps = " | ".join(text("p", value) for value in (p, adjusted, effect.within(CLOSE)))
        lines.append(f"| {said} | {_told(effect, '+')} | {ps} |\n")
    return (
        f"\nDeclared before the runs: on {SETS[name]}, tuned on `{source}`.\n\n"
        f"| difference | log-ratio | p | Holm | p of a difference beyond ± {CLOSE} |\n|---|---:|---:|---:|---:|\n"
        + "".join(lines)
    )


def _set(name: str, found: Sequence[Row]) -> Iterator[str]:
    """The tables of one set that is judged on: each arm at each rate, and the arms' differences."""
    of_set = [r for r in found if r["judged"] == name]
    base = _values(of_set, BASE.arm, None, ())
    if base is None:  # it is judged before anything is tuned
        return
    ratio, nll = base
    yield (
        f"\n### {SETS[name]}\n\nThe base prefers the correct token in {_share(ratio)} % of {ratio.shape[1]} pairs; "
        f"log-ratio {_told(_effect(ratio), '+')}, NLL of the correct response {_told(_effect(nll))}.\n"
    )
    sources = sorted({r["source"] for r in of_set if r["source"]})
    if not sources:
        yield "\nNo arm has been tuned yet.\n"
        return
    rates = sorted({r["rate"] for r in of_set if r["source"]})
    at = ", ".join(f"{rate:g}" for rate in rates)
    yield f"\n| tuned on | arm | prefers the correct token, %, at {at} | log-ratio | NLL of the correct response |\n"
    yield "|---|---|---:|---:|---:|\n"
    for source in sources:
        for arm in ARMS:
            cells = [v for rate in rates if (v := _values(of_set, arm, source, (rate,))) is not None]
            if cells:
                shares = ", ".join(_share(ratio) for ratio, _ in cells)
                ratios = ", ".join(f"{ratio.mean():+.2f}" for ratio, _ in cells)
                nlls = ", ".join(f"{nll.mean():.2f}" for _, nll in cells)
                yield f"| {source} | {arm} | {shares} | {ratios} | {nlls} |\n"
    yield "\n| tuned on | difference | log-ratio | NLL of the correct response |\n|---|---|---:|---:|\n"
    for source in sources:
        for arm, than in DIFFERENCES:
            ratio_moved, nll_moved = _difference(of_set, arm, than, source)
            if ratio_moved and nll_moved:
                yield f"| {source} | {arm} − {than} | {_told(ratio_moved, '+')} | {_told(nll_moved, '+')} |\n"


def _difference(of_set: Sequence[Row], arm: str, than: str, source: str) -> tuple[Effect, Effect] | tuple[None, None]:
    """What the arm has more than the other, of log-ratio and of NLL, a mean over the rates; None if one is missing."""
    rates = sorted({r["rate"] for r in of_set if r["source"] == source})
    mine, theirs = (_values(of_set, x, None if x == BASE.arm else source, rates) for x in (arm, than))
    if mine is None or theirs is None:
        return None, None
    ratio, nll = mine - theirs
    return _effect(ratio), _effect(nll)


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


def _effect(values: numpy.ndarray) -> Effect:
    return crossed(values, range(values.shape[1]))


def _share(ratios: numpy.ndarray) -> str:
    return f"{100 * float((ratios > 0).mean()):.0f}"


def _told(effect: Effect, sign: str = "") -> str:
    return f"{effect.mean:{sign}.2f} ({effect.low:{sign}.2f} to {effect.high:{sign}.2f})"
