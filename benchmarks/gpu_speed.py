"""gpu.py's part `speed`: errors against fp64; time, memory and share of the card's peak of each way to make a step.

A step is forward and backward of 64 pairs (32 with 6.7 B parameters), bf16 weights, no optimizer; models have random
weights. The ways take turns; a figure is the median of the rounds after the first two. MFU counts model operations: 6
for each weight and token fed, 6 V H for each probability read, causal attention; recomputing counts for nothing.
"""

import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.train_peers import read_pairs, stock_sft
from fgit_cli.training import estimate, gpus
from fgit_cli.training.layout import row_sizes, sft_size
from fgit_cli.training.losses import reading
from fgit_cli.training.step import Example, Objective, Pair, Totals, confirm, plan_passes, prepare, step

QWEN2_HALF = {"hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864, "num_attention_heads": 14,
              "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True}  # fmt: skip
QWEN2 = {"hidden_size": 1536, "num_hidden_layers": 28, "intermediate_size": 8960, "num_attention_heads": 12,
         "num_key_value_heads": 2, "vocab_size": 151936, "tie_word_embeddings": True}  # fmt: skip
DEEPSEEK = {"hidden_size": 4096, "num_hidden_layers": 32, "intermediate_size": 11008, "num_attention_heads": 32,
            "num_key_value_heads": 32, "vocab_size": 32256}  # fmt: skip
SMALL = {"hidden_size": 512, "num_hidden_layers": 3, "intermediate_size": 1408, "num_attention_heads": 8,
         "num_key_value_heads": 2, "vocab_size": 8192}  # fmt: skip


@dataclass(frozen=True)
class Size:
    """A model's family and shape, the pairs of its step, its token budgets, and the MFU that is asked of it."""

    family: str
    shape: dict[str, Any]
    pairs: int
    budgets: tuple[int, ...]
    asked: float


SIZES = {
    "0.5B": Size("Qwen2", QWEN2_HALF, 64, (8192, 16384, 32768), 0.25),
    "1.5B": Size("Qwen2", QWEN2, 64, (8192, 16384, 32768), 0.45),
    "6.7B": Size("Llama", DEEPSEEK, 32, (8192, 16384), 0.55),
}


class Clock:
    """What is left of a part's time."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    def left(self) -> float:
        return self.ends - time.monotonic()


def say(text: str) -> None:
    print(text, flush=True)


def make_model(family: str, shape: dict[str, Any], dtype: torch.dtype = torch.bfloat16) -> Any:
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(
        max_position_embeddings=4096, pad_token_id=None, attn_implementation="sdpa", **shape
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("cuda"):
            return getattr(transformers, f"{family}ForCausalLM")(config).train()
    finally:
        torch.set_default_dtype(before)


def seconds(run: Callable[[], object]) -> float:
    torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - began


# What the card does at best


def ceilings() -> float:
    """The card's peak by its maker for dense bf16; beside it what a product of matrices and a copy reach here."""
    import transformers

    name = torch.cuda.get_device_name()
    free, memory = (n / 2**30 for n in torch.cuda.mem_get_info())
    say(f"{time.strftime('%Y-%m-%d')} {name}, {memory:.0f} GiB ({free:.0f} free), torch {torch.__version__}, "
        f"transformers {transformers.__version__}, Python {sys.version.split()[0]}")  # fmt: skip
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in "ab")
    product = statistics.median(seconds(lambda: torch.mm(a, b)) for _ in range(10))
    large = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    copy = statistics.median(seconds(lambda: large.clone()) for _ in range(6))
    peak = gpus.here()[1].peak
    say(f"a product of 8192 x 8192 bf16 matrices: {2 * 8192**3 / product / 1e12:.0f} TFLOP/s of the maker's "
        f"{peak / 1e12:.0f}; a copy: {2 * large.numel() / copy / 1e12:.2f} TB/s")  # fmt: skip
    return peak


# Errors


def gradient(model: Any, examples: list[Example], objective: Objective, layout_name: str, how: dict[str, Any]) -> Any:
    """Loss and the gradient as one vector, in fp64 on the CPU."""
    model.set_attn_implementation("sdpa")
    layout = laid_out(model, layout_name, how["attention"], how["kernels"], how["autocast"])
    layout.kernels.redo()
    model.zero_grad()
    totals, loss = Totals.of(examples), 0.0
    for members in plan_passes(examples, objective, layout.name, 8192)[0]:
        with torch.autocast("cuda", torch.bfloat16, enabled=how["autocast"]):
            part, _ = step(model, members, objective, totals, layout)
        part.backward()
        loss += float(part.detach())
    layout.kernels.undo()
    found = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    return loss, torch.cat([g.double().flatten() for g in found]).cpu()


def errors(pairs: list[Pair], liger: str) -> None:
    """Relative errors of loss and gradient against two plain fp64 rows a pair, in the types that training runs in."""
    examples = [Example(p) for p in pairs[:16]]
    plain = {"attention": "auto", "kernels": "none", "autocast": False}
    ways: dict[str, tuple[torch.dtype, str, dict[str, Any]]] = {
        "bf16 plain": (torch.bfloat16, "plain", plain),
        "bf16 shared": (torch.bfloat16, "shared", plain),
        "bf16 shared, a call a segment": (torch.bfloat16, "shared", plain | {"attention": "sdpa"}),
        f"bf16 shared, {liger}": (torch.bfloat16, "shared", plain | {"kernels": liger}),
        f"fp32, bf16 autocast, {liger}": (torch.float32, "shared", plain | {"kernels": liger, "autocast": True}),
        "fp32 shared": (torch.float32, "shared", plain),
        f"fp32 shared, {liger}": (torch.float32, "shared", plain | {"kernels": liger}),
    }
    for objective in (Objective("fgit"), Objective("fgit", detach_weight=True), Objective("dpo")):
        model = make_model("Qwen2", SMALL)
        weights = {n: p.detach().clone() for n, p in model.named_parameters()}
        loss, wanted = gradient(model.double(), examples, objective, "plain", plain)
        found = []
        for name, (dtype, layout_name, how) in ways.items():
            model = make_model("Qwen2", SMALL)
            model.load_state_dict(weights, strict=False)
            got, grads = gradient(model.to(dtype), examples, objective, layout_name, how)
            error = float((grads - wanted).norm() / wanted.norm())
            found.append(f"{name} {abs(got / loss - 1):.0e}, {error:.1e}")
        told = "detached " * objective.detach_weight + objective.name
        say(f"error of loss and gradient against fp64, {told}: " + "; ".join(found))


# The steps


def laid_out(model: Any, name: str, attention: str, kernels: str, autocast: bool = False) -> Any:
    """The layout and kernels asked for, taken back; it is said where the probe would not have them."""
    wanted = prepare(model, name, attention, kernels_wanted=kernels)  # type: ignore[arg-type]
    used = model.config._attn_implementation
    with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
        got = confirm(model, wanted)
    if (got.name, got.kernel, got.kernels.name) != (wanted.name, wanted.kernel, wanted.kernels.name):
        say(f"  THE PROBE REFUSES: {'; '.join(got.reasons)}")
    wanted.kernels.undo()
    model.set_attn_implementation(used)
    return wanted


def ours(model: Any, pairs: list[Pair], objective: Objective, budget: int, kernels: str) -> Callable[[], None]:
    """fgit's step; the kernels are on the model while it runs."""
    examples = [Example(p, reference=1.0) for p in pairs]
    model.set_attn_implementation("sdpa")
    layout = laid_out(model, "shared", "auto", kernels)
    attention = model.config._attn_implementation

    def run() -> None:
        model.set_attn_implementation(attention)
        layout.kernels.redo()
        totals = Totals.of(examples)
        for members in plan_passes(examples, objective, layout.name, budget)[0]:
            step(model, members, objective, totals, layout)[0].backward()
        layout.kernels.undo()

    return run


def trl_sft(size: Size, pairs: list[Pair]) -> Callable[[], None]:
    """TRL's SFTTrainer: packed rows, liger with its loss; rows cut anywhere, which needs no flash-attn package."""
    import datasets
    import transformers
    import trl
    from tokenizers import Tokenizer, models

    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(9)}, unk_token="w0"))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w0", eos_token="w1")
    datasets.disable_progress_bars()
    config = trl.SFTConfig(
        output_dir=tempfile.mkdtemp(), max_length=1024, packing=True, packing_strategy="wrapped", report_to=[],
        use_liger_kernel=True, bf16=False, gradient_checkpointing=False, per_device_train_batch_size=16,
        dataloader_num_workers=0,
    )  # fmt: skip
    rows = [{"input_ids": [*p.prompt_ids.tolist(), *p.correct_ids.tolist()]} for p in pairs]
    trainer = trl.SFTTrainer(
        model=make_model(size.family, size.shape), args=config, processing_class=tokenizer,
        train_dataset=datasets.Dataset.from_list(rows),
    )  # fmt: skip
    model: Any = trainer.model
    batches = [{k: v.cuda() for k, v in b.items() if hasattr(v, "cuda")} for b in trainer.get_train_dataloader()]
    fed = sum(b["input_ids"].numel() for b in batches)
    say(f"  TRL {trl.__version__}: {fed} tokens in {len(batches)} batches of rows of 1024")

    def run() -> None:
        model.zero_grad()
        for batch in batches:
            trainer.compute_loss(model, dict(batch), num_items_in_batch=fed).backward()

    return run


@dataclass
class Way:
    """A way to make the step: the objective whose tokens it feeds (None: all, by TRL), and how to run it."""

    objective: Objective | None
    run: Callable[[], None]
    peak: float = 0.0
    taken: list[float] | None = None


def compare(name: str, size: Size, pairs: list[Pair], peak: float, clock: Clock, rounds: int, liger: str) -> Any:
    """Print the table of a size; its figures."""
    model = make_model(size.family, size.shape)
    fgit, best = Objective("fgit"), size.budgets[-1]
    ways = {
        f"fgit, {budget} tokens a pass": Way(fgit, ours(model, pairs, fgit, budget, liger)) for budget in size.budgets
    }
    ways["fgit, model's kernels"] = Way(fgit, ours(model, pairs, fgit, best, "none"))
    detached = Objective("fgit", detach_weight=True)
    ways["fgit, detached"] = Way(detached, ours(model, pairs, detached, best, liger))
    sft = Objective("sft")
    ways["sft"] = Way(sft, ours(model, pairs, sft, best, liger))
    ways["padded sft"] = Way(sft, stock_sft(model, pairs, False, 16, "cuda"))
    ways["padded sft by length"] = Way(sft, stock_sft(model, pairs, True, 16, "cuda"))
    measure(ways, model, rounds, clock)
    held = torch.cuda.memory_allocated() / 2**30
    result = table(name, size, pairs, ways, peak, best, held)
    for way_name in (f"fgit, {best} tokens a pass", "sft"):
        if clock.left() > 15 and way_name in ways:
            profile(way_name, ways[way_name].run, model)
    del model, ways
    free()
    return result


def against_trl(size: Size, pairs: list[Pair], rounds: int, clock: Clock, result: dict[str, Any]) -> None:
    """TRL's step of the same pairs, after the others, because its kernels stay in the model's code."""
    try:
        import trl  # noqa: F401
    except ImportError:
        say("  TRL is not installed: no comparison with it")
        return
    import transformers

    code = sys.modules[getattr(transformers, f"{size.family}ForCausalLM").__module__]
    before = dict(vars(code))
    try:
        way = Way(None, trl_sft(size, pairs))
        measure({"TRL": way}, None, rounds, clock)
        if way.taken:
            took = statistics.median(way.taken)
            ratio = result["ms"].get("sft", float("nan")) / took / 1000
            say(f"  {'TRL packed, liger':32} {1000 * took:7.0f} ms            {way.peak:6.1f} GiB; own sft takes "
                f"{ratio:.2f} of it, asked <= 1")  # fmt: skip
            result["ms"]["TRL packed, liger"] = 1000 * took
    finally:
        vars(code).update(before)
        del way
        free()


def measure(ways: dict[str, Way], model: Any, rounds: int, clock: Clock) -> None:
    """Seconds and the highest memory of each way; one that runs out of memory is said and left out."""
    for number in range(rounds + 2):
        for name, way in list(ways.items()):
            if model is not None:
                model.zero_grad()
            if number == 1:
                torch.cuda.reset_peak_memory_stats()
            try:
                took = seconds(way.run)
            except torch.OutOfMemoryError:
                say(f"  {name}: out of memory")
                del ways[name]
                free()
                continue
            if number == 1:
                way.peak = torch.cuda.max_memory_allocated() / 2**30
            way.taken = [*(way.taken or []), took] if number > 1 else way.taken
        if clock.left() < 10 and number > 2:
            say(f"  after {number - 1} rounds: no more time")
            return


def tokens_of(pairs: list[Pair], objective: Objective) -> estimate.Tokens:
    fed = sft = read = squares = 0
    for example in map(Example, pairs):
        rows, tokens = row_sizes(objective, example, "shared"), reading(objective, example)
        fed, sft = fed + sum(rows), sft + sft_size(example)
        squares += sum(n * n for n in rows)
        read += int(tokens.correct.sum() + tokens.incorrect.sum())
    return estimate.Tokens(fed, sft, read, squares)


def table(name: str, size: Size, pairs: list[Pair], ways: dict[str, Way], peak: float, best: int, held: float) -> Any:
    import transformers

    config = getattr(transformers, f"{size.family}Config")(**size.shape)
    shape = estimate.Shape.of(config, 0)
    fed = tokens_of(pairs, Objective("fgit"))
    say(f"{name}: {len(pairs)} pairs, fgit feeds {fed.fed} tokens, {fed.fed / fed.sft:.3f} of SFT; held before a step "
        f"{held:.1f} GiB")  # fmt: skip
    ms, mfu, gib = {}, {}, {}
    for way_name, way in ways.items():
        ms[way_name] = 1000 * statistics.median(way.taken or [float("nan")])
        assert way.objective is not None
        mfu[way_name] = estimate.flops(shape, tokens_of(pairs, way.objective), False) / ms[way_name] * 1000 / peak
        gib[way_name] = way.peak
        say(f"  {way_name:32} {ms[way_name]:7.0f} ms  {100 * mfu[way_name]:5.1f} % MFU  {gib[way_name]:6.1f} GiB")
    first, none = f"fgit, {best} tokens a pass", float("nan")  # none: it ran out of memory
    checks = [
        ("MFU", max((v for n, v in mfu.items() if n.startswith("fgit, ")), default=none), ">=", size.asked),
        ("fgit / own sft", ms.get(first, none) / ms.get("sft", none), "<=", fed.fed / fed.sft + 0.05),
        ("detached / not", ms.get("fgit, detached", none) / ms.get(first, none), "<=", 1.0),
        ("fgit / padded sft", ms.get(first, none) / ms.get("padded sft", none), "<=", 1.0),
        ("fgit / padded sft by length", ms.get(first, none) / ms.get("padded sft by length", none), "<=", 1.0),
    ]
    for what, value, sign, bound in checks:
        if value != value:
            say(f"  {what:32} not to be had: one of the two ran out of memory")
            continue
        met = value <= bound if sign == "<=" else value >= bound
        say(f"  {what:32} {value:7.3f}  asked {sign} {bound:.3f}  {'met' if met else 'NOT MET'}")
    return {"size": name, "pairs": len(pairs), "fed": fed.fed, "sft": fed.sft, "ms": ms, "mfu": mfu, "gib": gib}


# Where the time goes

KINDS = (
    ("flash", ("flash",)),
    ("gemm", ("gemm", "nvjet", "xmma", "cutlass", "splitk", "gemv")),
    ("liger", ("rms_norm", "swiglu", "rope")),
    ("softmax of the head", ("_forward", "_backward", "softmax")),
    ("copies", ("memcpy", "copy", "cat", "memset")),
    ("index", ("index", "gather", "scatter", "embedding")),
    ("element-wise", ("elementwise", "reduce")),
)


def profile(of: str, run: Callable[[], None], model: Any) -> None:
    """Shares of the device's time by kind of kernel, and how much of the wall it was busy."""
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as profiled

    model.zero_grad()
    with profiled(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU], acc_events=True) as made:
        wall = seconds(run)
    spent: dict[str, float] = {}
    kernels: dict[str, float] = {}
    for event in made.key_averages():
        if event.device_type == torch.autograd.DeviceType.CUDA and event.self_device_time_total:
            name = event.key.lower()
            kind = next((k for k, words in KINDS if any(w in name for w in words)), "other")
            spent[kind] = spent.get(kind, 0.0) + event.self_device_time_total / 1e6
            kernels[event.key[:60]] = kernels.get(event.key[:60], 0.0) + event.self_device_time_total / 1e6
    busy = sum(spent.values())
    shares = ", ".join(f"{k} {100 * v / busy:.1f}" for k, v in sorted(spent.items(), key=lambda s: -s[1]))
    say(
        f"  profile of {of} (slowed by itself): busy {100 * busy / wall:.0f} % of {1000 * wall:.0f} ms; of it: {shares}"
    )
    top = sorted(kernels.items(), key=lambda s: -s[1])[:12]
    say("  kernels, ms: " + "; ".join(f"{n} {1000 * v:.1f}" for n, v in top))


def head() -> None:
    """The output layer alone: logits held, and made twice."""
    from fgit_cli.training import head as module

    hidden = torch.randn(8192, 1536, device="cuda", dtype=torch.bfloat16, requires_grad=True)
    layer = torch.nn.Linear(1536, 151936, bias=False, device="cuda", dtype=torch.bfloat16)
    targets = torch.randint(0, 151936, (8192,), device="cuda")
    taken, share = [], module.KEPT
    for kept in (share, 0.0):
        module.KEPT = kept

        def run() -> None:
            module.log_probabilities(layer, layer.forward, hidden, targets, 151936).sum().backward()

        taken.append(statistics.median([seconds(run) for _ in range(7)][2:]))
    module.KEPT = share
    least = 3 * 2 * hidden.numel() * 151936 / gpus.here()[1].peak
    say(f"head alone, 8192 positions, width 1536, vocabulary 151936: {1000 * taken[0]:.1f} ms with logits held, "
        f"{1000 * taken[1]:.1f} with logits made twice; its three products at the peak {1000 * least:.1f}")  # fmt: skip


def free() -> None:
    gc.collect()
    torch.cuda.empty_cache()


def main(folder: Path, limit: float, only: str | None) -> None:
    clock = Clock(limit)
    peak = ceilings()
    try:
        import liger_kernel  # noqa: F401

        liger = "liger"
    except ImportError:
        say("liger-kernel is not installed: the model's own kernels run")
        liger = "none"
    if not only:
        errors(read_pairs((folder / "pairs/evol.jsonl").read_text(), SMALL["vocab_size"], 64), liger)
        head()
        free()
    results = []
    plan = [("6.7B", "evol", 3), ("1.5B", "evol", 5), ("0.5B", "evol", 5), ("1.5B", "harsh", 3)]
    for name, kind, rounds in plan:
        if only and only != name:
            continue
        if clock.left() < 30:
            say(f"{name}, {kind}: no time left")
            continue
        size = SIZES[name]
        pairs = read_pairs((folder / f"pairs/{kind}.jsonl").read_text(), size.shape["vocab_size"], size.pairs)
        say(f"{name}, {kind} pairs ({clock.left():.0f} s left)")
        result = compare(name, size, pairs, peak, clock, rounds, liger)
        if kind == "evol" and clock.left() > 20:
            against_trl(size, pairs, rounds, clock, result)
        results.append(result | {"kind": kind})
    say(json.dumps(results))
