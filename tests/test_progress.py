"""A line of progress comes although no record does."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from fgit_cli.errors import InputError
from fgit_cli.stages import progress


@pytest.fixture
def tally(monkeypatch):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.02)
    monkeypatch.setattr(progress, "BEAT_SECONDS", 0.01)
    return SimpleNamespace(
        command="eval", options=SimpleNamespace(quiet=False, files=[]), read=3, written=0, bad_lines=0, expected=3,
        rejects=Counter(), unpaired=Counter(), counts=Counter(), detail=lambda: "2 reference solutions run",
    )  # fmt: skip


@pytest.fixture
def said(monkeypatch):
    """The lines that were said, and an event that is set by the second."""
    lines, second = [], threading.Event()

    def say(command, text):
        lines.append(text)
        if len(lines) == 2:
            second.set()

    monkeypatch.setattr(progress.messages, "say", say)
    return lines, second


def test_a_run_at_its_first_records_says_so(tally, said):
    lines, second = said
    shown = progress.Progress(tally)
    assert second.wait(20)
    shown.clear()
    assert lines[0].startswith("0 out, 0 left out, 0.0/s, 0% of 3, ")
    assert lines[0].endswith("2 reference solutions run")


def test_nothing_is_said_after_the_end_or_in_silence(tally, said):
    lines, _ = said
    shown = progress.Progress(tally)
    shown.clear()
    there = len(lines)
    tally.options.quiet = True
    quiet = progress.Progress(tally)
    shown.shown = quiet.shown = 0.0  # long ago
    shown.step()
    quiet.step()
    assert len(lines) == there
    quiet.clear()


@pytest.mark.parametrize("error", [RuntimeError("dictionary changed size"), FileNotFoundError("a"), InputError("b")])
def test_what_cannot_be_counted_yet_stops_no_run(tally, said, error):
    lines, second = said

    def odd():
        if len(lines) < 1:
            lines.append("")
            raise error
        return ""

    tally.detail = odd
    shown = progress.Progress(tally)
    assert second.wait(20)
    shown.clear()


@pytest.mark.parametrize(("drawn", "wiped"), [(True, "\r\x1b[2K"), (False, "")])
def test_a_message_wipes_the_line_that_another_stage_draws(drawn, wiped):
    """On a terminal of its own; what draws there holds a lock on it."""
    ours, theirs = os.openpty()
    if drawn:
        fcntl.flock(theirs, fcntl.LOCK_EX)
    script = "from fgit_cli import messages; messages.say('diff', 'said')"
    subprocess.run([sys.executable, "-c", script], stderr=theirs, check=True)
    assert os.read(ours, 100).decode() == f"{wiped}fgit diff: said\r\n"
    os.close(ours)
    os.close(theirs)


def test_the_same_is_said_more_and_more_seldom(tally, said, monkeypatch):
    lines, _ = said
    monkeypatch.setattr(progress, "LINE_SECONDS", 10.0)
    monkeypatch.setattr(progress, "BEAT_SECONDS", 1e6)
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    shown, times = progress.Progress(tally), []
    for second in range(1, 1400):
        clock[0] = float(second)
        if second == 1200:
            tally.written = 1
        before = len(lines)
        shown.step()
        times += [second] if len(lines) > before else []
    shown.clear()
    assert times == [10, 30, 70, 150, 310, 610, 910, 1200, 1220, 1260, 1340]


DRAWS = """
import time
from collections import Counter
from types import SimpleNamespace
from fgit_cli.stages.progress import Progress
tally = SimpleNamespace(command="select", options=SimpleNamespace(quiet=False, files=["-"]), read=3, written=2,
                        bad_lines=0, expected=None, rejects=Counter({"a reason of many words " * 5: 1}),
                        unpaired=Counter(), counts=Counter(), detail=lambda: "")
shown = Progress(tally)
time.sleep(0.2)
shown.step()
time.sleep(0.3)
shown.clear()
"""


def test_the_line_leaves_room_for_what_a_terminal_shows_of_a_control_c():
    """A line as wide as the screen would send the ^C to the next one, and stay there for good."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    subprocess.run([sys.executable, "-c", DRAWS], stderr=theirs, check=True, env={**environment, "TERM": "xterm"})
    drawn = re.sub(r"\x1b\[[\d?;]*[a-zA-Z]", "", os.read(ours, 10_000).decode())
    lines = [line for line in re.split(r"[\r\n]+", drawn) if "fgit select" in line]
    assert lines
    assert max(map(len, lines)) == 47
    os.close(ours)
    os.close(theirs)
