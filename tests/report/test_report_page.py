"""The page: whole in itself, no text from the data as markup, sortable cells, plots in the page's colours."""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli import install
from fgit_cli.errors import MissingExtra
from fgit_cli.views import gallery
from fgit_cli.views.markup import Html, tag, text
from fgit_cli.views.page import asset
from tests.helpers.eval_results import result

REPORTING = Path(__file__).parents[2] / "fgit_cli" / "reporting"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&<!-- ]]> {{}} \x00 \x1b"


class Seen(HTMLParser):
    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.scripts, self.words = [], [], [], []
        self.open = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.words).append(data)

    @property
    def data(self):
        """What stands in the block of data; it is the one script element that is not run."""
        [block] = [script for script in self.scripts if script.startswith("{")]
        assert ("script", "type", "application/json") in self.attributes
        return json.loads(block)

    @property
    def run(self):
        return [script for script in self.scripts if not script.startswith("{")]


def evil_inputs(write):
    old = [result(f"{EVIL}{i}", "fail" if i else "pass", "fail", solution=f"x = {i}  # {EVIL}") for i in range(3)]
    old[2]["error"] = {"type": EVIL, "message": EVIL}
    new = [result(f"{EVIL}{i}", solution=f"y = {i}  # {EVIL}") for i in range(3)]
    pair = {
        "id": EVIL, "instruction": EVIL, "response": EVIL, "incorrect": f"{EVIL}!", "prompt_ids": [1],
        "correct_ids": [1, 2], "incorrect_ids": [1, 3, 2], "correct_mask": [2, 0], "incorrect_mask": [0, 2, 0],
        "similarity": 0.5, "tokenizer": {"name": "/nowhere/" + EVIL.replace("\x00", "")},
        "diff": {"correct": {"lines": [0], "chars": [[0, 5]]}, "incorrect": {"lines": [0], "chars": [[0, 6]]}},
    }  # fmt: skip
    log = [
        {"step": s, "loss": 1 / s, "weight": 1.5, "correct_probability": 0.5, "incorrect_probability": 0.4}
        for s in range(1, 50)
    ]
    return [
        f"{EVIL.replace(chr(61), chr(43))[:-4]}A={write('a.jsonl', old)}",
        f"B={write('b.jsonl', new)}",
        write("c.jsonl", [pair]),
        write("d.jsonl", log),
    ]


@pytest.fixture
def evil(fgit, write):
    pytest.importorskip("matplotlib")
    done = fgit("report", *evil_inputs(write), "--format", "html", "--against", "fgit")
    assert done.code == 0, done.err
    return done.out


def test_no_text_becomes_markup(evil):
    seen = Seen(evil)
    assert seen.tags.count("script") == 4
    assert seen.run == [asset("theme.js"), asset("gallery.js"), (REPORTING / "report_page.js").read_text()]
    assert "img" not in seen.tags
    assert not [a for a in seen.attributes if a[1].startswith("on")]
    assert any("<script>alert(1)</script>" in words for words in seen.words)  # shown as text
    assert "\x00" not in evil
    assert "\x1b" not in evil


def test_nothing_is_loaded(evil):
    seen = Seen(evil)
    loading = [a for a in seen.attributes if a[1] in ("src", "srcset", "action", "data", "poster")]
    links = [a[2] for a in seen.attributes if a[1] in ("href", "xlink:href")]
    assert loading == []
    assert all(link.startswith("#") for link in links)
    assert "url(" not in re.sub(r"url\(#", "", evil)
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(seen.tags)


def test_the_policy_allows_these_scripts_alone(evil):
    seen = Seen(evil)
    policy = next(a[2] for a in seen.attributes if a[1] == "content" and "default-src" in a[2])
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in seen.run]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}"


def test_everything_is_there(evil):
    ids = {a[2] for a in Seen(evil).attributes if a[1] == "id"}
    assert {
        "scores",
        "plots",
        "comparison",
        "tasks",
        "errors",
        "training",
        "pairs",
        "against",
        "solutions",
        "pairs-gallery",
    } <= ids
    assert evil.count("<svg ") == 5
    assert "#0102" not in evil  # every marker became a variable of the page
    assert "var(--series-0)" in evil
    assert evil.count('data-outcome="won"') == 3


def test_ids_are_unique(evil):
    ids = [a[2] for a in Seen(evil).attributes if a[1] == "id"]
    assert len(ids) == len(set(ids))


def test_sorting_in_a_browser(fgit, write, tmp_path):
    """The script run by a real browser: headings sort by number, and once more the other way round."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        pytest.skip("no chromium")
    files = [
        f"m{n}={write(f'{n}.jsonl', [result(str(i), 'pass' if i < n else 'fail', None, 'b') for i in range(12)])}"
        for n in (2, 10, 7)
    ]
    page = fgit("report", *files, "--format", "html", "--table", "scores").out
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    click = "<script>document.querySelectorAll('#scores th button')[1].click();</script></body>"
    (tmp_path / "p.html").write_text(page.replace("</body>", click))
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'chrome'}", "--dump-dom", f"file://{tmp_path / 'p.html'}"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    body = done.stdout[done.stdout.index('id="scores"') :]
    assert re.findall(r">(m\d+)<", body)[:3] == ["m10", "m7", "m2"]
    assert 'aria-sort="descending"' in body


@given(st.text())
def test_text_is_text(value):
    seen = Seen(tag("p", value, title=value))
    assert seen.tags == ["p"]
    assert "".join(seen.words) == re.sub(r"[\x00-\x08\x0b-\x1f]", lambda m: chr(0x2400 + ord(m[0])), value)


def test_markup_helpers():
    assert tag("a", "x<", Html("<b>y</b>"), href='"q"', class_=None, data_x=True) == (
        '<a href="&quot;q&quot;" data-x>x&lt;<b>y</b></a>'
    )
    assert tag("br") == "<br>"
    assert text("a\x07") == "a\u2407"


def test_a_pair_whose_tokenizer_is_not_at_hand_is_shown_by_its_texts(evil):
    [pair] = Seen(evil).data["pairs"]
    assert pair["kind"] == "diff"
    assert (pair["correct"], pair["incorrect"]) == (EVIL, f"{EVIL}!")
    assert "its tokenizer is not at hand" in pair["note"]


def test_a_pairs_own_difference_is_shown():
    record = {
        "instruction": "x", "response": "one\ntwo\nthree", "incorrect": "one\ntoo\nthree",
        "diff": {
            "correct": {"lines": [1], "chars": [[5, 6]], "gaps": []},
            "incorrect": {"lines": [1], "chars": [[5, 6]], "gaps": []},
            "made": {"algorithm": "by hand"},
        },
    }  # fmt: skip
    assert gallery.of_texts(record)["diff"]["correct"] == {"lines": [1], "chars": [(5, 6)], "gaps": []}
    del record["diff"]
    assert gallery.of_texts(record)["diff"]["correct"]["lines"] == [1]
    assert gallery.of_texts({"instruction": "x"}) is None


def test_a_pair_by_its_tokens():
    table = {1: b"abc", 2: b" ", 3: b"d ef", 9: b"<end>", 4: b"x"}
    record = {
        "instruction": "x", "prompt_ids": [4], "correct_ids": [1, 2, 3, 9], "correct_mask": [0, 2, 1, 0],
        "incorrect_ids": [1, 4, 9], "incorrect_mask": [0, 2, 0],
    }  # fmt: skip
    data = gallery.of_tokens(record, table)
    assert data["kind"] == "mask"
    assert (data["correct"]["text"], data["correct"]["mask"]) == (["abc", " ", "d ef", "<end>"], [0, 2, 1, 0])
    assert (data["correct"]["end"], data["correct"]["cut"]) == (True, False)
    cut = gallery.of_tokens({**record, "correct_ids": [1, 2], "correct_mask": [2, 0]}, table)
    assert (cut["correct"]["end"], cut["correct"]["cut"]) == (False, True)


def test_gallery_with_a_real_tokenizer(fgit, write, data, tmp_path):
    record = {
        "instruction": "Add.",
        "response": "def f(a):\n    return a + 1\n",
        "incorrect": "def f(a):\n    return a - 1\n",
    }
    path = write("pair.jsonl", [record])
    assert (
        fgit(
            "mask",
            path,
            "--tokenizer",
            data / "tok" / "deepseek-coder",
            "--workers",
            "1",
            "-o",
            tmp_path / "masked.jsonl",
        ).code
        == 0
    )
    page = fgit("report", tmp_path / "masked.jsonl", "--format", "html").out
    [pair] = Seen(page).data["pairs"]
    for side, changed in (("correct", " +"), ("incorrect", " -")):
        marked = "".join(t for t, v in zip(pair[side]["text"], pair[side]["mask"], strict=True) if v == 2)
        assert marked.rstrip() == changed
    assert "not at hand" not in page


def test_without_matplotlib(write, tmp_path):
    block = "import sys; sys.modules['matplotlib'] = None; from fgit_cli.app import main; sys.exit(main(sys.argv[1:]))"
    path = write("a.jsonl", [result("1")])

    def run(*words):
        return subprocess.run(
            [sys.executable, "-c", block, "report", str(path), *words], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
        )  # fmt: skip

    done = run("--format", "html")
    assert done.returncode == 0
    assert html.escape(install.command("plots")) in done.stdout
    assert install.command("plots") in done.stderr
    for option, value in (("--plots", "p"), ("--plot", "p.svg")):
        done = run(option, str(tmp_path / value))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"fgit report: {MissingExtra(option, 'plots')}\n"


def test_plots_as_files(fgit, write, tmp_path):
    pytest.importorskip("matplotlib")
    files = []
    for n, passed in [("fixed weight 0", 3), ("fixed weight 1", 6), ("fixed weight 2", 9), ("fgit", 8)]:
        records = [
            result(f"T/{i}", "pass" if i < passed else "fail", "pass" if i < passed - 1 else "fail") for i in range(12)
        ]
        files.append(f"{n}={write(n.replace(' ', '') + '.jsonl', records)}")
    several = [result(f"T/{i}", "pass" if s < i else "fail", None, "x", s) for i in range(4) for s in range(5)]
    done = fgit("report", *files, write("k.jsonl", several), "--plots", tmp_path / "out" / "plots")
    assert done.code == 0, done.err
    names = {p.name for p in (tmp_path / "out" / "plots").iterdir()}
    stems = {"scores", "comparison", "ablation-fixed-weight-humanevalplus", "passk"}
    assert names == {f"{stem}.{ending}" for stem in stems for ending in ("png", "svg")}
    for name in names:
        content = (tmp_path / "out" / "plots" / name).read_bytes()
        assert content.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")
        assert len(content) > 4000
    assert "8 files of plots" in done.err
    first = (tmp_path / "out" / "plots" / "passk.svg").read_bytes()
    fgit("report", *files, write("k.jsonl", several), "--plots", tmp_path / "again")
    assert (tmp_path / "again" / "passk.svg").read_bytes() == first


def test_lab_ablations(fgit, write, tmp_path):
    pytest.importorskip("matplotlib")
    records = [
        {"arm": arm, "rate": rate, "seed": seed, "passed": {f"m/{t}": (t + seed) % 3 % 2 for t in range(30)}}
        for arm in ("SFT", "fixed 0", "fixed 1", "fixed 3")
        for rate in (1e-4, 2e-4)
        for seed in range(3)
    ]
    assert fgit("report", write("lab.jsonl", records), "--plots", tmp_path / "p").code == 0
    stems = ("ablation-lab-fixed", "comparison")
    assert {p.name for p in (tmp_path / "p").iterdir()} == {f"{s}.{e}" for s in stems for e in ("png", "svg")}


def test_json_knows_no_html_only_things(fgit, write):
    found = json.loads(fgit("report", write("a.jsonl", [result("1")]), "--format", "json").out)
    assert set(found) == {"made", "scores", "intervals"}


@pytest.fixture
def two(write):
    pytest.importorskip("matplotlib")
    patterns = {"a": "." * 10 + "x" * 30, "b": "." * 25 + "x" * 15}
    verdict = {".": "pass", "x": "fail"}
    return [
        write(f"{name}.jsonl", [result(f"T/{i}", verdict[c], None, "mini") for i, c in enumerate(pattern)])
        for name, pattern in patterns.items()
    ]


def test_one_plot_in_the_size_of_a_slide(fgit, two, tmp_path):
    done = fgit("report", *two, "--plot", "talk.svg", "--plot", "scores=s.png", "--plot-size", "slide")
    assert done.code == 0, done.err
    root = re.search(rb"<svg[^>]*>", (tmp_path / "talk.svg").read_bytes())[0]
    width, height = (float(n) for n in re.findall(rb'(?:width|height)="([\d.]+)pt"', root))
    assert (round(width / 72, 2), round(height / 72, 2)) == (13.3, 7.5)
    assert rb'viewBox="0 0 504 ' in root  # drawn at 7 inches and enlarged, text too
    png = (tmp_path / "s.png").read_bytes()
    assert (int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (2660, 1500)


def test_a_plot_without_a_name_is_the_one_that_says_most(fgit, two, tmp_path):
    assert fgit("report", *two, "--plot", "x.svg", "--plot", "comparison=y.svg").code == 0
    assert (tmp_path / "x.svg").read_bytes() == (tmp_path / "y.svg").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plot", "x.gif"], ".svg, .png, .pdf"),
        (["--plot", "loss=x.svg"], "there are: comparison, scores"),
        (["--plot", "x.svg", "--plot-size", "wide"], "column, page, slide or WIDTHxHEIGHT"),
        (["--plot", "x.svg", "--plot-size", "0x3"], "1 to 50"),
        (["--plot", "nowhere/x.svg"], "the folder nowhere is not there"),
    ],
)
def test_a_plot_that_cannot_be(fgit, two, words, said):
    done = fgit("report", *two, *words)
    assert done.code == 2
    assert said in done.err


def test_a_plot_says_which_letters_no_font_has(fgit, two):
    """U+10A60 is a letter of Old South Arabian."""
    pytest.importorskip("matplotlib")
    done = fgit(
        "report", *(f"{name}\U00010a60={path}" for name, path in zip("ab", two, strict=True)), "--plot", "x.svg"
    )
    assert done.code == 0
    assert "x.svg: no font here has \U00010a60: boxes stand for them" in done.err
    assert "Warning" not in done.err


def test_a_plot_that_is_not_there_leaves_the_tables(fgit, two):
    done = fgit("report", *two, "--plot", "loss=x.svg")
    assert (done.code, done.out) == (2, fgit("report", *two).out)


def test_a_crowded_plot_says_so(fgit, write):
    pytest.importorskip("matplotlib")
    files = [write(f"m{n}.jsonl", [result(f"T/{i}", "pass" if i < n else "fail", None, "b") for i in range(20)])
             for n in range(6)]  # fmt: skip
    assert "wants a height of" in fgit("report", *files, "--plot", "x.svg", "--plot-size", "7x2").err
