"""The part of `fgit eval` that asks a model: a request per task, answers kept as they come, samples made of them.

Answers are in the work folder the moment they exist; the same command again asks only for the others. The folder also
holds `samples.jsonl`, once it is whole, and `run.json`: prompts, stops, sampling, model, how many answers were cut.
"""

import dataclasses
import importlib.util
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from fgit_cli import __version__, jsonl
from fgit_cli.benches import prompts
from fgit_cli.benches.bench import Bench, Task
from fgit_cli.benches.extract import Extractor
from fgit_cli.commands.eval import Options, say
from fgit_cli.engines.generation import Completion, Engine, Request, RequestFailed, Sampling
from fgit_cli.engines.generation.store import Durable, Store, identity
from fgit_cli.engines.workdir import open_workdir
from fgit_cli.errors import EngineError, UsageError
from fgit_cli.jsonl import write_text_whole
from fgit_cli.options import resolved
from fgit_cli.stages.running import Progress, Tally


@contextmanager
def kept(options: Options, bench: Bench) -> Iterator[str]:
    """The samples in a file of the work folder, whole; its name, until the end of the `with`."""
    with _folder(options, bench) as folder:
        try:
            _write(options, bench, folder, str(folder / "samples.jsonl"))
        finally:
            (folder / "samples.jsonl.partial").unlink(missing_ok=True)  # the answers themselves are in the store
        yield str(folder / "samples.jsonl")


def write(options: Options, bench: Bench) -> None:
    """`--generate-only`: the samples to stdout or --output, each as soon as it exists."""
    with _folder(options, bench) as folder:
        _write(options, bench, folder, options.output)


def _folder(options: Options, bench: Bench) -> AbstractContextManager[Path]:
    """The work folder, by data and what is asked; how the answers are judged later is another matter."""
    asked = dataclasses.replace(options, isolation="auto", extract="auto", generate_only=False)
    return open_workdir("eval", asked, [str(bench.path or os.devnull)])


def _write(options: Options, bench: Bench, folder: Path, name: str | None) -> None:
    tally = Tally("eval", dataclasses.replace(options, rejects=None))
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


def ask(options: Options, bench: Bench, folder: Path) -> Iterator[dict[str, Any]]:
    """A record per answer, in the order of the tasks; what was cut, refused and extracted is said at the end.

    A prompt that is too long or refused has empty answers, as the model gave none. Raises EngineError after all others
    for prompts on which the engine failed: they are asked for again.
    """
    kind = engine_kind(options)
    engine = open_engine(kind, options)
    store = Store(folder)
    try:
        questions = Questions(options, bench, is_chat(options, engine), kind)
        durable = Durable(engine, store, identity(engine))
        failed = []
        for request, answer in durable.generate(questions.requests(), questions.sampling):
            if isinstance(answer, RequestFailed):
                say(f"{request.key}: {answer}", options)
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
    finally:
        store.close()
        engine.close()


class Questions:
    """What is asked of the model, and what is made of its answers."""

    def __init__(self, options: Options, bench: Bench, chat: bool, kind: str) -> None:
        self.options, self.bench, self.chat = options, bench, chat
        self.prefill = options.prefill if "prefill" in options.given else kind != "server"
        self.count = int(options.samples or 1)
        self.extractor = Extractor("ast" if options.extract == "auto" else options.extract)
        self.finished: Counter[str] = Counter()
        greedy = options.temperature == 0
        if greedy and self.count > 1:
            raise UsageError(f"--temperature 0 gives {self.count} equal samples; raise it, or ask for one")
        self.sampling = Sampling(
            temperature=options.temperature,
            top_p=1.0 if greedy else options.top_p,
            max_tokens=options.max_new_tokens or bench.max_new_tokens,
            seed=options.seed,
            stop=bench.stops(chat) if self.prefill or not chat else (),  # EvalPlus sends none when it does not begin
        )

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
        text = completion.text.replace("\t", prompts.TAB)
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
        say(said, self.options)
        for note in self.extractor.notes():
            say(note, self.options)
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


def engine_kind(options: Options) -> str:
    """`server`, `vllm` or `transformers`. Raises UsageError where what is asked does not fit together."""
    if options.engine == "server" and not options.base_url:
        raise UsageError("--engine server needs --base-url")
    if options.base_url and options.engine not in ("auto", "server"):
        raise UsageError(f"--base-url names a server and --engine {options.engine} none; give one of them")
    if options.engine != "auto":
        return options.engine
    if options.base_url:
        return "server"
    return "vllm" if importlib.util.find_spec("vllm") and _has_gpu() else "transformers"


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def open_engine(kind: str, options: Options) -> Engine:
    """The engine of that kind. Raises MissingExtra, and UsageError for a model that cannot be had."""
    model = str(options.model)
    if kind == "server":
        from fgit_cli.engines.generation.server import ServerEngine

        return ServerEngine(
            model,
            options.base_url,
            api_key=os.environ.get("OPENAI_API_KEY"),
            concurrency=options.concurrency,
            warn=lambda message: say(message, options),
        )
    if kind == "vllm":
        from fgit_cli.engines.generation.vllm import VllmEngine

        return VllmEngine(model)
    from fgit_cli.engines.generation.transformers import TransformersEngine

    return TransformersEngine(model, batch_size=options.batch_size)


def is_chat(options: Options, engine: Any) -> bool:
    """Whether the model is asked in turns: as said, else where it has a chat template (a server is taken to)."""
    if options.style != "auto":
        return options.style == "chat"
    tokenizer = engine.llm.get_tokenizer() if hasattr(engine, "llm") else getattr(engine, "tokenizer", None)
    return tokenizer is None or bool(tokenizer.chat_template)
