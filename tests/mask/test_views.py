"""What people look at: pages that hold any text safely, a terminal that no text can steer, counts."""

import html
import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.mask_counts import MaskCounts, branch
from fgit_cli.core.textdiff import split_lines
from fgit_cli.views import markup, pair_page, terminal
from fgit_cli.views.markup import Html
from fgit_cli.views.page import digest, page
from fgit_cli.views.pair_data import diff_data

PACKAGE = Path(__file__).parents[2] / "fgit_cli"
NASTY = "</script><b onload=x>&amp; \u2028 \x1b[31mred\r\n\t{{x}} 🦙"


def lines(*pairs):
    return "".join(json.dumps({"instruction": f"Fix {NASTY}", "response": c, "incorrect": a}) + "\n" for c, a in pairs)


def data_of(text):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', text, re.S)[1])


def test_a_page_is_one_file_and_holds_any_text():
    text = page(NASTY, NASTY, Html("<p>body</p>"), data={"x": NASTY})
    assert data_of(text) == {"x": NASTY}
    assert text.count("</script>") == 2
    assert markup.text(NASTY) in text
    assert "\x1b" not in text
    assert not re.search(r"""(src|href)\s*=|<link|@import|url\(""", text)
    assert "prefers-color-scheme" in text


def test_one_palette_and_one_policy_for_all_pages(fgit, llama, tmp_path):
    """The pages of `diff`, `mask` and `report` run their own scripts alone, by hash, and share the values' colours."""
    pairs = lines((NASTY, "x"), ("a = 1\n", "a = 2\n"))
    assert fgit("diff", "--html", "diff.html", stdin=pairs).code == 0
    assert fgit("mask", "--tokenizer", llama.name, "--html", "mask.html", "-o", "pairs.jsonl", stdin=pairs).code == 0
    assert fgit("report", "pairs.jsonl", "--format", "html", "-o", "report.html").code == 0
    for name in ("diff", "mask", "report"):
        text = (tmp_path / f"{name}.html").read_text()
        policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
        allowed = policy.partition("script-src ")[2].split()
        scripts = re.findall(r"<script>(.*?)</script>", text, re.S)
        assert allowed == [f"'sha256-{digest(script)}'" for script in scripts], name
        assert text.count("--one:") == text.count("--two:") == 1, name
    sheets = {p.name: p.read_text() for p in PACKAGE.rglob("*.css")}
    assert [name for name, sheet in sheets.items() if ":root" in sheet] == ["page.css"]


@given(st.text(alphabet="ab \n\té🦙\x1b\x9b", max_size=60), st.text(alphabet="ab \n\té🦙\x1b\x9b", max_size=60))
@settings(deadline=None)
def test_the_terminal_shows_every_changed_line(correct, incorrect):
    made = Comparison()
    found = made.compare(incorrect, correct)
    data = diff_data({"id": "x", "instruction": "y"}, incorrect, correct, found, made)
    for split in (True, False):
        console = Console(width=400, file=open("/dev/null", "w"), record=True, color_system=None, highlight=False)
        console.print(terminal.difference(data, found.incorrect, found.correct, split))
        shown = console.export_text()
        assert "\x1b" not in shown
        assert "\x9b" not in shown
        for text, side in ((correct, found.correct), (incorrect, found.incorrect)):
            for number in side.lines:
                visible = terminal._visible(split_lines(text)[number].rstrip())
                assert visible.strip() in shown.replace("⏎", "").replace(terminal.GAP, "")


def test_diff_for_people(fgit):
    text = lines(("a\nb\n", "a\nc\n"), ("if x:\n    y\n", "if x:\n"))
    for view in ("unified", "side-by-side"):
        done = fgit("diff", "--view", view, stdin=text)
        assert done.code == 0
        assert "2 in, 2 out" in done.err
        assert terminal.GAP in done.out
        assert "{" not in done.out.replace("{{x}}", "")
    assert json.loads(fgit("diff", stdin=text).out.split("\n")[0])["diff"], "no terminal: records"


@pytest.mark.parametrize("command", ["diff", "mask"])
def test_pages_are_written_beside_the_records(fgit, llama, command, tmp_path):
    words = [command, "--html", "page.html"] + (["--tokenizer", llama.name] if command == "mask" else [])
    done = fgit(*words, stdin=lines((NASTY, "x"), ("a\n", "a\nb\n")))
    assert done.code == 0, done.err
    assert len(done.out.split("\n")[:-1]) == 2
    data = data_of((tmp_path / "page.html").read_text())
    assert data["kind"] == command
    assert len(data["pairs"]) == 2
    if command == "diff":
        assert data["pairs"][0]["correct"] == NASTY
        assert data["pairs"][1]["diff"]["correct"]["gaps"] == [2]
    else:
        first = data["pairs"][0]["correct"]
        assert "".join(t for t in first["text"] if isinstance(t, str)).startswith("</script>")
        assert data["pairs"][1]["correct"]["anchors"] == [len(data["pairs"][1]["correct"]["ids"]) - 1]
    assert fgit(*words[:1], "--html", ".", *words[3:], stdin="").code == 2
    assert fgit(*words[:1], "--html", "new/page.html", *words[3:], stdin=lines((NASTY, "x"))).code == 0
    assert (tmp_path / "new" / "page.html").exists()


def test_a_page_holds_the_first_pairs_only(fgit, tmp_path):
    many = lines(*((f"a{n}", f"b{n}") for n in range(503)))
    assert fgit("diff", "--html", "page.html", stdin=many).code == 0
    text = (tmp_path / "page.html").read_text()
    assert len(data_of(text)["pairs"]) == 500
    assert "the first 500 of 503 pairs" in text


def test_a_page_stays_of_a_size_to_open(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_page, "BYTES", 100)
    made = pair_page.PairPage(str(tmp_path / "p.html"), "diff", "x")
    for n in range(4):
        made.add({"n": n, "text": "x" * 30})
    made.write()
    text = (tmp_path / "p.html").read_text()
    assert [p["n"] for p in data_of(text)["pairs"]] == [0, 1]
    assert "the first 2 of 4 pairs" in text


def test_explain_shows_tokens_and_stops(fgit, llama):
    done = fgit("mask", "--tokenizer", llama.name, "--explain", "1", stdin=lines(("x = 1\n", "x = 2\n"), ("a", "b")))
    assert done.code == 0
    assert "correct: 7 tokens, 5 × 1, 1 × 2" in done.out
    assert "1₂" in done.out
    assert "1 out" in done.err


def test_a_view_and_an_output_file_contradict(fgit, llama, tmp_path):
    assert fgit("diff", "--view", "unified", "-o", "x.jsonl", stdin="").code == 2
    assert fgit("mask", "--tokenizer", llama.name, "--explain", "1", "-o", "x.jsonl", stdin="").code == 2
    assert not list(tmp_path.glob("x.jsonl*"))


def test_counts():
    assert branch([1, 2, 3, 4], [0, 1, 0, 0], [1, 5, 3, 4]) == 1
    assert branch([1, 2, 3, 4], [0, 0, 1, 0], [1, 5, 3, 4]) == 2
    assert branch([1, 2], [0, 0], [1, 3]) == 0
    counts = MaskCounts()
    counts.add([1, 2, 3, 4], [0, 1, 2, 2], [1], [0])
    assert "25.0% marked 1 and 50.0% marked 2" in counts.text()
    assert "75.0% of a response" in counts.text()


def test_the_summary_counts_pairs(fgit, llama):
    text = lines(("a\n", "a\nb\n"), ("a = 1\n" + "x\n" * 40, "a = 2\n" + "x\n" * 40))
    done = fgit("mask", "--tokenizer", llama.name, "--max-length", "120", stdin=text)
    assert "1 anchored" in done.err
    assert "1 cut" in done.err
    assert "tokens of correct responses" in done.err
    gaps = fgit("mask", "--tokenizer", llama.name, "--gaps", "ignore", stdin=lines(("a\nb\n", "a\n")))
    assert "1 inactive" in gaps.err
