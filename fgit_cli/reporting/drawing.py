"""Plots with matplotlib: one look, as PNG and SVG files on white, and as SVG that takes the page's colours.

For the page each colour is drawn as a marker that no plot uses otherwise, and the markers are then replaced by CSS
variables, so that one drawing serves light and dark.
"""

import io
import re
import warnings
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
WIDTH = 7.0  # inches; a wider plot is this one enlarged, so that its text grows with it
LEGEND_LETTERS = 105  # that fit beside each other in a legend above
ENDINGS = ("png", "svg")  # of a folder of plots
FORMATS = ("svg", "png", "pdf")  # of a single one
SIZES = {"column": (3.4, 2.6), "page": (7.0, 4.0), "slide": (13.3, 7.5)}  # inches
FONTS = (  # what has the letters of most scripts, by machine: the first comes with matplotlib
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "PingFang SC", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic", "Noto Emoji", "Symbola",
)  # fmt: skip
CROWDED = 0.75  # of the height that a plot wants

UNDATED = {"svg": ("Date", "Creator"), "png": ("Software",), "pdf": ("CreationDate", "Creator", "Producer")}

Size = tuple[float, float]
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
            beside = max(1, LEGEND_LETTERS // (6 + max(map(len, labels))))
            axes.figure.legend(
                handles, labels, loc="outside upper left", ncols=min(beside, len(labels)), frameon=False,
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


def check(files: list[str], folder: str | None, size: str | None) -> None:
    """Refuse before anything is read what no input can mend: an extra, a format, a size, a folder that is not there.

    `files` are the words of --plot, `folder` that of --plots, `size` that of --plot-size.
    """
    if (files or folder) and not available():
        raise MissingExtra("--plot" if files else "--plots", "plots")
    if size:
        parse_size(size)
    for word in files:
        _, file, _ = _place(word)
        if not Path(file).parent.is_dir():
            raise UsageError(f"--plot {word}: the folder {Path(file).parent} is not there")


def _place(word: str) -> tuple[str, str, str]:
    """The plot's name, the file and its format, of `[NAME=]FILE`. Raises UsageError where the ending is no format."""
    name, equals, file = word.partition("=")
    name, file = (name, file) if equals else ("", word)
    ending = Path(file).suffix.removeprefix(".").lower()
    if ending not in FORMATS:
        raise UsageError(f"--plot {word}: the file's ending says the format: .{', .'.join(FORMATS)}")
    return name, file, ending


@dataclass(frozen=True)
class Drawn:
    """A plot in each of the formats asked for, and the characters that no font of this machine has."""

    contents: list[bytes]
    missing: str

    def said(self, where: str) -> list[str]:
        """What is to be said of characters for which boxes stand in the file, if any do."""
        if not self.missing:
            return []
        return [f"{where}: no font here has {self.missing}: boxes stand for them; install one, such as Noto Sans CJK"]


def families() -> list[str]:
    """The fonts that are tried in turn for each character: those of FONTS that are installed."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return [FONTS[0], *(name for name in FONTS[1:] if name in there)]


def draw(plot: Plot, page: bool, endings: tuple[str, ...], size: Size | None = None) -> Drawn:
    """The drawn plot in each of the formats; `size` is width and height in inches, by default 7 and the plot's height.

    Raises MissingExtra where matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a plot", "plots") from None
    look = Look(page)
    wide, high = size or (WIDTH, plot.height)
    enlarged = max(1.0, wide / WIDTH)
    style: Any = {
        "font.size": 9, "axes.titlesize": 9, "axes.edgecolor": look.ink, "axes.labelcolor": look.ink,
        "text.color": look.ink, "xtick.color": look.ink, "ytick.color": look.ink, "axes.linewidth": 0.8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
        "grid.color": look.grid, "grid.linewidth": 0.8, "lines.linewidth": 1.6, "lines.markersize": 4.5,
        "xtick.major.size": 3, "ytick.major.size": 3, "svg.fonttype": "none" if page else "path",
        "svg.hashsalt": plot.name, "font.family": families(), "text.parse_math": False,
    }  # fmt: skip
    made = []
    with matplotlib.rc_context(style), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        drawn: Any = Figure(
            figsize=(wide / enlarged, high / enlarged), layout="constrained", facecolor="none" if page else PAPER
        )
        drawn.fgit = look
        plot.draw(drawn)
        for axes in drawn.axes:
            axes.patch.set_alpha(0)
        for ending in endings:
            out = io.BytesIO()
            drawn.savefig(out, format=ending, dpi=200 * enlarged, metadata=dict.fromkeys(UNDATED[ending]))
            made.append(larger(out.getvalue(), enlarged) if ending == "svg" else out.getvalue())
    glyphs = (re.match(r"Glyph (\d+) .* missing", str(warning.message)) for warning in caught)
    return Drawn(made, "".join(dict.fromkeys(chr(int(found[1])) for found in glyphs if found)))


def larger(svg: bytes, factor: float) -> bytes:
    """The drawing with its width and height multiplied; what is inside scales with them."""
    numbers = rb'(width|height)="([\d.]+)pt"'
    return re.sub(numbers, lambda m: b'%s="%gpt"' % (m[1], float(m[2]) * factor), svg, count=2)  # the root's own


def for_page(plot: Plot) -> str:
    """The plot as an `<svg>` element coloured by the page's variables."""
    svg = draw(plot, True, ("svg",)).contents[0].decode()
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
    return re.sub(r"'DejaVu Sans'(, '[^']*')*", "inherit", svg).replace(
        "<svg ", f'<svg role="img" aria-label="{text(plot.title)}" ', 1
    )


def write(plots: list[Plot], folder: str) -> list[str]:
    """Each plot as PNG (200 dots an inch) and SVG into a folder, made if need be; what is to be said."""
    where = Path(folder)
    files, said = 0, dict[str, None]()
    try:
        where.mkdir(parents=True, exist_ok=True)
        for plot in plots:
            drawn = draw(plot, False, ENDINGS)
            for ending, content in zip(ENDINGS, drawn.contents, strict=True):
                (where / f"{plot.name}.{ending}").write_bytes(content)
                files += 1
            said |= dict.fromkeys(drawn.said(folder))
    except OSError as error:
        raise UsageError(f"--plots {folder}: {error.strerror}") from None
    return [f"{files} files of plots in {folder}", *said]


def parse_size(word: str) -> Size:
    """Inches of `column`, `page`, `slide` or WIDTHxHEIGHT. Raises UsageError for anything else."""
    if word in SIZES:
        return SIZES[word]
    found = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", word)
    size = (float(found[1]), float(found[2])) if found else (0.0, 0.0)
    if not all(1 <= inches <= 50 for inches in size):
        raise UsageError(
            f"--plot-size {word}: give {', '.join(SIZES)} or WIDTHxHEIGHT in inches, 1 to 50 each, such as 10x5.6"
        )
    return size


def write_one(plots: list[Plot], word: str, size: Size | None) -> list[str]:
    """One plot into the file of `[NAME=]FILE`, the first one without NAME; what is to be said of it.

    Raises UsageError for a plot that is not there, an ending that is none, and a file that cannot be written.
    """
    name, file, ending = _place(word)
    plot = next((plot for plot in plots if name in ("", plot.name)), None)
    if plot is None:
        there = ", ".join(plot.name for plot in plots) or "none"
        raise UsageError(f"--plot {word}: no such plot for this input; there are: {there}")
    drawn = draw(plot, False, (ending,), size)
    try:
        Path(file).write_bytes(drawn.contents[0])
    except OSError as error:
        raise UsageError(f"--plot {file}: {error.strerror}") from None
    said = drawn.said(file)
    if size and size[1] * min(1.0, WIDTH / size[0]) < CROWDED * plot.height:
        wanted = plot.height * max(1.0, size[0] / WIDTH)
        said.append(f"{file}: {plot.name} is crowded so; at this width it wants a height of {wanted:.1f}")
    return said
