"""The programs of docs/library.md run as they stand, and the page names what the api has."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli import api
from fgit_cli.benches.mini import STUDENT

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "library.md").read_text()
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.S | re.M)
PRINTED = ["[2]", "['pass', 'fail']", "[2, 42]", " shared"]


@pytest.mark.parametrize(("program", "printed"), list(zip(PROGRAMS, PRINTED, strict=True)), ids=range(len(PRINTED)))
def test_each_program_runs(program, printed, tmp_path):
    if "torch" in program:
        pytest.importorskip("torch")
        pytest.importorskip("transformers")
    (tmp_path / "student").symlink_to(STUDENT)
    (tmp_path / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout


def test_the_page_names_what_the_api_has():
    table = PAGE[PAGE.index("| group | names |") :]
    assert set(re.findall(r"`(\w+)`", table)) == set(api.__all__)
