"""The folder of kept work: one command at a time, and nothing left of one that did nothing."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from fgit_cli.engines.workdir import open_workdir
from fgit_cli.errors import UsageError
from tests.helpers.served_teacher import lines, records

ROOT = Path(__file__).parents[2]
ANOTHER = """
import sys
from types import SimpleNamespace
from fgit_cli.engines.workdir import open_workdir

with open_workdir("mutate", SimpleNamespace(work_dir=sys.argv[1], quiet=True), []):
    print("open", flush=True)
    sys.stdin.read()
"""


def opened(folder):
    return open_workdir("mutate", SimpleNamespace(work_dir=str(folder), quiet=True), [])


@pytest.mark.parametrize("kill", [False, True])
def test_a_folder_is_one_commands(tmp_path, kill):
    folder = tmp_path / "a" / "work"
    words = [sys.executable, "-c", ANOTHER, str(folder)]
    another = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert another.stdout.readline() == b"open\n"
    with pytest.raises(UsageError, match=r"work is in use by another fgit"), opened(folder):
        pass
    if kill:
        another.kill()
    another.communicate()
    with opened(folder) as mine:
        (mine / "kept").touch()
    with opened(folder):
        pass
    assert (folder / "kept").exists()


def test_a_folder_in_which_nothing_is_kept_goes_again(tmp_path):
    with opened(tmp_path / "a" / "work"):
        pass
    assert not (tmp_path / "a").exists()
    mine = tmp_path / "mine"
    mine.mkdir()
    with opened(mine):
        pass
    assert list(mine.iterdir()) == []


@pytest.mark.parametrize("words", [("mutate",), ("eval", "--bench", "mini", "--base-url", "nowhere")])
def test_a_command_that_cannot_start_leaves_nothing(fgit, tmp_path, words):
    (tmp_path / "in.jsonl").write_text(lines(records(1)))
    before = sorted(tmp_path.iterdir())
    env = {"OPENAI_BASE_URL": "nowhere"}
    ran = fgit(*words, *(["in.jsonl"] if words == ("mutate",) else ["--model", "m"]), env=env)
    assert ran.code == 2, ran.err
    assert "nowhere: not an http address" in ran.err
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_teacher_said_stays(fgit, served, tmp_path):
    for _ in range(2):
        ran = fgit("mutate", "--base-url", served().url, stdin=lines(records(1)))
        assert len(json.loads(ran.out)["variants"]) == 3
    assert "3 answers taken from the work folder" in ran.err


def test_the_folder_and_its_files_are_their_owners_alone(tmp_path, monkeypatch):
    from fgit_cli.engines.generation.store import Store

    monkeypatch.chdir(tmp_path)
    with opened("kept") as folder:
        store = Store(folder)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
        assert "answers.sqlite-wal" in {p.name for p in folder.iterdir()}
        store.close()
