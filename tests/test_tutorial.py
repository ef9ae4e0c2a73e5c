"""The tutorial's first part, line by line, as a reader would type it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_tutorial_runs_as_it_stands(tmp_path):
    for package in ("torch", "transformers", "accelerate", "universalmutator"):
        pytest.importorskip(package)
    page = (ROOT / "docs" / "tutorial.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page[: page.index("## On eight GPUs")], re.S | re.M)
    assert len(blocks) == 8
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, words in (("fgit", "-m fgit_cli"), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (tools / name).chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    done = subprocess.run(
        ["bash", "-c", "set -e\n" + "\n".join(blocks)],
        cwd=work, capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
             "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "base" in (work / "report.html").read_text()
    assert (work / "fgit" / "run.json").exists()
    assert "pass@1" in done.stdout
