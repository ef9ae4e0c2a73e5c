"""The page of `fgit report --format html`: what it shows, in sections; views/page.py makes the document."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fgit_cli import __version__
from fgit_cli.reporting.scores import title
from fgit_cli.reporting.solutions import ChangedTask
from fgit_cli.reporting.table import NOTHING, Column, Table, text
from fgit_cli.views import gallery
from fgit_cli.views.markup import Html, join, tag
from fgit_cli.views.page import page as written

HERE = Path(__file__).parent
TITLE = "fgit report"
TALL = 20  # rows, before a table scrolls in itself


@dataclass
class Content:
    """What the page shows; `plots` are (title, note, svg)."""

    tables: list[Table]
    plots: list[tuple[str, str, str]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)  # the data of views/gallery.py
    solutions: list[ChangedTask] = field(default_factory=list)
    baseline: str = ""
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def page(content: Content) -> str:
    """The whole document."""
    sections = [
        *((table.name, table.title, table_section(table)) for table in content.tables),
        *([("solutions", "Before and after", solutions(content))] if content.solutions else []),
        *([("pairs-gallery", "Pairs and their fault tokens", pairs(content.pairs))] if content.pairs else []),
    ]
    if content.plots:
        sections.insert(1, ("plots", "Plots", plots(content.plots)))
    body = join(
        tag("nav", *(tag("a", name, href=f"#{key}") for key, name, _ in sections)),
        summary(content.tables),
        *(tag("section", tag("h2", name), inside, id=key) for key, name, inside in sections),
        tag("footer", *(tag("p", line, class_="note") for line in content.notes)) if content.notes else Html(""),
    )
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("report_page.css", "report_page.js"))
    if not content.pairs:
        return written(TITLE, made(content.files), body, styles=[style], scripts=[script])
    return written(
        TITLE,
        made(content.files),
        body,
        styles=[gallery.style(), style],
        scripts=[gallery.script(), script],
        data={"kind": "mask", "pairs": content.pairs},
    )


def made(files: list[str]) -> str:
    return f"Made by fgit {__version__} from {', '.join(files)}." if files else f"Made by fgit {__version__}."


def summary(tables: list[Table]) -> Html:
    """A card for each comparison's answer; without comparisons one for each score."""
    there = {table.name: table for table in tables}
    cards = []
    if "comparison" in there:
        against = there["comparison"].title.removeprefix("Against ").removesuffix(", task by task")
        for row in there["comparison"].rows:
            kind = {"better": "better", "worse": "worse"}.get(row["answer"], "unsure")
            low, high = row["interval"]
            cards.append(tag(
                "div",
                tag("span", f"{row['model']} against {against}", class_="muted"),
                tag("strong", row["answer"], class_=kind),
                f"{title(row['bench']).replace(' (+)', '' if row['tests'] == 'base' else '+')}: "
                f"{row['difference']:+.1f} points ({low:.1f} to {high:.1f}), {row['wins']} won, {row['losses']} lost",
                class_="card",
            ))  # fmt: skip
    elif "intervals" in there:
        for row in there["intervals"].rows:
            low, high = row["interval"]
            cards.append(tag(
                "div",
                tag("span", f"{row['model']}, {title(row['bench'])}, {row['tests']}", class_="muted"),
                tag("strong", f"{row['pass_at_1']:.1f} %"),
                f"{low:.1f} to {high:.1f}, over {row['tasks']} tasks",
                class_="card",
            ))  # fmt: skip
    return tag("div", *cards, class_="cards") if cards else Html("")


def table_section(table: Table) -> Html:
    head = tag("tr", *(heading(column) for column in table.columns))
    body = [tag("tr", *(cell(column, row.get(column.name)) for column in table.columns)) for row in table.rows]
    drawn = tag("table", tag("thead", head), tag("tbody", *body))
    tall = "scroll tall" if len(table.rows) > TALL else "scroll"
    return join(tag("div", drawn, class_=tall), *(tag("p", note, class_="note") for note in table.notes))


def heading(column: Column) -> Html:
    return tag(
        "th", tag("button", column.title, type="button"), class_="number" if column.numeric else None, scope="col"
    )


def cell(column: Column, value: Any) -> Html:
    """A cell with the key it is sorted by: the number itself, of two numbers the last that is there."""
    parts = [v for v in value if v is not None] if isinstance(value, tuple) else [] if value is None else [value]
    shown = text(column.kind, value)
    answer = (
        {"better": "better", "worse": "worse", "cannot tell": "unsure"}.get(shown) if column.name == "answer" else None
    )
    kind = "number" if column.numeric else "text"
    return tag(
        "td", shown or NOTHING, class_=f"{kind} {answer}" if answer else kind, data_key=str(parts[-1]) if parts else ""
    )


def plots(drawn: list[tuple[str, str, str]]) -> Html:
    figures = [
        tag("figure", tag("h3", name), Html(svg), tag("figcaption", note))
        for name, note, svg in drawn
    ]  # fmt: skip
    return tag("div", *figures, class_="plots")


def solutions(content: Content) -> Html:
    """Each task won or lost, closed, with both solutions side by side; a filter above."""
    choices = [tag("option", "won and lost", value="")]
    choices += [tag("option", name, value=name) for name in ("won", "lost")]
    controls = tag(
        "div",
        tag("select", *choices, aria_label="outcome"),
        tag("input", type="search", placeholder="task, verdict, code", aria_label="search"),
        tag("output", class_="muted"),
        class_="filter",
    )
    entries = []
    for item in content.solutions:
        kind = "better" if item.outcome == "won" else "worse"
        line = join(tag("b", item.outcome, class_=kind), f" {item.task_id}, {item.model} on {title(item.bench)}")
        sides = tag(
            "div",
            side(f"{content.baseline}: {item.verdicts[0]}", lines(item.before)),
            side(f"{item.model}: {item.verdicts[1]}", lines(item.after)),
            class_="sides",
        )
        entries.append(
            tag("details", tag("summary", line), tag("div", sides), data_outcome=item.outcome, class_="solution")
        )
    return join(controls, *entries)


def side(name: str, code: Html) -> Html:
    return tag("div", tag("span", name, class_="muted"), tag("pre", code))


def lines(flagged: Iterable[tuple[str, bool]]) -> Html:
    """Lines of code, the changed ones marked."""
    return join(*(join(tag("span", line, class_="changed") if changed else line, "\n") for line, changed in flagged))


def pairs(shown: list[dict[str, Any]]) -> Html:
    """The pairs with the tokens that are emphasised; by their texts where the tokenizer is not at hand."""
    kinds = [kind for kind in ("mask", "diff") if any(pair["kind"] == kind for pair in shown)]
    note = "Every marked token of the correct response is weighted by W in training."
    return join(tag("p", note, class_="note"), gallery.container(*kinds))
