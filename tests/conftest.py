"""What all tests share: running fgit as a user does, and the real test data."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent

# How long an example takes is the machine's affair, and how much else it does.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Started in the background (`make test &`), a shell has SIGINT ignored, and every child would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Ran:
    code: int
    out: str
    err: str


@pytest.fixture
def fgit(tmp_path):
    """Run `fgit ...` in an empty directory; text or bytes on stdin."""

    def run(*words, stdin="", cwd=None, env=None, timeout=300) -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "fgit_cli", *map(str, words)],
            input=data, capture_output=True, cwd=cwd or tmp_path, env=environment, timeout=timeout, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real test data; the test is skipped, saying so, where FGIT_TEST_DATA names none."""
    folder = os.environ.get("FGIT_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FGIT_TEST_DATA names no folder with the test data")
    return Path(folder)
