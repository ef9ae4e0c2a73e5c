"""Opens a model that writes text: the options that say which and where, and the engine that they mean.

`mutate` and `refine` ask a teacher, `eval` the model under test; all three take these options and open it here. Where a
command's default is another (the teacher is asked at temperature 0.8), its own dataclass declares the option anew.
"""

import contextlib
import dataclasses
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from fgit_cli.engines.generation import Engine, Sampling
from fgit_cli.errors import UsageError
from fgit_cli.options import WorkDirOptions, option

LOCAL_URL = "http://localhost:8000/v1"
PANEL = "Asking a model"
Kind = Literal["server", "transformers", "vllm"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions(WorkDirOptions):
    """Which model writes, where it runs, how its tokens are drawn."""

    model: str | None = option(None, "The model: a folder, a hub name, or the name that the server knows.", panel=PANEL)
    engine: Literal["auto", "server", "transformers", "vllm"] = option(
        "auto",
        "Where the model runs: an OpenAI-compatible server; in this process by transformers or vLLM. auto: the server "
        "with --base-url or --serve, else vllm where it and a GPU are, else transformers.",
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
    temperature: float = option(0.0, "Sampling temperature; 0 is greedy.", minimum=0, panel=PANEL)
    top_p: float = option(
        1.0, "Nucleus sampling, when the temperature is not 0.", source="our choice: none", minimum=0, maximum=1,
        panel=PANEL,
    )  # fmt: skip
    top_k: int | None = option(None, "Not sent unless set.", minimum=1, panel=PANEL)
    repetition_penalty: float = option(
        1.0,
        "Sent as it is, because a model's own default (1.05 in Qwen2.5-Coder's) punishes copying.",
        source="our choice",
        minimum=0.01,
        panel=PANEL,
    )
    max_new_tokens: int | None = option(None, "Longest answer.", unit="tokens", minimum=1, panel=PANEL)
    seed: int = option(0, "Seed of sampling and of every draw.", minimum=0, panel=PANEL)
    concurrency: int = option(
        64,
        "Most requests in flight, with a server; adapts below.",
        source="our choice",
        minimum=1,
        panel=PANEL,
        recorded=False,
    )
    timeout: float = option(
        600, "Longest time for one request to a server.", unit="seconds", minimum=1, panel=PANEL, recorded=False
    )
    patience: float = option(
        300,
        "Give up when a server answers nothing for so long.",
        unit="seconds",
        minimum=0,
        panel=PANEL,
        recorded=False,
    )
    batch_size: int = option(8, "Prompts at once, with transformers.", minimum=1, panel=PANEL, recorded=False)


def sampling(options: ModelOptions, answers: int, longest: int, stop: tuple[str, ...] = ()) -> Sampling:
    """The sampling of the options, for `answers` of at most `longest` tokens to a prompt.

    Raises UsageError where several answers would be equal.
    """
    greedy = options.temperature == 0
    if greedy and answers > 1:
        raise UsageError(f"--temperature 0 gives {answers} equal answers; raise it, or ask for one")
    return Sampling(
        temperature=options.temperature,
        top_p=1.0 if greedy else options.top_p,
        top_k=options.top_k,
        repetition_penalty=options.repetition_penalty,
        max_tokens=longest,
        seed=options.seed,
        stop=stop,
    )


def kind_of(options: ModelOptions) -> Kind:
    """Where the model runs. Raises UsageError where what is asked does not fit together."""
    named = [flag for flag, given in (("--serve", options.serve), ("--base-url", options.base_url)) if given]
    if len(named) > 1:
        raise UsageError("--serve starts the server itself; leave --base-url out")
    if options.engine != "auto":
        if named and options.engine != "server":
            raise UsageError(f"{named[0]} means a server and --engine {options.engine} none; give one of them")
        return options.engine
    if named:
        return "server"
    return "vllm" if importlib.util.find_spec("vllm") and _has_gpu() else "transformers"


def _has_gpu() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


@contextlib.contextmanager
def open_engine(
    options: ModelOptions, folder: Path, note: Callable[[str], None], otherwise: str = ""
) -> Iterator[Engine]:
    """The engine that the options mean, closed at the end.

    `folder` is for the log of a server that is started here, `note` is told what is worth knowing, `otherwise` is what
    a user can do who has no server. Raises MissingExtra, and UsageError for a model that cannot be had.
    """
    kind, model = kind_of(options), str(options.model)
    with contextlib.ExitStack() as stack:
        engine: Engine
        if kind == "transformers":
            from fgit_cli.engines.generation.transformers import TransformersEngine

            engine = TransformersEngine(model, batch_size=options.batch_size)
        elif kind == "vllm":
            from fgit_cli.engines.generation.vllm import VllmEngine

            engine = VllmEngine(model)
        else:
            engine = _open_server(options, model, folder, note, otherwise, stack)
        stack.callback(engine.close)
        yield engine


def _open_server(
    options: ModelOptions,
    model: str,
    folder: Path,
    note: Callable[[str], None],
    otherwise: str,
    stack: contextlib.ExitStack,
) -> Engine:
    from fgit_cli.engines.generation.serve import serve
    from fgit_cli.engines.generation.server import ServerEngine

    urls = options.base_url or [os.environ.get("OPENAI_BASE_URL") or LOCAL_URL]
    more: dict[str, Any] = {}
    if options.serve:
        url, ended = stack.enter_context(serve(model, options.serve_args, folder, options.serve_deadline, note))
        urls, more = [url], {"ended": ended}
    elif urls == [LOCAL_URL] and not options.base_url:
        more["absent"] = (
            f"no server at {LOCAL_URL}: name one by --base-url or OPENAI_BASE_URL, or start one by --serve"
            + (f" ({otherwise})" if otherwise else "")
        )
    return ServerEngine(
        model,
        urls,
        api_key=os.environ.get("OPENAI_API_KEY"),
        concurrency=options.concurrency,
        timeout=options.timeout,
        patience=options.patience,
        warn=note,
        **more,
    )
