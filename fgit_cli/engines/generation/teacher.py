"""Asks the teacher of `mutate` and `refine` and keeps its answers as they come."""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal, TypeVar

from fgit_cli import messages
from fgit_cli.engines.generation import Completion, Engine, Request, RequestFailed, Sampling
from fgit_cli.engines.generation.opening import PANEL, ModelOptions, kind_of, open_engine, sampling
from fgit_cli.engines.generation.store import Durable, Store, identity
from fgit_cli.engines.workdir import open_workdir
from fgit_cli.errors import EngineError
from fgit_cli.options import option

EQUAL_PROMPTS = 8  # of short code a few may well have equal answers, the sampling on
TEACHER = "Qwen/Qwen2.5-Coder-32B-Instruct"
Item = TypeVar("Item")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherOptions(ModelOptions):
    """The model's options with the teacher's defaults."""

    model: str = option(
        TEACHER,
        "The teacher: the name that the server knows, or a hub name or folder.",
        source="FGit III-B1",
        panel=PANEL,
    )
    engine: Literal["auto", "server", "transformers", "vllm"] = option(
        "server",
        "Where the model runs: an OpenAI-compatible server; in this process by transformers or vLLM; auto: by vLLM "
        "where it and a GPU are, else by transformers.",
        panel=PANEL,
    )
    temperature: float = option(0.8, "Sampling temperature; 0 is greedy.", source="FGit III-B1", minimum=0, panel=PANEL)
    max_new_tokens: int = option(
        2048, "Longest answer; one that is cut is refused.", unit="tokens", source="our choice", minimum=1, panel=PANEL
    )


Teachers = Callable[["TeacherOptions"], contextlib.AbstractContextManager["Teacher"]]


@contextlib.contextmanager
def open_teachers(
    command: str,
    options: TeacherOptions,
    answers: int,
    batch: list[str] | None = None,
    otherwise: str = "",
    as_tuned: bool = False,
) -> Iterator[Teachers]:
    """What gives the teacher to one run after the other, by each run's own options (its `files`, its `work_dir`).

    A model in this process is opened by the first run and kept until the end. `answers` is how many are asked of one
    prompt. With the output files of a `batch`, the answers come from there and nobody is asked. `otherwise`: what a
    user can do who has no teacher. `as_tuned`: see `open_engine`.
    """
    drawn = sampling(options, answers, options.max_new_tokens)
    note = partial(messages.note, command, options)
    in_process = not batch and kind_of(options) != "server"
    with contextlib.ExitStack() as kept:
        opened: list[Engine] = []

        @contextlib.contextmanager
        def teacher(run: TeacherOptions) -> Iterator[Teacher]:
            with contextlib.ExitStack() as own:
                folder = own.enter_context(open_workdir(command, run, getattr(run, "files", [])))
                store = own.enter_context(contextlib.closing(Store(folder, partial(messages.say, command))))
                if batch:
                    from fgit_cli.engines.generation.batch import BatchAnswers

                    yield Teacher(BatchAnswers(options.model, batch, store), drawn, store)
                    return
                if not (opened and in_process):
                    engine = open_engine(options, folder, note, otherwise, as_tuned)
                    opened[:] = [(kept if in_process else own).enter_context(engine)]
                yield Teacher(opened[0], drawn, store)

        yield teacher


class Teacher:
    """An engine with a sampling and a store: it asks what is not known yet, and counts tokens."""

    def __init__(self, engine: Engine, drawn: Sampling, store: Store) -> None:
        self.engine, self.sampling, self.store = engine, drawn, store
        made_by = engine.describe()
        self.durable = Durable(engine, self.store, identity(engine))
        self.tokens = [0, 0]
        self.started = time.monotonic()
        self._equal: dict[str, Request] = {}  # prompts whose answers were all equal
        self._varied = made_by.get("engine") in ("transformers", "vllm")  # these draw as they are told

    def ask(
        self,
        items: Iterable[Item],
        request: Callable[[Item], Request],
        failed: Callable[[Item, RequestFailed], None] | None = None,
    ) -> Iterator[tuple[Item, list[Completion]]]:
        """Each item that was answered with the answers to its request, in order; `failed` is told of each other one.

        Raises EngineError when several answers to one prompt are equal again and again, and never differ; without
        `failed` also for the first item that was not answered.
        """
        waiting: dict[str, Item] = {}

        def requests() -> Iterator[Request]:
            for number, item in enumerate(items):
                made = dataclasses.replace(request(item), key=str(number))
                waiting[made.key] = item
                yield made

        for made, answer in self.durable.generate(requests(), self.sampling):
            item = waiting.pop(made.key)
            if not isinstance(answer, RequestFailed):
                self._count(made, answer)
                yield item, answer
            elif failed:
                failed(item, answer)
            else:
                raise answer
        if self._equal and not self._varied:
            self._refuse_equal_answers()

    def progress(self) -> str:
        """Tokens so far and per second."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        read, written = self.tokens
        return f"{read + written} tokens, {written / seconds:.0f} new tokens/s" if read + written else ""

    def _count(self, request: Request, answer: list[Completion]) -> None:
        for completion in answer:
            self.tokens[0] += completion.prompt_tokens or 0
            self.tokens[1] += completion.completion_tokens or 0
        texts = [c.text for c in answer]
        if len(texts) > 1 and all(c.answer.strip() for c in answer):  # empty ones say nothing of the sampling
            if len(set(texts)) > 1:
                self._varied = True
            else:
                self._equal[repr(request.messages or request.prompt)] = request
            if len(self._equal) >= EQUAL_PROMPTS and not self._varied:
                self._refuse_equal_answers()

    def _refuse_equal_answers(self) -> None:
        self.durable.forget(self._equal.values(), self.sampling)
        raise EngineError(
            "the teacher's answers to one prompt are all equal: sampling is off, although temperature "
            f"{self.sampling.temperature:g} was sent. Switch it on where the model is served (`do_sample` in its "
            "generation_config.json for transformers serve), or give another --temperature. These answers are "
            "forgotten; the same command asks again"
        )


def made_by(teacher: Teacher, method: str, index: int) -> dict[str, Any]:
    """What the origin of an answer records: method, model and engine, the sampling with this answer's own seed."""
    seed = teacher.sampling.seed
    drawn = {k: v for k, v in teacher.sampling.describe().items() if v is not None and v != []}
    if seed is not None:
        drawn["seed"] = seed + index
    return {"method": method, **teacher.engine.describe(), "sampling": drawn}
