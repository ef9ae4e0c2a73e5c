"""Tables as text: for the terminal, Markdown, LaTeX, CSV, JSON. The page is made in report_page.py."""

import csv
import io
import sys
from typing import Any

import orjson

from fgit_cli.errors import UsageError
from fgit_cli.reporting.in_words import MOST_SAID, Finding, the_rest
from fgit_cli.reporting.table import Table, flat, text

PIPE_WIDTH = 240  # columns of a table that goes to no terminal: wide enough to be whole
ANSWER_STYLES = {"better": "bold green", "worse": "bold red", "cannot tell": "bold"}


def terminal(tables: list[Table], said: list[Finding], to_terminal: bool) -> str:
    """What is said in words, then the tables: coloured and as wide as the screen on a terminal, plain elsewhere."""
    from rich.console import Console
    from rich.text import Text

    from fgit_cli.reporting.terminal_tables import lines

    out = io.StringIO()
    width = Console(file=sys.stdout).width if to_terminal else PIPE_WIDTH
    console = Console(
        file=out, width=width, highlight=False, force_terminal=to_terminal,
        no_color=None if to_terminal else True, color_system="auto" if to_terminal else None,
    )  # fmt: skip
    for one in said[:MOST_SAID]:
        for line in one.lines():
            said_of = len(one.claim) if line.startswith(one.claim) else 0
            console.print(Text.assemble((line[:said_of], ANSWER_STYLES.get(one.answer, "bold")), line[said_of:]))
    for line in the_rest(said):
        console.print(Text(line))
    for number, table in enumerate(tables):
        console.print(Text(("\n" if number or said else "") + table.title, style="bold"))
        for drawn in lines(table, width):
            console.print(drawn, no_wrap=True, crop=False, overflow="ignore")
        for note in table.notes:
            console.print(Text(note, style="dim"))
    return "\n".join(line.rstrip() for line in out.getvalue().split("\n"))


def markdown(tables: list[Table], said: list[Finding]) -> str:
    """What is said in words, then GitHub's tables, cells padded so that the source reads well too."""
    items = [*(line for one in said[:MOST_SAID] for line in one.lines()), *the_rest(said)]
    parts = ["\n".join(f"{'  ' * line.startswith('  ')}- {_md(line.strip())}" for line in items)] if items else []
    for table in tables:
        cells = [[_md(c.title) for c in table.columns]]
        cells += [[_md(text(c.kind, row.get(c.name))) for c in table.columns] for row in table.rows]
        widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(table.columns))]
        lines = [f"## {_md(table.title)}", ""]
        for number, row in enumerate(cells):
            padded = (
                cell.rjust(width) if column.numeric else cell.ljust(width)
                for cell, width, column in zip(row, widths, table.columns, strict=True)
            )  # fmt: skip
            lines.append(f"| {' | '.join(padded)} |")
            if number == 0:
                rules = (
                    "-" * (w - 1) + ":" if c.numeric else "-" * w for w, c in zip(widths, table.columns, strict=True)
                )
                lines.append(f"| {' | '.join(rules)} |")
        if table.notes:
            lines += ["", "\n".join(f"{_md(note)}  " for note in table.notes).rstrip()]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


_MD_SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "\\`*_[]|~"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "\n": " ", "\r": " "}
)


def _md(cell: str) -> str:
    return cell.translate(_MD_SPECIAL)


_TEX_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''", "–": "--", "−": "$-$", "×": r"$\times$", "α": r"$\alpha$",
    "β": r"$\beta$", "≥": r"$\geq$", "≤": r"$\leq$", "\n": " ", "\r": " ",
}  # fmt: skip


LAST_LATIN = 0x17F  # of Latin Extended-A


def _tex(cell: str) -> str:
    cell = cell.replace("H\u0304", "\0")
    return "".join(_TEX_SPECIAL.get(c, c) for c in cell).replace("\0", r"$\bar{H}$")


def latex(tables: list[Table]) -> str:
    r"""`table` environments to paste or `\input`; they need the package booktabs, as the first line says."""
    parts: list[str] = []
    for table in tables:
        kinds = "".join("r" if c.numeric else "l" for c in table.columns)
        rows = [" & ".join(_tex(text(c.kind, row.get(c.name))) for c in table.columns) + r" \\" for row in table.rows]
        notes = " ".join(_tex(note) for note in table.notes)
        parts.append(
            "\n".join([
                r"\begin{table}", r"\centering", rf"\caption{{{_tex(table.title)}.{' ' + notes if notes else ''}}}",
                rf"\label{{tab:{table.name}}}", rf"\begin{{tabular}}{{{kinds}}}", r"\toprule",
                " & ".join(_tex(c.title) for c in table.columns) + r" \\", r"\midrule", *rows, r"\bottomrule",
                r"\end{tabular}", r"\end{table}",
            ])
        )  # fmt: skip
    parts.insert(0, r"% In the preamble: \usepackage{booktabs}" + _unknown_to_pdflatex("".join(parts)))
    return "\n\n".join(parts) + "\n"


def _unknown_to_pdflatex(written: str) -> str:
    """A second comment where there are letters beyond Latin, for which pdflatex has no font."""
    unknown = "".join(sorted({c for c in written if ord(c) > LAST_LATIN}))
    return f"\n% Compile with lualatex or xelatex and a font that has {unknown}" if unknown else ""


def csv_text(tables: list[Table]) -> str:
    """One table, numbers as numbers, one value a column, no notes. Raises UsageError where there are several."""
    if len(tables) != 1:
        names = ", ".join(table.name for table in tables)
        raise UsageError(f"CSV holds one table; choose it by --table NAME, of: {names}")
    out = io.StringIO()
    header, rows = flat(tables[0])
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def json_text(tables: list[Table], made: dict[str, Any]) -> str:
    """Every table by name with its rows as objects and its notes; `made` says what made it."""
    body: dict[str, Any] = {"made": made}
    for table in tables:
        header, rows = flat(table)
        body[table.name] = {
            "title": table.title,
            "rows": [dict(zip(header, row, strict=True)) for row in rows],
            "notes": table.notes,
        }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
