"""The front page's three lines, as typed: a teacher's server, a UniXcoder-shaped model in the hub cache, a small X."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.served_teacher import lines, records, served  # noqa: F401
from tests.helpers.small_unixcoder import hub_home, unixcoder  # noqa: F401

ROOT = Path(__file__).parent.parent
LINES = """
fgit mutate < evol.jsonl | fgit select | fgit mask --tokenizer X > pairs.jsonl
fgit train pairs.jsonl
fgit eval --bench humaneval+
"""


@pytest.fixture
def model_x(tmp_path):
    """A small model, in the folder X of the working directory, that ends every answer at once."""
    import torch
    from transformers import AutoModelForCausalLM

    from tests.helpers.tiny_model import make

    folder = make(tmp_path / "X", positions=4096)
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        head = torch.zeros_like(model.lm_head.weight)
        model.model.embed_tokens.weight[:, 0] = 10.0  # a constant in the residual stream
        head[model.config.eos_token_id, 0] = 10.0
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(head)
    model.save_pretrained(folder)
    return folder


def test_the_three_lines_work_as_typed(tmp_path, data, served, hub_home, model_x):  # noqa: F811
    (tmp_path / "evol.jsonl").write_text(lines(records(24)))
    cache = tmp_path / "cache"
    (cache / "evalplus").mkdir(parents=True)
    name = "HumanEvalPlus-v0.1.10.jsonl"
    with gzip.open(data / "bench" / f"{name}.gz", "rb") as source, open(cache / "evalplus" / name, "wb") as out:
        shutil.copyfileobj(source, out)
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "fgit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m fgit_cli "$@"\n')
    (tools / "fgit").chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", LINES],
        cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=600,
        env={
            **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
            "OPENAI_BASE_URL": served().url, "HF_HOME": str(hub_home), "HF_HUB_OFFLINE": "1",
            "XDG_CACHE_HOME": str(cache),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    pairs = [json.loads(x) for x in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert [p["id"] for p in pairs] == [f"r{i}" for i in range(24)]
    assert all(max(p["correct_mask"]) == 2 for p in pairs)
    assert (tmp_path / "fgit-out" / "model.safetensors").exists()
    out = [json.loads(x) for x in done.stdout.splitlines()]
    verdicts = [r for r in out if "task_id" in r]
    assert [r for r in out if "loss" in r], "train prints its steps"
    assert len(verdicts) == 164
    assert {r["base"] for r in verdicts} <= {"fail", "error"}
    assert "humaneval+ pass@1 0.0 base, 0.0 base and plus (164 tasks" in done.stderr
