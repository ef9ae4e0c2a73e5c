"""The page's two figures, from the rows: what a weight gains against the faults' share, and gained against kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

from fgit_cli.reporting.drawing import Plot, write
from lab.arms import FURTHER_SHARES, SHARED, SHARES, TABLES, at_level
from lab.choice import KEEP, Point, points
from lab.rows import rows, verdicts

FOLDER = Path(__file__).parent / "figures"


def share_curve() -> dict[str, list[tuple[float, float]]]:
    """Each arm's (s, gain over SFT in points) by level and rate, means over seeds, as far as there are rows.

    A level's s is that of all its seeds, so that arms with more seeds than others stand above the same point.
    """
    found = [row for table in ("shares", "shares-others", "further-shares") for row in rows(table)]
    curves: dict[str, list[tuple[float, float]]] = {}
    for level in (*SHARES, *FURTHER_SHARES):
        names = [at_level(arm.name, level) for arm in SHARED]
        by_seed = {r["seed"]: r["share"]["gradient"] for r in found if r.get("share") and r["arm"] in names}
        for arm, name in zip(SHARED[1:], names[1:], strict=True):
            for rate in TABLES["shares"].rates:
                mine, theirs = verdicts(found, name, (rate,)), verdicts(found, names[0], (rate,))
                if seeds := mine.keys() & theirs.keys():
                    gain = 100 * float(numpy.mean([mine[s] - theirs[s] for s in seeds]))
                    curve = curves.setdefault(f"{arm.name}, {rate:g}", [])
                    curve.append((float(numpy.mean(list(by_seed.values()))), gain))
    return {name: sorted(curve) for name, curve in curves.items()}


def front() -> dict[str, list[Point]]:
    """Each arm's points by rate, as far as there are rows."""
    arms: dict[str, list[Point]] = {}
    for point in points("front-validation"):
        arms.setdefault(point.arm, []).append(point)
    return {arm: sorted(found, key=lambda p: p.rate) for arm, found in arms.items()}


def _logarithmic(axes: Any, labelled: Callable[[float], bool] = lambda x: False) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")  # powers would be written as mathematics, which the look has switched off
    axes.xaxis.set_minor_formatter(lambda x, _: f"{x:g}" if labelled(x) else "")


def _draw_shares(figure: Any) -> None:
    look, axes = figure.fgit, figure.subplots()
    for number, (name, curve) in enumerate(share_curve().items()):
        xs, ys = zip(*curve, strict=True)
        axes.plot(xs, ys, marker="o", color=look.series(number // 2), linestyle="-" if number % 2 else "--", label=name)
    axes.axhline(0, color=look.muted, linewidth=0.8)
    _logarithmic(axes, lambda x: f"{x:e}"[0] in "25")
    axes.set_xlabel("s, the marked tokens' share of SFT's squared gradient")
    axes.set_ylabel("pass@1 over SFT, points")
    look.legend(axes, above=True)


def _draw_front(figure: Any) -> None:
    look, (kept, moved) = figure.fgit, figure.subplots(1, 2, sharey=True)
    for number, (arm, found) in enumerate(front().items()):
        gained = [100 * p.gained for p in found]
        # the hues once, then again with a dashed line
        style = {"color": look.series(number), "linestyle": "-" if number < 8 else "--", "marker": "o"}
        kept.plot([100 * p.kept for p in found], gained, label=arm, linewidth=1, markersize=3, **style)
        moved.plot([p.divergence for p in found], gained, linewidth=1, markersize=3, **style)
    kept.set_xlim(79, 101)
    kept.set_ylim(-10, 43)  # what falls below has unlearned its own tasks too
    kept.axvline(100 * KEEP, color=look.muted, linewidth=0.8)
    kept.set_xlabel("kept on untuned shapes, %")
    kept.set_ylabel("gained on tuned shapes, points")
    _logarithmic(moved)
    moved.set_xlim(right=0.06)
    moved.set_xlabel("KL(base ‖ tuned) there, nats a token")
    figure.legend(
        *kept.get_legend_handles_labels(),
        ncols=3,
        loc="outside upper left",
        frameon=False,
        labelcolor=look.ink,
        fontsize=8,
    )


FIGURES = {
    "shares": (
        Plot("shares", "What a weight gains against the faults' share of the gradient", "", _draw_shares, 4.2),
        share_curve,
    ),
    "front": (Plot("front", "Gained on tuned shapes against kept on untuned ones", "", _draw_front, 4.6), front),
}


def made() -> dict[str, Path]:
    """Draw each figure that has rows; its file."""
    ready = {name: plot for name, (plot, content) in FIGURES.items() if content()}
    if ready:
        write(list(ready.values()), str(FOLDER))
    return {name: FOLDER / f"{name}.svg" for name in ready}
