"""The list of commands and what surrounds each: the command line, errors, exit codes, signals.

A command is a module of `fgit_cli/commands/` with a frozen dataclass `Options` (see options.py), a function
`run(options)` and a docstring that is its help. It is imported when it is called, and imports what is heavy where it
is used, so that `--help` answers at once.
"""

import dataclasses
import errno
import importlib
import inspect
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fgit_cli import __version__, completion, messages, suggestions
from fgit_cli.errors import INTERRUPTED, EngineError, FgitError, one_line
from fgit_cli.options import Spec, default_of, read_config, specs

COMMANDS = {
    "decontaminate": "Take out records that overlap with benchmarks.",
    "mutate": "Write several plausible wrong variants of each correct response.",
    "refine": "Make pairs from an instruction alone, by iterative debugging.",
    "select": "Keep the wrong variant nearest to the correct response.",
    "diff": "Compare the pair by lines and by characters.",
    "mask": "Put the differences on the student's tokens.",
    "train": "Fine-tune a model on masked pairs.",
    "export": "Write pairs for other trainers, with a weight for each token or character.",
    "eval": "pass@1 on a benchmark, run in a sandbox.",
    "report": "Tables and figures of what the other commands wrote.",
    "demo": "The whole chain on a small sample, each command shown.",
    "doctor": "What is installed, which GPUs, what each missing piece would enable.",
}


HELP = {"help_option_names": ["--help", "-h"]}


def build(name: str) -> Any:
    """The command line of one command, from its module's `Options` and docstring."""
    module = importlib.import_module(f"fgit_cli.commands.{name}")
    options_class = module.Options

    def callback(ctx: typer.Context, **values: Any) -> Callable[[], None]:
        sources = {name: getattr(ctx.get_parameter_source(name), "name", "") for name in values}
        typed = frozenset(name for name, source in sources.items() if source == "COMMANDLINE")
        given = typed | {name for name, source in sources.items() if source == "DEFAULT_MAP"}
        return partial(module.run, options_class(**values, given=given, typed=typed))

    _sign(callback, options_class, name)
    single = typer.Typer(
        rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, context_settings=HELP
    )
    single.command(name=name, help=module.__doc__, short_help=COMMANDS[name])(callback)
    command = typer.main.get_command(single)
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: ""  # type: ignore[attr-defined]  # "list[str]" is no word for users
    return command


def _sign(callback: Any, options_class: type, command: str) -> None:
    """Give `callback` the signature from which Typer makes the parameters of the command line."""
    parameters = [inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    hints = {f.name: f.type for f in dataclasses.fields(options_class)}
    own_first = sorted(specs(options_class).items(), key=lambda item: item[0] not in options_class.__annotations__)
    for name, (field, spec) in own_first:
        annotation = Annotated[hints[name], _parameter(name, hints[name], spec, options_class, command)]  # type: ignore[valid-type]
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default_of(field))
        )
    callback.__signature__ = inspect.Signature(parameters)
    callback.__annotations__ = {p.name: p.annotation for p in parameters}


def _parameter(name: str, field_type: Any, spec: Spec, options_class: type, command: str) -> Any:
    if spec.argument:
        return typer.Argument(help=spec.text(), metavar=spec.metavar or name.upper(), show_default=False)
    extra: dict[str, Any] = {"autocompletion": completion.completer(spec.words)} if spec.words else {}
    if name == "config":

        def load(ctx: typer.Context, value: str | None) -> str | None:
            if value:
                ctx.default_map = read_config(value, options_class, command, COMMANDS)
            return value

        extra |= {"is_eager": True, "callback": load}
    return typer.Option(
        *messages.flags(name, spec),
        help=spec.text(),
        metavar=spec.metavar or _METAVARS.get(_plain(field_type)),
        min=spec.minimum,
        max=spec.maximum,
        rich_help_panel=spec.panel or None,
        **extra,
    )


_METAVARS = {int: "N", float: "NUMBER", str: "TEXT"}


def _plain(field_type: Any) -> Any:
    """The type that one value of the option has: of `X | None` and `list[X]` the X; None where there is no one type."""
    inner = [t for t in getattr(field_type, "__args__", (field_type,)) if t is not type(None)]
    return inner[0] if len(inner) == 1 and isinstance(inner[0], type) else None


class Commands(TyperGroup):
    """The group whose commands are imported when they are named."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        return build(name) if name in COMMANDS else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False, context_settings=HELP)


def _version(value: bool) -> None:
    if value:
        print(f"fgit {__version__}")
        raise typer.Exit


@app.callback()
def fgit(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fault-guided fine-tuning of code language models (FGit, also FAIT).

    fgit mutate < evol.jsonl | fgit select | fgit mask --tokenizer X > pairs.jsonl;
    fgit train pairs.jsonl; fgit eval --bench humaneval+
    """


def _terminated(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status. Nothing but a bug in fgit leaves here as an exception."""
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    who = messages.name(name)
    signal.signal(signal.SIGTERM, _terminated)
    # torch's threads wait for each other by spinning unless told before it is imported: alone that is a twentieth
    # faster, beside other work a step takes many times as long
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        if not arguments:
            with completion.colons_for_bash():
                app(args=["--help"], prog_name="fgit", standalone_mode=False)
            return 2
        if name:  # straight to the command: Typer's group would import pydantic for its own options
            parsed = build(name)(args=arguments[1:], prog_name=who, standalone_mode=False)
        else:
            parsed = app(args=arguments, prog_name="fgit", standalone_mode=False)
        if callable(parsed):  # run outside Typer, which has its own mind about closed pipes and interrupts
            parsed()
        sys.stdout.flush()
        return parsed if isinstance(parsed, int) else 0
    except FgitError as error:
        messages.say(name, one_line(error))
        return error.exit_code
    except BrokenPipeError:
        _drop_stdout()
        return 0
    except SystemExit as leaving:  # Click's, where the reader of a help text went away
        if leaving.code != 1:
            raise
        _drop_stdout()
        return 0
    except OSError as error:
        if error.errno not in _FULL:
            raise
        messages.say(name, f"{error.filename or 'output'}: cannot be written: {error.strerror}")
        _drop_stdout()
        return EngineError.exit_code
    except (KeyboardInterrupt, typer.Abort):
        messages.say(name, "interrupted; what was finished is written")
        return INTERRUPTED
    except Exception as error:
        if hasattr(error, "format_message"):  # Typer's own, for words of the command line
            message = error.format_message().replace("Value error, ", "")  # pydantic's word, of no use to a reader
            meant = _meant(error, name, arguments)
            if getattr(error, "option_name", None):
                message = message.split(" (")[0]  # what Typer would suggest
            if meant:
                message = f"{message.rstrip('.')}; did you mean {' or '.join(meant)}?"
            messages.say(name, f"{one_line(message).rstrip('.')}{' ' if meant else '. '}See `{who} --help`.")
            return 2
        raise


def _meant(error: Exception, name: str | None, arguments: list[str]) -> list[str]:
    """The commands or options that a word of the command line which is none may stand for."""
    word = getattr(error, "option_name", None)
    if word and name:
        options = importlib.import_module(f"fgit_cli.commands.{name}").Options
        spelled = [f for field, (_, spec) in specs(options).items() if not spec.argument
                   for f in messages.flags(field, spec)]  # fmt: skip
        known = [flag for flags in spelled for flag in flags.split("/") if flag.startswith("--")]
    elif name is None and arguments and not arguments[0].startswith("-"):
        word, known = arguments[0], list(COMMANDS)
    else:
        return []
    return suggestions.meant(word, known) if word not in known else []


_FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EROFS,
)  # a disk's fault, in whatever is being written


def _drop_stdout() -> None:
    """The reader went away: give Python's last flush somewhere to write."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        pass


def entry() -> None:
    """The console script."""
    for number, stream in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, stream) is None:  # closed by the caller (`<&-`): nothing to read, nowhere to write
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, stream, open(nowhere, "w" if number else "r", encoding="utf-8"))
    _import_nothing_from_the_working_folder()
    sys.exit(main())


def _import_nothing_from_the_working_folder() -> None:
    """The Python processes that start from here (workers, ranks) leave the working folder out of their import path.

    A `random.py` among somebody's data would end them. It stays where fgit itself was found there.
    """
    try:
        found_there = os.path.samefile(os.curdir, os.path.dirname(os.path.dirname(__file__)))
    except OSError:  # a folder that is gone
        found_there = False
    if not found_there:
        os.environ["PYTHONSAFEPATH"] = "1"
