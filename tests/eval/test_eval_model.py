"""`fgit eval` with a model: asked as EvalPlus asks, by transformers in process, through a server; killed, continued."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgit_cli.benches import prompts
from fgit_cli.benches.bench import keep_only, load
from fgit_cli.commands import eval as command
from fgit_cli.engines.generation import server as server_engine
from fgit_cli.errors import EngineError, UsageError
from fgit_cli.stages import ask

ROOT = Path(__file__).parents[2]
ANSWER = "def add_one(x):\n    return x + 1\n\n\ndef half(x):\n    return x / 2\n"


def options(small, **given):
    return command.Options(data=str(small), **given, given=frozenset(given))


def questions(small, engine="transformers", chat=True, **given):
    return ask.Questions(options(small, model="m", engine=engine, **given), load("humaneval+", str(small)), chat)


def test_a_chat_model_is_asked_as_evalplus_asks(small):
    utility = pytest.importorskip("evalplus.provider.utility")
    asked = questions(small)
    request = next(asked.requests())
    task = asked.bench.tasks["HumanEval/0"]

    class Tokenizer:
        chat_template = "yes"

        def apply_chat_template(self, messages, tokenize):
            return messages[0]["content"] + "|" + messages[1]["content"]

    theirs = utility.make_raw_chat_prompt(task.prompt, prompts.INSTRUCTION, prompts.RESPONSE, Tokenizer())
    assert "|".join(turn["content"] for turn in request.messages) == theirs
    assert asked.sampling.stop == (*utility.EOS, "\n```\n")
    assert asked.sampling.max_tokens == 768
    assert (asked.sampling.temperature, asked.sampling.top_p) == (0.0, 1.0)


@pytest.mark.parametrize("family", ["humaneval", "mbpp"])
def test_a_base_model_is_asked_as_evalplus_asks(small, family):
    utility = pytest.importorskip("evalplus.provider.utility")
    bench = load(family, str(small))
    assert list(bench.stops(chat=False)) == utility.EOS + utility.extra_eos_for_direct_completion(family)
    assert bench.text(bench.tasks["HumanEval/0"]) == bench.tasks["HumanEval/0"].prompt.strip() + "\n"


def test_a_server_is_not_given_the_beginning_of_the_answer(small):
    request = next(questions(small, engine="server").requests())
    assert [turn["role"] for turn in request.messages] == ["user"]
    assert questions(small, engine="server").sampling.stop == ()
    begun = next(questions(small, engine="server", prefill=True).requests())
    assert begun.prefilled


def test_equal_samples_are_refused(small):
    with pytest.raises(UsageError, match="3 equal answers"):
        questions(small, samples="3")
    assert next(questions(small, samples="3", temperature=0.8).requests()).n == 3


def test_tasks_that_are_not_judged_are_not_asked(small):
    asked = questions(small)
    keep_only(asked.bench, "HumanEval/1")
    assert [r.key for r in asked.requests()] == ["HumanEval/1"]


def run(folder, *words, **environment):
    """`fgit eval` as a process that can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", "eval", "--data", "small.jsonl", *map(str, words)],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


@pytest.fixture
def server(tmp_path):
    from tests.helpers.served_teacher import Served

    folder = tmp_path / "server"
    folder.mkdir()
    running = Served(folder, {"answer": f"```python\n{ANSWER}```", "seconds": 0.05, "ignore_n": True})
    yield running
    running.stop()


def test_killed_and_continued(server, small, tmp_path):
    words = ["--base-url", server.url, "--model", "m", "--samples", "40"]
    words += ["--temperature", "0.8", "--concurrency", "4"]
    first = run(tmp_path, *words, "-o", "out.jsonl")
    while len(server.log) < 40 and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "out.jsonl").exists()
    before = len(server.log)
    again = run(tmp_path, *words, "-o", "out.jsonl")
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [r["sample"] for r in records] == [*range(40), *range(40)]
    assert {(r["base"], r["plus"]) for r in records} == {("pass", "pass")}
    assert len(server.log) - before < 80 - 10
    assert b"from an earlier run" in err
    assert b"pass@10 100.0 base" in err
    done = len(server.log)
    only = run(tmp_path, *words, "--generate-only")  # another way of judging, the same answers
    out, err = only.communicate(timeout=60)
    assert (only.returncode, len(server.log)) == (0, done), err
    samples = [json.loads(line) for line in out.splitlines()]
    assert samples[0]["solution"].strip() == ANSWER.strip()
    assert samples[0]["answer"].startswith("```python")
    made = json.loads(next((tmp_path / ".fgit").glob("eval-*/run.json")).read_text())
    assert made["prompt"]["first"][0]["content"].startswith(prompts.INSTRUCTION)
    assert made["finish_reasons"]


def test_what_a_server_fails_on_is_no_wrong_answer(served, small, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server_engine, "TRIES", 2)
    monkeypatch.setattr(server_engine, "BACKOFF_SECONDS", (0.01, 0.01))
    ill = served(answer=f"```python\n{ANSWER}```", fail="def half")
    words = {"model": "m", "base_url": [ill.url], "output": "out.jsonl", "concurrency": 1}
    with pytest.raises(EngineError, match=r"1 prompts have no answer \(HumanEval/1\)"):
        command.run(options(small, **words))
    assert not (tmp_path / "out.jsonl").exists()
    assert "failed on it 2 times" in capfd.readouterr().err
    well = served(answer=f"```python\n{ANSWER}```")
    command.run(options(small, **words | {"base_url": [well.url]}))
    assert len(well.log) == 1  # the other answer was kept
    assert [json.loads(line)["plus"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["pass", "pass"]


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A model that was taught the answer to both tasks' prompts a moment before."""
    for needed in ("torch", "transformers"):
        pytest.importorskip(needed)
    import torch

    from tests.helpers import tiny_model
    from tests.helpers.small_bench import TASKS

    torch.set_num_threads(1)
    asked = [f"{prompts.INSTRUCTION}\n```\n{task['prompt'].strip()}\n```\n" for task in TASKS]
    return tiny_model.teach(tmp_path_factory.mktemp("model") / "m", asked, [f"```python\n{ANSWER}```"], steps=80)


def test_a_local_model_greedily(taught, small, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    words = {"model": str(taught), "prefill": False, "max_new_tokens": 120, "output": "out.jsonl", "batch_size": 2}
    command.run(options(small, **words))
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(r["task_id"], r["base"], r["plus"]) for r in records] == [
        ("HumanEval/0", "pass", "pass"), ("HumanEval/1", "pass", "pass"),
    ]  # fmt: skip
    err = capfd.readouterr().err
    assert "humaneval+ pass@1 100.0 base, 100.0 base and plus (2 tasks, 2 samples)" in err
    command.run(options(small, **words | {"max_new_tokens": 5, "tasks": "1"}))
    assert "1 cut at 5 tokens" in capfd.readouterr().err
    with pytest.raises(UsageError, match=r"\./nowhere: no such folder"):
        command.run(options(small, model="./nowhere"))


@pytest.mark.soak
def test_through_transformers_serve(taught, small, tmp_path):
    for needed in ("fastapi", "uvicorn", "openai"):
        pytest.importorskip(needed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    serve = [Path(sys.executable).parent / "transformers", "serve", "--device", "cpu", "--port", str(port)]
    with (tmp_path / "serve.log").open("w") as log:
        server = subprocess.Popen(serve, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert server.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.2)
            url = f"http://127.0.0.1:{port}/v1"
            done = run(tmp_path, "--base-url", url, "--model", taught, "--max-new-tokens", "120", "--samples", "1")
            out, err = done.communicate(timeout=200)
        finally:
            server.terminate()
            server.wait(timeout=20)
    assert done.returncode == 0, err
    assert [json.loads(line)["plus"] for line in out.splitlines()] == ["pass", "pass"]
