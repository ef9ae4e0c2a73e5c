"""Opens a model that writes text: here are the options that say which and where, and what they mean.

`mutate` and `refine` ask a teacher, `eval` the model under test; all three take these options and open it here. Where a
command's default is another (the teacher is asked at temperature 0.8), its own dataclass declares the option anew.
"""

import contextlib
import dataclasses
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fgit_cli import jsonl, prompts
from fgit_cli.engines.generation import Engine, Sampling
from fgit_cli.errors import UsageError
from fgit_cli.options import WorkDirOptions, option

if TYPE_CHECKING:
    from fgit_cli.engines.generation.server import ServerEngine
    from fgit_cli.engines.tokenizing.prompter import Prompter

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
    template: str | None = option(
        None,
        "How turns become a prompt, by the names that `fgit mask --template` takes. Default: the model's chat "
        "template, which `fgit train` saves as the one that it was tuned with.",
        source="our choice: a model is asked as it was tuned",
        metavar="NAME",
        words=prompts.templates,
        panel=PANEL,
    )
    tokenizer: str | None = option(
        None,
        "The tokenizer of a served model whose name there is no folder and no hub name; its ids are sent.",
        metavar="NAME",
        panel=PANEL,
    )
    temperature: float = option(0.0, "Sampling temperature; 0 is greedy.", minimum=0, panel=PANEL)
    top_p: float = option(
        1.0,
        "Nucleus sampling: draw from the likeliest tokens that have this probability together; not at temperature 0.",
        source="our choice: none",
        minimum=0,
        maximum=1,
        panel=PANEL,
    )
    top_k: int | None = option(
        None, "Draw from so many likeliest tokens alone; not sent unless set.", minimum=1, panel=PANEL
    )
    repetition_penalty: float = option(
        1.0,
        "Penalty on tokens that are there already; 1: none. It is always sent, because a model's own default (1.05 in "
        "Qwen2.5-Coder's) punishes copying.",
        source="our choice",
        minimum=0.01,
        panel=PANEL,
    )
    max_new_tokens: int | None = option(None, "Longest answer.", unit="tokens", minimum=1, panel=PANEL)
    extra_body: str | None = option(
        None,
        "Further fields of each request to a server, null to leave one out, such as "
        """'{"chat_template_kwargs": {"enable_thinking": false}}'.""",
        metavar="JSON",
        panel=PANEL,
    )
    seed: int = option(0, "Seed of sampling and of every draw.", minimum=0, panel=PANEL)
    concurrency: int = option(
        64,
        "Most requests in flight to a server; fgit takes fewer where the server is overloaded.",
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
        extra_body=extra_body(options),
    )


OURS = ("model", "messages", "prompt", "n", "stream")  # fields of a request that fgit itself decides


def extra_body(options: ModelOptions) -> dict[str, Any]:
    """The fields of `--extra-body`. Raises UsageError for what is no object, and for fields that fgit decides."""
    if options.extra_body is None:
        return {}
    try:
        fields = jsonl.loads(options.extra_body)
    except ValueError as error:
        raise UsageError(f"--extra-body: {error}") from None
    if not isinstance(fields, dict):
        raise UsageError("--extra-body: not a JSON object; give one such as '{\"top_k\": 20}'")
    if taken := sorted(set(OURS) & fields.keys()):
        raise UsageError(f"--extra-body: {', '.join(taken)} cannot be given here; fgit sends it by its own options")
    if (kind := kind_of(options)) != "server":
        raise UsageError(f"--extra-body is for a server; with {kind} --template FILE.jinja writes prompts otherwise")
    return fields


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
    options: ModelOptions, folder: Path, note: Callable[[str], None], otherwise: str = "", as_tuned: bool = False
) -> Iterator[Engine]:
    """The engine that the options mean, closed at the end.

    `folder` is for the log of a server that is started here, `note` is told what is worth knowing, `otherwise` is what
    a user can do who has no server. `as_tuned` asks a server too with the ids that `fgit mask` makes of a prompt; a
    teacher is asked as its server does it. Raises MissingExtra, and UsageError for a model that cannot be had.
    """
    kind, model = kind_of(options), str(options.model)
    by_server = "chat_template_kwargs" in extra_body(options)
    if by_server and (options.tokenizer or options.template):
        raise UsageError("--extra-body: chat_template_kwargs is for the server's own template; leave --template and "
                         "--tokenizer out")  # fmt: skip
    if options.tokenizer and kind != "server":
        raise UsageError("--tokenizer names that of a served model; the model of a folder has its own")
    with contextlib.ExitStack() as stack:
        engine: Engine
        if kind == "transformers":
            from fgit_cli.engines.generation.transformers import TransformersEngine

            engine = TransformersEngine(model, batch_size=options.batch_size, template=options.template)
        elif kind == "vllm":
            from fgit_cli.engines.generation.vllm import VllmEngine

            engine = VllmEngine(model, template=options.template)
        else:
            engine = _open_server(options, model, folder, note, otherwise, stack)
            if (as_tuned and not by_server) or options.template or options.tokenizer:
                engine.prompter = _prompter_of_served(options, model, note)
        stack.callback(engine.close)
        yield engine


def _open_server(
    options: ModelOptions,
    model: str,
    folder: Path,
    note: Callable[[str], None],
    otherwise: str,
    stack: contextlib.ExitStack,
) -> "ServerEngine":
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


def _prompter_of_served(options: ModelOptions, model: str, note: Callable[[str], None]) -> "Prompter | None":
    """What makes the ids of a served model's prompts; None, which is said, where its tokenizer is not at hand."""
    from fgit_cli.engines.tokenizing import prompter

    name = options.tokenizer or model
    if options.tokenizer or options.template or Path(name).is_dir() or "/" in name:
        try:
            return prompter.load(name, options.template)
        except UsageError as error:
            if options.tokenizer or options.template:
                raise
            why = str(error)
    else:
        why = "it is neither a folder nor a name on the hub"
    note(
        f"the tokenizer of {name} is not at hand ({why}), so the server's own template writes the prompts, and whether "
        "they are those of training cannot be checked; --tokenizer FOLDER sends their ids instead"
    )
    return None
