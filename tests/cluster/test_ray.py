"""Filters over a real cluster of two nodes on this machine: equal to one process, and nothing is lost by a kill."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgit_cli import jsonl
from fgit_cli.benches.mini import STUDENT
from tests.helpers.served_teacher import served  # noqa: F401
from tests.helpers.small_unixcoder import unixcoder  # noqa: F401

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")
ROOT = Path(__file__).parent.parent.parent
SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20}


@contextlib.contextmanager
def cluster_of(count, **each):
    """A cluster of a head, which runs no task, and so many nodes, without any connection of this process."""
    here = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    before = {name: os.environ.get(name) for name in here}
    os.environ |= here
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "num_cpus": 0, "include_dashboard": False})
    try:
        for _ in range(count):
            cluster.add_node(**SMALL, **each)
        yield cluster
    finally:
        cluster.shutdown()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def nodes():
    with cluster_of(2) as cluster:
        yield cluster


@pytest.fixture
def gpu_nodes():
    """Two nodes that say of themselves to have a GPU each; what runs there finds none and takes the processor."""
    with cluster_of(2, num_gpus=1) as cluster:
        yield cluster


def node_of(cluster, pid):
    """The node on which a worker runs."""
    raylets = {node.all_processes["raylet"][0].process.pid: node for node in cluster.list_all_nodes()}
    return next(node for parent in psutil.Process(pid).parents() if (node := raylets.get(parent.pid)))


def record(number):
    code = f"def f{number}(a, b):\n    c = a + b\n    return c * {number}\n"
    wrong = code if number % 9 == 0 else code.replace("+", "-")
    tests = f"assert f{number}(1, 2) == {3 * number}"
    return {"instruction": f"Write f{number}.\u2028", "response": code, "incorrect": wrong, "tests": tests}


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for i in range(4):
        text = b"".join(jsonl.dumps(record(n)) for n in range(10 * i, 10 * i + 10))
        (folder / f"s{i}.jsonl").write_bytes(text)
    return folder


BENCH = {"task_id": "H/0", "prompt": "def f3(a, b):\n", "canonical_solution": record(3)["response"][14:]}
COMMANDS = {
    "decontaminate": ("--against", "bench.jsonl"),
    "diff": (),
    "mask": ("--tokenizer", str(STUDENT), "--template", "plain"),
    "mutate": ("--from-batch", "answers.jsonl"),
    "mutate by rules": ("--method", "universalmutator"),
    "select": ("--by", "edit"),
}


def answer_batch(fgit, folder, shards):
    """The answers to the requests of `mutate --emit-batch`; one of them failed."""
    sent = fgit("mutate", "--emit-batch", "batch.jsonl", str(shards / "*.jsonl"))
    assert sent.code == 0, sent.err
    answers = []
    for number, request in enumerate(jsonl.read([str(folder / "batch.jsonl")])):
        texts = [f"```python\n{record(number)['response'].replace('+', sign)}```" for sign in "-*%"]
        choices = [{"index": i, "finish_reason": "stop", "message": {"content": t}} for i, t in enumerate(texts)]
        body = {"choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
        response = None if number == 17 else {"status_code": 200, "body": body}
        answers.append({"custom_id": request["custom_id"], "response": response, "error": {"message": "late"}})
    (folder / "answers.jsonl").write_bytes(b"".join(map(jsonl.dumps, reversed(answers))))


soak = pytest.mark.soak  # what test_pieces.py holds without a cluster, or takes long on a machine with two cores


@pytest.mark.parametrize("command", ["mask", *(pytest.param(name, marks=soak) for name in COMMANDS if name != "mask")])
def test_a_cluster_makes_what_one_process_makes(fgit, tmp_path, nodes, shards, command):
    if command == "mutate by rules":
        pytest.importorskip("universalmutator")
    (tmp_path / "bench.jsonl").write_bytes(jsonl.dumps(BENCH))
    if command == "mutate":
        answer_batch(fgit, tmp_path, shards)
    words = (command.split()[0], *COMMANDS[command], str(shards / "*.jsonl"))
    command = words[0]
    one = fgit(*words, "--output", "one.jsonl", "--rejects", "left.jsonl")
    many = fgit(*words, "--ray", nodes.address, "--output", "out", "--rejects", "rejects/")
    assert (one.code, many.code, many.out) == (0, 0, ""), many.err
    for folder, name in (("out", "one.jsonl"), ("rejects", "left.jsonl")):
        parts = sorted((tmp_path / folder).glob("*.jsonl"))
        assert [part.name for part in parts] == [f"s{i}.jsonl" for i in range(4)]
        assert b"".join(part.read_bytes() for part in parts) == (tmp_path / name).read_bytes()
    assert (tmp_path / "left.jsonl").read_bytes() or command in ("mutate", "decontaminate")

    def said(err):
        return [line for line in err.splitlines() if " pieces left" not in line and "isolation" not in line]

    assert said(many.err)[-1] == said(one.err)[-1]
    again = fgit(*words, "--ray", nodes.address, "--output", "out", "--rejects", "rejects/")
    assert again.err.splitlines()[0] == f"fgit {command}: 4 of 4 pieces are done in out"
    assert again.err.splitlines()[-1] == said(one.err)[-1]


@soak
def test_similarity_by_a_model_is_that_of_one_process_but_for_rounding(fgit, tmp_path, nodes, shards, unixcoder):  # noqa: F811
    words = ("select", "--by", str(unixcoder), "--device", "cpu", str(shards / "*.jsonl"))
    one = fgit(*words, "--output", "one.jsonl")
    many = fgit(*words, "--ray", nodes.address, "--output", "out")
    assert (one.code, many.code, many.out) == (0, 0, ""), many.err
    found = [r for i in range(4) for r in jsonl.read([str(tmp_path / "out" / f"s{i}.jsonl")])]
    wanted = list(jsonl.read([str(tmp_path / "one.jsonl")]))
    assert [r.pop("similarity") for r in found] == pytest.approx([r.pop("similarity") for r in wanted], abs=1e-5)
    assert found == wanted
    assert many.err.splitlines()[-1] == one.err.splitlines()[-1]


@soak
def test_samples_of_a_task_in_several_pieces_are_numbered_through(fgit, tmp_path, nodes):
    bench = {"task_id": "T/0", "prompt": "def add(a, b):\n", "entry_point": "add", "tests": "assert add(1, 2) == 3"}
    (tmp_path / "bench.jsonl").write_bytes(jsonl.dumps(bench))
    for i, sign in enumerate("+-+"):
        sample = {"task_id": "T/0", "solution": f"def add(a, b):\n    return a {sign} b\n"}
        (tmp_path / f"s{i}.jsonl").write_bytes(jsonl.dumps(sample) * 2)
    words = ("eval", "--bench", "bench.jsonl", "--isolation", "none", "s?.jsonl")
    one = fgit(*words, "--workers", 1)  # records tell how many ran beside each other
    many = fgit(*words, "--ray", nodes.address, "--output", "out")
    assert (one.code, many.code, many.out) == (0, 0, ""), many.err
    found = [json.loads(line) for i in range(3) for line in (tmp_path / "out" / f"s{i}.jsonl").read_text().splitlines()]
    wanted = [json.loads(line) for line in one.out.splitlines()]
    assert [{**r, "seconds": 0} for r in found] == [{**r, "seconds": 0} for r in wanted]
    assert [r["sample"] for r in found] == [*range(6)]
    assert many.err.splitlines()[-1] == one.err.splitlines()[-1]
    assert "pass@1 66.7" in one.err


def test_a_piece_that_fails_stops_no_other_and_the_exit_code_says_so(fgit, tmp_path, nodes, shards):
    (shards / "s1.jsonl").write_text('{"instruction": "x", "response": "y"}\n')
    words = ("diff", str(shards / "*.jsonl"), "--ray", nodes.address, "--output", "out")
    done = fgit(*words)
    last = done.err.splitlines()[-1]
    assert done.code == 3
    assert f"s1.jsonl: {shards}/s1.jsonl:1: no incorrect response" in last
    assert "1 of 4 pieces failed, the others are done; the same command does what is missing" in last
    assert {p.name for p in (tmp_path / "out").glob("*.jsonl")} == {"s0.jsonl", "s2.jsonl", "s3.jsonl"}
    (shards / "s1.jsonl").write_bytes(jsonl.dumps(record(1)))
    again = fgit(*words)
    assert (again.code, again.err.splitlines()[0]) == (0, "fgit diff: 3 of 4 pieces are done in out")
    assert "31 in, 27 out; 4 left out" in again.err
    assert not (tmp_path / "out" / ".fgit" / "attempts").exists()


@soak
def test_limits_count_over_all_pieces(fgit, nodes, shards):
    words = ("diff", str(shards / "*.jsonl"), "--ray", nodes.address, "--output", "out")
    assert "5 of 40 records left out, more than --max-rejects 0.1" in fgit(*words, "--max-rejects", 0.1).err
    assert fgit(*words, "--max-rejects", 0.2).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.jsonl",), "name a folder: --output DIR"),
        (("--output", "out"), "--ray reads files"),
        (("-", "--output", "out"), "--ray reads files"),
        (("a.jsonl", "--output", "a.jsonl"), "a.jsonl is a file; with --ray --output and --rejects are folders"),
        (
            ("a.jsonl", "--output", "b.parquet"),
            "b.parquet is the name of a file; with --ray --output and --rejects are",
        ),
        (("a.jsonl", "--output", "out", "--rejects", "b.jsonl.gz"), "b.jsonl.gz is the name of a file"),
        (("a.jsonl", "--output", "out", "--rejects", "./out/"), "--rejects and --output name the same folder"),
        (("a.jsonl", "--output", "out", "--html", "x"), "--html does not go with --ray"),
        (("b.jsonl", "--output", "out"), "b.jsonl: cannot be opened"),
        (("a.jsonl", "--output", "out", "--ray", "ray://head:10001"), "Ray's client is not used; type the command on"),
    ],
)
def test_what_makes_no_sense_over_a_cluster_is_refused(fgit, tmp_path, words, said):
    (tmp_path / "a.jsonl").write_bytes(jsonl.dumps(record(1)))
    done = fgit("diff", "--ray", "auto", *words)
    assert done.code in (2, 3)
    assert said in done.err
    assert len(done.err.splitlines()) == 1


@soak
def test_no_cluster_is_one_line(fgit, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl.dumps(record(1)))
    done = fgit(
        "diff", "--ray", "127.0.0.1:1", "a.jsonl", "--output", "out", env={"RAY_gcs_rpc_server_connect_timeout_s": "1"}
    )
    assert done.code == 4
    assert (
        "no answer; does the cluster run, and is its token known here (RAY_AUTH_MODE=token" in done.err.splitlines()[-1]
    )


@soak
def test_a_cluster_with_a_token_lets_in_who_knows_it(fgit, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(jsonl.dumps(record(1)))
    home = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    known = {**home, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-this-test-alone"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["start", "--head", "--block", f"--port={port}", "--num-cpus=1", "--include-dashboard=false"]
    words += ["--object-store-memory=80000000", "--disable-usage-stats", "--node-ip-address=127.0.0.1"]
    cluster = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", *words], env={**os.environ, **known}, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        words = ("diff", "a.jsonl", "--ray", f"127.0.0.1:{port}", "--output", "out")
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)  # looked at again until the cluster listens
        for unknown in (home, {**known, "RAY_AUTH_TOKEN": "another"}):
            refused = fgit(*words, env=unknown)
            assert refused.code == 4
            [line] = refused.err.splitlines()
            assert "the cluster asks for a token, and its own is not known here; set RAY_AUTH_MODE=token, with" in line
        done = fgit(*words, env=known)
        assert (done.code, done.out) == (0, ""), done.err
        assert done.err.splitlines()[-1] == "fgit diff: 1 in, 1 out"
    finally:
        os.killpg(cluster.pid, signal.SIGTERM)
        cluster.wait(timeout=60)


class Driver:
    """The slow filter over three pieces in a process of its own; `mark` has the pid of the worker that waits."""

    def __init__(self, tmp_path, address, *more):
        self.mark, self.out = tmp_path / "mark", tmp_path / "out"
        for i in range(3):
            records = [{"n": 2 * i, **({"mark": str(self.mark)} if i == 1 else {})}, {"n": 2 * i + 1}]
            (tmp_path / f"p{i}.jsonl").write_bytes(b"".join(map(jsonl.dumps, records)))
        self.words = [sys.executable, "-m", "tests.helpers.slow_filter", address, str(self.out)]
        self.words += [*(str(tmp_path / f"p{i}.jsonl") for i in range(3)), *more]

    def start(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True)
        return self

    def waiting(self):
        """The pid of the worker that waits."""
        for _ in range(600):
            if self.mark.exists() and self.mark.read_text():
                return int(self.mark.read_text())
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.1)  # looked at again until another process has written it
        raise AssertionError("no worker came to the mark")

    def end(self):
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err

    def check(self, err):
        """Nothing is lost and nothing doubled."""
        found = [r["n"] for i in range(3) for r in jsonl.read([str(self.out / f"p{i}.jsonl")])]
        assert found == [*range(6)]
        assert "6 in, 6 out; " in err
        assert "6 seen" in err
        assert [p.name for p in (self.out / ".fgit").iterdir()] == ["counts"]


def test_a_worker_that_is_killed_loses_nothing(tmp_path, nodes):
    driver = Driver(tmp_path, nodes.address).start()
    os.kill(driver.waiting(), signal.SIGKILL)
    code, out, err = driver.end()
    assert (code, out) == (0, "")
    assert "p1.jsonl: its worker was lost" in err
    driver.check(err)


def test_a_driver_that_is_killed_is_taken_up_by_the_same_command(tmp_path, nodes):
    driver = Driver(tmp_path, nodes.address).start()
    driver.waiting()
    driver.process.kill()
    driver.end()
    assert not (driver.out / "p1.jsonl").exists()
    code, out, err = driver.start().end()
    assert (code, out) == (0, "")
    driver.check(err)


@soak
def test_an_interrupted_run_says_what_is_done_and_goes_on(fgit, tmp_path, nodes, served, shards):  # noqa: F811
    server = served(seconds=0.2)
    words = ("mutate", "--base-url", server.url, "--ray", nodes.address, str(shards / "*.jsonl"), "--output", "out")
    words = [*words, "--concurrency", "1", "--variants", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", *words], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
    )  # fmt: skip
    for _ in range(600):
        if list((tmp_path / "out").glob("*.jsonl")):
            break
        time.sleep(0.1)  # looked at again until the first piece is done
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    done = len(list((tmp_path / "out").glob("*.jsonl")))
    assert 1 <= done < 4
    assert err.splitlines()[-1] == "fgit mutate: interrupted; what was finished is written"
    assert "pieces were done in this run; the same command does the other" in err.splitlines()[-2]
    again = fgit(*words)
    assert again.code == 0
    assert re.match(rf"fgit mutate: [{done}-3] of 4 pieces are done in out", again.err)
    assert "40 in, 40 out" in again.err
    found = [r for i in range(4) for r in jsonl.read([str(tmp_path / "out" / f"s{i}.jsonl")])]
    assert [r["instruction"] for r in found] == [record(n)["instruction"] for n in range(40)]


@soak
def test_a_node_that_is_killed_loses_nothing(tmp_path, nodes):
    driver = Driver(tmp_path, nodes.address).start()
    home = node_of(nodes, driver.waiting())
    assert home is not nodes.head_node  # it has no core
    nodes.remove_node(home, allow_graceful=False)
    try:
        code, out, err = driver.end()
    finally:
        nodes.add_node(**SMALL)
    assert (code, out) == (0, ""), err
    assert "p1.jsonl: its worker was lost" in err
    driver.check(err)


@soak
def test_pairs_are_made_from_instructions_over_a_cluster(fgit, tmp_path, nodes, served):  # noqa: F811
    """`refine`: a teacher's server, and programs that run on the nodes."""
    pytest.importorskip("coverage")
    right, tests = "def double(x):\n    return 2 * x\n", "assert double(3) == 6\nassert double(0) == 0\n"
    wrong = right.replace("2", "3")

    def both(code):
        return f"```python\n{code}```\n\n```python\n{tests}```\n"

    url = served(script={"[repairs]": [both(wrong), f"```python\n{right}```"], "[at once]": [both(right)]}).url
    (tmp_path / "in").mkdir()
    for i, marks in enumerate((["repairs", "at once"], ["at once"], ["repairs", "repairs"])):
        rows = [{"instruction": f"Double {i}.{j} [{mark}]"} for j, mark in enumerate(marks)]
        (tmp_path / "in" / f"s{i}.jsonl").write_bytes(b"".join(map(jsonl.dumps, rows)))
    words = ("refine", "--base-url", url, str(tmp_path / "in" / "*.jsonl"))
    one = fgit(*words, "--output", "one.jsonl", "--rejects", "left.jsonl")
    many = fgit(*words, "--ray", nodes.address, "--output", "out", "--rejects", "rejects")
    assert (one.code, many.code, many.out) == (0, 0, ""), many.err
    for folder, name in (("out", "one.jsonl"), ("rejects", "left.jsonl")):
        parts = [r for i in range(3) for r in jsonl.read([str(tmp_path / folder / f"s{i}.jsonl")])]
        assert parts == list(jsonl.read([str(tmp_path / name)]))
        assert parts
    assert many.err.splitlines()[-2:] == one.err.splitlines()[-2:]
    assert "5 in, 3 out; 2 left out (2 passed at once)" in many.err


@soak
def test_each_worker_has_a_gpu_and_keeps_what_it_opened(tmp_path, gpu_nodes):
    driver = Driver(tmp_path, gpu_nodes.address, "--ray-gpus").start()
    os.kill(driver.waiting(), signal.SIGKILL)
    code, out, err = driver.end()
    assert (code, out) == (0, "")
    assert "p1.jsonl: its worker was lost" in err
    driver.check(err)
    assert "3 pieces on GPU 0" in err  # of each node the first
    assert re.search(r"; [123] opened", err)


@soak
def test_a_model_on_a_gpu_whose_worker_is_killed_loses_nothing(fgit, tmp_path, gpu_nodes):
    pytest.importorskip("transformers")
    from tests.helpers import tiny_model

    model = tiny_model.make(tmp_path / "model")
    (tmp_path / "in").mkdir()
    for i in range(6):
        rows = [{"instruction": f"Add {i}.{j}", "response": tiny_model.TEXTS[0]} for j in range(4)]
        (tmp_path / "in" / f"s{i}.jsonl").write_bytes(b"".join(map(jsonl.dumps, rows)))
    words = ["mutate", "--engine", "transformers", "--model", str(model), "--max-new-tokens", "8", "--keep-unpaired"]
    words += ["--ray", gpu_nodes.address, "--ray-gpus", str(tmp_path / "in" / "*.jsonl"), "--output", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", *words], cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
    )  # fmt: skip
    raylets = [node.all_processes["raylet"][0].process.pid for node in gpu_nodes.list_all_nodes()]
    killed = set()
    while process.poll() is None and not killed:
        workers = [w for pid in raylets for w in psutil.Process(pid).children(recursive=True) if "fgit" in w.name()]
        assert len(workers) <= 2
        if workers:
            workers[0].kill()
            killed.add(workers[0].pid)
        time.sleep(0.05)  # looked at again until a task runs
    out, err = process.communicate(timeout=300)
    assert killed
    assert (process.returncode, out) == (1, ""), err  # a random model writes no code
    assert "its worker was lost" in err
    found = [r for i in range(6) for r in jsonl.read([str(tmp_path / "out" / f"s{i}.jsonl")])]
    assert [r["instruction"] for r in found] == [f"Add {i}.{j}" for i in range(6) for j in range(4)]
