"""The page of `fgit report --format html`: what it shows, in sections; views/page.py makes the document."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fgit_cli import __version__
from fgit_cli.reporting.in_words import MOST_SAID, Finding, findings, the_rest
from fgit_cli.reporting.scores import title
from fgit_cli.reporting.solutions import ChangedTask
from fgit_cli.reporting.table import NOTHING, Column, Table, text
from fgit_cli.views import gallery
from fgit_cli.views.markup import Html, join, tag
from fgit_cli.views.page import page as written

HERE = Path(__file__).parent
TITLE = "fgit report"
TALL = 20  # rows, before a table scrolls in itself
ANSWER_CLASSES = {"better": "better", "worse": "worse", "cannot tell": "unsure"}


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
    said = findings(content.tables)
    shown_above = 1 if said else 0  # the first plot is the one that says most
    sections = [
        *([("answer", "The answer", answer(said, content.plots[:shown_above]))] if said else []),
        *((table.name, table.title, table_section(table)) for table in content.tables),
        *([("solutions", "Before and after", solutions(content))] if content.solutions else []),
        *([("pairs-gallery", "Pairs and their fault tokens", pairs(content.pairs))] if content.pairs else []),
    ]
    if content.plots[shown_above:]:
        sections.insert(1 + shown_above, ("plots", "Plots", plots(content.plots[shown_above:])))
    body = join(
        tag("nav", *(tag("a", name, href=f"#{key}") for key, name, _ in sections)),
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


def answer(said: list[Finding], drawn: Iterable[tuple[str, str, str]]) -> Html:
    """What was found in words, the comparisons or else the scores, and one figure."""
    lines = [
        tag("li", tag("strong", one.claim, class_=ANSWER_CLASSES.get(one.answer)), *measures(one))
        for one in said[:MOST_SAID]
    ]
    lines += [tag("li", line) for line in the_rest(said)]
    return tag("div", tag("ul", *lines), plots(drawn), class_="answer")


def measures(one: Finding) -> list[Html]:
    several = len(one.measures) > 1
    return [tag("span", f"{f'{m.place}: ' if several else ''}{m.words}.") for m in one.measures]


def table_section(table: Table) -> Html:
    head = tag("tr", *(heading(column) for column in table.columns))
    body = [tag("tr", *(cell(column, row.get(column.name)) for column in table.columns)) for row in table.rows]
    drawn = tag("table", tag("thead", head), tag("tbody", *body))
    tall = "scroll tall" if len(table.rows) > TALL else "scroll"
    box = tag("div", drawn, class_=tall, tabindex="0", role="region", aria_label=table.title)
    return join(
        tag("div", box, tag("p", class_="more"), class_="framed"),
        *(tag("p", note, class_="note") for note in table.notes),
    )


def heading(column: Column) -> Html:
    return tag(
        "th", tag("button", column.title, type="button"), class_="number" if column.numeric else None, scope="col"
    )


def cell(column: Column, value: Any) -> Html:
    """A cell with the key it is sorted by: the number itself, of two numbers the last that is there."""
    parts = [v for v in value if v is not None] if isinstance(value, tuple) else [] if value is None else [value]
    shown = text(column.kind, value)
    found = ANSWER_CLASSES.get(shown) if column.name == "answer" else None
    kind = "number" if column.numeric else "text"
    return tag(
        "td", shown or NOTHING, class_=f"{kind} {found}" if found else kind, data_key=str(parts[-1]) if parts else ""
    )


def plots(drawn: Iterable[tuple[str, str, str]]) -> Html:
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
