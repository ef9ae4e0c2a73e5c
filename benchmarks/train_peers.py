"""What benchmarks/train.py compares: the same global batch, forward and backward, as each way of training runs it."""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fgit_cli.training.data import pair_of
from fgit_cli.training.layout import row_sizes, sft_size
from fgit_cli.training.step import Example, Objective, Pair, Totals, confirm, plan_passes, prepare, step

ROOT = Path(__file__).parent.parent

TARGET = ("--algorithm", "lcs", "--granularity", "line", "--gaps", "ignore")  # as Target-DPO makes its masks


def fgit(*words: str | Path, stdin: str = "") -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fgit_cli", *map(str, words), "--quiet"],
        input=stdin, text=True, capture_output=True, check=True, cwd=tempfile.mkdtemp(),
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout


def faulty(data: Path, kind: str, count: int) -> str:
    """Records with an incorrect response. evol: the nearest rule variant of an Evol-Instruct response, a line or two
    differ. harsh: a BigCodeBench solution beside a 1.5B model's own wrong one under the same signature and docstring;
    the bodies differ all over."""
    if kind == "evol":
        lines = gzip.open(data / "instruct/evol.jsonl.gz", "rt").read().split("\n")
        mutated = fgit("mutate", "--method", "universalmutator", stdin="\n".join(lines[: 2 * count]))
        return fgit("select", "--by", "edit", stdin=mutated)
    bench = map(json.loads, gzip.open(data / "bench/BigCodeBench-v0.1.4.jsonl.gz"))
    tasks = {t["task_id"]: t for t in bench}
    answers = map(json.loads, gzip.open(data / "samples/qwen2.5-coder-1.5b.bigcodebench.jsonl.gz"))
    records = []
    for answer in answers:
        task = tasks[answer["task_id"]]
        given = task["complete_prompt"]
        docstring = (
            given[given.index("def task_func") :].partition("\n")[2].rstrip()
        )  # the answers lack a blank line above
        _, told, body = answer["solution"].partition(docstring)
        if told and answer["published_status"] == "fail":
            correct, incorrect = given + task["canonical_solution"], given.rstrip() + body
            records.append({"instruction": task["instruct_prompt"], "response": correct, "incorrect": incorrect})
    return "".join(json.dumps(r) + "\n" for r in records[:count])


def read_pairs(masked: str, vocabulary: int, count: int) -> list[Pair]:
    """Pairs with ids folded into a small model's vocabulary, which leaves lengths and shared beginnings as they are."""
    pairs = [pair_of(json.loads(line)) for line in masked.splitlines()][:count]
    return [
        replace(
            p, forks=None, **{n: getattr(p, n) % vocabulary for n in ("prompt_ids", "correct_ids", "incorrect_ids")}
        )
        for p in pairs
    ]


def make_model(shape: dict[str, Any], device: str) -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    config = Qwen2Config(max_position_embeddings=2048, pad_token_id=None, **shape)
    config._attn_implementation = "sdpa"
    model: torch.nn.Module = Qwen2ForCausalLM(config)
    return model.to(device, torch.bfloat16 if device == "cuda" else torch.float32).train()


def ours(model: Any, pairs: list[Pair], objective: Objective, layout_name: str, budget: int) -> Callable[[], None]:
    """fgit's step. The reference's margins are known, as they are in a run."""
    examples = [Example(p, reference=1.0) for p in pairs]
    model.set_attn_implementation("sdpa")
    layout = confirm(model, prepare(model, layout_name))  # type: ignore[arg-type]
    assert layout.name == layout_name, layout.reasons
    implementation = model.config._attn_implementation

    def run() -> None:
        model.set_attn_implementation(implementation)
        totals = Totals.of(examples)
        for members in plan_passes(examples, objective, layout.name, budget)[0]:
            step(model, members, objective, totals, layout)[0].backward()

    return run


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def _padded(rows: list[np.ndarray], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask, padded on the right."""
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = torch.from_numpy(row), 1
    return ids.to(device), mask.to(device)


def stock_sft(model: Any, pairs: list[Pair], by_length: bool, size: int, device: str) -> Callable[[], None]:
    """transformers' own: padded batches with labels, the model's loss normalised as its Trainer does."""
    ordered = sorted(pairs, key=lambda p: len(p.prompt_ids) + len(p.correct_ids)) if by_length else pairs

    def run() -> None:
        model.set_attn_implementation("sdpa")
        total = sum(len(p.correct_ids) for p in pairs)
        for part in _chunks(ordered, size):
            ids, mask = _padded([np.concatenate([p.prompt_ids, p.correct_ids]) for p in part], device)
            labels = ids.masked_fill(mask == 0, -100)
            for i, p in enumerate(part):
                labels[i, : len(p.prompt_ids)] = -100
            model(input_ids=ids, attention_mask=mask, labels=labels, num_items_in_batch=total).loss.backward()

    return run


def subclassed_trainer(model: Any, pairs: list[Pair], size: int, device: str) -> Callable[[], None]:
    """The usual way to FGit: both responses concatenated in one padded forward as TRL does, full logits, their
    log-softmax, the weight by the printed quotient."""

    def run() -> None:
        model.set_attn_implementation("sdpa")
        total = sum(len(p.correct_ids) for p in pairs)
        for part in _chunks(pairs, size):
            sides = [[np.concatenate([p.prompt_ids, ids]) for p in part for ids in (p.correct_ids, p.incorrect_ids)]]
            ids, mask = _padded(sides[0], device)
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            log_p = logits.log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
            loss = log_p.new_zeros(())
            for i, p in enumerate(part):
                first = len(p.prompt_ids) - 1
                correct = log_p[2 * i, first : first + len(p.correct_ids)]
                incorrect = log_p[2 * i + 1, first : first + len(p.incorrect_ids)]
                value, other = (torch.from_numpy(m).to(device) for m in (p.correct_mask, p.incorrect_mask))
                weight = torch.ones((), device=device)
                if p.active:
                    h = (correct.exp() * value)[value > 0].mean(), (incorrect.exp() * other)[other > 0].mean()
                    weight = 2 - (h[0] - h[1]).abs() / (h[0] + h[1])
                loss = loss - (correct * torch.where(value > 0, weight, 1.0)).sum() / total
            loss.backward()

    return run


def trl_dpo(shape: dict[str, int], pairs: list[Pair], size: int, device: str) -> Callable[[], None]:
    """TRL's DPOTrainer on the same ids, its reference's log-probabilities precomputed (by default it runs that model
    in every step)."""
    import datasets
    import trl
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(9)}, unk_token="w0"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w0", eos_token="w1")
    datasets.disable_progress_bars()
    config = trl.DPOConfig(
        output_dir=tempfile.mkdtemp(), max_length=None, report_to=[], use_cpu=device == "cpu", bf16=False,
        per_device_train_batch_size=size, gradient_checkpointing=False,
    )  # fmt: skip
    trainer = trl.DPOTrainer(
        model=make_model(shape, device), ref_model=make_model(shape, device), args=config, processing_class=tokenizer,
        train_dataset=datasets.Dataset.from_list([{"prompt": "w5 ", "chosen": "w6", "rejected": "w7"}]),
    )  # fmt: skip
    model: Any = trainer.model
    trainer.precompute_ref_logps = True
    names = {"prompt_ids": "prompt_ids", "chosen_ids": "correct_ids", "rejected_ids": "incorrect_ids"}
    rows = [{theirs: getattr(p, ours).tolist() for theirs, ours in names.items()} for p in pairs]
    rows = [{**row, "ref_chosen_logps": -100.0, "ref_rejected_logps": -101.0} for row in rows]

    def run() -> None:
        model.zero_grad()
        for part in _chunks(rows, size):
            batch = {k: v.to(device) for k, v in trainer.data_collator(part).items()}
            trainer.compute_loss(model, batch).backward()

    return run


def peers(
    model: Any, shape: dict[str, int], pairs: list[Pair], target: list[Pair], size: int, device: str
) -> dict[str, Callable[[], Callable[[], None]]]:
    """By name what makes each one's step; made when it is needed, because TRL's have models of their own."""
    budget = max(size * sum(row_sizes(Objective("fgit"), Example(p), "shared")[0] for p in pairs) // len(pairs), 1)
    return {
        "fgit shared": lambda: ours(model, pairs, Objective("fgit"), "shared", budget),
        "fgit plain": lambda: ours(model, pairs, Objective("fgit"), "plain", budget),
        "sft": lambda: ours(model, pairs, Objective("sft"), "shared", budget),
        "dft": lambda: ours(model, pairs, Objective("dft"), "shared", budget),
        "fork": lambda: ours(model, pairs, Objective("fork"), "shared", budget),
        "fork and sft": lambda: ours(model, pairs, Objective("fork", rest="sft"), "shared", budget),
        "stock sft": lambda: stock_sft(model, pairs, False, size, device),
        "stock sft by length": lambda: stock_sft(model, pairs, True, size, device),
        "TRL route": lambda: subclassed_trainer(model, pairs, size, device),
        "target-dpo": lambda: ours(model, target, Objective("target-dpo"), "shared", budget),
        "TRL DPO": lambda: trl_dpo(shape, target, size, device),
    }


def fed(pairs: list[Pair], objective: Objective) -> float:
    """Tokens fed relative to plain SFT."""
    examples = [Example(p) for p in pairs]
    return sum(sum(row_sizes(objective, e, "shared")) for e in examples) / sum(map(sft_size, examples))
