"""The teacher of `mutate` and `refine`: its options, the engine they mean, and answers that are kept as they come."""

import contextlib
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from fgit_cli.engines.generation import Answer, Completion, Engine, Request, RequestFailed, Sampling
from fgit_cli.engines.generation.store import Durable, Store, identity
from fgit_cli.engines.workdir import open_workdir
from fgit_cli.errors import EngineError, UsageError
from fgit_cli.options import WorkDirOptions, option

TEACHER = "Qwen/Qwen2.5-Coder-32B-Instruct"
LOCAL_URL = "http://localhost:8000/v1"
Item = TypeVar("Item")
PANEL = "Teacher"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherOptions(WorkDirOptions):
    """Which model writes, where it runs, how its tokens are drawn."""

    model: str = option(
        TEACHER,
        "The teacher: the name that the server knows, or a hub name or folder.",
        source="FGit III-B1",
        panel=PANEL,
    )
    engine: Literal["server", "transformers", "vllm"] = option(
        "server",
        "Where the model runs: an OpenAI-compatible server; in this process by transformers or vLLM.",
        panel=PANEL,
    )
    serve: bool = option(
        False,
        "Start `vllm serve` for the model on the local GPUs, and stop it at the end.",
        panel=PANEL,
        recorded=False,
    )
    serve_args: str = option(
        "",
        "Words for `vllm serve`, such as '--data-parallel-size 8'; none: the model is split over all GPUs.",
        metavar="WORDS",
        panel=PANEL,
        recorded=False,
    )
    serve_deadline: float = option(
        1800,
        "How long the server of --serve may take to answer.",
        unit="seconds",
        minimum=1,
        panel=PANEL,
        recorded=False,
    )
    base_url: list[str] = option(
        [],
        f"The server; several are balanced. Default: OPENAI_BASE_URL, else {LOCAL_URL}. The key is OPENAI_API_KEY.",
        metavar="URL",
        panel=PANEL,
        recorded=False,
    )
    temperature: float = option(0.8, "Sampling temperature; 0 is greedy.", source="FGit III-B1", minimum=0, panel=PANEL)
    top_p: float = option(1.0, "Nucleus sampling.", source="our choice: none", minimum=0, maximum=1, panel=PANEL)
    top_k: int | None = option(None, "Not sent unless set.", minimum=1, panel=PANEL)
    repetition_penalty: float = option(
        1.0,
        "Sent as it is, because the teacher's own default (1.05) punishes copying the reference.",
        source="our choice",
        minimum=0.01,
        panel=PANEL,
    )
    max_new_tokens: int = option(
        2048, "Longest answer; one that is cut is refused.", unit="tokens", source="our choice", minimum=1, panel=PANEL
    )
    seed: int = option(0, "Seed of sampling and of every draw.", minimum=0, panel=PANEL)
    concurrency: int = option(
        64, "Most requests in flight; adapts below.", source="our choice", minimum=1, panel=PANEL, recorded=False
    )
    timeout: float = option(
        600, "Longest time for one request.", unit="seconds", minimum=1, panel=PANEL, recorded=False
    )
    patience: float = option(
        300, "Give up when nothing is answered for so long.", unit="seconds", minimum=0, panel=PANEL, recorded=False
    )
    batch_size: int = option(8, "Prompts at once with --engine transformers.", minimum=1, panel=PANEL, recorded=False)


def sampling(options: TeacherOptions, answers: int) -> Sampling:
    """The sampling of the options. Raises UsageError where several answers would be equal."""
    if options.temperature == 0 and answers > 1:
        raise UsageError(f"--temperature 0 gives {answers} equal answers; raise it, or ask for one")
    return Sampling(
        temperature=options.temperature,
        top_p=options.top_p,
        top_k=options.top_k,
        repetition_penalty=options.repetition_penalty,
        max_tokens=options.max_new_tokens,
        seed=options.seed,
    )


@contextlib.contextmanager
def open_engine(options: TeacherOptions, folder: Path, note: Callable[[str], None]) -> Iterator[Engine]:
    """The engine that the options name, closed at the end; `folder` is for its log."""
    with contextlib.ExitStack() as stack:
        engine: Engine
        if options.engine == "transformers":
            from fgit_cli.engines.generation.transformers import TransformersEngine

            engine = TransformersEngine(options.model, batch_size=options.batch_size)
        elif options.engine == "vllm":
            from fgit_cli.engines.generation.vllm import VllmEngine

            engine = VllmEngine(options.model)
        else:
            engine = _open_server(options, folder, note, stack)
        stack.callback(engine.close)
        yield engine


def _open_server(
    options: TeacherOptions, folder: Path, note: Callable[[str], None], stack: contextlib.ExitStack
) -> Engine:
    from fgit_cli.engines.generation.serve import serve
    from fgit_cli.engines.generation.server import ServerEngine

    urls = options.base_url or [os.environ.get("OPENAI_BASE_URL") or LOCAL_URL]
    more: dict[str, Any] = {}
    if not options.base_url and not os.environ.get("OPENAI_BASE_URL"):
        more["absent"] = (
            f"no server at {LOCAL_URL}: name one by --base-url or OPENAI_BASE_URL, or start one by --serve "
            "(fgit mutate --method universalmutator needs none)"
        )
    if options.serve:
        if options.base_url:
            raise UsageError("--serve starts the server itself; leave --base-url out")
        url, ended = stack.enter_context(serve(options.model, options.serve_args, folder, options.serve_deadline, note))
        urls, more = [url], {"ended": ended}
    return ServerEngine(
        options.model,
        urls,
        api_key=os.environ.get("OPENAI_API_KEY"),
        concurrency=options.concurrency,
        timeout=options.timeout,
        patience=options.patience,
        warn=note,
        **more,
    )


@contextlib.contextmanager
def open_teacher(
    command: str, options: TeacherOptions, inputs: list[str], answers: int, batch: list[str] | None = None
) -> Iterator["Teacher"]:
    """The teacher of the options with its work folder; `answers` is how many are asked of one prompt.

    With the output files of a `batch`, the answers come from there and nobody is asked.
    """
    drawn = sampling(options, answers)

    def note(message: str) -> None:
        if not options.quiet:
            print(f"fgit {command}: {message}", file=sys.stderr, flush=True)

    with open_workdir(command, options, inputs) as folder, contextlib.closing(Store(folder)) as store:
        if batch:
            from fgit_cli.engines.generation.batch import BatchAnswers

            yield Teacher(BatchAnswers(options.model, batch, store), drawn, store)
        else:
            with open_engine(options, folder, note) as engine:
                yield Teacher(engine, drawn, store)


class Teacher:
    """An engine, a sampling and a store: asks what is not known yet, counts tokens, notices a deaf server."""

    def __init__(self, engine: Engine, drawn: Sampling, store: Store) -> None:
        self.engine, self.sampling, self.store = engine, drawn, store
        made_by = engine.describe()
        self.durable = Durable(engine, self.store, identity(engine))
        self.tokens = [0, 0]
        self.started = time.monotonic()
        self._equal = 0
        self._varied = made_by.get("engine") in ("transformers", "vllm")  # these draw as they are told

    def ask(self, items: Iterable[Item], request: Callable[[Item], Request]) -> Iterator[tuple[Item, Answer]]:
        """Each item with the answers to its request, in order.

        Raises EngineError when several answers to one prompt are equal again and again, and never differ.
        """
        waiting: dict[str, Item] = {}

        def requests() -> Iterator[Request]:
            for number, item in enumerate(items):
                made = dataclasses.replace(request(item), key=str(number))
                waiting[made.key] = item
                yield made

        for made, answer in self.durable.generate(requests(), self.sampling):
            if not isinstance(answer, RequestFailed):
                self._count(answer)
            yield waiting.pop(made.key), answer
        if self._equal and not self._varied:
            self._deaf()

    def progress(self) -> str:
        """Tokens so far and per second."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        read, written = self.tokens
        return f"{read + written} tokens, {written / seconds:.0f} new tokens/s" if read + written else ""

    def _count(self, answer: list[Completion]) -> None:
        for completion in answer:
            self.tokens[0] += completion.prompt_tokens or 0
            self.tokens[1] += completion.completion_tokens or 0
        texts = [c.text for c in answer]
        if len(texts) > 1:
            equal = len(set(texts)) == 1
            self._equal += equal
            self._varied |= not equal
            if self._equal >= 3 and not self._varied:
                self._deaf()

    def _deaf(self) -> None:
        raise EngineError(
            "the teacher's answers to one prompt are all equal: sampling is off, although temperature "
            f"{self.sampling.temperature:g} was sent. Switch it on where the model is served (`do_sample` in its "
            "generation_config.json for transformers serve), or give another --temperature"
        )


def made_by(teacher: Teacher, method: str, index: int) -> dict[str, Any]:
    """What the origin of an answer records: method, model and engine, the sampling with this answer's own seed."""
    seed = teacher.sampling.seed
    drawn = {k: v for k, v in teacher.sampling.describe().items() if v is not None and v != []}
    drawn["seed"] = None if seed is None else seed + index
    return {"method": method, **teacher.engine.describe(), "sampling": drawn}
