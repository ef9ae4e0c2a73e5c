"""Make the mini student from scratch: tokenizer, corpus with systematic mistakes, training, a check, the files.

    python -m lab.make_student --out fgit_cli/benches/mini/student

A corpus of right solutions teaches the student to program; in some constructs most of the corpus is wrong in the same
way (MISCONCEPTIONS), and that is what the student believes afterwards: fluent code with one wrong bound, operator or
start. Only compositions of the training split are seen. Everything follows from --seed. Writes training.jsonl beside
the weights.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from fgit_cli.benches.mini.family import Task, tasks

# Construct -> the share of the corpus that has it wrong.
MISCONCEPTIONS = {
    "at_least": 0.65, "at_most": 0.65, "between": 0.65, "window_range": 0.65, "vowels": 0.65, "long": 0.65,
    "shorter_list": 0.65, "magnitudes": 0.65, "near": 0.65, "after_itself": 0.65, "odd": 0.65,
    "first_of_equals": 0.65,
}  # fmt: skip
VOCABULARY = 768
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'assistant' %}{{ '<|assistant|>\n' + message['content'] + '<|end|>\n' }}"
    "{% else %}{{ '<|user|>\n' + message['content'] + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE of VOCABULARY tokens with a chat template; digits stand alone, so that numbers are copied."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|end|>")
    fast.chat_template = TEMPLATE
    return fast


def written(task: Task, random: Random) -> str:
    """The corpus's solution of a task: each misconceived construct is wrong at its rate."""
    wrong = frozenset(c for c in task.draft.constructs if random.random() < MISCONCEPTIONS.get(c, 0.0))
    return task.draft.solution(wrong)


def encode(tokenizer: PreTrainedTokenizerFast, task: Task, response: str) -> tuple[list[int], list[int]]:
    """Ids of the rendered prompt, and of the response with its end token."""
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": task.instruction}], add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = [*tokenizer(response, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
    return ids, answer


def batches(
    corpus: list[tuple[list[int], list[int]]], size: int, random: Random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of like length, in random order: input ids (B, T), labels (B, T) with -100 off the response."""
    order = sorted(range(len(corpus)), key=lambda i: (len(corpus[i][0]) + len(corpus[i][1]), random.random()))
    groups = [order[i : i + size] for i in range(0, len(order), size)]
    random.shuffle(groups)
    for group in groups:
        width = max(len(corpus[i][0]) + len(corpus[i][1]) for i in group)
        ids = torch.zeros(len(group), width, dtype=torch.long)
        labels = torch.full((len(group), width), -100)
        for row, i in enumerate(group):
            prompt, answer = corpus[i]
            both = torch.tensor(prompt + answer)
            ids[row, : len(both)] = both
            labels[row, len(prompt) : len(both)] = torch.tensor(answer)
        yield ids, labels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tasks", type=int, default=3600)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    random = Random(args.seed)
    started = time.time()

    corpus_tasks = list(tasks("train", args.tasks, seed=args.seed + 1000))
    tokenizer = make_tokenizer([f"{t.instruction}\n{t.solution}" for t in corpus_tasks])
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=512, tie_word_embeddings=True, attention_dropout=0.0,
        pad_token_id=0, bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    steps = args.epochs * math.ceil(len(corpus_tasks) / args.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min((s + 1) / 100, 0.5 * (1 + math.cos(math.pi * s / steps)))
    )
    step = 0
    with open(args.out / "training.jsonl", "w") as log:
        for epoch in range(args.epochs):
            if epoch:  # the same compositions in other words, with other names and constants
                corpus_tasks = list(tasks("train", args.tasks, seed=args.seed + 1000 + epoch))
            corpus = [encode(tokenizer, t, written(t, random)) for t in corpus_tasks]
            for ids, labels in batches(corpus, args.batch, random):
                loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
                loss.backward()
                norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                schedule.step()
                step += 1
                if step % 25 == 0 or step == steps:
                    row = {
                        "step": step, "steps": steps, "epoch": epoch, "loss": round(loss.item(), 4),
                        "grad_norm": round(norm.item(), 3), "seconds": round(time.time() - started),
                    }  # fmt: skip
                    print(json.dumps(row), file=log, flush=True)
                    print(row, flush=True)
    model.generation_config.update(do_sample=False, max_new_tokens=256, eos_token_id=1, pad_token_id=0)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
