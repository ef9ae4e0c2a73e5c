"""Filters over a real cluster of two nodes on this machine: equal to one process, and nothing is lost by a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgit_cli import jsonl
from fgit_cli.commands.demo import STUDENT

ray = pytest.importorskip("ray")
ROOT = Path(__file__).parent.parent.parent
SMALL = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def nodes():
    """A cluster of a head and one more node, without any connection of this process."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "HF_HUB_OFFLINE")}
    os.environ |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=SMALL)
    cluster.add_node(**{k: v for k, v in SMALL.items() if k != "include_dashboard"})
    yield cluster
    cluster.shutdown()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


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
    "mutate": ("--method", "universalmutator"),
    "select": ("--by", "edit"),
}


soak = pytest.mark.soak  # what test_pieces.py holds without a cluster, or takes long on a machine with two cores


@pytest.mark.parametrize("command", ["mask", *(pytest.param(name, marks=soak) for name in COMMANDS if name != "mask")])
def test_a_cluster_makes_what_one_process_makes(fgit, tmp_path, nodes, shards, command):
    if command == "mutate":
        pytest.importorskip("universalmutator")
    (tmp_path / "bench.jsonl").write_bytes(jsonl.dumps(BENCH))
    words = (command, *COMMANDS[command], str(shards / "*.jsonl"))
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
        (("a.jsonl", "--output", "out", "--html", "x"), "--html does not go with --ray"),
        (("b.jsonl", "--output", "out"), "b.jsonl: cannot be opened"),
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


class Driver:
    """The slow filter over three pieces in a process of its own; `mark` has the pid of the worker that waits."""

    def __init__(self, tmp_path, address):
        self.mark, self.out = tmp_path / "mark", tmp_path / "out"
        for i in range(3):
            records = [{"n": 2 * i, **({"mark": str(self.mark)} if i == 1 else {})}, {"n": 2 * i + 1}]
            (tmp_path / f"p{i}.jsonl").write_bytes(b"".join(map(jsonl.dumps, records)))
        self.words = [sys.executable, "-m", "tests.helpers.slow_filter", address, str(self.out)]
        self.words += [str(tmp_path / f"p{i}.jsonl") for i in range(3)]

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
        assert "6 in, 6 out; 6 seen" in err
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
def test_an_interrupted_driver_says_what_is_done(tmp_path, nodes):
    driver = Driver(tmp_path, nodes.address).start()
    driver.waiting()
    driver.process.send_signal(signal.SIGINT)
    code, _, err = driver.end()
    assert code != 0
    assert "pieces were done in this run; the same command does the other" in err
    code, _, err = driver.start().end()
    assert code == 0
    driver.check(err)


@soak
def test_a_node_that_is_killed_loses_nothing(tmp_path, nodes):
    import psutil

    node = nodes.add_node(num_cpus=4, object_store_memory=80 << 20)
    driver = Driver(tmp_path, nodes.address).start()
    pid = driver.waiting()
    raylets = {n.all_processes["raylet"][0].process.pid: n for n in nodes.list_all_nodes()}
    home = next((n for p in psutil.Process(pid).parents() if (n := raylets.get(p.pid))), None)
    assert home is not None
    if home is nodes.head_node:
        pytest.skip("the piece is on the head, which no cluster survives")
    nodes.remove_node(home, allow_graceful=False)
    code, out, err = driver.end()
    if home is not node:
        nodes.remove_node(node)
    assert (code, out) == (0, ""), err
    assert "p1.jsonl: its worker was lost" in err
    driver.check(err)
