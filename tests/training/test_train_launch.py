"""Plans of ranks, launch lines, DeepSpeed's configuration, failures in words, the cost model. No process is started."""

import errno
import json
import os
import socket
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fgit_cli import app
from fgit_cli.errors import EngineError, FgitError, UsageError
from fgit_cli.training import checkpoints, launch, machines, manifest, model, rendezvous, schedule
from fgit_cli.training.estimate import Shape, Tokens, flops, memory
from fgit_cli.training.failures import NotANumber, check_room, explained
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from tests.helpers.small_runs import write_model


@pytest.fixture
def eight_gpus(monkeypatch):
    monkeypatch.setattr(machines, "gpus", lambda: 8)


def line_of(tmp_path, **values) -> list[str]:
    options = Options(**values)
    return launch.accelerate_line(options, machines.plan(options), tmp_path)


def value(line, flag):
    return line[line.index(flag) + 1]


def test_cpu_ranks_share_the_cores_that_this_process_may_use(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda who: range(6))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(launch, "_start", lambda line, environment: environment["OMP_NUM_THREADS"])
    assert launch._start_gloo(Options(), Plan(2, 2, "cpu", None), tmp_path) == ["3", "3"]


def test_all_gpus_of_all_machines_are_used(eight_gpus, tmp_path):
    line = line_of(tmp_path, num_machines=2, machine_rank=1, main_process_ip="10.0.0.1")
    assert (value(line, "--num_processes"), value(line, "--num_machines")) == ("16", "2")
    assert (value(line, "--machine_rank"), value(line, "--main_process_ip")) == ("1", "10.0.0.1")
    assert value(line, "--deepspeed_multinode_launcher") == "standard"
    assert value(line, "--mixed_precision") == "bf16"
    assert line[-3:] == ["--module", "fgit_cli.stages.rank", str(tmp_path)]


def test_accelerate_understands_the_line(eight_gpus, tmp_path):
    from accelerate.commands.launch import launch_command_parser

    for more in ({}, {"num_machines": 2, "main_process_ip": "10.0.0.1"}):
        arguments = launch_command_parser().parse_args(line_of(tmp_path, **more)[3:])
        assert arguments.use_deepspeed
        assert arguments.training_script == "fgit_cli.stages.rank"


@pytest.mark.parametrize(
    "values",
    [
        {"num_processes": 9},
        {"num_machines": 2},
        {"num_machines": 2, "main_process_ip": "a", "machine_rank": 2},
        {"deepspeed": "zero9"},
        {"accelerate_config": "absent.yaml"},
    ],
)
def test_impossible_plans_are_refused(eight_gpus, values):
    with pytest.raises(UsageError):
        machines.plan(Options(**values))


def test_deepspeed_is_told_not_to_clip_or_divide_on_its_own(eight_gpus):
    config = machines.plan(Options(max_grad_norm=0.0)).deepspeed
    assert config["gradient_clipping"] == 0.0
    assert config["gradient_accumulation_steps"] == config["train_micro_batch_size_per_gpu"] == 1
    assert machines.plan(Options(deepspeed="zero3-offload")).stage == 3


@pytest.mark.parametrize(
    "config",
    ["{", "[]", "{}", '{"zero_optimization": {"stage": 2}, "optimizer": {}}',
     '{"zero_optimization": {"stage": 2}, "gradient_accumulation_steps": 4}'],
)  # fmt: skip
def test_a_deepspeed_file_that_contradicts_fgit_is_refused(eight_gpus, tmp_path, config):
    file = tmp_path / "ds.json"
    file.write_text(config)
    with pytest.raises(UsageError, match=r"ds\.json"):
        machines.plan(Options(deepspeed=str(file)))


VARIABLES = (*machines.RANK_VARIABLES, "LOCAL_WORLD_SIZE")
TORCHRUN = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
BATCH = {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_LOCALID": "0"}
SRUN = {**BATCH, "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS": "4"}
MASTER = {"MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
STARTED = {  # by whom: the variables, whether it is a rank, and what is said
    "torchrun": (TORCHRUN, True, None),
    "nobody": ({}, False, None),
    "a notebook before": ({"LOCAL_RANK": "0"}, False, "LOCAL_RANK without RANK"),
    "a notebook, more of it": ({"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "2"}, False, "MASTER_ADDR"),
    "a notebook, with an address": ({"LOCAL_RANK": "0", "WORLD_SIZE": "2", **MASTER}, False, "without RANK"),
    "srun": ({**SRUN, **MASTER}, True, None),
    "sbatch": (BATCH, False, "srun"),
    "sbatch with an address": ({**BATCH, **MASTER}, False, "srun"),
    "sbatch, whose step has a number": ({**BATCH, **MASTER, "SLURM_STEP_ID": "4294967291"}, False, "srun"),
    "srun of one task": ({**SRUN, "SLURM_STEP_NUM_TASKS": "1", "SLURM_NTASKS": "1"}, False, None),
    "srun of one in a job of many": ({**SRUN, "SLURM_STEP_NUM_TASKS": "1"}, False, "srun"),
}


@pytest.mark.parametrize("by", STARTED)
def test_who_started_this_process_is_recognised(monkeypatch, by):
    variables, rank, word = STARTED[by]
    for name in [n for n in os.environ if n.startswith("SLURM_")] + list(VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name in VARIABLES:  # so that what is taken out comes back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    said = []
    machines.forget_leftovers(said.append)
    assert machines.launched() == rank
    assert [word in line for line in said] == ([True] if word else [])
    if not rank:
        assert "LOCAL_RANK" not in os.environ


def test_a_task_of_srun_gets_the_variables_of_torch(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in {**SRUN, "SLURM_PROCID": "3"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="export MASTER_ADDR="):
        machines.adopt_slurm()
    for name, value in MASTER.items():
        monkeypatch.setenv(name, value)
    machines.adopt_slurm()
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("3", "4")
    assert machines.plan(Options()).ranks == 4


def test_a_port_in_use_is_refused_before_anything_is_started():
    with socket.create_server(("", 0)) as taken, pytest.raises(UsageError, match="--main-process-port"):
        machines.plan(Options(main_process_port=taken.getsockname()[1]))


@pytest.fixture
def ranks(monkeypatch):
    """Let ranks of given numbers meet at once, each in a thread; what each raised, and what was said."""

    def meet(numbers, of, seconds):
        port, raised, said = launch.free_port(), {}, []
        monkeypatch.setattr(rendezvous, "SAID_AFTER", 0.3)

        def one(number):
            where = ("127.0.0.1", port)
            try:
                until = time.monotonic() + seconds
                if number == 0:
                    rendezvous._gather(where, of, until, said.append)
                else:
                    rendezvous._report(where, number, of, until, said.append)
                raised[number] = None
            except FgitError as error:
                raised[number] = error

        threads = [threading.Thread(target=one, args=(number,)) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return raised, said

    return meet


def test_ranks_that_all_come_go_on(ranks):
    raised, _ = ranks([3, 1, 0, 2], of=4, seconds=20)
    assert raised == dict.fromkeys(range(4))


def test_who_is_missing_is_said_and_the_wait_ends(ranks):
    raised, said = ranks([0, 2], of=4, seconds=1.5)
    assert "2 of 4 ranks (1, 3)" in str(raised[0])
    assert "gave up waiting" in str(raised[2])
    assert any("waiting for 2 of 4 ranks (1, 3)" in line for line in said)


def test_a_rank_0_that_never_comes_is_named(ranks):
    raised, said = ranks([1], of=2, seconds=1)
    assert "MASTER_ADDR" in str(raised[1])
    assert "refused" in str(raised[1])
    assert said


def test_options_travel_to_the_ranks_unchanged(tmp_path):
    named = frozenset({"learning_rate"})
    options = Options(files=["a"], learning_rate=0.1, lora_target_modules=["q_proj"], given=named, typed=named)
    launch.write_job(options, Plan(2, 2, "cpu", None), tmp_path)
    assert launch.read_options(tmp_path) == options


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (RuntimeError("PytorchStreamWriter failed writing file data/0"), "disk is full"),
        (MemoryError(), "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
        (NotANumber("the loss of step 3 is nan"), "--learning-rate"),
    ],
)
def test_failures_say_what_to_do_and_where_to_go_on(tmp_path, error, what):
    (tmp_path / "checkpoint-20").mkdir()
    (tmp_path / "checkpoint-20" / "state.json").write_text("{}")
    manifest.seal(tmp_path / "checkpoint-20")
    (tmp_path / "checkpoint-100").mkdir()  # not whole
    with pytest.raises(EngineError, match=what) as told, explained(tmp_path):
        raise error
    assert str(told.value).endswith(f"--resume goes on from {tmp_path}/checkpoint-20")


def test_a_bug_stays_a_bug(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"), explained(tmp_path):
        raise RuntimeError("shapes differ")


def test_a_disk_too_small_is_known_before_the_first_step(tmp_path):
    check_room(tmp_path, 10, 10, 4, 1)
    with pytest.raises(EngineError, match="--save-steps 0"):
        check_room(tmp_path, 10**13, 10**13, 2, 1)


def test_the_last_whole_checkpoint_is_that_of_the_highest_step(tmp_path):
    assert checkpoints.last(tmp_path) is None
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "state.json").write_text(json.dumps({"step": step}))
        manifest.seal(tmp_path / f"checkpoint-{step}")
    (tmp_path / "checkpoint-best").mkdir()
    (tmp_path / "checkpoint-best" / "state.json").write_text("{}")
    assert checkpoints.last(tmp_path) == tmp_path / "checkpoint-100"
    checkpoints.tidy(tmp_path, keep=2)
    assert sorted(p.name for p in Path(tmp_path).iterdir()) == ["checkpoint-10", "checkpoint-100", "checkpoint-best"]


def test_the_learning_rate_rises_and_falls():
    rate = schedule.learning_rate(Options(learning_rate=1.0, warmup_ratio=0.1), 100)
    assert (rate(0), rate(5), rate(10), rate(55)) == (0.0, 0.5, 1.0, 0.5)
    cosine = schedule.learning_rate(Options(learning_rate=1.0, warmup_ratio=0.0, lr_scheduler_type="cosine"), 100)
    assert cosine(50) == pytest.approx(0.5)
    assert schedule.learning_rate(Options(learning_rate=1.0), 3)(0) == 1.0  # too short a run for a warm-up


SEVEN = Shape(
    parameters=6_740_000_000, trained=6_740_000_000, matrices=6_476_000_000, layers=32, width=4096, attention=4096,
    keys=4096, inner=11008, vocabulary=32256,
)  # fmt: skip


def test_the_cost_model_is_its_docstring():
    tokens = Tokens(fed=1000, sft=900, read=600, squares=500_000)
    body, attention, head = 6 * 6.476e9 * 1000, 6 * 32 * 4096 * 500_000, 6 * 32256 * 4096 * 600
    assert flops(SEVEN, tokens, False) == pytest.approx(body + attention + head)
    assert flops(SEVEN, tokens, True) == pytest.approx((body + attention) * 8 / 6 + head)


def needs(ranks, stage, checkpointing):
    plan = Plan(ranks, ranks, "cuda", {"zero_optimization": {"stage": stage}})
    return memory(SEVEN, plan, 8192, 6000, 80 * 2**30, liger=True, checkpointing=checkpointing)


def test_seven_billion_parameters_fit_eight_gpus_as_the_papers_had_them():
    two = needs(8, 2, True)
    assert sum(two.values()) < 80
    assert two["optimizer"] == pytest.approx(16 * 6.74e9 / 8 / 2**30, abs=0.01)
    assert sum(needs(1, 2, True).values()) > 80
    assert needs(8, 3, True)["weights"] == pytest.approx(two["weights"] / 8, abs=0.01)
    assert needs(8, 2, False)["activations"] > 5 * two["activations"]


def test_it_is_said_that_deepspeed_compiles_where_it_does():
    def told(config):
        plugin = config and SimpleNamespace(deepspeed_config=config)
        return machines.what_is_built(SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=plugin)))

    own = json.loads((Path(machines.CONFIGS) / "zero3-offload.json").read_text())
    assert told(None) is None
    assert told({"zero_optimization": {"stage": 2}}) is None
    assert told({"zero_optimization": {"stage": 3, "offload_optimizer": {"device": "none"}}}) is None
    assert told(own) is None
    assert "CPU Adam" in told({k: v for k, v in own.items() if k == "zero_optimization"})


def test_threads_that_wait_are_told_to_sleep_unless_the_user_said_otherwise(monkeypatch, capsys):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    app.main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    app.main(["--version"])
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_checkpointing_is_asked_for_by_a_name_that_is_not_on_its_way_out(tmp_path):
    """Whatever the transformers: 5.23 warns of the name that 5.0 has."""
    write_model(tmp_path / "model", "llama")
    on_a_cpu = SimpleNamespace(
        mixed_precision="no", device=torch.device("cpu"), is_main_process=True,
        state=SimpleNamespace(deepspeed_plugin=None),
    )  # fmt: skip
    options = Options(files=["pairs.jsonl"], gradient_checkpointing=True, quiet=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FutureWarning)
        loaded, _ = model.load_model(str(tmp_path / "model"), options, on_a_cpu)
    assert all(layer.gradient_checkpointing for layer in loaded.model.layers)
