"""What a training step of fgit costs beside plain SFT and beside the usual ways to train on pairs: time and memory.

    python -m benchmarks.train [--pairs 16] [--rounds 5] [--device cpu|cuda]

A step is forward and backward of a global batch. CPU: CPU seconds of one thread, fp32, small random models, one with
most of its work in the body and one with most of it in the vocabulary; CUDA: wall seconds, bf16, 0.5 B parameters. The
ways take turns, and a ratio is the median of its rounds' ratios. Memory is a step's highest beyond what was held before
it, of eight pairs at once. Pairs are real: see `train_peers.faulty`.
"""

import argparse
import copy
import ctypes
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch

from benchmarks import test_data
from benchmarks.train_peers import TARGET, Objective, faulty, fed, fgit, make_model, peers, read_pairs

SHAPES = {
    "body": {"hidden_size": 192, "num_hidden_layers": 6, "intermediate_size": 512, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 4096},
    "vocabulary": {"hidden_size": 128, "num_hidden_layers": 2, "intermediate_size": 352, "num_attention_heads": 2,
                   "num_key_value_heads": 2, "vocab_size": 32256},
    "0.5B": {"hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864, "num_attention_heads": 14,
             "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True},
}  # fmt: skip
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40": 181e12}  # dense bf16, operations a second
MEASURED = ("fgit shared", "sft", "stock sft", "TRL route")  # for memory
AT_ONCE = 8  # pairs, where a way counts them; fgit's token budget is as many mean pairs


def now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


class Case:
    """A model's shape, and pairs masked as fgit and as Target-DPO mask them."""

    def __init__(self, shape: str, kind: str, masked: dict[str, str], device: str, count: int) -> None:
        self.name, self.kind, self.device, self.shape = shape, kind, device, SHAPES[shape]
        vocabulary = self.shape["vocab_size"]
        self.pairs = read_pairs(masked["fgit"], vocabulary, count)
        self.target = read_pairs(masked["target"], vocabulary, count)

    def first(self, count: int) -> "Case":
        """The same with fewer pairs."""
        made = copy.copy(self)
        made.pairs, made.target = self.pairs[:count], self.target[:count]
        return made

    def peers(self, model: Any) -> dict[str, Any]:
        return peers(model, self.shape, self.pairs, self.target, AT_ONCE, self.device)


def times(case: Case, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round, after one round that does not count."""
    model = make_model(case.shape, case.device)
    made = {name: make() for name, make in case.peers(model).items()}
    out: dict[str, list[float]] = {name: [] for name in made}
    for number in range(rounds + 1):
        for name, run in made.items():
            model.zero_grad()
            began = now(case.device)
            run()
            if number:
                out[name].append(now(case.device) - began)
    return out


def memory(case: Case, peer: str) -> float:
    """The highest megabytes of one step beyond what was held before it; gradients included."""
    model = make_model(case.shape, case.device)
    run = case.peers(model)[peer]()
    if case.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    libc = ctypes.CDLL(None)
    libc.mallopt(-3, 65536)  # M_MMAP_THRESHOLD: what is freed goes back to the system at once
    libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts anew
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def memory_apart(case: Case, peer: str) -> float:
    """The same on CPU in a child, whose heap no other way has used."""
    if case.device == "cuda":
        return memory(case, peer)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, str(memory(case, peer)).encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return float(pipe.read())


def report(case: Case, seconds: dict[str, list[float]], megabytes: dict[str, float]) -> dict[str, Any]:
    """Print the case's table and what was asked; the figures."""

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(seconds[a], seconds[b], strict=True))

    tokens = fed(case.pairs, Objective("fgit"))
    print(f"\n{case.name} model, {case.kind} pairs: {len(case.pairs)}, fed tokens {tokens:.3f} of SFT")
    for name, measured in seconds.items():
        held = f"{megabytes[name]:7.0f} MB" if name in megabytes else ""
        print(f"  {name:20} {statistics.median(measured):7.3f} s {held}")
    near = 0.1 if case.device == "cuda" else 0.15
    asked = [
        ("fgit shared / stock sft", ratio("fgit shared", "stock sft"), "<=", 0.8),
        ("fgit shared / stock sft by length", ratio("fgit shared", "stock sft by length"), "<=", 0.9),
        ("fgit shared / sft", ratio("fgit shared", "sft"), "<=", tokens + near),
        ("dft / sft", ratio("dft", "sft"), "<=", 1.05),
        ("fork / sft", ratio("fork", "sft"), "<=", fed(case.pairs, Objective("fork")) + 0.05),
        ("fork and sft / sft", ratio("fork and sft", "sft"), "<=", 1.05),
        ("TRL route / fgit shared", ratio("TRL route", "fgit shared"), ">=", 2.7),
        ("TRL DPO / target-dpo", ratio("TRL DPO", "target-dpo"), ">=", 2.0),
        ("memory: TRL route / fgit shared", megabytes["TRL route"] / megabytes["fgit shared"], ">=", 3.5),
    ]
    if case.device == "cuda":
        for name in ("sft", "fgit shared"):
            asked.append((f"MFU of {name}", utilisation(case, name, seconds[name]), ">=", 0.45))
    for what, value, sign, bound in asked:
        met = value <= bound if sign == "<=" else value >= bound
        print(f"  {what:36} {value:6.2f}  asked {sign} {bound:.2f}  {'met' if met else 'NOT MET'}", flush=True)
    return {
        "model": case.name, "pairs": case.kind, "fed": tokens, "memory_mb": megabytes,
        "seconds": {n: statistics.median(s) for n, s in seconds.items()},
        "ratios": {what: value for what, value, _, _ in asked},
    }  # fmt: skip


def utilisation(case: Case, name: str, seconds: list[float]) -> float:
    """Model operations (6 for each weight and token fed) a second, of the GPU's dense bf16 peak."""
    shape, hidden = case.shape, case.shape["hidden_size"]
    kv = hidden * shape["num_key_value_heads"] // shape["num_attention_heads"]
    layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * shape["intermediate_size"]
    weights = shape["num_hidden_layers"] * layer
    objective = Objective("sft" if name == "sft" else "fgit")
    tokens = sum(len(p.prompt_ids) + len(p.correct_ids) for p in case.pairs) * fed(case.pairs, objective)
    head = sum(len(p.correct_ids) for p in case.pairs) * hidden * shape["vocab_size"]
    peak = next((v for n, v in PEAK.items() if n in torch.cuda.get_device_name()), float("inf"))
    return 6 * (tokens * weights + head) / statistics.median(seconds) / peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=16, help="pairs of the global batch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--only", help="MODEL/KIND, such as body/evol")
    options = parser.parse_args()
    torch.set_num_threads(1)
    data = test_data.folder()
    shapes = ["0.5B"] if options.device == "cuda" else ["body", "vocabulary"]
    results = []
    for kind in ("evol", "harsh"):
        wanted = [shape for shape in shapes if options.only in (None, f"{shape}/{kind}")]
        if not wanted:
            continue
        records = faulty(data, kind, options.pairs)
        masked = {
            name: fgit("mask", "--tokenizer", data / "tok/deepseek-coder", *words, stdin=records)
            for name, words in (("fgit", ()), ("target", TARGET))
        }
        for case in (Case(shape, kind, masked, options.device, options.pairs) for shape in wanted):
            megabytes = {peer: memory_apart(case.first(AT_ONCE), peer) for peer in MEASURED}
            results.append(report(case, times(case, options.rounds), megabytes))
    print(json.dumps(results))


if __name__ == "__main__":
    main()
