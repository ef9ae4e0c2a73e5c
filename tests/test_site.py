"""The searchable site and the manual pages: they can be built, lead to no dead end and say what `--help` says."""

import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs import man
from fgit_cli import api
from fgit_cli.app import COMMANDS
from fgit_cli.messages import flags
from fgit_cli.options import specs

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "--quiet", "build", "--strict", "--site-dir", str(folder)], cwd=ROOT,
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_front_page_leads_to_every_command(site):
    front = (site / "index.html").read_text()
    assert all(f'href="commands/{name}.html"' in front for name in COMMANDS)
    assert 'href="lab/RESULTS.html"' in front
    assert 'src="masked-pair.svg"' in front


def test_the_reference_has_every_name_of_the_api(site):
    page = (site / "api.html").read_text()
    assert [name for name in api.__all__ if not re.search(rf'id="fgit_cli\.[\w.]*\b{name}"', page)] == []


def test_reading_the_site_fetches_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r'(?:<script|<link rel="stylesheet"|<img)[^>]*?(?:src|href)="(https?:[^"]*)', text)
        assert loaded == [], page.name


def test_links_of_the_repository_become_links_of_the_site(caplog):
    pytest.importorskip("mkdocs")
    from docs import hooks

    files = SimpleNamespace(get_file_from_path={"code.md": 1, "index.md": 1, "commands/mask.md": 1, "pair.svg": 1}.get)

    def seen(page, text):
        return hooks.on_page_markdown(text, SimpleNamespace(file=SimpleNamespace(src_uri=page)), None, files)

    assert seen("index.md", "[`fgit mask`](docs/commands/mask.md#options)") == "[`fgit mask`](commands/mask.md#options)"
    assert seen("commands/mask.md", "[map](../code.md#map), [front](../../README.md)") == (
        "[map](../code.md#map), [front](../index.md)"
    )
    assert seen("code.md", "see [the file](../fgit_cli/app.py) and [this](#words)") == "see the file and [this](#words)"
    assert seen("code.md", "[a](https://example.org) [b](mailto:x@y.z)") == "[a](https://example.org) [b](mailto:x@y.z)"
    assert seen("code.md", "```md\n[x](../nothing.md)\n```\n") == "```md\n[x](../nothing.md)\n```\n"
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        seen("code.md", "[x](nothing.md)")
    assert "docs/nothing.md, which is not there" in caplog.text


@pytest.mark.parametrize("name", COMMANDS)
def test_a_manual_page_has_every_option(name):
    import importlib

    text = man.of_command(name).replace("\\-", "-")
    options = importlib.import_module(f"fgit_cli.commands.{name}").Options
    spelled = [flags(n, spec)[0] for n, (_, spec) in specs(options).items() if not spec.argument]
    assert [flag for flag in spelled if flag.split("/")[0] not in text] == []
    assert ".SH EXIT STATUS" in text
    assert r"\fB130\fR" in text


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_troff_has_nothing_to_complain_of(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "docs.man", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"wrote {len(COMMANDS) + 1} pages" in done.stdout
    for page in (tmp_path / "man1").glob("*.1"):
        line = ["groff", "-Kutf8", "-man", "-Tutf8", "-P-c", "-P-b", "-P-u", "-ww", str(page)]
        made = subprocess.run(line, capture_output=True, text=True, check=True)
        assert made.stderr == "", page.name
        assert "NAME" in made.stdout


def test_what_troff_would_read_as_its_own_is_printed():
    assert man.roff(".gz too, 'a' \\n --x") == r"\&.gz too, \(aqa\(aq \en \-\-x"
