"""The process that compares holds to its time and its memory, whoever else is at work on the machine."""

import multiprocessing
import os
import sys
import time

import pytest

from fgit_cli.executor import Rules, encode
from fgit_cli.executor.comparator import Comparator, ComparisonStalled


def colliding(n):
    """A set of integers with one hash, as what crosses: looking it up takes n * n steps."""
    return b'{"set":[' + b",".join(b'{"int":"%x"}' % (i * ((1 << 61) - 1)) for i in range(1, n)) + b"]}"


def spin(until):
    while time.monotonic() < until:
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's processor time")
def test_the_time_holds_under_load():
    comparator = Comparator()
    assert comparator.compare(Rules("set"), b"[1]", b"[1]", b"[]", (0, 0), 30)
    until, value = time.monotonic() + 12, colliding(60_000)
    busy = [multiprocessing.Process(target=spin, args=(until,)) for _ in range(3 * (os.cpu_count() or 1))]
    for process in busy:
        process.start()
    try:
        began = time.monotonic()
        with pytest.raises(ComparisonStalled):
            comparator.compare(Rules("set"), value, value, b"[]", (0, 0), 1.0)
        assert time.monotonic() - began < 4.0  # twice the limit, and some for a loaded machine
    finally:
        for process in busy:
            process.kill()
            process.join()
        comparator.close()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux alone")
def test_a_comparison_has_no_more_memory_than_the_sample():
    value = b"[" + b",".join([b'"%032d"' % 7] * 1_000_000) + b"]"  # some 100 MB, decoded
    small, large = Comparator(16 << 20), Comparator(2 << 30)
    try:
        assert not small.compare(Rules(), value, value, b"[]", (0, 0), 60)
        assert small.compare(Rules(), encode([1]), encode([1]), b"[]", (0, 0), 60)  # and the next is not harmed
        assert large.compare(Rules(), value, value, b"[]", (0, 0), 60)
    finally:
        small.close()
        large.close()
