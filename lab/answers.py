"""The student's greedy answers to a split and their verdicts, at a third of the price of asking anew for every run.

Runs agree on most answers. Greedy decoding is deterministic, so an answer that an earlier run gave is this model's too
exactly if each of its tokens is the likeliest after those before it, which one forward pass tells; and its verdict is
known. What is not confirmed so is asked for and judged as `fgit eval` does. (Ties aside: rounding differs with the
shape of a batch, here as between any two batch sizes of `fgit eval`.)
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fgit_cli.benches.mini.bench import MiniBench
from fgit_cli.commands import eval as judging
from fgit_cli.jsonl import dumps, read
from fgit_cli.stages import ask
from lab.splits import Split, tasks_of

GUESSES = 2  # earlier answers tried for each task
TOKENS = 6000  # of a forward pass


class Answers:
    """Verdicts by task and answer, kept in the work folder; a task's latest answer is tried first."""

    def __init__(self, split: Split, work: Path) -> None:
        self.tasks = {t.task_id: t for t in tasks_of(split)}
        self.work, self.file = work, work / f"answers-{split}.jsonl"
        self.known: dict[str, dict[str, bool]] = {task: {} for task in self.tasks}
        for row in read([str(self.file)]) if self.file.exists() else ():
            self.known[row["task_id"]][row["answer"]] = row["passed"]

    def verdicts(self, model: Path) -> str:
        """A character for each task of the split, in order: 1 where the greedy answer of the model passes."""
        found = self._confirmed(model)
        if missing := [t for t in self.tasks if t not in found]:
            found |= self._asked(model, missing)
        return "".join("01"[found[task]] for task in self.tasks)

    def _confirmed(self, folder: Path) -> dict[str, bool]:
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        logging.disable_progress_bar()
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder).eval()
        found: dict[str, bool] = {}
        for place in range(GUESSES):
            asked = [
                (task, list(known)[-1 - place])
                for task, known in self.known.items()
                if len(known) > place and task not in found
            ]
            turns = [[{"role": "user", "content": self.tasks[task].instruction}] for task, _ in asked]
            texts = [tokenizer.apply_chat_template(t, add_generation_prompt=True, tokenize=False) for t in turns]
            prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
            answers = [tokenizer(answer, add_special_tokens=False)["input_ids"] for _, answer in asked]
            for number in likeliest(model, prompts, [[*ids, tokenizer.eos_token_id] for ids in answers]):
                task, answer = asked[number]
                found[task] = passed = self.known[task].pop(answer)
                self.known[task][answer] = passed  # now the latest
        return found

    def _asked(self, model: Path, missing: list[str]) -> dict[str, bool]:
        """Ask for these answers and judge them; what is learned is kept."""
        bench = MiniBench([self.tasks[t] for t in missing])
        out, kept = self.work / "verdicts.jsonl", self.work / "eval"
        shutil.rmtree(kept, ignore_errors=True)
        given: dict[str, Any] = {
            "model": str(model), "batch_size": 50, "max_new_tokens": 200, "work_dir": str(kept), "workers": 1,
        }  # fmt: skip
        options = judging.Options(bench="mini", quiet=True, output=str(out), given=frozenset(given), **given)
        with ask.kept(options, bench) as samples:
            judging.evaluate(replace(options, files=[samples], extract="none"), bench)
        found = {}
        with open(self.file, "ab") as file:
            for row in read([str(out)]):
                task, answer, passed = row["task_id"], row["answer"], row["base"] == "pass"
                found[task] = self.known[task][answer] = passed
                file.write(dumps({"task_id": task, "answer": answer, "passed": passed}))
        return found


def likeliest(model: Any, prompts: list[list[int]], answers: list[list[int]]) -> Iterator[int]:
    """The numbers of the answers of which every token is the likeliest after its prompt and the tokens before it."""
    rows = sorted(range(len(prompts)), key=lambda n: len(prompts[n]) + len(answers[n]))
    while rows:
        longest = len(prompts[rows[-1]]) + len(answers[rows[-1]])
        batch, rows = rows[-max(1, TOKENS // longest) :], rows[: -max(1, TOKENS // longest)]
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        for row, n in zip(ids, batch, strict=True):
            row[: len(prompts[n]) + len(answers[n])] = torch.tensor(prompts[n] + answers[n])
        with torch.inference_mode():  # padded on the right, where no token that is read looks
            best: Tensor = model(input_ids=ids, use_cache=False).logits.argmax(-1)
        for row, n in zip(best, batch, strict=True):
            first = len(prompts[n]) - 1
            if row[first : first + len(answers[n])].tolist() == answers[n]:
                yield n
