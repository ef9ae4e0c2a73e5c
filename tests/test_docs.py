"""The pages say what the program prints: help texts, examples, completions."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from fgit_cli.app import COMMANDS
from fgit_cli.engines.installation import EXTRAS

ROOT = Path(__file__).parent.parent


def run(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, f"run `make docs completions` and read the change:\n{done.stdout}{done.stderr}"


def test_help_texts_and_examples_are_what_the_program_prints():
    run("docs.generate")


def test_completions_are_what_the_program_gives():
    run("completions.generate")


def test_every_command_has_a_page_and_the_front_page_is_short():
    pages = {p.stem for p in (ROOT / "docs" / "commands").glob("*.md")}
    assert pages == set(COMMANDS)
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def test_links_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_doctor_and_readme_know_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    users = set(extras) - {"all", "dev", "docs"}
    assert set(EXTRAS) == users
    for extra, (_, packages) in EXTRAS.items():
        assert set(packages) <= {re.split(r"[<>=;]", p)[0] for p in extras[extra]}
        assert f"\n| `{extra}` | " in (ROOT / "README.md").read_text()
