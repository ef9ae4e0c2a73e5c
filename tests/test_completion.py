"""What Tab offers: commands, options, and the values that an option knows; asked as the shells' scripts ask."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fgit_cli import completion

ROOT = Path(__file__).parent.parent
BASH = """
source {scripts}/fgit.bash
COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_fgit_completion fgit
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    """What bash offers for words of the command line, the last of which is being typed, taken apart as bash does."""
    if not shutil.which("bash"):
        pytest.skip("no bash")
    tools = tmp_path_factory.mktemp("bin")
    (tools / "fgit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fgit_cli "$@"\n')
    (tools / "fgit").chmod(0o755)

    def ask(*words):
        apart = [piece for word in words for piece in word.replace(":", "\n:\n").strip("\n").split("\n")]
        quoted = " ".join(f"'{piece}'" for piece in ["fgit", *apart])
        done = subprocess.run(
            ["bash", "--norc", "-c", BASH.format(scripts=ROOT / "completions", words=quoted)],
            capture_output=True, text=True, check=True, timeout=60,
            env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return done.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ma"], "mask"),
        (["mask", "--tem"], "--template"),
        (["eval", "--bench", "h"], "humaneval humaneval+"),
        (["report", "--against", "p"], "paper"),
        (["report", "--against", "target-dpo:2"], "2 20 21"),  # bash has `target-dpo:` already
        (["train", "--gpu", "a100"], "a100-40gb a100-80gb"),
        (["train", "--config", "f"], "fait fgit"),
        (["mask", "--template", "c"], "chat codellama-instruct"),
        (["train", "--report-to", ""], "wandb tensorboard trackio"),
        (["train", "--objective", "target"], "target-dpo target-rpo"),
        (["report", "--plot-size", ""], "column page slide"),
        (["train", "--deepspeed", "zero3"], "zero3 zero3-offload"),
        (["eval", "--bench", "./my"], ""),  # then bash offers files
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_offered(tab, words, offered):
    assert set(tab(*words)) == set(offered.split())


def test_what_bash_takes_apart_at_colons_is_put_together():
    assert completion.joined(["fgit", "report", "--against", "fgit", ":", "V"])[-1] == "fgit:V"
    assert completion.joined(["fgit", "x", "fgit", ":"])[-1] == "fgit:"
    assert completion.joined(["fgit", "x", ":", "y", ":", "z"]) == ["fgit", "x:y:z"]
    assert completion.joined(["fgit", "mask", "a"]) == ["fgit", "mask", "a"]


def test_the_script_is_installed_where_bash_finds_it(tmp_path):
    shell = shutil.which("bash")
    if not shell:
        pytest.skip("no bash")
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "HOME")}
    done = subprocess.run(
        [shell, "--norc", "-c", f"'{sys.executable}' -m fgit_cli --install-completion; exit $?"],
        capture_output=True, text=True, check=False, timeout=60,
        env={**environment, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fgit.sh" in (tmp_path / ".bashrc").read_text()
