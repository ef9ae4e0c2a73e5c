"""Each format is read by what is meant to read it: LaTeX compiles, CSV loads, Markdown renders, JSON parses."""

import csv
import io
import json
import shutil
import subprocess

import pytest
from markdown_it import MarkdownIt

from fgit_cli.reporting import formats
from fgit_cli.reporting.table import Column, Table
from tests.helpers.eval_results import result

NASTY = [
    "a|b",
    "50% & more_$#{x}^~\\",
    "<script>alert(1)</script>",
    "H\u0304c ≥ α – β",
    "*x* [y](z) `k` ~s~",
    '"q"\'',
    "1\n2",
]


def nasty():
    columns = [
        Column("model", "Model & co_1"),
        Column("x", "A|B", "score"),
        Column("i", "95 %", "interval"),
        Column("p", "p", "p"),
    ]
    rows = [{"model": name, "x": (43.9, 36.6), "i": (1.0, 2.0), "p": 0.00001} for name in NASTY]
    rows += [{"model": "none", "x": None, "i": None, "p": None}, {"model": "base", "x": (5.0, None), "p": 0.5}]
    return Table("scores", "Title_1 & <b>", columns, rows, ["A note with 5 % | and <i>."])


def test_latex_compiles(tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("no pdflatex (Debian: texlive-latex-base)")
    document = (
        "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n"
        + formats.latex([nasty()])
        + "\\end{document}\n"
    )
    (tmp_path / "t.tex").write_text(document)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False, errors="replace",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "t.pdf").stat().st_size > 1000
    assert "Overfull" not in done.stdout


def test_latex_says_what_pdflatex_has_no_letters_for():
    table = Table("t", "T", [Column("model", "Model")], [{"model": "模型"}])
    assert formats.latex([table]).splitlines()[1] == "% Compile with lualatex or xelatex and a font that has 型模"
    assert "lualatex" not in formats.latex([nasty()])


def test_latex_escapes():
    text = formats.latex([nasty()])
    assert text.startswith(r"% In the preamble: \usepackage{booktabs}")
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 1, 1]
    assert r"50\% \& more\_\$\#\{x\}\textasciicircum{}\textasciitilde{}\textbackslash{}" in text
    assert r"$\bar{H}$c $\geq$ $\alpha$ -- $\beta$" in text
    assert "43.9 (36.6)" in text


def test_markdown_renders_as_one_table_with_the_text_kept():
    html = MarkdownIt("gfm-like", {"linkify": False}).render(formats.markdown([nasty()], []))
    assert html.count("<table>") == 1
    assert html.count("<tr>") == len(NASTY) + 3
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<td>a|b</td>" in html
    assert "<em>" not in html
    assert "<a " not in html


def test_csv_is_numbers():
    rows = list(csv.DictReader(io.StringIO(formats.csv_text([nasty()]))))
    assert list(rows[0]) == ["model", "x_base", "x_plus", "i_low", "i_high", "p"]
    assert [row["model"] for row in rows][: len(NASTY)] == NASTY
    assert float(rows[0]["x_plus"]) == 36.6
    assert rows[-2]["x_base"] == rows[-2]["i_low"] == ""


def test_csv_loads_in_pandas(fgit, real):
    pandas = pytest.importorskip("pandas")
    done = fgit("report", *sorted(real.glob("qwen.*.jsonl")), "--format", "csv", "--table", "intervals")
    frame = pandas.read_csv(io.StringIO(done.out))
    assert frame["pass_at_1"].dtype == float
    assert list(frame["tasks"]) == [1140, 164, 164, 378, 378]


def test_json_says_what_made_it(fgit, write):
    path = write("a.jsonl", [result("1")])
    found = json.loads(fgit("report", path, "--format", "json", "--baseline", "a").out)
    assert found["made"]["options"]["baseline"] == "a"
    assert found["made"]["files"] == [str(path)]
    assert found["made"]["version"]


def test_terminal_keeps_names_as_they_are(fgit, write):
    path = write("a.jsonl", [result("1")])
    assert "[bold]x[/bold]" in fgit("report", f"[bold]x[/bold]={path}").out


def test_terminal_colours_only_a_terminal():
    assert "\x1b[" not in formats.terminal([nasty()], [], to_terminal=False)
    assert max(map(len, formats.terminal([nasty()], [], to_terminal=False).split("\n"))) <= formats.PIPE_WIDTH
