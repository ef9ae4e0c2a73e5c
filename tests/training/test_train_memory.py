"""A pass that runs out of memory is run again in halves, on every rank; the tokens of a pass; what a run will take."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fgit_cli.errors import EngineError, UsageError
from fgit_cli.training import budget, data, estimate, launch, loop, machines, passes
from fgit_cli.training.estimate import Shape, Tokens
from fgit_cli.training.layout import row_sizes
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from fgit_cli.training.pairs import Example
from fgit_cli.training.step import Layout, Objective
from tests.helpers.small_models import make_model, random_pairs
from tests.helpers.small_runs import records, write_model, write_pairs

ROOT = Path(__file__).parents[2]


def tokens(members):
    return sum(sum(row_sizes(Objective("fgit"), e, "shared")) for e in members)


@pytest.fixture
def train(tmp_path, monkeypatch, capfd):
    """Three steps of 8 pairs in this process, where passes of more than `room` tokens run out of memory."""
    from accelerate.state import AcceleratorState, GradientState

    model = tmp_path / "model"
    pairs = write_pairs(tmp_path / "pairs.jsonl", records(24, model, write_model(model, "qwen2")))
    own, fed = passes.step, []

    def go(name, room=math.inf, **options):
        AcceleratorState._reset_state(True)
        GradientState._reset_state()

        def step(model, members, *rest):
            fed.append(tokens(members))
            if fed[-1] > room:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return own(model, members, *rest)

        monkeypatch.setattr(passes, "step", step)
        out = tmp_path / name
        values = {"global_batch_size": 8, "max_steps": 3, "learning_rate": 1e-2, **options}
        made = Options(files=[str(pairs)], model=str(model), output_dir=str(out), save_steps=0, **values)
        job = out / "job"
        job.mkdir(parents=True)
        data.write_store(made.files, job / "pairs")
        plan = Plan(1, 1, "cpu", None)
        launch.write_job(made, plan, job)
        fed.clear()
        with open(tmp_path / "stdout", "wb") as stdout:
            loop.train(made, machines.start(made, plan), job, stdout)
        losses = [json.loads(line)["loss"] for line in (out / "steps.jsonl").read_text().splitlines()]
        machine = json.loads((out / "run.json").read_text())["machine"]
        return SimpleNamespace(losses=losses, machine=machine, fed=list(fed), told=capfd.readouterr().err)

    return go


def test_a_pass_that_runs_out_of_memory_is_run_again_in_halves_and_the_result_is_the_same(train):
    whole = train("whole", token_budget="1000")
    assert (len(whole.fed), whole.machine["token_budget"]) == (3, 1000)
    made = train("halved", room=150, token_budget="1000")
    assert made.losses == pytest.approx(whole.losses, rel=1e-5)
    assert made.told.count("ran out of memory") == 1
    assert made.machine["token_budget"] in (125, 250)
    assert max(made.fed[-2:]) <= 250  # the last step was planned with fewer tokens a pass


@pytest.mark.parametrize(
    ("free", "reserved", "total", "held"),
    [
        (138, 2, 140, 139),  # an empty card: all but one GiB
        (4.5, 0.5, 140, 4),  # another program holds the rest of it
        (7, 0.5, 8, 7.1),  # a small card: a twentieth of it
        (0.2, 3, 8, 3),  # what is held is not asked back
    ],
)
def test_torch_leaves_a_gib_of_the_gpu_to_what_is_not_torchs(free, reserved, total, held):
    gib = 2**30
    share = budget.allowed(int(free * gib), int(reserved * gib), total * gib)
    assert share * total == pytest.approx(held, rel=1e-6)


def test_a_pair_that_does_not_fit_alone_ends_the_run_and_it_is_said(train):
    with pytest.raises(EngineError, match=r"out of memory: .*--token-budget"):
        train("out", room=1)


def test_another_error_is_not_run_again(train, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr("fgit_cli.training.step.log_probabilities", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        train("out")


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_halves_hold_every_example_once_and_are_about_equal(count):
    members = [Example(p) for p in random_pairs(count)]
    one, two = passes.halves(members, Objective("fgit"), Layout("shared"))
    assert sorted(map(id, members)) == sorted(map(id, one + two))
    assert abs(len(one) - len(two)) <= 1
    assert tokens(one) >= tokens(two)


@pytest.mark.parametrize(
    ("kind", "stage", "repeats"),
    [("NO", None, True), ("MULTI_GPU", None, True), ("DEEPSPEED", 2, True), ("DEEPSPEED", 3, False),
     ("FSDP", None, False)],
)  # fmt: skip
def test_where_weights_are_exchanged_inside_a_forward_pass_nothing_is_run_again(kind, stage, repeats, monkeypatch):
    state = SimpleNamespace(deepspeed_plugin=SimpleNamespace(zero_stage=stage))
    accelerator = SimpleNamespace(distributed_type=SimpleNamespace(value=kind), state=state, num_processes=1)
    monkeypatch.setattr(passes.Passes, "_settle", lambda self: None)
    made = passes.Passes(None, accelerator, Objective("fgit"), Layout("shared"), None, None, print)
    assert made.repeats is repeats


INJECTED = """
import os, sys, torch
from fgit_cli.training import passes

own = passes.step

def step(model, members, *rest):
    if os.environ["RANK"] == "1" and len(members) > 1:
        raise torch.OutOfMemoryError("CUDA out of memory.")
    return own(model, members, *rest)

passes.step = step
from fgit_cli.app import entry
entry()
"""


def test_where_one_rank_runs_out_of_memory_every_rank_halves(train, tmp_path):
    alone = train("alone")
    shared = {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(launch.free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2",
        "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip
    words = ["train", "pairs.jsonl", "--model", "model", "--output-dir", "out", "--global-batch-size", "8"]
    words += ["--max-steps", "3", "--learning-rate", "1e-2", "--save-steps", "0"]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", INJECTED, *words], cwd=tmp_path, text=True, stderr=subprocess.PIPE,
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank}, stdout=subprocess.PIPE,
        )
        for rank in "01"
    ]  # fmt: skip
    told = [rank.communicate(timeout=120)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], told
    losses = [json.loads(line)["loss"] for line in (tmp_path / "out/steps.jsonl").read_text().splitlines()]
    assert losses == pytest.approx(alone.losses, rel=1e-5)
    assert "".join(told).count("ran out of memory") == 1


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5"])
def test_a_budget_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="--token-budget"):
        estimate.asked_for(text)
    assert (estimate.asked_for("auto"), estimate.asked_for("4096"), estimate.asked_for(4096)) == (None, 4096, 4096)


# What one H200 took, 2026-11-26, torch 2.11: forward and backward of the same pairs, no optimizer.
SHAPES = {
    "0.5B": Shape(494032768, 494032768, 357898112, 24, 896, 896, 128, 4864, 151936),
    "1.5B": Shape(1543714304, 1543714304, 1310340608, 28, 1536, 1536, 256, 8960, 151936),
    "6.7B": Shape(6740512768, 6740512768, 6476271616, 32, 4096, 4096, 4096, 11008, 32256),
}
PAIRS = {name: Tokens(fed=30825, sft=30441, read=22384, squares=17744593) for name in ("0.5B", "1.5B")}
PAIRS["6.7B"] = Tokens(fed=13879, sft=13681, read=10193, squares=7224731)
FOUR, TWO, ONE = [8185, 8170, 8132, 6338], [16384, 14441], [30825]
TABLE = [  # size, tokens of the passes, liger, milliseconds, GiB at most
    ("0.5B", FOUR, True, 511, 11.5),
    ("0.5B", TWO, True, 254, 19.7),
    ("0.5B", ONE, True, 229, 35.5),
    ("0.5B", ONE, False, 301, 47.2),
    ("1.5B", FOUR, True, 593, 23.8),
    ("1.5B", TWO, True, 561, 38.3),
    ("1.5B", ONE, True, 560, 68.7),
    ("1.5B", ONE, False, 698, 93.1),
    ("6.7B", [8184, 5695], True, 1017, 48.1),
    ("6.7B", [13879], True, 993, 68.2),
    ("6.7B", [13879], False, 1206, 91.3),
]


@pytest.mark.parametrize(("size", "fed", "liger", "milliseconds", "gib"), TABLE)
def test_the_cost_model_gives_what_was_measured(size, fed, liger, milliseconds, gib):
    shape, pairs = SHAPES[size], PAIRS[size]
    took = estimate.seconds(shape, estimate.flops(shape, pairs, False), len(fed), 989e12, liger)
    assert 1000 * took == pytest.approx(milliseconds, rel=0.2)

    def held(number, count):
        weights = 2 * shape.parameters * (2 if number else 1)  # and the gradients of the passes before
        read = estimate.logits(shape, count * pairs.read // pairs.fed, 140 * 2**30)
        return weights + count * estimate.activations(shape, liger, False) + read

    assert max(held(*at) for at in enumerate(fed)) / 2**30 == pytest.approx(gib, rel=0.15)


def test_the_tokens_of_a_pass_grow_with_the_room_up_to_the_largest():
    shape, card = SHAPES["1.5B"], 80 * 2**30
    found = [estimate.tokens_in(room * 2**30, card, shape, True, False) for room in (0, 20, 40, 80, 400)]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (256, estimate.LARGEST)
    assert estimate.tokens_in(20 * 2**30, card, shape, True, True) > found[1]  # with checkpointing
    kept = found[2] * estimate.activations(shape, True, False) + estimate.logits(shape, found[2], card)
    assert 0.8 * 40 < kept / 2**30 <= 40


def test_mfu_lies_between_what_was_measured_at_the_widths_around():
    assert estimate.utilisation(896, True) == estimate.utilisation(64, True) == estimate.MEASURED[True][896]
    assert estimate.utilisation(16384, False) == estimate.MEASURED[False][4096]
    between = [estimate.utilisation(width, True) for width in (896, 1000, 1536, 2048, 3072, 4096)]
    assert between == sorted(between)


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("family", ["llama", "qwen2"])  # the latter's head is its embedding
def test_a_model_has_the_shape_that_its_configuration_says(family, rank):
    model = make_model(family, "float32")
    said = Shape.of(model.config, rank)
    if rank:
        peft = pytest.importorskip("peft")
        model = peft.get_peft_model(model, peft.LoraConfig(r=rank, target_modules="all-linear"))
    found = Shape.of_model(model)
    assert found.trained == said.trained
    adapters = said.trained if rank else 0
    assert (found.parameters - adapters, found.matrices - adapters) == (said.parameters, said.matrices)


def test_weights_in_parts_are_counted_whole():
    model = make_model(dtype="float32")
    whole = Shape.of_model(model)
    for parameter in model.parameters():  # as ZeRO-3 leaves them
        parameter.ds_numel = parameter.numel()
        parameter.data = torch.empty(0)
    assert Shape.of_model(model) == whole
