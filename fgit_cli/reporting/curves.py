"""Plots of training logs: loss, NLL of fault tokens and of the rest, W and H̄, a curve for each run."""

from typing import Any

from fgit_cli.reporting.drawing import Draw, Plot
from fgit_cli.reporting.training_logs import Logs, mean

SMOOTHED = 20  # logged steps in the moving mean

Curves = list[tuple[str, str, str]]  # the log's key, what is added to the run's name, the line's style


def losses(logs: Logs) -> Plot | None:
    """The training loss, and where they are logged the NLL of fault tokens and of the rest."""
    left: Curves = [("loss", "", "-")]
    right: Curves = [("nll_fault", ", fault tokens", "-"), ("nll_rest", ", the rest", "--")]
    drawn = {run: log for run, log in logs.items() if series(log, "loss")[0]}
    note = f"Moving means of {SMOOTHED} logged steps over the values themselves."
    return Plot("loss", "Training", note, panels(drawn, {"loss": left, "NLL by token": right})) if drawn else None


def weights(logs: Logs) -> Plot | None:
    """W and both H̄ over the steps."""
    left: Curves = [("weight", "", "-")]
    right: Curves = [("correct_probability", ", correct", "-"), ("incorrect_probability", ", incorrect", "--")]
    drawn = {run: log for run, log in logs.items() if series(log, "weight")[0]}
    note = "W nears α while the model cannot tell the two apart, and α - 1 once it can (FGit, II-B)."
    shown = panels(drawn, {"W": left, "H̄, mean of P · V over fault tokens": right})
    return Plot("weight", "Weight of the faults", note, shown) if drawn else None


def panels(logs: Logs, content: dict[str, Curves]) -> Draw:
    """Side by side, a panel for each title; every run in its own colour."""

    def draw(figure: Any) -> None:
        for axes, (title, curves) in zip(figure.subplots(1, len(content)), content.items(), strict=True):
            for number, (run, log) in enumerate(logs.items()):
                for key, added, style in curves:
                    curve(axes, *series(log, key), figure.fgit.series(number), run + added, style)
            axes.set_title(title)
            axes.set_xlabel("step")
            figure.fgit.legend(axes)

    return draw


def series(log: list[Any], key: str) -> tuple[list[float], list[float]]:
    points = [(r["step"], r[key]) for r in log if isinstance(r.get(key), int | float)]
    return [float(s) for s, _ in points], [float(v) for _, v in points]


def curve(axes: Any, steps: list[float], values: list[float], colour: str, label: str, style: str) -> None:
    """The values, faint, and their moving mean."""
    if not steps:
        return
    if len(values) >= 2 * SMOOTHED:
        axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.3, linestyle=style)
        values = [mean(values[max(0, i - SMOOTHED // 2) : i + SMOOTHED // 2]) for i in range(len(values))]
    axes.plot(steps, values, color=colour, linestyle=style, label=label)
