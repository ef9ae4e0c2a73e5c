"""Tables of what the other commands wrote: which model is better, where, and whether it is noise.

Reads any mix of eval results, training logs, masked pairs, refined pairs (with their rejects, under one label) and lab
results and tells them apart by their fields. LABEL=FILE names a model; else it is called as its file. Eval results and
logs are held in memory, pairs are counted as they stream by.

    fgit report base=base.jsonl sft=sft.jsonl fgit=fgit.jsonl --baseline sft --format markdown
"""

# The inside of this command: reporting/ (choice_of_tables.py says which tables there are), and views/ for its page.

import sys
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fgit_cli import __version__, jsonl
from fgit_cli.errors import FgitError, MissingExtra, UsageError
from fgit_cli.messages import note
from fgit_cli.options import Common, argument, cores, option, resolved

if TYPE_CHECKING:
    from fgit_cli.reporting.drawing import Plot
    from fgit_cli.reporting.inputs import Inputs
    from fgit_cli.reporting.table import Table
    from fgit_cli.reporting.variant_quality import Compiled

Format = Literal["terminal", "markdown", "latex", "csv", "json", "html"]


def table_words() -> tuple[str, ...]:
    """What --table takes."""
    from fgit_cli.reporting.choice_of_tables import ORDER

    return ORDER


def published_words() -> list[str]:
    """What --against takes."""
    from fgit_cli.reporting import published

    return ["paper", *published.PAPERS, *(f"{t.paper.lower()}:{t.number}" for t in published.tables())]


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    files: list[str] = argument(
        "What fgit eval, train, mask or refine wrote, in any format that they write (`-` or none: stdin).",
        metavar="[LABEL=]FILE", recorded=False,
    )  # fmt: skip
    format: Format = option(
        "terminal",
        "How to write it: csv holds one table (--table), html is one self-contained page with plots, "
        "pairs and solutions before and after.",
        flags=("--format", "-f"),
        recorded=False,
    )
    table: list[str] = option(
        [], "Write only this table, as JSON names it; may be given several times. The long ones (tasks, messages) are "
        "in json and html only, unless named.", metavar="NAME", recorded=False, words=table_words,
    )  # fmt: skip
    baseline: str | None = option(
        None, "The model that the others are compared with; the first one if none is named.", metavar="MODEL",
        source="our choice: gains are relative to it as in FGit, section IV",
    )  # fmt: skip
    against: str | None = option(
        None, "Put published figures beside: `paper` (rows of models named like yours), a paper (fgit, fait, "
        "target-dpo), or one table (fgit:I). Alone it needs no FILE.", metavar="PAPER[:TABLE]", words=published_words,
    )  # fmt: skip
    references: list[str] = option(
        [], "A benchmark's file with its solutions, for the share of failures near a correct one; may be given "
        "several times.", metavar="FILE", source="FGit, sections I and IV: three changed lines or fewer",
    )  # fmt: skip
    variants: str | None = option(
        None, "Count the wrong variants that mutate or select --keep-variants wrote: usable or why not, similarity, "
        "size, kinds of fault, by language (`-`: stdin).", metavar="FILE",
    )  # fmt: skip
    compile: bool = option(
        False, "With --variants: also ask the compilers of C, C++ and Java, where they are installed, which usable "
        "variants compile; up to a second each.",
    )  # fmt: skip
    sheet: str | None = option(
        None, "With --variants: also write 50 of the usable variants, drawn by chance, as a CSV on which two people "
        "say which are true faults.", metavar="FILE", recorded=False,
    )  # fmt: skip
    annotations: str | None = option(
        None, "How far the people agree who filled such a sheet (1 a true fault, 0 none): Cohen's kappa.",
        metavar="FILE",
    )  # fmt: skip
    plots: str | None = option(
        None, "Also draw the plots into this folder, each as PNG and SVG.", metavar="DIR", recorded=False
    )
    plot: list[str] = option(
        [], "Also draw one plot into this file (.svg, .png, .pdf): the one of that name (comparison, scores, loss, "
        "...), else the first; may be given several times.", metavar="[NAME=]FILE", recorded=False,
    )  # fmt: skip
    plot_size: str | None = option(
        None, "Of --plot: column (3.4x2.6), page (7x4), slide (13.3x7.5) or what you name; beyond 7 inches the text "
        "grows too (a .pdf stays at 7 and keeps the shape).", metavar="WIDTHxHEIGHT", unit="inches", recorded=False,
        words=lambda: ("column", "page", "slide"),
    )  # fmt: skip
    model_card: str | None = option(
        None, "Also put the scores into the card (README.md) of the model in this folder, as a table and as the "
        "hub's metadata; for the results of one model.", metavar="DIR", recorded=False,
    )  # fmt: skip
    output: str | None = option(
        None, "Write here, not to stdout; the file appears under its name when it is whole.",
        flags=("--output", "-o"), metavar="FILE", recorded=False,
    )  # fmt: skip


def run(options: Options) -> None:
    from fgit_cli.reporting import drawing, formats, in_words, inputs
    from fgit_cli.reporting.annotation import Sheet
    from fgit_cli.reporting.choice_of_tables import Asked, Tables

    drawing.check(options.plot, options.plots, options.plot_size)
    counted = options.variants or options.annotations
    alone = not options.files and (counted or (options.against and sys.stdin.isatty()))
    read = inputs.Inputs() if alone else inputs.read(options.files)
    if read.empty and not options.against and not counted:
        note("report", options, "the input is empty: no records")
        return
    if options.sheet and not options.variants:
        raise UsageError("--sheet draws from the variants of --variants FILE; give one")
    sheet = Sheet() if options.sheet else None
    asked = Asked(
        names=options.table,
        format=options.format,
        baseline=options.baseline,
        references=options.references,
        variants=options.variants,
        compiled=compilers_answers(options),
        sheet=sheet,
        annotations=options.annotations,
        against=options.against,
    )
    choice = Tables(read, asked, partial(note, "report", options))
    tables = choice.chosen()
    said = [] if options.table else [one for one in in_words.findings(tables) if one.against]
    short = choice.short(tables)
    match options.format:
        case "terminal":
            written = formats.terminal(short, said, to_terminal=options.output is None and sys.stdout.isatty())
        case "markdown":
            written = formats.markdown(short, said)
        case "latex":
            written = formats.latex(short)
        case "csv":
            written = formats.csv_text(tables)
        case "json":
            how = {"version": __version__, "files": options.files, "options": resolved(options)}
            written = formats.json_text(tables, how)
        case "html":
            written = page(read, tables, options)
    try:
        draw(read, choice.for_plots(tables) if options.plot or options.plots else [], options)
        if options.model_card:
            from fgit_cli.reporting import card_scores, scores

            card = card_scores.write(options.model_card, scores.by_name(read.runs))
            note("report", options, f"scores written to {card}")
    finally:  # a plot or a card that cannot be takes nothing from the tables
        put(written, options.output)
    if sheet:
        put(sheet.text(), options.sheet, "--sheet")


def put(written: str, output: str | None, option: str = "--output") -> None:
    """Write a report or a sheet to stdout, or whole to the file."""
    if output is None or output == "-":
        sys.stdout.write(written)
        return
    try:
        jsonl.write_text_whole(Path(output), written)
    except OSError as error:
        raise UsageError(f"{option} {output}: {error.strerror}") from None


def compilers_answers(options: Options) -> "Compiled | None":
    """What asks the compilers about --variants, several at a time; None where that is not wanted."""
    if not options.compile:
        return None
    if not options.variants:
        raise UsageError("--compile asks about the variants of --variants FILE; give one")
    from concurrent.futures import ThreadPoolExecutor

    from fgit_cli.engines.rules.compilers import verdict

    pool = ThreadPoolExecutor(cores())
    return lambda correct, codes, language: list(pool.map(lambda code: verdict(correct, code, language), codes))


def draw(read: "Inputs", tables: "list[Table]", options: Options) -> None:
    """The plots asked for as files."""
    from fgit_cli.reporting import drawing

    size = drawing.parse_size(options.plot_size) if options.plot_size else None
    if options.plots:
        for said in drawing.write(all_plots(read, tables), options.plots):
            note("report", options, said)
    for word in options.plot:
        for said in drawing.write_one(all_plots(read, tables), word, size):
            note("report", options, said)


def all_plots(read: "Inputs", tables: "list[Table]") -> "list[Plot]":
    """The plots of everything read, and of the tables that have tests."""
    from fgit_cli.reporting import plots

    return plots.plots(
        read, {table.name: table for table in tables}, {name: pairs.similarities for name, pairs in read.pairs.items()}
    )


def page(read: "Inputs", tables: "list[Table]", options: Options) -> str:
    """The HTML page; without matplotlib it has no plots, which it says."""
    from fgit_cli.reporting import comparison, drawing, scores, solutions
    from fgit_cli.reporting.report_page import Content
    from fgit_cli.reporting.report_page import page as written

    content = Content(tables, files=options.files)
    runs = scores.by_name(read.runs)
    if runs:
        content.baseline = comparison.choose_baseline(runs, options.baseline)
        content.solutions = solutions.items(runs, content.baseline)
    if drawing.available():
        content.plots = [(plot.title, plot.note, drawing.for_page(plot)) for plot in all_plots(read, tables)]
    else:
        content.notes.append(f"No plots: {MissingExtra('a plot', 'plots')}.")
        note("report", options, content.notes[-1])
    kept = (record for pairs in read.pairs.values() for record in pairs.kept)
    content.pairs = [shown for record in kept if (shown := pair_data(record))]
    return written(content)


def pair_data(record: dict[str, Any]) -> dict[str, Any] | None:
    """What the gallery draws of a masked pair: its tokens if the tokenizer that masked it is at hand, else its texts.

    None for a record that lost its texts on the way.
    """
    from fgit_cli.views import gallery

    by = record.get("tokenizer") or {}
    tokenizer = loaded_tokenizer(by.get("name") or "")
    if tokenizer is None or by.get("sha256") != tokenizer.sha256:
        return gallery.of_texts(record)
    return gallery.of_tokens(record, tokenizer.bytes)


@lru_cache(maxsize=4)
def loaded_tokenizer(name: str) -> Any:
    """The tokenizer of a folder or the hub's cache; None where it cannot be loaded (the gallery then says so)."""
    from fgit_cli.engines.tokenizing.tokenizers import load

    try:
        return load(name) if name else None
    except FgitError:
        return None
