"""Runs in processes of their own: CPU ranks, DeepSpeed, `accelerate launch`, torchrun's environment, kill -9, Ctrl-C.

Each process spends five seconds on imports, so a few telling runs are the default and the rest is `soak`.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers.small_runs import records, write_model, write_pairs

ROOT = Path(__file__).parents[2]
# With so large an epsilon Adam's step is linear in the gradient, so equal weights mean equal gradients.
COMMON = ["--global-batch-size", "8", "--max-steps", "3", "--warmup-ratio", "0", "--adam-epsilon", "1"]
COMMON += ["--learning-rate", "1", "--max-grad-norm", "0.5"]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return write_pairs(folder / "pairs.jsonl", records(24, folder, write_model(folder, "qwen2")))


@pytest.fixture(scope="module")
def alone(pairs, tmp_path_factory) -> Path:
    """The output of the single process that all others must follow."""
    out = tmp_path_factory.mktemp("alone") / "out"
    ran = finish(start(pairs, out, *COMMON))
    assert ran.code == 0, ran.err
    return out


class Ran:
    def __init__(self, process):
        out, err = process.communicate(timeout=280)
        self.code, self.out, self.err = process.returncode, out, err


def start(pairs, out, *words, environment=None, line=("-m", "fgit_cli", "train"), cwd=None):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **(environment or {})}
    return subprocess.Popen(
        [sys.executable, *line, str(pairs), "--output-dir", str(out), *words],
        env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
        cwd=cwd,
    )  # fmt: skip


def finish(process) -> Ran:
    return Ran(process)


def weights(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def difference(one, other) -> float:
    """The largest relative difference between the changes of a tensor, and so between gradients."""
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    return max(float((a[k] - b[k]).norm() / a[k].norm()) for k in a)


def losses(out) -> list[float]:
    return [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]


def follows(alone, pairs, out, *words, **how):
    ran = finish(start(pairs, out, *COMMON, *words, **how))
    assert ran.code == 0, ran.err
    assert [json.loads(line)["step"] for line in ran.out.splitlines()] == [1, 2, 3]
    assert losses(out) == pytest.approx(losses(alone), rel=1e-6)
    assert difference(alone, out) < 1e-6
    return json.loads((out / "run.json").read_text())["machine"]


def test_two_ranks_follow_one_process(alone, pairs, tmp_path):
    machine = follows(alone, pairs, tmp_path / "out", "--num-processes", "2", "--token-budget", "100")
    assert (machine["ranks"], machine["type"]) == (2, "MULTI_CPU")


@pytest.mark.parametrize("stage", [2, 3])
def test_deepspeed_on_two_ranks_follows_one_process(alone, pairs, tmp_path, stage):
    words = ["--num-processes", "2", "--deepspeed", f"zero{stage}", "--token-budget", "100"]
    machine = follows(alone, pairs, tmp_path / "out", *words)
    assert (machine["ranks"], machine["type"]) == (2, f"DEEPSPEED ZeRO-{stage}")


WAYS = {
    "zero3": ["--deepspeed", "zero3.json"],  # a file of the user's that does not say what saving needs
    "zero3 in bf16": ["--deepspeed", "zero3", "--bf16"],
    "zero2": ["--deepspeed", "zero2"],
    "zero2 in bf16": ["--deepspeed", "zero2", "--bf16"],
    "two ranks": [],
}


@pytest.mark.parametrize("way", ["zero3", *(pytest.param(way, marks=pytest.mark.soak) for way in list(WAYS)[1:])])
def test_lora_on_a_tied_head_is_saved_as_trained(pairs, tmp_path, way):
    (tmp_path / "zero3.json").write_text('{"zero_optimization": {"stage": 3}}')
    words = ["--num-processes", "2", "--lora-rank", "4", "--lora-alpha", "64", "--learning-rate", "3e-2"]
    words += ["--lora-target-modules", "lm_head", "--lora-target-modules", "embed_tokens", "--max-steps", "2"]
    ran = finish(start(pairs, "out", *words, *WAYS[way], cwd=tmp_path))
    assert ran.code == 0, ran.err
    saved = json.loads((tmp_path / "out" / "run.json").read_text())["result"]["saved"]
    assert saved["saved_nll"] == pytest.approx(saved["trained_nll"], abs=0.1 if "bf16" in way else 1e-4)


@pytest.mark.soak
def test_inside_torchrun_there_is_no_relaunch(alone, pairs, tmp_path):
    line = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "fgit_cli", "train")
    assert follows(alone, pairs, tmp_path / "out", line=line)["ranks"] == 2


@pytest.mark.soak
def test_accelerates_own_configuration_is_taken_and_checked(alone, pairs, tmp_path):
    """Its accumulation steps and clipping do not get through to the result; what it does not start is an error."""
    file = tmp_path / "accelerate.yaml"
    file.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: DEEPSPEED\nmixed_precision: 'no'\nnum_machines: 1\n"
        "num_processes: 2\nmain_process_port: 0\nuse_cpu: false\nmachine_rank: 0\n"
        "deepspeed_config: {zero_stage: 1, gradient_accumulation_steps: 4, gradient_clipping: 7.0}\n"
    )
    words, on_cpu = ["--accelerate-config", str(file)], {"DS_ACCELERATOR": "cpu"}
    machine = follows(alone, pairs, tmp_path / "out", *words, environment=on_cpu)
    assert (machine["ranks"], machine["type"]) == (2, "DEEPSPEED ZeRO-1")
    file.write_text(file.read_text().replace("DEEPSPEED", "'NO'"))  # accelerate starts one process for this
    ran = finish(start(pairs, tmp_path / "other", *COMMON, *words))
    assert ran.code == 4
    assert "1 of 2 ranks were started" in ran.err.splitlines()[-1]


@pytest.mark.soak
@pytest.mark.parametrize("stage", [2, 3])
def test_a_rank_file_of_deepspeed_that_is_damaged_is_known(pairs, tmp_path, stage):
    words = ["--global-batch-size", "8", "--max-steps", "5", "--save-steps", "2", "--save-total-limit", "2"]
    words += ["--num-processes", "2", "--deepspeed", f"zero{stage}", "--learning-rate", "1e-2"]
    out = tmp_path / "out"
    ran = finish(start(pairs, out, *words))
    assert ran.code == 0, ran.err
    whole = weights(out)
    (out / "run.json").unlink()
    (file,) = (out / "checkpoint-4").rglob("*rank_1_*optim_states.pt")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    ran = finish(start(pairs, out, *words, "--resume"))
    assert [json.loads(line)["step"] for line in ran.out.splitlines()] == [3, 4, 5], ran.err
    (said,) = (line for line in ran.err.splitlines() if "damaged" in line)
    assert file.name in said
    assert all((whole[name] == tensor).all() for name, tensor in weights(out).items())


@pytest.mark.soak
@pytest.mark.parametrize("stage", [2, 3])
def test_a_resumed_run_of_two_ranks_under_deepspeed_is_exact(pairs, tmp_path, stage):
    words = ["--global-batch-size", "8", "--max-steps", "4", "--save-steps", "2", "--learning-rate", "1e-2"]
    words += ["--num-processes", "2", "--deepspeed", f"zero{stage}"]
    out = tmp_path / "out"
    assert finish(start(pairs, out, *words)).code == 0
    whole = weights(out)
    (out / "run.json").unlink()
    ran = finish(start(pairs, out, *words, "--resume"))
    assert [json.loads(line)["step"] for line in ran.out.splitlines()] == [3, 4], ran.err
    again = weights(out)
    assert all((whole[k] == again[k]).all() for k in whole)


def children(pid: int) -> set[int]:
    """All processes that descend from `pid`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


def gone(pids, seconds=10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


LONG = ["--global-batch-size", "8", "--num-train-epochs", "100000", "--num-processes", "2"]


@pytest.mark.parametrize("how", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.soak)])
def test_no_rank_outlives_fgit(pairs, tmp_path, how):
    process = start(pairs, tmp_path / "out", *LONG)
    assert json.loads(process.stdout.readline())["step"] == 1
    ranks = children(process.pid)
    assert len(ranks) >= 2
    process.send_signal(how)
    ran = finish(process)
    assert ran.code == (130 if how == signal.SIGINT else -how)
    assert gone(ranks)
    if how == signal.SIGINT:
        assert ran.err.splitlines()[-1].startswith("fgit train: interrupted")


@pytest.mark.soak
def test_a_rank_that_fails_ends_the_run_with_its_message(pairs, tmp_path):
    words = ["--learning-rate", "1e30", "--max-grad-norm", "0", "--warmup-ratio", "0"]
    ran = finish(start(pairs, tmp_path / "out", *LONG, *words))
    assert ran.code == 4
    assert "Traceback" not in ran.err
    assert "the loss of step 2 is nan" in ran.err.splitlines()[-1]


@pytest.mark.soak
def test_a_killed_rank_ends_the_run(pairs, tmp_path):
    process = start(pairs, tmp_path / "out", *LONG)
    process.stdout.readline()
    ranks = children(process.pid)
    os.kill(max(ranks), signal.SIGKILL)
    ran = finish(process)
    assert ran.code == 4
    assert "SIGKILL" in ran.err.splitlines()[-1]
    assert gone(ranks)


@pytest.mark.parametrize("moments", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_killed_at_any_moment_and_resumed_it_ends_with_the_same_weights(pairs, tmp_path, moments):
    words = ["--global-batch-size", "4", "--num-train-epochs", "100", "--save-steps", "7", "--learning-rate", "1e-3"]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    process = start(pairs, whole, *words)
    first = json.loads(process.stdout.readline())
    begin = time.monotonic() - began
    assert first["step"] == 1
    assert finish(process).code == 0
    training = time.monotonic() - began - begin
    kills = 0
    rng = random.Random(0)
    while kills < moments:
        process = start(pairs, broken, *words, "--resume")
        if process.stdout.readline():
            time.sleep(rng.uniform(0, training * 0.8 / moments))
        process.send_signal(signal.SIGKILL)
        kills += finish(process).code == -signal.SIGKILL
        if (broken / "run.json").exists():
            break
    last = finish(start(pairs, broken, *words, "--resume"))
    assert last.code == 0, last.err
    assert kills == moments, "the run ended before it was killed often enough"
    one, other = weights(whole), weights(broken)
    assert all((one[k] == other[k]).all() for k in one)
    assert losses(whole) == losses(broken)
