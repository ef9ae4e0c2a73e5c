"""`--serve` with a stand-in for the `vllm` program: started, waited for, its death shown, always stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fgit_cli import install
from tests.helpers import tiny_model
from tests.helpers.served_teacher import SERVER, lines, records

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def vllm(tmp_path):
    """A folder for PATH with a `vllm` that runs the given lines of shell, or serves as the test server does."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def install(script=None):
        log = tmp_path / "served.log"
        serve = f"exec {sys.executable} {SERVER} {tmp_path}/port {log} '{{\"seconds\": 0.02}}' $6"
        (folder / "vllm").write_text(
            f'#!/bin/bash\necho "$@" > {tmp_path}/words\necho $$ > {tmp_path}/pid\n{script or serve}\n'
        )
        (folder / "vllm").chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    return install


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def gone(tmp_path, seconds=10):
    pid = int((tmp_path / "pid").read_text())
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(pid)


def test_the_server_is_started_used_and_stopped(vllm, fgit, tmp_path):
    ran = fgit("mutate", "--serve", "--serve-args", "--max-model-len 4096", stdin=lines(records(5)), env=vllm())
    assert ran.code == 0, ran.err
    assert len(ran.out.splitlines()) == 5
    words = (tmp_path / "words").read_text().split()
    assert words[:2] == ["serve", "Qwen/Qwen2.5-Coder-32B-Instruct"]
    assert words[-4:] == ["--generation-config", "vllm", "--max-model-len", "4096"]
    assert gone(tmp_path)


def test_eval_starts_a_server_as_mutate_does(vllm, fgit, tmp_path):
    task = {"task_id": "t/0", "prompt": "def add(a, b):\n", "entry_point": "add", "tests": "assert add(1, 1) == 2"}
    (tmp_path / "bench.jsonl").write_text(json.dumps(task) + "\n")
    ran = fgit("eval", "--bench", "bench.jsonl", "--model", "m", "--serve", "--generate-only", env=vllm())
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["task_id"] == "t/0"
    assert (tmp_path / "words").read_text().split()[:2] == ["serve", "m"]
    assert gone(tmp_path)


def test_a_server_that_dies_at_once_shows_its_log(vllm, fgit):
    ran = fgit("mutate", "--serve", stdin=lines(records(1)), env=vllm('echo "CUDA is not there" >&2; exit 3'))
    assert ran.code == 4
    assert "| CUDA is not there" in ran.err
    assert "vllm serve ended with exit status 3" in ran.err


def test_a_server_that_dies_in_the_middle_shows_its_log(vllm, fgit):
    script = (
        f'{sys.executable} {SERVER} port served.log \'{{"die": 1.5, "seconds": 0.3}}\' $6; echo out of memory; exit 9'
    )
    ran = fgit("mutate", "--serve", "--concurrency", "2", stdin=lines(records(50)), env=vllm(script))
    assert ran.code == 4
    assert "| out of memory" in ran.err
    assert "exit status 9" in ran.err


def test_a_server_that_never_answers_is_given_up(vllm, fgit, tmp_path):
    ran = fgit("mutate", "--serve", "--serve-deadline", "1", stdin=lines(records(1)), env=vllm("exec sleep 60"))
    assert ran.code == 4
    assert "did not answer within 1 s" in ran.err
    assert gone(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_fgit_however_that_ends(vllm, tmp_path, number):
    (tmp_path / "in.jsonl").write_text(lines(records(500)))
    run = subprocess.Popen(
        [sys.executable, "-m", "fgit_cli", "mutate", "--serve", "in.jsonl", "-o", "out.jsonl"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), **vllm()}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    log = tmp_path / "served.log"
    while not log.exists() or log.stat().st_size == 0:
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(number)
    run.wait(timeout=20)
    assert gone(tmp_path)


def test_without_vllm_the_install_line_is_said(fgit):
    ran = fgit("mutate", "--serve", stdin=lines(records(1)), env={"PATH": "/usr/bin:/bin"})
    assert ran.code == 2
    assert install.command("vllm") in ran.err


def test_the_vllm_engine_asks_for_what_is_missing(monkeypatch, tmp_path):
    """Against a stand-in for vLLM's offline interface."""
    import types

    asked = []

    class Parameters:
        def __init__(self, **fields):
            self.__dict__.update(fields)

    class LLM:
        def __init__(self, **how):
            self.how = how
            self.llm_engine = types.SimpleNamespace(model_config=types.SimpleNamespace(max_model_len=50))

        def generate(self, prompts, parameters, **how):
            asked.append((prompts, [vars(p) for p in parameters], how))
            return [
                types.SimpleNamespace(
                    prompt_token_ids=[1, 2],
                    outputs=[
                        types.SimpleNamespace(text=f"{p.seed + i}", finish_reason="stop", token_ids=[7])
                        for i in range(p.n)
                    ],
                )
                for p in parameters
            ]

    pytest.importorskip("torch")
    monkeypatch.setitem(sys.modules, "vllm", types.SimpleNamespace(LLM=LLM, SamplingParams=Parameters))
    from fgit_cli.engines.generation import Completion, Request, RequestFailed, Sampling
    from fgit_cli.engines.generation.vllm import VllmEngine

    tiny_model.make_tokenizer(tiny_model.TEXTS).save_pretrained(tmp_path)
    engine = VllmEngine(str(tmp_path))
    assert engine.llm.how["generation_config"] == "vllm"
    turn = {"role": "user", "content": "hello"}
    requests = [
        Request("a", messages=[turn], n=3, known=(Completion("0", "stop"),)),
        Request("b", prompt="raw", n=2),
        Request("c", messages=[turn, {"role": "assistant", "content": "def"}]),
        Request("d", prompt="word " * 99),
    ]
    kept = []
    results = {
        r.key: a
        for r, a in engine.generate(requests, Sampling(seed=0), lambda r, i, made: kept.append((r.key, i, len(made))))
    }
    assert [c.text for c in results["a"]] == ["0", "1", "2"]
    assert [c.text for c in results["b"]] == ["0", "1"]
    assert isinstance(results["d"], RequestFailed)
    assert kept == [("a", 1, 2), ("b", 0, 2), ("c", 0, 1)]
    [(prompts, parameters, how)] = asked
    assert how == {"use_tqdm": False}
    spell = engine.prompter.tokenizer.decode
    head = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    assert [spell(p["prompt_token_ids"]) for p in prompts] == [head, "raw", head + "def"]
    assert parameters[0]["repetition_penalty"] == 1.0
    assert parameters[0]["top_k"] == 0
    assert parameters[0]["stop_token_ids"] == [engine.prompter.tokenizer.controls["<|im_end|>"][0]]
    assert json.dumps(engine.describe())
