"""The client of OpenAI-compatible servers, against a server that misbehaves on purpose."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgit_cli.engines.generation import Request, RequestFailed, Sampling, server
from fgit_cli.engines.generation.server import ServerEngine
from fgit_cli.errors import EngineError, UsageError
from tests.helpers.served_teacher import lines, records

ROOT = Path(__file__).parent.parent.parent
SAMPLING = Sampling(max_tokens=64)


def requests(number, n=3):
    shown = "```python\ndef add_{0}(x):\n    return x + {0}\n```"
    return [Request(f"r{i}", messages=[{"role": "user", "content": shown.format(i)}], n=n) for i in range(number)]


@pytest.fixture
def ask(served):
    """Ask a server with the named misbehaviour; results, the server, what was warned of."""

    def run(number=30, n=3, concurrency=8, patience=20, sampling=SAMPLING, finished=None, **how):
        started = served(**how)
        warned = []
        engine = ServerEngine("m", [started.url], concurrency=concurrency, patience=patience, warn=warned.append)
        try:
            return list(engine.generate(requests(number, n), sampling, finished)), started, warned
        finally:
            engine.close()

    return run


def whole(results, number, n=3):
    assert [r.key for r, _ in results] == [f"r{i}" for i in range(number)]
    for i, (_, answer) in enumerate(results):
        assert len(answer) == n, answer
        assert all(f"add_{i}(" in c.text for c in answer)
        assert len({c.text for c in answer}) == n


def test_answers_in_order_and_each_asked_once(ask):
    kept = []
    results, asked, warned = ask(slow=0.2, finished=lambda request, index, made: kept.append((request.key, index)))
    whole(results, 30)
    assert sorted(asked.log) == sorted((seed, f"add_{i}") for i in range(30) for seed in range(3))
    assert sorted(kept) == sorted((f"r{i}", 0) for i in range(30))
    assert not warned


@pytest.mark.parametrize(
    "how",
    [
        {"ignore_n": True}, {"refuse": ["n"]}, {"wrong_n": 0.3},
        {"refuse": ["repetition_penalty"]}, {"refuse": ["seed"]},
    ],
    ids=str,
)  # fmt: skip
def test_a_server_that_lacks_something_is_asked_without_it_and_said_so_once(ask, how):
    results, _, warned = ask(**how)
    if how != {"refuse": ["seed"]}:  # the test server draws by the seed alone
        whole(results, 30)
    assert len(warned) == 1
    assert not [1 for _, a in results if isinstance(a, RequestFailed)]


def test_storms_errors_cuts_and_garbage_are_waited_out(ask):
    results, _, _ = ask(number=60, http_429=0.03, http_500=0.1, cut=0.1, garbage=0.1, slow=0.1, seed=3)
    whole(results, 60)


def test_a_row_that_the_server_fails_on_fails_alone(served, monkeypatch):
    monkeypatch.setattr(server, "BACKOFF_SECONDS", (0.01, 0.1))
    engine = ServerEngine("m", [served().url])
    bad = Request("bad", messages=[{"role": "user", "content": "no code: the test server cannot answer this"}])
    good = requests(2)
    # the test server drops the connection on it, again and again
    try:
        results = {r.key: a for r, a in engine.generate([good[0], bad, good[1]], SAMPLING)}
    finally:
        engine.close()
    assert isinstance(results["bad"], RequestFailed)
    assert "8 times" in str(results["bad"])
    assert len(results["r0"]) == len(results["r1"]) == 3


def test_a_server_that_refuses_everything_ends_the_run(ask):
    with pytest.raises(EngineError, match="refuses every request"):
        ask(refuse=["temperature"])


def test_a_proxy_of_the_environment_is_no_way_to_this_machine(ask, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    results, _, _ = ask(number=2)
    whole(results, 2)


def test_a_dead_server_ends_the_run_by_name():
    engine = ServerEngine("m", ["http://127.0.0.1:9/v1"], patience=1)
    started = time.monotonic()
    try:
        with pytest.raises(EngineError, match=r"127\.0\.0\.1:9/v1: cannot connect"):
            list(engine.generate(requests(3), SAMPLING))
    finally:
        engine.close()
    assert time.monotonic() - started < 20


def test_a_silent_server_is_said_in_words_of_every_command(served, monkeypatch):
    monkeypatch.setattr(server, "WARN_SECONDS", (0.0, 60.0))
    said = []
    engine = ServerEngine("m", [served(answer="x", seconds=2).url], timeout=0.1, patience=0.5, warn=said.append)
    with pytest.raises(EngineError, match=r"no reply within 0\.1 s; nothing was answered"):
        list(engine.generate([Request("0", prompt="p")], SAMPLING))
    engine.close()
    assert "given up after 0.5 s" in said[0]
    assert "--timeout" not in said[0]  # eval has no such option


def test_an_address_must_be_one():
    with pytest.raises(UsageError, match="--base-url localhost:8000"):
        ServerEngine("m", ["localhost:8000"])


def test_several_servers_share_the_work_and_one_may_die(served):
    first, second, dead = served(seconds=0.02), served(seconds=0.02), served()
    dead.stop()
    engine = ServerEngine("m", [first.url, dead.url, second.url], concurrency=12)
    try:
        whole(list(engine.generate(requests(60), SAMPLING)), 60)
    finally:
        engine.close()
    shares = [len(first.log), len(second.log)]
    assert sum(shares) == 180
    assert min(shares) > 40


def test_a_server_that_dies_and_comes_back_is_waited_for(served, tmp_path):
    first = served(die=1.0, seconds=0.05)
    engine = ServerEngine("m", [first.url], concurrency=4, patience=60)
    results = []
    died = 0
    try:
        for result in engine.generate(requests(60), SAMPLING):
            results.append(result)
            if len(results) == 20:
                first.process.wait()
            if first.process.poll() is not None and not died:
                died = 1
                first.how = {"seconds": 0.05}
                first.start()
    finally:
        engine.close()
    whole(results, 60)
    assert died


def test_memory_is_bounded_by_the_window(served):
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield requests(1)[0]

    engine = ServerEngine("m", [served().url], concurrency=4)
    stream = engine.generate(endless(), SAMPLING)
    try:
        for _, _ in zip(range(50), stream, strict=False):
            pass
    finally:
        stream.close()
        engine.close()
    assert read <= 50 + 2 * 4


def start_mutate(folder, url, *words, number=120):
    if not (folder / "in.jsonl").exists():
        (folder / "in.jsonl").write_text(lines(records(number)))
    command = [sys.executable, "-m", "fgit_cli", "mutate", "in.jsonl", "-o", "out.jsonl", "--base-url", url, *words]
    return subprocess.Popen(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)


def test_killed_and_started_again_nothing_finished_is_lost_or_sent_again(served, tmp_path):
    teacher = served(seconds=0.05, slow=0.1)
    kills = 0
    while kills < 3:
        run = start_mutate(tmp_path, teacher.url, "--concurrency", "8")
        before = len(teacher.log)
        while len(teacher.log) < before + 60 and run.poll() is None:
            time.sleep(0.01)
        if run.poll() is not None:
            break
        run.send_signal(signal.SIGKILL)
        run.wait()
        kills += 1
        assert not (tmp_path / "out.jsonl").exists()
    run = start_mutate(tmp_path, teacher.url, "--concurrency", "4")  # another concurrency takes the same work up
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert kills == 3
    out = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [r["id"] for r in out] == [f"r{i}" for i in range(120)]
    assert all(len(r["variants"]) == 3 for r in out)
    log = teacher.log
    assert len(set(log)) == 360
    assert len(log) - len(set(log)) <= kills * 8 * 3  # at most the answers that were in flight at each kill
    assert b"answers taken from the work folder" in err


def test_ctrl_c_exits_130_and_keeps_what_is_finished(served, tmp_path):
    teacher = served(seconds=0.05)
    run = start_mutate(tmp_path, teacher.url, "--concurrency", "4")
    while len(teacher.log) < 60:
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130, err
    assert b"Traceback" not in err
    kept = len(teacher.log)
    run = start_mutate(tmp_path, teacher.url, "--concurrency", "4")
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert len(teacher.log) <= 360 + 4 * 3
    assert kept >= 60


def test_equal_answers_name_the_switch(served, fgit):
    ran = fgit("mutate", "--base-url", served(equal=True).url, stdin=lines(records(10)))
    assert ran.code == 4
    assert "sampling is off" in ran.err
    assert "do_sample" in ran.err
    one = fgit("mutate", "--base-url", served(equal=True).url, stdin=lines(records(1)))
    assert one.code == 4


@pytest.mark.parametrize("concurrency", [4, 64])
def test_patience_is_kept_with_a_server_that_is_gone(served, concurrency):
    """Rests and pauses grow to half a minute; with 2 s of patience none of them may outlast it."""
    server = served(answer="x", seconds=0.2)
    engine = ServerEngine("m", [server.url], concurrency=concurrency, patience=2)
    asked = (Request(str(i), messages=[{"role": "user", "content": str(i)}]) for i in range(600))
    answers = engine.generate(asked, Sampling(max_tokens=1))
    next(answers)
    server.stop()
    began = time.monotonic()
    with pytest.raises(EngineError, match="nothing was answered for"):
        list(answers)
    engine.close()
    assert time.monotonic() - began < 8  # what was in flight, 2 s, and a slow machine; it was 36 s
