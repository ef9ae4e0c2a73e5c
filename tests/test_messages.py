"""One place writes `fgit COMMAND: ...` and spells a flag."""

import re
from pathlib import Path

from fgit_cli import messages
from fgit_cli.commands import eval as evaluation

PACKAGE = Path(__file__).parent.parent / "fgit_cli"
OTHERS = [p for p in PACKAGE.rglob("*.py") if p.name != "messages.py"]


def test_a_line_stands_under_its_commands_name(capsys):
    messages.say("mask", "3 in, 3 out")
    messages.say(None, "no such command")
    assert capsys.readouterr().err == "fgit mask: 3 in, 3 out\nfgit: no such command\n"


def test_a_note_is_silent_with_quiet(capsys):
    messages.note("eval", evaluation.Options(quiet=True), "nothing")
    messages.note("eval", evaluation.Options(), "something")
    assert capsys.readouterr().err == "fgit eval: something\n"


def test_a_reader_of_stderr_that_went_away_is_no_error(monkeypatch):
    class Gone:
        def write(self, text):
            raise BrokenPipeError

        flush = write

    monkeypatch.setattr("sys.stderr", Gone())
    messages.say("mask", "x")


def test_a_flag_is_spelled_as_it_is_typed():
    assert messages.flag("max_length") == "--max-length"
    assert messages.flag("since", evaluation.Options) == "--from"
    assert messages.flag("prefill", evaluation.Options) == "--prefill/--no-prefill"


def test_nobody_else_writes_to_stderr_or_spells_a_flag():
    for path in OTHERS:
        text = path.read_text(encoding="utf-8")
        if "executor" not in path.parts:  # the sandbox's own processes
            assert not re.search(r"file=sys\.stderr|sys\.stderr\.write", text), path
        assert not re.search(r"--\{\w+\.replace", text), path
