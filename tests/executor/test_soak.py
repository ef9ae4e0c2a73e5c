"""Under load and over time (`make soak`): no verdict changes, nothing grows. Ten minutes in all on two cores."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fgit_cli.executor import CallJob, Executor, Expected, Rules, encode

pytestmark = pytest.mark.soak

SQUARE = "def f(x):\n    return x * x\n"
INPUTS = tuple(encode([x]) for x in (2, 3, 4))
EXPECTED = Expected(tuple(encode(x) for x in (4, 9, 16)))


@pytest.fixture
def busy():
    """Twenty processes that want the processors."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(20)]
    yield
    for process in processes:
        process.kill()
        process.wait()


def tasks(data):
    """HumanEval's canonical solutions on its base inputs, and one that takes two seconds of a limit of four."""
    jobs = []
    with gzip.open(data / "bench" / "HumanEvalPlus-v0.1.10.jsonl.gz") as lines:
        for task in map(json.loads, lines):
            rules = Rules("poly" if task["entry_point"] == "find_zero" else "equal", task["atol"])
            inputs = tuple(encode(arguments) for arguments in task["base_input"])
            jobs.append((CallJob(task["prompt"] + task["canonical_solution"], task["entry_point"], inputs), rules))
    near = "from time import process_time as t\ndef f(x):\n    end = t() + 2\n    while t() < end: pass\n    return x"
    jobs.append((CallJob(near, "f", (b"[1]",)), Rules()))
    far = "def f(x):\n    while True: pass"
    return jobs, CallJob(far, "f", (b"[1]",), time_limits=0.5)


@pytest.mark.parametrize("workers", [1, 2, 4, 8, 16])
def test_no_verdict_changes_under_load(data, busy, workers):
    jobs, hopeless = tasks(data)
    with Executor("namespaces", workers=workers) as executor:
        outputs = list(executor.imap(lambda pair: executor.run_calls(pair[0]).outputs(), jobs))
        for _ in range(10):
            checks = executor.imap(
                lambda pair: executor.check(pair[0][0], Expected(pair[1], pair[0][1])).status,
                zip(jobs, outputs, strict=True),
            )
            assert Counter(checks) == {"pass": len(jobs)}
            assert executor.check(hopeless, Expected((b"1",))).status == "timeout"


def state(executor):
    """What could grow: descriptors, processes, mounts, files, the sandbox's resident memory (in MB)."""
    process = executor._workers[0]._sandbox._process.pid
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    zygote = int(children[0]) if children else process
    pages = int(Path(f"/proc/{zygote}/statm").read_text().split()[1])
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "zygote's descriptors": len(os.listdir(f"/proc/{zygote}/fd")),
        "mounts": len(Path("/proc/self/mounts").read_text().splitlines()),
        "zygote's mounts": len(Path(f"/proc/{zygote}/mounts").read_text().splitlines()),
        "processes": sum(
            Path(f"/proc/{p}/status").read_text().find(f"PPid:\t{zygote}\n") >= 0
            for p in filter(str.isdigit, os.listdir("/proc"))
            if os.path.exists(f"/proc/{p}/status")
        ),
        "files": len([n for n in os.listdir("/tmp") if n.startswith("fgit-")]),
        "megabytes": pages * os.sysconf("SC_PAGE_SIZE") >> 20,
    }


@pytest.mark.parametrize("level", ["namespaces", "landlock+seccomp"])
def test_nothing_grows_in_ten_thousand_executions(level):
    wrong = "def f(x):\n    open('/tmp/x', 'w').write('y')\n    return 1 // 0"
    with Executor(level) as executor:
        for n in range(10_000):
            code, status = (SQUARE, "pass") if n % 3 else (wrong, "error")
            assert executor.check(CallJob(code, "f", INPUTS), EXPECTED).status == status
            if n == 500:
                before = state(executor)
        after = state(executor)
    growth = after.pop("megabytes") - before.pop("megabytes")
    assert after == before
    assert growth <= 8
