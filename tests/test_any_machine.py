"""What fgit prints of itself, and what its options default to, is the same on every machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

from fgit_cli.app import COMMANDS

ROOT = Path(__file__).parent.parent
FAKE = ROOT / "tests" / "helpers" / "processors"
PROGRAM = f"""
import contextlib, importlib, io, json, os
from typer.testing import CliRunner
from fgit_cli import app
from fgit_cli.options import cores, default_of, specs
told = {{}}
for name in {list(COMMANDS)!r}:
    options = importlib.import_module(f"fgit_cli.commands.{{name}}").Options
    told[name] = {{field: repr(default_of(found)) for field, (found, _) in specs(options).items()}}
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        app.build(name)(["--help"])
    told[name]["help"] = out.getvalue()
print(json.dumps([cores(), told]))
"""


def told(tmp_path: Path, processors: int, **environment: str):
    """The cores that fgit counts, and the defaults and help of every command, on a machine of that many processors."""
    home = tmp_path / f"home{processors}"
    home.mkdir()
    own = {
        **os.environ, "PYTHONPATH": f"{FAKE}{os.pathsep}{ROOT}", "FAKE_PROCESSORS": str(processors), "HOME": str(home),
        "COLUMNS": "100", **environment,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=own, cwd=home, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_defaults_and_help_do_not_depend_on_the_machine(tmp_path):
    count, here = told(tmp_path, 1, OPENAI_BASE_URL="http://one.example/v1", TMPDIR="/tmp", LANG="C")
    assert count == 1
    assert set(here) == set(COMMANDS)
    for processors in (3, 8, 64):
        count, there = told(
            tmp_path, processors, OPENAI_BASE_URL="http://other.example/v1", CUDA_VISIBLE_DEVICES="0,1", TERM="xterm",
            XDG_CACHE_HOME=str(tmp_path), LANG="de_DE.UTF-8",
        )  # fmt: skip
        assert (count, there) == (processors, here)
