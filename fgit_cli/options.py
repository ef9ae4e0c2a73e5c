"""An option written once: name, default, meaning, unit, source. Flag, help, check and run record follow.

A command declares a frozen dataclass whose fields are made by `option` or `argument`; `app.py` turns the class into
the command line, `--config FILE` into defaults, and `resolved` into what a result records of how it was made.
Field `max_length` becomes the flag `--max-length`; `Literal` types become choices; `list[...]` a repeatable flag;
`bool` a flag without a value (`flags` spells a pair where both sides can be meant, such as `--bf16/--no-bf16`).
"""

import dataclasses
import os
from collections.abc import Container
from pathlib import Path
from typing import Any, Literal

from fgit_cli.completion import Words
from fgit_cli.errors import UsageError

CONFIGS = Path(__file__).parent / "configs"
Isolation = Literal["auto", "namespaces", "landlock+seccomp", "container", "none"]  # as the executor has them
Profile = Literal["pure", "open"]
CLUSTER = "On a cluster"  # the panel of the options of Ray
EXECUTION = "Execution"  # the panel of the options by which code runs


@dataclasses.dataclass(frozen=True)
class Spec:
    """What is known of one option beside its name, type and default."""

    help: str
    unit: str = ""
    source: str = ""
    flags: tuple[str, ...] = ()
    metavar: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    panel: str = ""
    argument: bool = False
    recorded: bool = True
    words: Words | None = None  # what completion offers as a value; a Literal's choices need none

    def text(self) -> str:
        """The help line: meaning, unit, source."""
        unit = f" Unit: {self.unit}." if self.unit else ""
        source = f" [{self.source}]" if self.source else ""
        return f"{self.help}{unit}{source}"


def option(default: Any, help: str, **spec: Any) -> Any:
    """A dataclass field that is a flag. `source` names the paper and section, or says that the choice is ours."""
    made = Spec(help=help, **spec)
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata={"spec": made})
    return dataclasses.field(default=default, metadata={"spec": made})


def workers_option(what: str, **spec: Any) -> Any:
    """The option --workers. Its default is None, for no default may depend on the machine that prints it; use
    `options.workers or cores()`."""
    return option(None, f"{what}; default: all cores.", minimum=1, recorded=False, **spec)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def argument(help: str, **spec: Any) -> Any:
    """A dataclass field that takes the positional words of the command line."""
    return dataclasses.field(default_factory=list, metadata={"spec": Spec(help=help, argument=True, **spec)})


def specs(cls: type) -> dict[str, tuple[dataclasses.Field, Spec]]:
    """The options of a command's dataclass, in the order of declaration."""
    return {f.name: (f, f.metadata["spec"]) for f in dataclasses.fields(cls) if "spec" in f.metadata}


def default_of(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def resolved(options: Any) -> dict[str, Any]:
    """The options as a result records them: JSON values, without those that name places or looks alone."""
    out = {}
    for name, (_, spec) in specs(type(options)).items():
        if spec.recorded:
            value = getattr(options, name)
            if isinstance(value, list):
                value = [str(v) if isinstance(v, Path) else v for v in value]
            out[name] = str(value) if isinstance(value, Path) else value
    return out


def packaged_sets() -> list[str]:
    """The names of the option sets that come with fgit."""
    return sorted(p.stem for p in CONFIGS.glob("*.toml"))


def read_config(name: str, cls: type, command: str = "", commands: Container[str] = ()) -> dict[str, Any]:
    """Options of a TOML file (a path, or the name of a packaged one), keyed as the fields are.

    A key may be written as the flag (`max-length`) or the field (`max_length`). A table named after one of the
    `commands` holds that command's options, so that one file can serve a whole chain; other commands' are passed
    over. Raises UsageError for a file that cannot be read and for a key that is no option of the command.
    """
    import tomllib

    path = Path(name)
    if not path.exists() and (CONFIGS / f"{name}.toml").exists():
        path = CONFIGS / f"{name}.toml"
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        packaged = ", ".join(packaged_sets())
        raise UsageError(f"--config {name}: {error.strerror}; give a TOML file or one of: {packaged}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: not TOML: {error}") from None
    own = table.pop(command, {}) if command in commands else {}
    if not isinstance(own, dict):
        raise UsageError(f"--config {path}: {command!r} is a command, not an option; write a table [{command}]")
    table = {k: v for k, v in table.items() if not (k in commands and isinstance(v, dict))} | own
    known = {n: option for n, (option, spec) in specs(cls).items() if not spec.argument and n != "config"}
    values = {}
    for key, value in table.items():
        field = key.replace("-", "_")
        if field not in known:
            raise UsageError(f"--config {path}: unknown option {key!r}; `--help` lists the options of this command")
        listed = isinstance(default_of(known[field]), list)
        values[field] = [value] if listed and not isinstance(value, list) else value
    return values


@dataclasses.dataclass(frozen=True, kw_only=True)
class Common:
    """What every command takes."""

    config: str | None = option(
        None,
        "Options from a TOML file, or a packaged set by name; the command line wins.",
        metavar="FILE",
        recorded=False,
        words=packaged_sets,
    )
    quiet: bool = option(
        False, "Write no progress and no summary to stderr, only errors.", flags=("--quiet", "-q"), recorded=False
    )
    given: frozenset[str] = frozenset()  # names set by command line or --config, as against defaults
    typed: frozenset[str] = frozenset()  # those of the command line


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterOptions(Common):
    """What every stage of the pipe takes."""

    files: list[str] = argument(
        "What to read (`-` or none: stdin): JSONL, a JSON array, CSV, Parquet, Arrow, packed or not; the folder of a "
        "saved data set; hf://owner/name[:split]; s3:// and its like; patterns with `*`.",
        metavar="FILE",
        recorded=False,
    )
    output: str | None = option(
        None,
        "Write here, not to stdout; the file appears under its name when it is whole. The ending says what it is: "
        ".jsonl (.gz, .zst, .xz, .bz2), .json, .parquet or .arrow.",
        flags=("--output", "-o"),
        metavar="FILE",
        recorded=False,
    )
    rejects: str | None = option(
        None, "Write what is left out here, whole, with the reason.", metavar="FILE", recorded=False
    )
    max_rejects: float | None = option(
        None,
        "Exit 1 if more than this fraction of the records is left out.",
        metavar="FRACTION",
        minimum=0,
        maximum=1,
        recorded=False,
    )
    skip_bad_lines: bool = option(
        False,
        "Pass over lines that are no usable record, count and name them; without it the first one stops the run.",
        recorded=False,
    )
    longest_line: int = option(
        64, "A longer line is no usable record; memory is bounded by it.", unit="MB", minimum=1, recorded=False
    )
    shard: str | None = option(
        None,
        "Only the records of part I of N (1/N to N/N), by a hash of `id`: as many machines without a common scheduler.",
        metavar="I/N",
    )
    ray: str | None = option(
        None,
        "Run over a cluster of Ray's: auto, the one that this machine is in; local, one of this machine alone; or its "
        "address. A file of the input, or a block of a large one, is a task; --output and --rejects are folders.",
        metavar="auto|local|ADDRESS",
        panel=CLUSTER,
        recorded=False,
    )
    strict: bool = option(
        False,
        "Stop at the first record that meets a bug in fgit; without it that record is left out and the run goes on.",
        recorded=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GpuWorkersOptions(Common):
    """For filters whose workers may hold a model."""

    ray_gpus: bool = option(
        False,
        "With --ray: each worker has a GPU of the cluster to itself, and as many work as there are GPUs.",
        panel=CLUSTER,
        recorded=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FieldOptions(Common):
    """Where a stage finds instruction and correct response, when not under their usual names."""

    instruction_field: str | None = option(None, "The field that holds the instruction.", metavar="NAME")
    response_field: str | None = option(None, "The field that holds the correct response.", metavar="NAME")
    turns: Literal["last", "all"] = option(
        "last",
        "Of a conversation with several assistant turns the last one is the response; all: each of them, in a record "
        "of its own (`id`#k), with the turns before it as its prompt. Pairs keep the last.",
        source="our choice: last",
    )

    @property
    def overrides(self) -> dict[str, str | None]:
        """What `core.fields.standardise` takes: standard name -> the field that the user named."""
        return {"instruction": self.instruction_field, "response": self.response_field}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairFieldOptions(FieldOptions):
    """The same, for stages that read the incorrect response too."""

    incorrect_field: str | None = option(None, "The field that holds the incorrect response.", metavar="NAME")

    @property
    def overrides(self) -> dict[str, str | None]:
        return {**super().overrides, "incorrect": self.incorrect_field}


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnpairedOptions(Common):
    """What becomes of a record for which there is no wrong variant."""

    keep_unpaired: bool = option(
        False,
        "Pass records without an incorrect response on: they train as plain SFT.",
        flags=("--keep-unpaired/--no-keep-unpaired",),
        source="our choice: left out; FGit and FAIT name their data sets whole",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FaultOptions(Common):
    """What counts as a fault."""

    faults_only: bool = option(
        True,
        "Leave out variants that are no fault: formatting, names or comments alone, the same syntax tree or bytecode, "
        "or not parsing although the correct code does. Without it all count that differ.",
        flags=("--faults-only/--no-faults-only",),
        source="our choice; the papers name no such filter",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkDirOptions(Common):
    """Where a command keeps work that cost money or hours (see engines/workdir.py)."""

    work_dir: str | None = option(
        None,
        "Keep finished work here, to be taken up by the same command; default .fgit/COMMAND-HASH.",
        metavar="DIR",
        recorded=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SandboxOptions(Common):
    """The sandbox in which untrusted code runs, and how many of them."""

    isolation: Isolation = option(
        "auto",
        "The sandbox; auto takes the strongest that works here (fgit doctor shows it), none runs code unprotected.",
        panel=EXECUTION,
        recorded=False,  # what it came to is in the results; the answers of a model do not depend on it
    )
    workers: int | None = workers_option("Processes at work, and programs run at a time", panel=EXECUTION)

    @property
    def processes(self) -> int:
        """The number of --workers where it was given, else that of the cores."""
        return self.workers or cores()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExecutionOptions(SandboxOptions):
    """How code is run against a record's tests."""

    time_limit: float = option(
        10.0, "Longest run of code and tests.", unit="seconds", source="our choice", minimum=0.1, panel=EXECUTION
    )
    profile: Profile = option("pure", "pure: no processes, no network; open: both inside the sandbox.", panel=EXECUTION)
