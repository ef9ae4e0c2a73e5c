"""Asks a model for solutions of a benchmark's tasks and makes samples of its answers, for `fgit eval`.

Each task is one request. Answers are in the work folder the moment they exist; the same command again asks only for the
others. The folder also holds `samples.jsonl`, once it is whole, and `run.json`: prompts, stops, sampling, model, how
many answers were cut.
"""

import contextlib
import dataclasses
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fgit_cli import __version__, jsonl
from fgit_cli.benches import prompts
from fgit_cli.benches.bench import Bench, Task
from fgit_cli.benches.extract import Extractor
from fgit_cli.engines.generation import Completion, Engine, Request, RequestFailed
from fgit_cli.engines.generation.opening import PANEL, ModelOptions, kind_of, open_engine, sampling
from fgit_cli.engines.generation.store import Durable, Store, identity
from fgit_cli.engines.workdir import open_workdir
from fgit_cli.errors import EngineError
from fgit_cli.jsonl import write_text_whole
from fgit_cli.messages import note, say
from fgit_cli.options import FilterOptions, option, resolved
from fgit_cli.stages.progress import Progress
from fgit_cli.stages.running import Tally


@dataclasses.dataclass(frozen=True, kw_only=True)
class AskOptions(ModelOptions, FilterOptions):
    """What a model is asked for on a benchmark, and what is made of its answers."""

    samples: str | None = option(
        None,
        "A number: samples a task that the model is asked for (default 1). Or a file of samples, as FILE.",
        metavar="N|FILE",
    )
    extract: Literal["auto", "none", "ast", "evalplus"] = option(
        "auto",
        "What of a text is run: none, as it is; ast, the program in it; evalplus, what its sanitize leaves. "
        "auto: none for samples, ast for the answers of a model.",
        source="our choice: evalplus's loses decorated functions, imports under try and more",
    )
    style: Literal["auto", "chat", "text"] = option(
        "auto",
        "EvalPlus's prompt for chat models or for base models; auto: chat where the model has a chat template.",
        source="EvalPlus 0.3.1",
        panel=PANEL,
    )
    prefill: bool = option(
        True,
        "Begin the assistant's turn, as EvalPlus does (off with a server, as there, unless given).",
        flags=("--prefill/--no-prefill",),
        source="EvalPlus 0.3.1",
        panel=PANEL,
    )
    temperature: float = option(
        0.0, "Sampling temperature; 0 is greedy.", source="FGit IV-A: greedy", minimum=0, panel=PANEL
    )
    top_p: float = option(
        0.95,
        "Nucleus sampling: draw from the likeliest tokens that have this probability together; not at temperature 0.",
        source="EvalPlus 0.3.1",
        minimum=0,
        maximum=1,
        panel=PANEL,
    )
    max_new_tokens: int | None = option(
        None,
        "Longest answer; default: the benchmark's own (768 for HumanEval and MBPP).",
        unit="tokens",
        source="EvalPlus 0.3.1",
        minimum=1,
        panel=PANEL,
    )
    generate_only: bool = option(False, "Write the model's samples and judge none.", panel=PANEL)


@contextmanager
def kept(options: AskOptions, bench: Bench) -> Iterator[str]:
    """The samples in a file of the work folder, whole; its name, until the end of the `with`."""
    with _folder(options, bench) as folder:
        try:
            _write(options, bench, folder, str(folder / "samples.jsonl"))
        finally:
            (folder / "samples.jsonl.partial").unlink(missing_ok=True)  # the answers themselves are in the store
        yield str(folder / "samples.jsonl")


def write(options: AskOptions, bench: Bench) -> None:
    """`--generate-only`: the samples to stdout or --output, each as soon as it exists."""
    with _folder(options, bench) as folder:
        _write(options, bench, folder, options.output)


def _folder(options: AskOptions, bench: Bench) -> AbstractContextManager[Path]:
    """The work folder, by data and what is asked; how the answers are judged later is another matter."""
    asked = dataclasses.replace(options, extract="auto", generate_only=False)
    return open_workdir("eval", asked, [str(bench.path or os.devnull)])


def _write(options: AskOptions, bench: Bench, folder: Path, name: str | None) -> None:
    tally = Tally("eval", dataclasses.replace(options, rejects=None))
    tally.expected = len(bench.usable) * int(options.samples or 1)
    progress = Progress(tally)
    writer = jsonl.Writer(name)
    whole = False
    try:
        for record in ask(options, bench, folder):
            writer.write(record)
            tally.written += 1
            progress.step()
        whole = True
    finally:
        progress.clear()
        writer.close(whole)


def ask(options: AskOptions, bench: Bench, folder: Path) -> Iterator[dict[str, Any]]:
    """A record per answer, in the order of the tasks; what was cut, refused and extracted is said at the end.

    A prompt that is too long or refused has empty answers, as the model gave none. Raises EngineError after all others
    for prompts on which the engine failed: they are asked for again.
    """
    with (
        contextlib.closing(Store(folder, partial(say, "eval"))) as store,
        open_engine(options, folder, partial(note, "eval", options), as_tuned=True) as engine,
    ):
        questions = Questions(options, bench, is_chat(options, engine))
        durable = Durable(engine, store, identity(engine))
        failed = []
        for request, answer in durable.generate(questions.requests(), questions.sampling):
            if isinstance(answer, RequestFailed):
                note("eval", options, f"{request.key}: {answer}")
                if answer.again:
                    failed.append(request.key)
                    continue
                answer = [Completion("", "refused")] * request.n
            for completion in answer:
                yield questions.record(bench.tasks[request.key], completion)
        if failed:
            named = ", ".join(failed[:5]) + (", ..." if len(failed) > 5 else "")
            raise EngineError(
                f"{len(failed)} prompts have no answer ({named}); those of the others are kept, and the same command "
                "asks again for these"
            )
        questions.report(folder, engine, durable)


class Questions:
    """What is asked of the model, and what is made of its answers."""

    def __init__(self, options: AskOptions, bench: Bench, chat: bool) -> None:
        self.options, self.bench, self.chat = options, bench, chat
        self.prefill = options.prefill if "prefill" in options.given else kind_of(options) != "server"
        self.count = int(options.samples or 1)
        self.extractor = Extractor("ast" if options.extract == "auto" else options.extract)
        self.finished: Counter[str] = Counter()
        self.empty: Counter[str] = Counter()  # answers that say nothing, by what to do about it
        stops = bench.stops(chat) if self.prefill or not chat else ()  # EvalPlus sends none when it does not begin
        self.sampling = sampling(options, self.count, options.max_new_tokens or bench.max_new_tokens, stops)

    def requests(self) -> Iterator[Request]:
        for task in self.bench.usable:
            yield self.request(task)

    def request(self, task: Task) -> Request:
        """The task's prompt: turns for a chat model, the last one begun where that is wanted; text for a base model."""
        if not self.chat:
            return Request(task.task_id, prompt=self.bench.text(task), n=self.count)
        turns = self.bench.chat(task)
        if not self.prefill and turns[-1]["role"] == "assistant":
            turns = turns[:-1]
        return Request(task.task_id, messages=turns, n=self.count)

    def record(self, task: Task, completion: Completion) -> dict[str, Any]:
        """The sample of one answer; `answer` is what the model wrote."""
        self.finished[completion.finish_reason or "unknown"] += 1
        if why := completion.why_empty(self.sampling.max_tokens):
            self.empty[why] += 1
        text = completion.answer.replace("\t", prompts.TAB)
        if not self.chat:
            text = self.bench.continued(task, text)
        return {
            "task_id": task.task_id,
            "solution": self.extractor(text, task),
            "answer": completion.text,
            "finish_reason": completion.finish_reason,
            "model": self.options.model,
        }

    def report(self, folder: Path, engine: Engine, durable: Durable) -> None:
        """Say what came of it, and write `run.json`."""
        cut, refused = self.finished["length"], self.finished["refused"]
        said = f"{self.finished.total()} answers, {durable.found} of them from an earlier run"
        said += f"; {cut} cut at {self.sampling.max_tokens} tokens" if cut else ""
        said += f"; {refused} refused" if refused else ""
        said += "".join(f"; {n} {why}" for why, n in self.empty.most_common(3))
        note("eval", self.options, said)
        for line in self.extractor.notes():
            note("eval", self.options, line)
        first = self.request(next(iter(self.bench.usable)))
        made = {
            "command": "eval",
            "fgit": __version__,
            "options": resolved(self.options),
            "bench": {"name": self.bench.name, "data_md5": self.bench.md5},
            "model": engine.describe(),
            "prompt": {"chat": self.chat, "prefill": self.prefill, "first": first.messages or first.prompt},
            "sampling": self.sampling.describe(),
            "finish_reasons": dict(self.finished),
            "extract": {"how": self.extractor.how, **self.extractor.found()},
        }
        write_text_whole(folder / "run.json", json.dumps(made, indent=2) + "\n")


def is_chat(options: AskOptions, engine: Any) -> bool:
    """Whether the model is asked in turns: as said, else where a template is there (a server's is taken to be)."""
    if options.style != "auto":
        return options.style == "chat"
    prompter = getattr(engine, "prompter", None)
    return prompter is None or prompter.template is not None
