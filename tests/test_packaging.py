"""What pyproject.toml promises to those who install fgit, and that the advice fgit gives about it is true."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path

import pytest

from fgit_cli import install
from fgit_cli.app import COMMANDS
from fgit_cli.errors import MissingExtra

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
OPTIONAL = [requirement for extra in EXTRAS.values() for requirement in extra]
NAME = re.compile(r"[A-Za-z0-9._-]+")


def name(requirement: str) -> str:
    """The distribution that a requirement names, in its normal form."""
    return re.sub(r"[-_.]+", "-", NAME.match(requirement)[0]).lower()


def test_no_package_that_users_have_their_own_version_of_is_pinned():
    pinned = [r for r in [*PROJECT["dependencies"], *OPTIONAL] if "==" in r.partition(";")[0]]
    assert pinned == []


@pytest.mark.parametrize("package", ["torch", "transformers", "accelerate", "deepspeed", "peft"])
def test_the_heavy_packages_have_a_lower_bound(package):
    found = [r for r in OPTIONAL if name(r) == package]
    assert found
    assert all(">=" in r for r in found)


def test_the_constraints_name_an_exact_version_of_everything_that_is_asked_for():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)  # no local build of anybody's
    asked = {name(r) for e, rs in EXTRAS.items() if e not in ("bigcodebench", "vllm", "all") for r in rs}
    assert {name(r) for r in PROJECT["dependencies"]} | asked <= {name(line) for line in lines}


def test_the_name_is_our_own():
    assert PROJECT["name"] == install.DISTRIBUTION == "fgit-cli"
    assert PROJECT["scripts"] == {"fgit": "fgit_cli.app:entry"}
    assert all(name(r) in (install.DISTRIBUTION, "fgit-cli") for r in EXTRAS["all"])


def test_a_missing_extra_names_a_command_that_works():
    for extra in EXTRAS:
        assert f"in a clone of fgit run: pip install '.[{extra}]'" in str(MissingExtra("this", extra))


def test_advice_is_written_in_one_place():
    for path in (ROOT / "fgit_cli").rglob("*.py"):
        if path.name not in ("install.py", "doctor.py"):
            assert "pip install" not in path.read_text(), f"{path}: say it by fgit_cli/install.py"


def test_the_check_of_the_core_types_every_command():
    spec = importlib.util.spec_from_file_location("core_commands", ROOT / ".ci" / "core_commands.py")
    check = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(check)
    assert {typed.split()[0] for typed in check.TYPED} == set(COMMANDS)


def test_doctor_tells_of_a_stranger_of_the_same_name(fgit, tmp_path):
    folder = tmp_path / "site-packages"
    about = folder / "fgit-0.0.1b8.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fgit\nVersion: 0.0.1b8\n")
    (about / "RECORD").write_text("fgit_cli/__init__.py,,\nfgit-0.0.1b8.dist-info/METADATA,,\n")
    env = {"PYTHONPATH": f"{ROOT}:{folder}"}
    assert json.loads(fgit("doctor", "--json", env=env).out)["strangers"] == ["fgit 0.0.1b8"]
    told = fgit("doctor", env=env).out
    assert "WARNING      fgit 0.0.1b8 is another project" in told
    assert "pip uninstall fgit fgit-cli" in told
    assert json.loads(fgit("doctor", "--json").out)["strangers"] == []
