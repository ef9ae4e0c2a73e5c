"""What a training run would take, on a terminal: what is known of it, and the ways that fit, the one to take first."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text


def table(made: dict[str, Any]) -> Group:
    """The object of `fgit train --dry-run`, for people."""
    tokens, trained = made["tokens"], made["trained_parameters"]
    tuned = "" if trained == made["parameters"] else f", {_millions(trained)} of them tuned"
    parts: list[RenderableType] = [
        Text(f"{made['pairs']:,} pairs, {_steps(made['steps'])}; {_millions(made['parameters'])} parameters{tuned}"),
        Text(f"{tokens['fed']:,} tokens fed, {tokens['fed_relative_to_sft']:g} of what plain SFT feeds"),
    ]
    if made["gpu"]:
        memory = made["memory_gib"]
        fits = "fits" if memory["total"] <= 0.9 * memory["gpu"] else "just fits"
        verdict = fits if made["fits"] else "does not fit"
        parts.append(Text(f"as given on {made['ranks']} × {made['gpu']}: {_time(made['hours'])}, "
                          f"{memory['total']:.1f} of {memory['gpu']:g} GiB: {verdict}"))  # fmt: skip
        parts += _ways(made) if made["ways"] else [Text(_nowhere(made))]
    else:
        parts.append(_line(made["launch"]))
    return Group(*parts)


def _steps(number: int) -> str:
    return f"{number:,} step{'s' * (number != 1)}"


def _ways(made: dict[str, Any]) -> list[RenderableType]:
    shown = Table(box=None, padding=(0, 2, 0, 0))
    shown.add_column("ways that fit")
    for title in ("time", "GPU time", "GiB a GPU", "tokens a pass"):
        shown.add_column(title, justify="right")
    host = any(way["host_memory_gib"] for way in made["ways"])
    if host:
        shown.add_column("GiB of the machine", justify="right")
    for way in made["ways"]:
        cells = [" ".join(way["flags"]) or "as given", _time(way["hours"]), _time(way["gpu_hours"])]
        cells += [f"{way['memory_gib']:.1f}", f"{way['token_budget']:,}"]
        shown.add_row(*cells, *([f"{way['host_memory_gib']:,.0f}"] if host else []))
    return [Padding(shown, (1, 0)), _line(made["ways"][0]["launch"])]


def _line(command: str) -> Text:
    """What to type, whole on one line however narrow the terminal, so that it can be copied."""
    return Text(f"$ {command}", no_wrap=True, overflow="ignore")


def _nowhere(made: dict[str, Any]) -> str:
    if made["gpus_needed"]:
        return f"no way fits {made['ranks']} × {made['gpu']}; {made['gpus_needed']} of them would do"
    return f"no way fits {made['ranks']} × {made['gpu']}, nor more of them"


def _millions(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"


def _time(hours: float) -> str:
    """Hours as people say them, never none."""
    if hours >= 10:
        return f"{hours:,.0f} h"
    if hours >= 1:
        return f"{hours:.1f} h"
    minutes = hours * 60
    return f"{minutes:.0f} min" if minutes >= 1 else f"{max(1, round(minutes * 60))} s"
