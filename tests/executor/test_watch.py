"""What is said of a sample at its deadline, of a box that tells what a test wants."""

import socket
import time

import pytest

from fgit_cli.executor import wire
from fgit_cli.executor.watch import Watch

JOB = {
    "kind": "calls", "limits": [0.2], "load_limit": 0.2, "output_limits": [10], "patience": 1.5,
    "memory": 1 << 30,
}  # fmt: skip


class Box:
    """A sample that is ready to run or asleep, and gets this share of a processor."""

    crowded, proc = False, -1

    def __init__(self, ready: bool, share: float) -> None:
        self.ready, self.share, self.began = ready, share, time.monotonic()

    def is_ready(self, pid):
        return self.ready

    def processor_seconds(self, pid):
        return self.share * (time.monotonic() - self.began)


def seconds_until_late(box: Box, at_most: float, total_limit: float = 60.0) -> tuple[str, float]:
    """What ends the sample and after how long; "" where nothing did."""
    control, _ = socket.socketpair()
    began = time.monotonic()
    watch = Watch(control, wire.Frames(), box, 1, {**JOB, "total_limit": total_limit}, 0, -1)
    while not (reason := watch._late()) and time.monotonic() - began < at_most:
        time.sleep(max(0.001, min(0.05, watch._deadline() - time.monotonic())))  # as the worker does, until it is late
    control.close()
    return reason, time.monotonic() - began


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_what_waits_for_a_processor_is_looked_at_again(share):
    assert seconds_until_late(Box(ready=True, share=share), at_most=0.5)[0] == ""


@pytest.mark.parametrize(("ready", "share"), [(False, 0.0), (True, 0.75)])
def test_what_sleeps_or_runs_is_over_its_limit(ready, share):
    reason, seconds = seconds_until_late(Box(ready=ready, share=share), at_most=9)
    assert reason == "timeout"
    assert seconds >= 0.2


def test_what_seems_to_wait_for_ever_is_not_waited_for():
    total = 0.02
    reason, seconds = seconds_until_late(Box(ready=True, share=0.0), at_most=9, total_limit=total)
    assert reason == "total"
    assert 20 * total <= seconds < 9  # so many times its total may a sample take that waits
