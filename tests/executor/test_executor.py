"""The executor as its users see it: verdicts, outputs, limits, failures of its own, and that nothing outlives it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from fgit_cli.errors import UsageError
from fgit_cli.executor import CallJob, Executor, Expected, Rules, decode, encode, levels, probe

ROOT = Path(__file__).parents[2]
SQUARE = "def f(x):\n    return x * x\n"
INPUTS = tuple(encode([x]) for x in (2, 3, 4))
EXPECTED = Expected(tuple(encode(x) for x in (4, 9, 16)))


def available(level):
    try:
        probe(level)
    except UsageError as error:
        pytest.skip(str(error))
    return level


@pytest.fixture(scope="module", params=["namespaces", "landlock+seccomp", "none"])
def executor(request):
    with Executor(available(request.param), workers=2, memory=1 << 30) as made:
        assert made.level == request.param
        yield made


def check(executor, code, **limits):
    return executor.check(CallJob(code, "f", INPUTS, **limits), EXPECTED)


def test_outputs_come_back_with_times(executor):
    done = executor.run_calls(CallJob(SQUARE, "f", INPUTS))
    assert [decode(o) for o in done.outputs()] == [4, 9, 16]
    assert done.load.status == "ok"
    slow = executor.run_calls(CallJob("import time\ndef f(x):\n    time.sleep(0.1)", "f", INPUTS))
    assert all(0.09 < call.seconds < 5 for call in slow.calls)


@pytest.mark.parametrize(
    ("code", "status", "failed", "error"),
    [
        (SQUARE, "pass", None, None),
        ("def f(x):\n    return x ** 2.0", "pass", None, None),
        ("def f(x):\n    return x + 2", "fail", 1, "WrongOutput: input 1: 5"),
        ("def f(x):\n    return x // (x - 3)", "fail", 0, "WrongOutput: input 0: -2"),
        (
            "def f(x):\n    return 4 if x == 2 else 1 // 0",
            "error",
            1,
            "ZeroDivisionError: integer division or modulo by zero",
        ),
        ("def g(x):\n    return x", "error", -1, "KeyError: 'f'"),
        ("def f(x:", "error", -1, "SyntaxError: '(' was never closed (<string>, line 1)"),
        ("def f(x):\n    return [0] * (1 << 40)", "memory", 0, "MemoryError"),
        ("import os\ndef f(x):\n    os._exit(3)", "error", 0, "Died: exited with status 3 before its end"),
        ("def f(x):\n    return 'x' * 300000", "fail", 0, "OutputLimit: more output than allowed"),
    ],
)
def test_verdicts(executor, code, status, failed, error):
    result = check(executor, code)
    assert (result.status, result.failed_input, result.error) == (status, failed, error)


BUSY = """
import time
def f(x):
    end = time.process_time() + {seconds}
    while time.process_time() < end: pass
    return x * x
"""


@pytest.mark.parametrize(
    ("code", "reruns"),
    [
        ("import time\ndef f(x):\n    if x == 3: time.sleep(9)\n    return x * x", 1),  # beyond any limit here
        (BUSY.format(seconds="(x == 3) * 0.36"), 1),  # beside others this could be their doing
        ("def f(x):\n    while x == 3: pass\n    return x * x", 0),  # this could not
    ],
)
def test_a_timeout_is_decided_alone_or_far_beyond_the_limit(executor, code, reruns):
    began = time.monotonic()
    result = check(executor, code, time_limits=0.3)
    assert (result.status, result.failed_input, result.details) == ("timeout", 1, (True, False))
    assert result.reruns == reruns
    assert result.seconds >= 0.3 * (1 if reruns else 1.5)
    assert time.monotonic() - began < 30


def test_what_was_too_slow_beside_others_and_is_not_alone_passes(tmp_path):
    code = f"""
import os, time
def f(x):
    if x == 3 and not os.path.exists({str(tmp_path / "second")!r}):
        open({str(tmp_path / "second")!r}, "w").close()
        end = time.process_time() + 0.36
        while time.process_time() < end: pass
    return x * x
"""
    with Executor("none", workers=2) as unprotected:
        result = check(unprotected, code, time_limits=0.3)
    assert (result.status, result.reruns) == ("pass", 1)


def test_a_single_worker_is_always_alone():
    with Executor("none", workers=1) as unprotected:
        result = check(unprotected, BUSY.format(seconds=0.36), time_limits=0.3)
        assert (result.status, result.failed_input, result.reruns) == ("timeout", 0, 0)


def test_workers_that_are_not_needed_are_not_started():
    """On a machine with many cores a few samples start a few sandboxes, not one for each core."""
    with Executor("none", workers=64) as unprotected:
        for _ in range(3):
            assert check(unprotected, SQUARE).status == "pass"
        assert sum(worker._sandbox is not None for worker in unprotected._workers) == 1


def test_the_total_limit_ends_what_no_single_limit_does(executor):
    result = check(executor, "import time\ndef f(x):\n    time.sleep(0.3)\n    return x * x", total_limit=0.5)
    assert (result.status, result.error) == ("timeout", "Timeout: the total time limit ran out")


def test_a_busy_sample_far_beyond_the_total_limit_is_not_run_again(executor):
    result = check(executor, BUSY.format(seconds=0.3), total_limit=0.4)
    assert (result.status, result.error, result.reruns) == ("timeout", "Timeout: the total time limit ran out", 0)
    outcome = executor.run_script("while True: pass", limit=0.3)
    assert (outcome.status, outcome.reruns) == ("timeout", 0)
    outcome = executor.run_script("import time; time.sleep(9)", limit=0.3)  # far longer than its limit
    assert (outcome.status, outcome.reruns) == ("timeout", 1)


def test_a_busy_sample_is_over_as_soon_as_the_total_is_used(executor):
    """Patience is for one input: of a total that is spent nobody need be certain for half as long again."""
    result = check(executor, "import time\ndef f(x):\n    while True: pass", time_limits=9, total_limit=1.0)
    assert (result.status, result.reruns, result.out_of_total) == ("timeout", 0, True)
    assert 0.9 < result.seconds - result.starved < 1.4
    assert not check(executor, SQUARE, total_limit=9).out_of_total


def test_after_an_input_that_took_too_long_beside_others_no_other_is_waited_for(tmp_path):
    """The run is repeated alone whatever they say."""
    code = f"""
import os, time
def f(x):
    first = not os.path.exists({str(tmp_path / "second")!r})
    if x == 2 and first:
        open({str(tmp_path / "second")!r}, "w").close()
        open({str(tmp_path / "slow")!r}, "w").close()
        end = time.process_time() + 0.36
        while time.process_time() < end: pass
    elif os.path.exists({str(tmp_path / "slow")!r}):
        os.remove({str(tmp_path / "slow")!r})
        if x != 2: time.sleep(20)  # would be seen in the time if it were waited for
    return x * x
"""
    with Executor("none", workers=2) as unprotected:
        began = time.monotonic()
        result = check(unprotected, code, time_limits=(0.3, 30, 30))
    assert (result.status, result.reruns) == ("pass", 1)
    assert time.monotonic() - began < 15


def test_every_input_is_judged_where_asked(executor):
    result = check(executor, "def f(x):\n    return 9 if x == 3 else 1 // 0", keep_going=True)
    assert (result.status, result.details) == ("error", (False, True, False))


def test_iterators_are_listed_for_tasks_compared_as_sets(executor):
    job = CallJob("def f(x):\n    return (i for i in (x, x, 1))", "f", (encode([2]),), collect=True)
    assert executor.check(job, Expected((encode((1, 2)),), Rules("set"))).status == "pass"


def test_a_value_that_is_not_equal_to_itself_never_passes(executor):
    job = CallJob("def f(x):\n    return float('nan')", "f", (encode([2]),))
    assert executor.check(job, Expected((encode(float("nan")),))).status == "fail"


def test_inputs_and_outputs_must_match_in_number(executor):
    with pytest.raises(ValueError, match="3 inputs but 1 expected"):
        executor.check(CallJob(SQUARE, "f", INPUTS), Expected((b"4",)))


@pytest.mark.parametrize(
    ("code", "tests", "status", "stage", "error"),
    [
        ("x = 1", "assert x == 1", "pass", "tests", ""),
        ("x = 1", "assert x == 2, 'no'", "fail", "tests", "AssertionError"),
        ("x = 1", "y", "error", "tests", "NameError"),
        ("x =", "pass", "error", "code", "SyntaxError"),
        ("raise SystemExit(0)", "assert False", "error", "code", "SystemExit"),
        ("import os; os._exit(0)", "pass", "error", "code", "Died"),
        ("raise SystemExit(0)", "", "pass", "tests", ""),
        ("while True: pass", "", "timeout", "code", "Timeout"),
        ("x = [0] * (1 << 40)", "", "memory", "code", "MemoryError"),
        ("if __name__ == '__main__': x = 1", "assert x", "pass", "tests", ""),
    ],
)
def test_scripts(executor, code, tests, status, stage, error):
    outcome = executor.run_script(code, tests, limit=0.5)
    assert (outcome.status, outcome.stage, outcome.error_type) == (status, stage, error)


def test_standard_input_and_output(executor):
    text = "1\n" * 100_000
    outcome = executor.run_script("import sys\nprint(sum(map(int, sys.stdin)), 'é')", stdin=text, stdout_limit=100)
    assert (outcome.status, outcome.stdout) == ("pass", "100000 é\n")
    cut = executor.run_script("print('x' * 1000)", stdout_limit=100)
    assert (cut.status, cut.stdout, cut.truncated) == ("error", "x" * 100, True)
    threaded = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.1), print('late'))).start()"
    assert executor.run_script(threaded, stdout_limit=100).stdout == "late\n"


def test_the_tests_may_leave_a_report(executor):
    outcome = executor.run_script("", "__report__ = {'ran': 3, 'names': ('a',)}")
    assert decode(outcome.report) == {"ran": 3, "names": ("a",)}


def test_a_report_that_stalls_its_reader_is_none(executor):
    tests = "__report__ = {n * (2**61 - 1) for n in range(20_000)}"
    outcome = executor.run_script("", tests, limit=60)
    assert (outcome.status, outcome.report, outcome.error_type) == ("error", b"", "MalformedReport")


def test_random_numbers_are_the_same_each_time(executor):
    code = "import random\ndef f(x):\n    return [random.random(), hash('a')]"
    first, second = (executor.run_calls(CallJob(code, "f", INPUTS)).outputs() for _ in range(2))
    assert first == second


def test_results_keep_the_order_of_the_jobs(executor):
    code = "import time\ndef f(x):\n    time.sleep(x)\n    return x"
    jobs = [CallJob(code, "f", (encode([x]),)) for x in (0.3, 0.0, 0.1, 0.0)]
    outputs = [decode(done.outputs()[0]) for done in executor.imap(executor.run_calls, jobs)]
    assert outputs == [0.3, 0.0, 0.1, 0.0]


@pytest.mark.parametrize("ahead", [1, 3])
def test_no_more_is_taken_than_may_be_in_flight(ahead):
    taken = []
    with Executor("none", workers=2) as executor:
        results = executor.imap(str, (taken.append(n) or n for n in range(20)), ahead)
        for given, result in enumerate(results):
            assert result == str(given)
            assert len(taken) <= given + 2 * ahead
    assert len(taken) == 20


def test_leaving_in_the_middle_does_not_wait_for_what_runs():
    with Executor(available("namespaces"), workers=2) as executor:
        began = time.monotonic()
        results = executor.imap(executor.run_script, ["x = 1", *["import time; time.sleep(30)"] * 4])
        assert next(results).status == "pass"
        results.close()
        assert time.monotonic() - began < 10


def test_an_interrupt_while_the_sandbox_starts_is_not_lost():
    with Executor(available("namespaces"), workers=1) as executor:
        (worker,) = executor._workers
        start = worker._start

        def start_interrupted():
            sandbox = start()
            worker.interrupt()  # not known to the worker yet
            return sandbox

        worker._start = start_interrupted
        began = time.monotonic()
        assert executor.run_script("import time; time.sleep(30)").status == "infra"
        assert time.monotonic() - began < 10


def test_a_sandbox_that_dies_is_replaced_and_the_job_run_again(executor):
    workers = executor._workers
    for worker in workers:
        if worker._sandbox is None:
            worker.outputs(CallJob(SQUARE, "f", INPUTS))

    def strike():
        time.sleep(0.2)
        for worker in workers:
            worker._sandbox._process.kill()

    striker = threading.Thread(target=strike)
    striker.start()
    result = check(executor, "import time\ndef f(x):\n    time.sleep(0.2)\n    return x * x")
    striker.join()
    assert (result.status, result.reruns) == ("pass", 1)


def test_two_failures_of_ours_are_no_verdict(executor, monkeypatch):
    def fail():
        raise levels.SandboxFailed("no such luck")

    with monkeypatch.context() as patch:
        for worker in executor._workers:
            worker.drop()
            patch.setattr(worker, "_start", fail)
        result = check(executor, SQUARE)
        assert (result.status, result.error) == ("infra", "no such luck")
        assert executor.run_script("x = 1").status == "infra"
        assert executor.run_calls(CallJob(SQUARE, "f", INPUTS)).infra == "no such luck"
    assert check(executor, SQUARE).status == "pass"


def processes_of(group):
    """Numbers of the live processes in the sessions that `group`'s children started."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if words[0] != "Z" and group in command:
            found.add(int(name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("level", ["namespaces", "landlock+seccomp"])
def test_nothing_runs_on_when_the_parent_is_killed(level, tmp_path):
    available(level)
    copy = tmp_path / "code-of-the-doomed"
    copy.symlink_to(ROOT)
    program = f"""
import sys
sys.path.insert(0, {str(copy)!r})
from fgit_cli.executor import *
with Executor({level!r}, workers=2) as executor:
    executor.check(CallJob("def f(x): return x", "f", (b"[1]",)), Expected((b"[2]",)))
    print("ready", flush=True)
    list(executor.imap(executor.run_script, ["while True: pass"] * 2))
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.5)
    mark = str(copy).encode()
    assert len(processes_of(mark)) >= 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 10
    while processes_of(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(mark) == set()


def test_leaving_the_executor_ends_everything():
    with Executor(available("namespaces"), workers=1) as executor:
        executor.run_script("x = 1")
        pid = executor._workers[0]._sandbox._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# levels


def test_the_strongest_level_is_taken_and_said(monkeypatch):
    monkeypatch.setattr(levels, "self_test", lambda level, profile: "" if level == "landlock+seccomp" else "forbidden")
    assert probe("auto") == ("landlock+seccomp", "namespaces: forbidden")
    assert probe("container") == ("container", "stated by the user")


def test_no_level_at_all_names_the_ways_out(monkeypatch):
    monkeypatch.setattr(levels, "self_test", lambda level, profile: "forbidden")
    with pytest.raises(
        UsageError, match=r"namespaces: forbidden; landlock.seccomp: forbidden; .*image.*--isolation none"
    ):
        probe("auto")
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(UsageError, match=r"no sandbox on darwin; .*image.*--isolation none"):
        probe("auto")
    assert probe("none")[0] == "none"


def test_the_self_test_sees_what_no_sandbox_lets_through(monkeypatch):
    found = levels.self_test("none", "pure")
    assert "read a file of the user" in found
    assert "make a process" in found


def test_a_container_is_taken_at_its_word_but_root_is_left():
    with Executor("container") as executor:
        assert check(executor, SQUARE).status == "pass"
        outcome = executor.run_script("import os, colorsys; open('x', 'w').close(); __report__ = os.getuid()")
        assert (outcome.status, outcome.message) == ("pass", "")
        assert decode(outcome.report) != 0
        folder = Path(executor._workers[0]._sandbox._scratch)
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def test_open_has_no_landlock_level():
    with pytest.raises(UsageError, match="`pure` only"):
        probe("landlock+seccomp", "open")


@pytest.mark.parametrize("place", ["/tmp", "/var/tmp", "/dev/shm", "/var/lib", "a link"])
def test_an_environment_is_not_hidden_by_the_samples_own_folders(place, tmp_path):
    """Those that the sandbox replaces by its own, and one that is reached through an absolute link."""
    available("namespaces")
    if place != "a link" and not os.access(place, os.W_OK):
        pytest.skip(f"{place} cannot be written here")
    home = made = Path(tempfile.mkdtemp(dir=tmp_path if place == "a link" else place))
    if place == "a link":
        home = tmp_path / "link"
        home.symlink_to(made)
    try:
        os.chmod(made, 0o755)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
        [packages] = (home / "venv").glob("lib/python*/site-packages")
        (packages / "uncommon.py").write_text("answer = 42\n")
        program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from fgit_cli.executor import Executor
with Executor("namespaces", preload=()) as executor:
    outcome = executor.run_script("import uncommon, os; os.mkdir('x'); open('/tmp/y', 'w').write('z')")
    print(outcome.status, outcome.message)
"""
        done = subprocess.run([home / "venv/bin/python", "-c", program], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("pass \n", "")
    finally:
        shutil.rmtree(made)


def test_a_missing_module_is_named():
    with (
        Executor(available("namespaces"), preload=("no_such_module",)) as executor,
        pytest.raises(UsageError, match="cannot import no_such_module"),
    ):
        executor.run_script("x = 1")


# the open profile


@pytest.fixture(scope="module")
def opened():
    available("namespaces")
    with Executor("namespaces", profile="open", memory=512 << 20) as executor:
        yield executor


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; assert subprocess.check_output(['/bin/sh', '-c', 'echo hi']) == b'hi\\n'",
        "import multiprocessing as m\nwith m.Pool(2) as p: assert p.map(abs, [-1, 2]) == [1, 2]",
        "import socket\ns = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname()).close()",
        "import os, signal; assert os.getpid() != 1; assert os.path.exists('/proc/self/status')",
        "import os\nif not os.fork(): os._exit(7)\nassert os.waitstatus_to_exitcode(os.wait()[1]) == 7",
        "import tempfile, pathlib\npathlib.Path(tempfile.mkdtemp(), 'x').write_text('y')",
    ],
)
def test_open_allows_processes_and_loopback(opened, code):
    outcome = opened.run_script(code, limit=20)
    assert (outcome.status, outcome.message) == ("pass", "")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import socket; socket.create_connection(('192.0.2.1', 9), 1)", "error"),
        ("import os\nos.open('/x', os.O_CREAT)", "error"),
        ("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0", "fail"),
        ("import ctypes\nassert ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0", "fail"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "error"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "timeout memory"),
        ("import os\nfor i in range(4): os.fork()\nx = bytearray(400 << 20)\nwhile True: pass", "memory"),
        ("import subprocess\nsubprocess.Popen('nohup sleep 987654 &', shell=True)\nimport os; os._exit(0)", "error"),
    ],
)  # fmt: skip
def test_open_lets_nothing_out(opened, code, status):
    assert opened.run_script(code, limit=3).status in status.split()
    assert opened.run_script("x = 1").status == "pass"
    assert not processes_of(b"987654")
