"""What a run trains on: GPUs or a CPU, how many ranks, under DeepSpeed or not; and proof that it got that.

Plans are made without a process group; `start` makes it, inside a rank. No rank is ever fewer than asked for in
silence: `start` compares what accelerate made with the plan.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fgit_cli.errors import EngineError, UsageError, one_line
from fgit_cli.options import CONFIGS
from fgit_cli.training import libraries, rendezvous
from fgit_cli.training.options import Options
from fgit_cli.training.runlog import say

LAST_STEP = 0xFFFFFFF0  # Slurm's numbers from here on are no steps of srun, but the batch script and the like
PATIENCE = timedelta(hours=1)  # of ranks for another, which merges adapters or writes a model meanwhile


@dataclass(frozen=True)
class Plan:
    """Ranks in all, ranks on this machine, `cuda` or `cpu`, and DeepSpeed's configuration (None: without it)."""

    ranks: int
    local_ranks: int
    device: str
    deepspeed: dict[str, Any] | None

    @property
    def stage(self) -> int:
        """ZeRO's stage; 0 without DeepSpeed."""
        return self.deepspeed["zero_optimization"]["stage"] if self.deepspeed else 0

    @property
    def in_process(self) -> bool:
        """Whether this process can be the only rank."""
        return self.ranks == 1 and self.device == "cpu" and not self.deepspeed


RANK_VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")  # torchrun sets them all


def launched() -> bool:
    """Whether this process is a rank that torchrun, accelerate or srun started."""
    return all(name in os.environ for name in RANK_VARIABLES) or srun_tasks() > 1


def srun_tasks() -> int:
    """How many tasks srun started together with this process; 1 where it did not start it.

    The body of a batch script has SLURM_PROCID and SLURM_NTASKS too, but is alone: it belongs to no numbered step.
    """
    step = os.environ.get("SLURM_STEP_ID", os.environ.get("SLURM_STEPID", ""))
    if "SLURM_PROCID" not in os.environ or not step.isdigit() or int(step) >= LAST_STEP:
        return 1
    return int(os.environ.get("SLURM_STEP_NUM_TASKS") or os.environ.get("SLURM_NTASKS") or 1)


def forget_leftovers(say: Callable[[str], None]) -> None:
    """Take out variables of ranks that do not make this process one, as a notebook leaves them; and say so.

    Also says where a batch script asks for tasks that nobody started.
    """
    found = [name for name in RANK_VARIABLES if name in os.environ]
    ranks = [name for name in found if not name.startswith("MASTER")]
    if ranks and len(found) < len(RANK_VARIABLES) and srun_tasks() == 1:
        lacking = ", ".join(name for name in RANK_VARIABLES if name not in found)
        say(f"{', '.join(ranks)} without {lacking}: left over from another program, and not heeded")
        for name in (*ranks, "LOCAL_WORLD_SIZE"):
            os.environ.pop(name, None)
    tasks = os.environ.get("SLURM_NTASKS", "1")
    if tasks.isdigit() and int(tasks) > 1 and srun_tasks() == 1 and not launched() and "SLURM_PROCID" in os.environ:
        say(f"Slurm has {tasks} tasks, but this process is the batch script's own: it runs alone; srun starts them all")


def adopt_slurm() -> None:
    """Give a rank that srun started the variables that torch reads; the others have them. Raises UsageError."""
    env = os.environ
    if all(name in env for name in RANK_VARIABLES):
        return
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        if name not in env:
            raise UsageError(
                f"started by srun without {name}; in the batch script, before srun: export MASTER_ADDR=$(scontrol show "
                'hostnames "$SLURM_JOB_NODELIST" | head -n1) MASTER_PORT=29500'
            )
    env["RANK"], env["WORLD_SIZE"], env["LOCAL_RANK"] = env["SLURM_PROCID"], str(srun_tasks()), env["SLURM_LOCALID"]
    env["LOCAL_WORLD_SIZE"] = env.get("SLURM_NTASKS_PER_NODE", str(srun_tasks()))


def gpus() -> int:
    import torch

    return torch.cuda.device_count()


def alone() -> Plan:
    """This process as the only rank, without DeepSpeed: on the first GPU where there is one, else on the CPU."""
    return Plan(1, 1, "cuda" if gpus() else "cpu", None)


def plan(options: Options) -> Plan:
    """What the options ask for on this machine. Raises UsageError for what it does not have."""
    here = gpus()
    if options.dry_run and options.gpu:
        here = options.num_processes or max(here, 1)  # reckon with GPUs that are elsewhere
    device = "cuda" if here else "cpu"
    if launched():
        ranks = int(os.environ.get("WORLD_SIZE") or srun_tasks())
        return Plan(ranks, 0, device, _deepspeed(options, device))
    if options.accelerate_config:
        ranks, machines = _planned_by(options.accelerate_config)
        return Plan(ranks, ranks // machines, device, _deepspeed(options, device))
    if here and (options.num_processes or 1) > here:
        raise UsageError(f"--num-processes {options.num_processes}: this machine has {here} GPUs")
    if options.num_machines > 1 and not options.main_process_ip:
        raise UsageError("--num-machines needs --main-process-ip, the address of machine 0")
    if options.machine_rank >= options.num_machines:
        raise UsageError(f"--machine-rank {options.machine_rank} is not below --num-machines {options.num_machines}")
    if options.main_process_port and options.machine_rank == 0 and not options.dry_run:
        rendezvous.check_port(options.main_process_port)
    local = options.num_processes or max(here, 1)
    return Plan(local * options.num_machines, local, device, _deepspeed(options, device))


def _planned_by(path: str) -> tuple[int, int]:
    """The ranks in all and the machines of an accelerate configuration. Raises UsageError."""
    from accelerate.commands.config.config_args import load_config_from_file

    try:
        config = load_config_from_file(path)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"--accelerate-config {path}: {one_line(error, 200)}") from None
    return config.num_processes or 1, config.num_machines or 1


def _accelerate_decides(options: Options) -> bool:
    """Whether a configuration of accelerate's own says what to wrap the model in; `--deepspeed` overrules it."""
    named = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP")
    by_environment = any(os.environ.get(name, "false").lower() == "true" for name in named)
    return options.deepspeed is None and (options.accelerate_config is not None or by_environment)


def _deepspeed(options: Options, device: str) -> dict[str, Any] | None:
    """DeepSpeed's configuration with what fgit decides filled in; None where it is not used."""
    if _accelerate_decides(options):
        return None
    name = options.deepspeed or ("zero2" if device == "cuda" else None)
    if name is None:
        return None
    path = CONFIGS / f"{name}.json" if (CONFIGS / f"{name}.json").exists() else Path(name)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        packaged = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.json")))
        raise UsageError(f"--deepspeed {name}: {error.strerror}; give one of {packaged}, or a JSON file") from None
    except ValueError as error:
        raise UsageError(f"--deepspeed {path}: not JSON: {error}") from None
    if not isinstance(config, dict) or "stage" not in config.get("zero_optimization", {}):
        raise UsageError(f"--deepspeed {path}: no zero_optimization.stage")
    for section in ("optimizer", "scheduler"):
        if section in config:
            raise UsageError(f"--deepspeed {path}: take out `{section}`; fgit's own options set it")
    if config.get("gradient_accumulation_steps", 1) not in (1, "auto"):
        raise UsageError(
            f"--deepspeed {path}: gradient_accumulation_steps must be 1; --global-batch-size sets the step"
        )
    if device == "cpu":
        # pinned memory and overlapping streams are a GPU's
        config["zero_optimization"]["overlap_comm"] = False
    return _gathered_to_save(config) | ours(options)


def _gathered_to_save(config: dict[str, Any]) -> dict[str, Any]:
    """ZeRO-3 told to bring the weights together at the end; without that a run would train and could not save."""
    zero = config["zero_optimization"]
    if zero["stage"] == 3:
        zero["stage3_gather_16bit_weights_on_model_save"] = True
    return config


def ours(options: Options) -> dict[str, Any]:
    """What fgit decides in any DeepSpeed configuration.

    DeepSpeed clips at 1.0 unless told otherwise, and divides by the accumulation steps; fgit's passes are no
    accumulation in its sense (step.py), and a step's size is known to fgit alone.
    """
    return {
        "gradient_clipping": float(options.max_grad_norm),
        "gradient_accumulation_steps": 1,
        "train_micro_batch_size_per_gpu": 1,
        "train_batch_size": "auto",
    }


def start(options: Options, plan: Plan) -> Any:
    """accelerate's Accelerator as planned, process group and all.

    Raises EngineError where accelerate made something else than planned (it falls back to one process in silence).
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != plan.ranks:
        raise EngineError(f"{started} of {plan.ranks} ranks were started; see `accelerate env`")
    bf16 = options.bf16 if options.bf16 is not None else plan.device == "cuda"
    if plan.device == "cpu":
        os.environ["DS_ACCELERATOR"] = "cpu"  # not ACCELERATE_USE_CPU, which switches DeepSpeed off
    from accelerate import Accelerator
    from accelerate.utils import DeepSpeedPlugin, DistributedDataParallelKwargs, InitProcessGroupKwargs

    # A language model's buffers are constants; to send them round before each forward would be a collective in it.
    handlers: list[Any] = [DistributedDataParallelKwargs(broadcast_buffers=False)]
    if plan.ranks > 1:
        if rendezvous.needed() and plan.ranks > plan.local_ranks:  # one machine's ranks were started together
            rendezvous.meet(say)
        backend = "gloo" if plan.device == "cpu" else "nccl"
        handlers.append(InitProcessGroupKwargs(backend=backend, timeout=PATIENCE))
    plugin = None
    if plan.deepspeed:
        libraries.hush()  # DeepSpeed sets its own level where it is imported
        plugin = DeepSpeedPlugin(hf_ds_config=json.loads(json.dumps(plan.deepspeed)))
    under_deepspeed = bool(plugin) or os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"
    if under_deepspeed and plan.device == "cpu":
        _without_shared_memory_op()
    accelerator = Accelerator(
        cpu=plan.device == "cpu" and not under_deepspeed,
        mixed_precision="bf16" if bf16 else "no",
        deepspeed_plugin=plugin,
        kwargs_handlers=handlers,
        log_with=list(options.report_to) or None,
        project_dir=options.output_dir,
        step_scheduler_with_optimizer=False,
    )
    if accelerator.state.deepspeed_plugin:
        config = accelerator.state.deepspeed_plugin.deepspeed_config
        config.update(_gathered_to_save(config) | ours(options))
    _assert_as_planned(accelerator, plan, options)
    return accelerator


def _without_shared_memory_op() -> None:
    """DeepSpeed compiles an all-reduce over shared memory for CPU ranks; gloo does without, and without a compiler."""
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def _assert_as_planned(accelerator: Any, plan: Plan, options: Options) -> None:
    got = {
        "ranks": accelerator.num_processes,
        "device": accelerator.device.type,
    }
    asked = {"ranks": plan.ranks, "device": plan.device}
    if not _accelerate_decides(options) or plan.deepspeed:
        under = str(accelerator.distributed_type.value) == "DEEPSPEED"
        got["ZeRO stage"] = accelerator.state.deepspeed_plugin.zero_stage if under else 0
        asked["ZeRO stage"] = plan.stage
    if got != asked:
        raise EngineError(f"accelerate started {got}, asked for was {asked}; see `accelerate env`")


def what_is_built(accelerator: Any) -> str | None:
    """What to tell before DeepSpeed takes the model, where it compiles something first; None where it does not."""
    plugin = accelerator.state.deepspeed_plugin
    config = plugin.deepspeed_config if plugin else {}
    offload = (config.get("zero_optimization", {}).get("offload_optimizer") or {}).get("device", "none")
    if offload == "none" or not config.get("zero_force_ds_cpu_optimizer", True):
        return None
    return "DeepSpeed compiles its CPU Adam, unless it has before: once, for a minute or two"


def describe(accelerator: Any) -> dict[str, Any]:
    """What the run got, for its record."""
    import torch

    cuda = accelerator.device.type == "cuda"
    plugin = accelerator.state.deepspeed_plugin
    return {
        "device": torch.cuda.get_device_name(accelerator.device) if cuda else "cpu",
        "ranks": accelerator.num_processes,
        "type": str(accelerator.distributed_type.value) + (f" ZeRO-{plugin.zero_stage}" if plugin else ""),
        "mixed_precision": accelerator.mixed_precision,
    }


def peak_memory(accelerator: Any) -> float:
    """GiB that this rank had at most: of the GPU, or of the process on a CPU."""
    if accelerator.device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(accelerator.device) / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "linux" else 2**30)
