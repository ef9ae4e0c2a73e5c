"""`fgit demo` beside its chain: a folder that may be used again, and the last words. The chain runs in `make demo`."""

import pytest

from fgit_cli.app import main
from fgit_cli.commands import demo
from tests.helpers.eval_results import lines, result


@pytest.fixture
def short(monkeypatch, tmp_path):
    """A demo whose only step writes the three models' results and a model's folder."""
    passed = {"base": 10, "sft": 40, "fgit": 42}
    for name, count in passed.items():
        made = [result(f"m/{i}", "pass" if i < count else "fail", None, "mini") for i in range(60)]
        (tmp_path / f"{name}.src").write_text(lines(made))
    copy = "; ".join(f"cp {tmp_path}/{name}.src {name}.jsonl" for name in passed)
    monkeypatch.setattr(demo, "steps", lambda options: [("Results.", f"{copy}; mkdir sft; touch report.html")])
    return str(tmp_path / "work")


def test_a_second_demo_makes_its_own_files_anew_and_leaves_others(short, tmp_path, capsys):
    assert main(["demo", "--folder", short]) == 0
    (tmp_path / "work" / "sft" / "model").write_text("old")
    (tmp_path / "work" / "mine.txt").write_text("mine")
    assert main(["demo", "--folder", short]) == 0
    assert not (tmp_path / "work" / "sft" / "model").exists()
    assert (tmp_path / "work" / "mine.txt").read_text() == "mine"
    assert "an earlier demo's" in capsys.readouterr().out


def test_a_folder_of_somebodys_own_is_left_alone(short, tmp_path, capsys):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "sft").write_text("mine")
    assert main(["demo", "--folder", short]) == 2
    assert "has files already; name another" in capsys.readouterr().err
    assert (tmp_path / "work" / "sft").read_text() == "mine"


def test_the_last_words_compare_and_say_what_to_do_next(short, tmp_path, capsys):
    pytest.importorskip("scipy")
    assert main(["demo", "--folder", short]) == 0
    out = capsys.readouterr().out
    last = out[out.index("What came of it:") :]
    assert "fgit is better than base on Mini: +53.3 points" in last
    assert "fgit cannot be told from sft on Mini: +3.3 points" in last
    assert f"The page: {(tmp_path / 'work' / 'report.html').as_uri()}" in last
    numbered = [line[2] for line in last.splitlines() if line.startswith("  ") and line[2].isdigit()]
    assert numbered == ["1", "2", "3"]


def test_every_file_of_the_steps_is_known(monkeypatch):
    """What the steps write is what a second demo takes out."""
    import re

    typed = " ".join(line for _, line in demo.steps(demo.Options()))
    written = set(re.findall(r"(?:> |--output |--output-dir )(\S+)", typed)) | {"student"}
    assert written | {".fgit"} == set(demo.MADE)
