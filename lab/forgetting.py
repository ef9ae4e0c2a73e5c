"""How far a tuned model has moved from the student where it was not tuned: KL(base ‖ tuned) on untuned prompts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from fgit_cli.benches.mini import STUDENT
from fgit_cli.jsonl import dumps, read
from lab.splits import Split, tasks_of, untuned

PROMPTS = 200
LONGEST = 200  # tokens of an answer
AT_ONCE = 32  # rows of a forward pass


def divergence(model_folder: Path, split: Split, work: Path) -> float:
    """Mean over the tokens of the base's own greedy answers of KL(base ‖ tuned), in nats."""
    from transformers import AutoModelForCausalLM

    base, tuned = (AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (STUDENT, model_folder))
    total = tokens = 0.0
    with torch.inference_mode():
        for ids, answered in _batches(list(read([str(_answers(base, split, work))]))):
            theirs, ours = (model(ids).logits.log_softmax(-1) for model in (base, tuned))
            each = (theirs.exp() * (theirs - ours)).sum(-1)
            total += float(each[answered].sum())
            tokens += float(answered.sum())
    return total / tokens


def _batches(rows: list[dict[str, Any]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Ids [B, T], padded on the right, and the positions that predict a token of the answer [B, T]."""
    rows.sort(key=lambda row: len(row["ids"]))
    for first in range(0, len(rows), AT_ONCE):
        batch = rows[first : first + AT_ONCE]
        ids = torch.zeros(len(batch), max(len(row["ids"]) for row in batch), dtype=torch.long)
        answered = torch.zeros_like(ids, dtype=torch.bool)
        for number, row in enumerate(batch):
            ids[number, : len(row["ids"])] = torch.tensor(row["ids"])
            answered[number, row["prompt"] - 1 : len(row["ids"]) - 1] = True
        yield ids, answered


def _answers(base: Any, split: Split, work: Path) -> Path:
    """The base's greedy answers to prompts of untuned shapes, asked for once: `ids` with the prompt, its length."""
    from transformers import AutoTokenizer

    path = work / f"untuned-{split}.jsonl"
    if path.exists():
        return path
    tokenizer: Any = AutoTokenizer.from_pretrained(STUDENT)
    asked = [task for task, other in zip(tasks_of(split), untuned(split), strict=True) if other][:PROMPTS]
    rows = []
    for task in asked:
        turns = [{"role": "user", "content": task.instruction}]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        prompt = torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"])
        whole = base.generate(prompt[None], do_sample=False, max_new_tokens=LONGEST)[0]
        rows.append({"ids": whole.tolist(), "prompt": len(prompt)})
    path.write_bytes(b"".join(map(dumps, rows)))
    return path
