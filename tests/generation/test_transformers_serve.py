"""A real server: `transformers serve` on a small local model that was taught its answers a moment before."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import tiny_model
from tests.helpers.served_teacher import lines

for needed in ("torch", "transformers", "fastapi", "uvicorn", "openai"):
    pytest.importorskip(needed)

PROMPT = "Break it:\n{{ response }}"
CODE = "def add(x):\n    return x + 1\n"
ANSWERS = [f"```python\n{CODE.replace('x + 1', wrong)}```" for wrong in ("x - 1", "x * 1", "x + 2")]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The same model twice: one whose generation config samples, one whose does not."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    sampled = tiny_model.teach(folder / "sampled", [PROMPT.replace("{{ response }}", CODE.strip())], ANSWERS)
    greedy = folder / "greedy"
    shutil.copytree(sampled, greedy)
    config = json.loads((greedy / "generation_config.json").read_text())
    (greedy / "generation_config.json").write_text(json.dumps({**config, "do_sample": False}))
    (folder / "prompt.md").write_text(PROMPT)
    return folder


@pytest.fixture(scope="module")
def url(models):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (models / "serve.log").open("w")
    command = [Path(sys.executable).parent / "transformers", "serve", "--device", "cpu", "--port", str(port)]
    server = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert server.poll() is None, (models / "serve.log").read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.2)
    yield f"http://127.0.0.1:{port}/v1"
    server.terminate()
    server.wait(timeout=20)
    log.close()


def test_the_same_teacher_in_process(fgit, models):
    rows = lines([{"id": str(i), "instruction": f"Add one. ({i})", "response": CODE} for i in range(2)])
    words = ["--model", models / "sampled", "--prompt-file", models / "prompt.md", "--max-new-tokens", "40"]
    ran = fgit("mutate", "--engine", "transformers", *words, stdin=rows)
    assert ran.code == 0, ran.err
    origins = [v["origin"] for line in ran.out.splitlines() for v in json.loads(line)["variants"]]
    assert origins[0]["engine"] == "transformers"
    assert {o["sampling"]["seed"] for o in origins} <= {0, 1, 2}


def test_a_teacher_behind_transformers_serve(fgit, url, models):
    rows = lines([{"id": str(i), "instruction": f"Add one. ({i})", "response": CODE} for i in range(3)])
    words = ["--base-url", url, "--prompt-file", models / "prompt.md", "--max-new-tokens", "40", "--concurrency", "2"]
    ran = fgit("mutate", "--model", models / "sampled", *words, stdin=rows)
    assert ran.code == 0, ran.err
    assert "refused repetition_penalty" in ran.err
    wanted = {CODE.replace("x + 1", wrong) for wrong in ("x - 1", "x * 1", "x + 2")}
    made = [v for line in ran.out.splitlines() for v in json.loads(line)["variants"]]
    assert made
    assert {v["text"] for v in made} <= wanted
    assert made[0]["origin"]["fields_left_out"] == ["repetition_penalty"]
    unvaried = fgit("mutate", "--model", models / "greedy", *words, stdin=rows)
    assert unvaried.code == 4
    assert "sampling is off" in unvaried.err
