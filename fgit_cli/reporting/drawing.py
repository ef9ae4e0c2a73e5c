"""Plots with matplotlib: one look, as PNG and SVG files on white, and as SVG that takes the page's colours.

For the page each colour is drawn as a marker that no plot uses otherwise, and the markers are then replaced by CSS
variables, so that one drawing serves light and dark.
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgit_cli.errors import MissingExtra, UsageError
from fgit_cli.views.markup import text

# Distinct in either theme and to colour-blind eyes.
SERIES = ("#2563c9", "#d9641e", "#16866b", "#a03fae", "#b3870f", "#5b6b7c", "#c22f54", "#3b9ec4")
INK, MUTED, GRID, PAPER = "#1d2126", "#8a929b", "#e4e6ea", "#ffffff"
MARKERS = {"ink": "#010203", "soft": "#010204", "line": "#010205"}  # of the page's variables
SERIES_MARKERS = tuple(f"#0102{n:02x}" for n in range(16, 16 + len(SERIES)))
WIDTH = 7.0  # inches
ENDINGS = ("png", "svg")

Draw = Callable[[Any], None]  # takes a matplotlib Figure, which carries a Look as `fgit`


@dataclass(frozen=True)
class Plot:
    """`name` names its files; `height` is in inches at a width of 7."""

    name: str
    title: str
    note: str
    draw: Draw
    height: float = 3.4


class Look:
    """The colours of one drawing; a Figure carries it as `fgit`."""

    def __init__(self, page: bool) -> None:
        self.page = page
        self.ink, self.muted, self.grid = MARKERS.values() if page else (INK, MUTED, GRID)

    def series(self, number: int) -> str:
        return (SERIES_MARKERS if self.page else SERIES)[number % len(SERIES)]

    def legend(self, axes: Any, above: bool = False) -> None:
        """A legend without a frame where it hides least, or in rows above the plot; none where nothing is labelled."""
        handles, labels = axes.get_legend_handles_labels()
        if above and handles:
            axes.figure.legend(
                handles, labels, loc="outside upper left", ncols=min(4, len(labels)), frameon=False,
                labelcolor=self.ink, fontsize=8,
            )  # fmt: skip
        elif handles:
            axes.legend(frameon=False, labelcolor=self.ink, fontsize=8)


def available() -> bool:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def draw(plot: Plot, page: bool, endings: tuple[str, ...]) -> list[bytes]:
    """The drawn plot in each of the formats `svg` and `png`. Raises MissingExtra where matplotlib is not installed."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a plot", "plots") from None
    look = Look(page)
    style: Any = {
        "font.size": 9, "axes.titlesize": 9, "axes.edgecolor": look.ink, "axes.labelcolor": look.ink,
        "text.color": look.ink, "xtick.color": look.ink, "ytick.color": look.ink, "axes.linewidth": 0.8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "grid.color": look.grid, "grid.linewidth": 0.8, "lines.linewidth": 1.6, "lines.markersize": 4.5,
        "xtick.major.size": 3, "ytick.major.size": 3, "svg.fonttype": "none" if page else "path",
        "svg.hashsalt": plot.name, "font.family": "DejaVu Sans", "text.parse_math": False,
    }  # fmt: skip
    made = []
    with matplotlib.rc_context(style):
        drawn: Any = Figure(figsize=(WIDTH, plot.height), layout="constrained", facecolor="none" if page else PAPER)
        drawn.fgit = look
        plot.draw(drawn)
        for axes in drawn.axes:
            axes.patch.set_alpha(0)
        for ending in endings:
            out = io.BytesIO()
            metadata = {"Date": None, "Creator": None} if ending == "svg" else {"Software": None}
            drawn.savefig(out, format=ending, dpi=200, metadata=metadata)
            made.append(out.getvalue())
    return made


def for_page(plot: Plot) -> str:
    """The plot as an `<svg>` element coloured by the page's variables."""
    svg = draw(plot, True, ("svg",))[0].decode()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]*)"', lambda m: m[0] if m[1] in used else "", svg)  # others would come twice on the page
    for name, marker in MARKERS.items():
        svg = svg.replace(marker, f"var(--{name})")
    for number, marker in enumerate(SERIES_MARKERS):
        svg = svg.replace(marker, f"var(--series-{number})")
    return svg.replace("'DejaVu Sans'", "inherit").replace(
        "<svg ", f'<svg role="img" aria-label="{text(plot.title)}" ', 1
    )


def write(plots: list[Plot], folder: str) -> list[Path]:
    """Each plot as PNG (200 dots an inch) and SVG into a folder, made if need be; the paths."""
    where = Path(folder)
    paths = []
    try:
        where.mkdir(parents=True, exist_ok=True)
        for plot in plots:
            for ending, content in zip(ENDINGS, draw(plot, False, ENDINGS), strict=True):
                path = where / f"{plot.name}.{ending}"
                path.write_bytes(content)
                paths.append(path)
    except OSError as error:
        raise UsageError(f"--plots {folder}: {error.strerror}") from None
    return paths
