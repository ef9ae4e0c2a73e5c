"""How far a tuned model has moved from the student where it was not tuned: KL(base ‖ tuned) on untuned prompts."""

from pathlib import Path
from typing import Any

import torch

from fgit_cli.commands.demo import STUDENT
from lab.splits import Split, tasks_of, untuned

PROMPTS = 200
LONGEST = 200  # tokens of an answer


def divergence(model_folder: Path, split: Split) -> float:
    """Mean over the tokens of the base's own greedy answers of KL(base ‖ tuned), in nats."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(STUDENT)
    base, tuned = (AutoModelForCausalLM.from_pretrained(folder).eval() for folder in (STUDENT, model_folder))
    total = tokens = 0.0
    with torch.inference_mode():
        for prompt in _prompts(tokenizer, split):
            whole = base.generate(prompt[None], do_sample=False, max_new_tokens=LONGEST)
            answered = slice(len(prompt) - 1, whole.shape[1] - 1)
            theirs, ours = (model(whole).logits[0, answered].log_softmax(-1) for model in (base, tuned))
            total += float((theirs.exp() * (theirs - ours)).sum())
            tokens += whole.shape[1] - len(prompt)
    return total / tokens


def _prompts(tokenizer: Any, split: Split) -> list[torch.Tensor]:
    asked = [task for task, other in zip(tasks_of(split), untuned(split), strict=True) if other][:PROMPTS]
    texts = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": task.instruction}], add_generation_prompt=True, tokenize=False
        )
        for task in asked
    ]
    return [torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
