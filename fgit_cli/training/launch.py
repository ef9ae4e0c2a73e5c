"""Starting the ranks of a run and ending them with it: `accelerate launch` where there are GPUs, gloo ranks on a CPU.

A job folder carries the run to its ranks: `options.json`, `plan.json`, the data. A rank that fails writes
`failure.json` there; its message and exit status become fgit's own. Rank 0 writes records to `records` there, and
this process passes them on, because launchers and DeepSpeed write to stdout too. Whatever ends fgit ends the ranks:
they are killed when it leaves, and the kernel kills them when it dies (PR_SET_PDEATHSIG).
"""

import ctypes
import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

from fgit_cli.errors import AnswerIsNo, EngineError, FgitError, InputError, UsageError
from fgit_cli.options import cores
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options

WORKER = "fgit_cli.stages.rank"  # which joins training and benchmarks
FAILURES = {kind.exit_code: kind for kind in (AnswerIsNo, UsageError, InputError, EngineError)}
PR_SET_PDEATHSIG = 1
RECORDS = "FGIT_RECORDS"  # tells rank 0 where records go: to the file, or to the terminal where its live view is


def launch(options: Options, plan: Plan, job: Path) -> None:
    """Run all of this machine's ranks to their end. Raises the error that a rank failed with."""
    write_job(options, plan, job)
    if plan.device == "cuda" or options.accelerate_config:
        processes = [_start(accelerate_line(options, plan, job))]
    else:
        processes = _start_gloo(options, plan, job)
    supervise(processes, job, sys.stdout.buffer)


def write_job(options: Options, plan: Plan, job: Path) -> None:
    """What the ranks read: the options as they are set, and the plan, which each must find fulfilled."""
    (job / "failure.json").unlink(missing_ok=True)
    (job / "plan.json").write_text(json.dumps(dataclasses.asdict(plan)), encoding="utf-8")
    values = dataclasses.asdict(options)
    values |= {name: sorted(value) for name, value in values.items() if isinstance(value, frozenset)}
    (job / "options.json").write_text(json.dumps(values), encoding="utf-8")
    if plan.deepspeed:
        (job / "deepspeed.json").write_text(json.dumps(plan.deepspeed, indent=2), encoding="utf-8")


def read_options(job: Path) -> Options:
    """The options of a job folder, as `write_job` left them."""
    values = json.loads((job / "options.json").read_text(encoding="utf-8"))
    sets = [field.name for field in dataclasses.fields(Options) if isinstance(field.default, frozenset)]
    return Options(**values | {name: frozenset(values[name]) for name in sets})


def accelerate_line(options: Options, plan: Plan, job: Path) -> list[str]:
    """The `accelerate launch` command of this machine. `--accelerate-config` replaces all that it says of machines."""
    line = [sys.executable, "-m", "accelerate.commands.launch"]
    if options.accelerate_config:
        line += ["--config_file", options.accelerate_config]
    else:
        bf16 = options.bf16 is not False
        line += ["--num_processes", str(plan.ranks), "--num_machines", str(options.num_machines)]
        line += ["--machine_rank", str(options.machine_rank), "--mixed_precision", "bf16" if bf16 else "no"]
        line += ["--dynamo_backend", "no"]
        if options.num_machines > 1:
            line += ["--main_process_ip", str(options.main_process_ip), "--same_network", "--rdzv_backend", "static"]
            line += ["--main_process_port", str(options.main_process_port or 29500)]
        else:
            line += ["--main_process_port", str(options.main_process_port or free_port())]
        line += ["--use_deepspeed", "--deepspeed_config_file", str(job / "deepspeed.json")]
        if options.num_machines > 1:
            line += ["--deepspeed_multinode_launcher", "standard"]  # torchrun on each machine, no ssh
    return [*line, "--module", WORKER, str(job)]


def _start_gloo(options: Options, plan: Plan, job: Path) -> list[subprocess.Popen]:
    """One process per CPU rank, with the environment that torchrun would give it."""
    shared = {
        "MASTER_ADDR": options.main_process_ip or "127.0.0.1",
        "MASTER_PORT": str(options.main_process_port or (29500 if options.num_machines > 1 else free_port())),
        "WORLD_SIZE": str(plan.ranks),
        "LOCAL_WORLD_SIZE": str(plan.local_ranks),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores() // plan.local_ranks))),
    }
    processes = []
    for local in range(plan.local_ranks):
        rank = options.machine_rank * plan.local_ranks + local
        own = {"RANK": str(rank), "LOCAL_RANK": str(local)}
        processes.append(_start([sys.executable, "-m", WORKER, str(job)], {**os.environ, **shared, **own}))
    return processes


def _start(line: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen:
    terminal = sys.stdout.isatty() and sys.stderr.isatty()
    environment = {
        **(environment or os.environ),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
        RECORDS: "stderr" if terminal else "file",
    }
    stdout = sys.stderr.fileno()
    return subprocess.Popen(
        line, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, process_group=0, preexec_fn=die_with_parent
    )


def die_with_parent() -> None:
    """Ask the kernel (Linux) to kill this process when the one that started it is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def supervise(processes: list[subprocess.Popen], job: Path, stdout: BinaryIO) -> None:
    """Pass records on and wait for all processes; at the first that fails, and however this is left, kill the rest.

    Raises what a rank wrote into `failure.json`, or EngineError for one that died without a word.
    """
    failure, records = job / "failure.json", Records(job / "records", stdout)
    try:
        while True:
            codes = [process.poll() for process in processes]
            records.pass_on()
            if failure.exists() or any(codes):
                break
            if all(code == 0 for code in codes):
                return
            time.sleep(0.05)
        if not failure.exists():
            time.sleep(0.5)  # the rank that failed first may be writing why
        raise _failed(processes, failure)
    finally:
        for process in processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        records.pass_on()


class Records:
    """What rank 0 has written to its file since last asked, to this process's stdout."""

    def __init__(self, path: Path, stdout: BinaryIO) -> None:
        path.write_bytes(b"")
        self.file, self.stdout = open(path, "rb"), stdout

    def pass_on(self) -> None:
        """A reader that goes away does not end the training; the records go on in `steps.jsonl`."""
        if new := self.file.read():
            try:
                self.stdout.write(new)
                self.stdout.flush()
            except BrokenPipeError:
                self.stdout = open(os.devnull, "wb")


def _failed(processes: list[subprocess.Popen], failure: Path) -> FgitError:
    if failure.exists():
        told = json.loads(failure.read_text(encoding="utf-8"))
        return FAILURES.get(told["exit_code"], EngineError)(told["message"])
    for number, process in enumerate(processes):
        code = process.poll()
        if code:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
            why = " (out of memory, perhaps)" if code == -signal.SIGKILL else ""
            which = f"rank {number}" if len(processes) > 1 else "accelerate launch"
            return EngineError(f"{which} {how}{why}; the same command with --resume goes on from the last checkpoint")
    return EngineError("a rank failed and did not say why")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
