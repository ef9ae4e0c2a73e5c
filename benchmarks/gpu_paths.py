"""gpu.py's part `paths`: `fgit train` as it can be started on one GPU, each to its end, its loss beside the others'.

First the two ways of data parallel training alone on the card, with 0.5 B parameters, for their tokens/s: DeepSpeed
ZeRO-2 and accelerate without DeepSpeed. Then the matrix with 50 M parameters, several at a time.
"""

import json
import os
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_speed import QWEN2_HALF, Clock, say

STEPS = 6
FIFTY = {"hidden_size": 512, "num_hidden_layers": 8, "intermediate_size": 1408, "num_attention_heads": 8,
         "num_key_value_heads": 8, "vocab_size": 32256}  # fmt: skip
AT_ONCE = 6
PLAIN = """compute_environment: LOCAL_MACHINE
distributed_type: 'NO'
mixed_precision: bf16
num_processes: 1
num_machines: 1
use_cpu: false
"""


@dataclass
class Path_:
    """A way of starting: its options, and what the loss of its last step may be beside the first way's (None: any)."""

    name: str
    options: list[str]
    near: float | None = 0.02
    pairs: str = "evol"
    killed: bool = False
    found: dict[str, Any] = field(default_factory=dict)


def matrix(config: str) -> list[Path_]:
    return [
        Path_("zero2", []),
        Path_("zero3", ["--deepspeed", "zero3"]),
        Path_("zero3-offload", ["--deepspeed", "zero3-offload"]),
        Path_("accelerate, no DeepSpeed", ["--accelerate-config", config]),
        Path_("fp32", ["--no-bf16"]),
        Path_("kill -9 and --resume", ["--save-steps", "2"], killed=True),
        Path_("checkpointing", ["--gradient-checkpointing"]),
        Path_("lora", ["--lora-rank", "8"], None),
        Path_("lora, zero3", ["--lora-rank", "8", "--deepspeed", "zero3", "--gradient-checkpointing"], None),
        Path_("model's kernels", ["--kernels", "none"]),
        Path_("attention sdpa", ["--attention", "sdpa"]),
        Path_("plain layout", ["--layout", "plain"]),
        Path_("detached", ["--detach-weight"]),
        Path_("target-dpo", ["--objective", "target-dpo"], None, "evol-target"),
        Path_("zero3, plain, eager", ["--deepspeed", "zero3", "--layout", "plain", "--attention", "eager"]),
        *(Path_(name, ["--objective", name], None) for name in ("fork", "dft", "simpo", "orpo", "kto", "focused-dpo")),
        Path_("simpo, zero3", ["--objective", "simpo", "--deepspeed", "zero3"], None),
    ]  # fmt: skip


def write_model(folder: Path, family: str, shape: dict[str, Any], tokenizer: Path) -> Path:
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(max_position_embeddings=4096, pad_token_id=None, **shape)
    with torch.device("cuda"):
        model = getattr(transformers, f"{family}ForCausalLM")(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    for file in tokenizer.iterdir():
        shutil.copyfile(file, folder / file.name)
    return folder


def start(path: Path_, model: Path, folder: Path, out: Path, more: list[str]) -> subprocess.Popen:
    line = [sys.executable, "-m", "fgit_cli", "train", str(folder / f"pairs/{path.pairs}.jsonl"), "--model", str(model)]
    line += ["--output-dir", str(out), "--learning-rate", "1e-4", *more, *path.options]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def stop(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run(path: Path_, model: Path, folder: Path, work: Path, more: list[str], limit: float) -> None:
    """Run it to its end and note seconds to the first record and in all, losses, tokens/s, and what it said."""
    out, began = work / path.name.replace(" ", "-"), time.monotonic()
    records: list[dict[str, Any]] = []
    told: list[str] = []
    if path.killed:
        process = start(path, model, folder, out, more)
        drain(process, [])
        while not (out / "checkpoint-2" / "state.json").exists() and time.monotonic() - began < limit:
            if process.poll() is not None:
                break
            time.sleep(0.02)
        stop(process)
        process.wait()
        path.options.append("--resume")
        began = time.monotonic()
    process = start(path, model, folder, out, more)
    reader = drain(process, told, path, began)
    timer = threading.Timer(limit, stop, [process])
    timer.start()
    assert process.stdout is not None
    for line in process.stdout:
        records.append(json.loads(line))
        path.found.setdefault("first", time.monotonic() - began)
    reader.join()
    process.wait()
    timer.cancel()
    path.found |= {"code": process.returncode, "all": time.monotonic() - began, "told": told}
    path.found["losses"] = [r["loss"] for r in records if "loss" in r]
    path.found["speeds"] = [r["tokens_per_second"] for r in records if "tokens_per_second" in r]
    path.found["gib"] = max((r["peak_memory_gib"] for r in records if "peak_memory_gib" in r), default=0.0)


def drain(
    process: subprocess.Popen, told: list[str], path: Path_ | None = None, began: float = 0.0
) -> threading.Thread:
    """Keep what it says, and when the data were ready and when the model was."""

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line.rstrip())
            if path and " with marks on both sides" in line:
                path.found["data"] = time.monotonic() - began
            if path and " layout, kernels: " in line:
                path.found["model"] = time.monotonic() - began

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def report(path: Path_, first_path: Path_) -> None:
    found = path.found
    losses, verdict = found["losses"], "ran"
    if found["code"] or not losses:
        verdict = f"FAILED ({found['code']})"
    elif path.near is not None and first_path.found.get("losses"):
        off = abs(losses[-1] / first_path.found["losses"][-1] - 1)
        verdict = f"ran, last loss {off:.1e} off {first_path.name}'s" + (" TOO FAR" if off > path.near else "")
    speed = f"{statistics.median(found['speeds'][2:]):8.0f} tokens/s" if found["speeds"][2:] else ""
    data, ready, soon = (found.get(name, float("nan")) for name in ("data", "model", "first"))
    times = f"data ready after {data:.1f} s, model {ready:.1f}, first record {soon:.1f}, end {found['all']:.1f}"
    say(f"  {path.name:28} {verdict}; {times} {speed} {found['gib']:.1f} GiB")
    for line in found["told"]:
        if "slower" in line or "its own kernels" in line:
            say(f"    {line[:300]}")
    others = [line for line in found["told"] if line and not line.startswith("fgit train:")]
    if others:
        say(f"    {len(others)} lines beside fgit's own: {others[0][:160]}")
    if verdict.startswith("FAILED"):
        causes = [line for line in found["told"] if "Error" in line or "error" in line]
        for line in [*causes[:4], *found["told"][-12:]]:
            say(f"    {line[:300]}")


def side_by_side(paths: list[Path_], model: Path, folder: Path, work: Path, clock: Clock) -> None:
    """All of them, several at a time, each reported when it ends; the first of them first."""
    waiting: queue.Queue[Path_] = queue.Queue()
    lock = threading.Lock()
    more = ["--max-steps", str(STEPS), "--global-batch-size", "16", "--token-budget", "8192", "--save-steps", "0"]
    for path in paths:
        waiting.put(path)

    def work_on() -> None:
        while True:
            try:
                path = waiting.get_nowait()
            except queue.Empty:
                return
            if clock.left() < 20:
                say(f"  {path.name}: no time left")
                continue
            run(path, model, folder, work, more, clock.left() - 5)
            with lock:
                report(path, paths[0])

    threads = [threading.Thread(target=work_on) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tokens_a_second(config: Path, folder: Path, work: Path, clock: Clock) -> None:
    """The two ways of data parallel training alone on the card."""
    half = write_model(work / "half", "Qwen2", QWEN2_HALF, folder / "tokenizer")
    torch.cuda.empty_cache()
    pair = [Path_("zero2", []), Path_("accelerate, no DeepSpeed", ["--accelerate-config", str(config)])]
    say("0.5 B parameters, 12 steps of 64 pairs, alone on the card")
    more = ["--max-steps", "12", "--num-train-epochs", "12", "--save-steps", "0"]
    for path in pair:
        run(path, half, folder, work / "half-runs", more, min(90, clock.left() - 2))
        report(path, pair[0])
    speeds = [statistics.median(p.found["speeds"][2:] or [float("nan")]) for p in pair]
    ratio = speeds[1] / speeds[0]
    say(f"  accelerate without DeepSpeed / ZeRO-2, tokens/s: {ratio:.2f}  asked >= 0.90  "
        f"{'met' if ratio >= 0.9 else 'NOT MET'}")  # fmt: skip


def main(folder: Path, limit: float, only: str | None) -> None:
    clock = Clock(limit)
    work = Path(tempfile.mkdtemp())
    config = work / "accelerate.yaml"
    config.write_text(PLAIN)
    if not only:
        tokens_a_second(config, folder, work, clock)
    chosen = [p for p in matrix(str(config)) if not only or only in p.name]
    small = write_model(work / "small", "Llama", FIFTY, folder / "tokenizer")
    say(f"launch paths, 50 M parameters, {STEPS} steps of 16 pairs, {AT_ONCE} at a time on "
        f"{torch.cuda.get_device_name()}, {len(os.sched_getaffinity(0))} cores")  # fmt: skip
    side_by_side(chosen, small, folder, work, clock)
