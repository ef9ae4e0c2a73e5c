"""Plots of what a report holds, for files (PNG, SVG) and for the page: what is drawn, from which numbers.

Each function takes numbers and gives a `Plot`, or None where there is nothing to draw; those of training logs are in
curves.py. `drawing.py` knows matplotlib.
"""

import re
from dataclasses import dataclass
from typing import Any

from fgit_cli.core.codeflow import TENTHS, by_tenths
from fgit_cli.core.passk import mean_pass_at_k
from fgit_cli.core.statistics import wilson
from fgit_cli.reporting.comparison import TESTS_TITLE
from fgit_cli.reporting.curves import losses, weights
from fgit_cli.reporting.drawing import Plot
from fgit_cli.reporting.in_words import Finding, Measure, findings
from fgit_cli.reporting.inputs import Inputs
from fgit_cli.reporting.results import Run, Tests
from fgit_cli.reporting.scores import Runs, benches, by_name, models, tested_title, title
from fgit_cli.reporting.table import Table

SETTING = re.compile(r"^(?P<name>.*?)[\s:_=-]*(?P<value>\d+(\.\d+)?)$")
MOST_FINDINGS = 10  # pairs of models in one plot
LETTERS_OF_LABEL = 36  # of two models' names, where they stand beside the axis
LETTERS_BESIDE = 84  # that fit below an axis, before its labels are turned
FEWEST_SETTINGS = 3  # models that differ in a number alone, before they are drawn as an ablation


def plots(read: Inputs, tables: dict[str, Table], similarities: dict[str, list[float]]) -> list[Plot]:
    """Every plot that the input has something for, in the order of a report; `tables` are those made already."""
    runs = by_name(read.runs)
    found = [
        differences(findings(list(tables.values()))),
        bars(runs),
        *ablations(runs),
        *lab_ablations(tables.get("lab")),
    ]
    found += [pass_at_k(runs), losses(read.logs), weights(read.logs), histogram(similarities)]
    found += [covered({name: refined.coverage for name, refined in read.refined.items()})]
    return [plot for plot in found if plot]


def bars(runs: Runs) -> Plot | None:
    """pass@1 with its interval, models side by side in each bench."""
    groups = [
        (b, t) for b in benches(runs) for t in dict.fromkeys(t for r in runs.values() if r.bench == b for t in r.tests)
    ]
    names = models(runs)
    if not groups:
        return None

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        width = 0.8 / len(names)
        for number, model in enumerate(names):
            points = []
            for place, (bench, tests) in enumerate(groups):
                run = runs.get((model, bench))
                share = run.pass_at_1(tests) if run and tests in run.tests else None
                if run and share is not None:
                    points.append(
                        (place + width * (number - (len(names) - 1) / 2), share, *wilson(share, len(run.shares(tests))))
                    )
            if points:
                xs, ys, lows, highs = (list(v) for v in zip(*points, strict=True))
                colour = figure.fgit.series(number)
                axes.bar(xs, [100 * y for y in ys], width * 0.9, color=colour, label=model)
                errors = [
                    [100 * (y - low) for y, low in zip(ys, lows, strict=True)],
                    [100 * (h - y) for y, h in zip(ys, highs, strict=True)],
                ]
                axes.errorbar(
                    xs, [100 * y for y in ys], errors, fmt="none", ecolor=figure.fgit.ink, elinewidth=0.9, capsize=2
                )
        labels = [tested_title(b, t == "plus") for b, t in groups]
        crowded = max(map(len, labels)) * len(labels) > LETTERS_BESIDE
        axes.set_xticks(range(len(groups)), labels, **({"rotation": 20, "ha": "right"} if crowded else {}))
        axes.set_ylabel("pass@1, %")
        axes.set_ylim(0)
        if len(names) > 1:
            figure.fgit.legend(axes, above=True)

    return Plot("scores", "pass@1", "Bars: pass@1; whiskers: 95 % interval (Wilson).", draw)


def differences(found: list[Finding]) -> Plot | None:
    """Each comparison that is told in words: its difference with its paired interval around nought, bench by bench.

    The two models' names stand over their benches; where there is one bench, beside their interval.
    """
    compared = [one for one in found if one.against][:MOST_FINDINGS]
    if not compared:
        return None
    benches = {measure.place for one in compared for measure in one.measures}
    beside = len(benches) == 1 and all(len(one.title) <= LETTERS_OF_LABEL for one in compared)
    rows: list[tuple[str, Measure | None]] = []  # a line of the plot: its label, and what is drawn if it is no heading
    for one in compared:
        rows += [(one.title, None)] * (not beside)
        rows += [(one.title if beside else measure.place, measure) for measure in one.measures]

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=figure.fgit.ink, linewidth=0.8)
        colours = {"better": figure.fgit.series(2), "worse": figure.fgit.series(6)}
        for place, (label, measure) in enumerate(rows):
            if measure is None:
                axes.text(
                    0.01, place, label, transform=axes.get_yaxis_transform(), va="center", weight="bold",
                    fontsize=min(9, 560 / len(label)), clip_on=True,
                )  # fmt: skip
                continue
            colour = colours.get(measure.answer, figure.fgit.muted)
            axes.plot(measure.interval, [place, place], color=colour, linewidth=2.4, solid_capstyle="round")
            axes.plot(measure.value, place, "o", color=colour, markersize=6.5)
        axes.set_yticks([n for n, (_, m) in enumerate(rows) if m], [label for label, m in rows if m])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(f"difference in pass@1{f' on {next(iter(benches))}' if beside else ''}, points")
        axes.grid(axis="y", visible=False)

    note = "Difference with its paired 95 % interval; grey where the test, after Holm, cannot tell."
    return Plot("comparison", "Which is better, and by how much", note, draw, 0.9 + 0.27 * len(rows))


def settings(names: list[str]) -> dict[str, list[tuple[float, str]]]:
    """Models that differ in a number alone, by what they share: `fixed 0`, `fixed 2`, ... under `fixed`."""
    found: dict[str, list[tuple[float, str]]] = {}
    for name in names:
        match = SETTING.match(name)
        if match and match["name"]:
            found.setdefault(match["name"], []).append((float(match["value"]), name))
    return {name: sorted(points) for name, points in found.items() if len(points) >= FEWEST_SETTINGS}


@dataclass(frozen=True)
class Curve:
    """pass@1 over a setting: (value, share, low, high) in percent, and what stands beside it without the setting."""

    label: str
    points: list[tuple[float, float, float, float]]
    others: list[tuple[str, float]]


def ablations(runs: Runs) -> list[Plot]:
    """pass@1 over a setting (fixed weight, α, epochs), as in the papers' Figures 6 and 7, a plot for each bench."""
    found = []
    for name, members in settings(models(runs)).items():
        inside = {model for _, model in members}
        for bench in benches(runs):
            curves = []
            for tests, label in TESTS_TITLE.items():
                there = {m: run for (m, b), run in runs.items() if b == bench and tests in run.tests}
                points = [(value, *in_percent(there[m], tests)) for value, m in members if m in there]
                others = [(m, in_percent(run, tests)[0]) for m, run in there.items() if m not in inside]
                if len(points) >= FEWEST_SETTINGS:
                    curves.append(Curve(label, points, others))
            if curves:
                note = "Bands: 95 % interval (Wilson). Dashed: the models without the setting."
                found.append(
                    ablation(f"{name} {bench.replace('+', 'plus')}", f"{name} on {title(bench)}", name, note, curves)
                )
    return found


def in_percent(run: Run, tests: Tests) -> tuple[float, float, float]:
    """pass@1 and its interval; a run without any sample that counts is at nought."""
    share, n = run.pass_at_1(tests) or 0.0, len(run.shares(tests))
    low, high = wilson(share, n) if n else (0.0, 0.0)
    return 100 * share, 100 * low, 100 * high


def lab_ablations(lab: Table | None) -> list[Plot]:
    """The same from repeated runs, a curve for each learning rate."""
    if lab is None:
        return []
    found = []
    for name, members in settings(list(dict.fromkeys(row["arm"] for row in lab.rows))).items():
        values = {arm: value for value, arm in members}
        curves = []
        for rate in dict.fromkeys(row["rate"] for row in lab.rows if row["arm"] in values):
            at = [row for row in lab.rows if row["rate"] == rate]
            points = sorted((values[r["arm"]], r["pass_at_1"], *r["interval"]) for r in at if r["arm"] in values)
            others = [(r["arm"], r["pass_at_1"]) for r in at if r["arm"] not in values][:3]
            if len(points) >= FEWEST_SETTINGS:
                curves.append(Curve(f"learning rate {rate:g}", points, others))
        if curves:
            note = "Bands: 95 % interval over seeds and tasks. Dashed: other runs at the same rate."
            found.append(ablation(f"lab {name}", name, name, note, curves))
    return found


def ablation(slug: str, heading: str, axis: str, note: str, curves: list[Curve]) -> Plot:
    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for number, curve in enumerate(curves):
            colour = figure.fgit.series(number)
            xs, shares, lows, highs = (list(v) for v in zip(*curve.points, strict=True))
            axes.plot(xs, shares, "o-", color=colour, label=curve.label)
            axes.fill_between(xs, lows, highs, color=colour, alpha=0.12, linewidth=0)
            for style, (name, share) in enumerate(curve.others):
                dash = ("--", ":", "-.")[style % 3]
                axes.axhline(share, color=colour, linestyle=dash, linewidth=1, label=f"{name}, {curve.label}")
        axes.set_xticks(sorted({value for curve in curves for value, *_ in curve.points}))
        axes.set_xlabel(axis)
        axes.set_ylabel("pass@1, %")
        figure.fgit.legend(axes, above=True)

    return Plot(re.sub(r"\W+", "-", f"ablation {slug}".lower()).strip("-"), heading, note, draw)


def pass_at_k(runs: Runs) -> Plot | None:
    """pass@k over k for runs with several samples a task."""
    curves = []
    for (model, bench), run in runs.items():
        for tests in run.tests[-1:]:
            counts = list(run.counts(tests).values())
            fewest = min((n for n, _ in counts), default=0)
            if fewest > 1:
                ks = sorted({1, fewest, *(k for k in (2, 3, 5, 10, 20, 50, 100, 200) if k < fewest)})
                curves.append((f"{model}, {title(bench)}", ks, [100 * mean_pass_at_k(counts, k) for k in ks]))
    if not curves:
        return None

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        for number, (label, ks, values) in enumerate(curves):
            axes.plot(ks, values, "o-", color=figure.fgit.series(number), label=label)
        axes.set_xscale("log")
        ticks = sorted({k for _, ks, _ in curves for k in ks})
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.minorticks_off()
        axes.set_xlabel("k")
        axes.set_ylabel("pass@k, %")
        figure.fgit.legend(axes)

    return Plot("passk", "pass@k", "Unbiased estimator; base and plus tests where the bench has both.", draw)


def histogram(similarities: dict[str, list[float]]) -> Plot | None:
    """How near the incorrect responses are to the correct ones, a step curve for each file."""
    drawn = {name: values for name, values in similarities.items() if values}
    if not drawn:
        return None

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        low = min(min(values) for values in drawn.values())
        edges = [low + (1 - low) * i / 40 for i in range(41)] if low < 1 else [0.975, 1.0]
        for number, (name, values) in enumerate(drawn.items()):
            colour = figure.fgit.series(number)
            share = [100 / len(values)] * len(values)
            axes.hist(values, edges, weights=share, histtype="stepfilled", color=colour, alpha=0.25, linewidth=0)
            axes.hist(values, edges, weights=share, histtype="step", color=colour, label=f"{name} ({len(values)})")
        axes.set_xlabel("similarity")
        axes.set_ylabel("share of pairs, %")
        figure.fgit.legend(axes)

    return Plot("similarity", "Similarity of incorrect and correct", "As `fgit select` stored it.", draw)


def covered(shares: dict[str, list[float]]) -> Plot | None:
    """How much of the correct code the tests of refined pairs run, bars for each file in tens of a percent."""
    drawn = {name: values for name, values in shares.items() if values}
    if not drawn:
        return None

    def draw(figure: Any) -> None:
        axes = figure.add_subplot()
        width = 9 / len(drawn)
        for number, (name, values) in enumerate(drawn.items()):
            places = [low + width * (number - (len(drawn) - 1) / 2) for low in TENTHS]
            heights = [100 * count / len(values) for count in by_tenths(values).values()]
            axes.bar(places, heights, width, color=figure.fgit.series(number), label=f"{name} ({len(values)})")
        axes.set_xticks(TENTHS, [*(f"{low}–{low + 9}" for low in range(0, 100, 10)), "100"])
        axes.set_xlabel("lines covered, %")
        axes.set_ylabel("share of pairs, %")
        figure.fgit.legend(axes)

    return Plot("coverage", "What the tests of the pairs cover", "As `fgit refine` measured it.", draw)
