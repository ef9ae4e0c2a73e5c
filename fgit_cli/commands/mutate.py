"""Write several plausible wrong variants of each correct response.

Reads records with an instruction and a correct response; adds `variants`, a list of {"text", "origin"}, where `text`
is a whole response that differs from the correct one in its code alone. A record without any variant goes to --rejects,
or with --keep-unpaired on with an empty list.

--method llm asks a teacher model. student takes answers of the model to be tuned (--model) that fail the record's
tests, or without tests differ from the correct code. universalmutator and cosmic-ray (Python alone) apply rules; what
the compiler of C, C++ or Java does not take is left out where there is one, and unless --no-faults-only so is a change
of an example call or its data, a message, a URL, an exit status, a type annotation or prose.

Holds in memory: the records in flight (twice --concurrency). Every answer is kept under --work-dir as it comes: the
same command goes on where it was stopped.

fgit mutate --base-url http://localhost:8000/v1 evol.jsonl.gz > variants.jsonl
"""

# The inside of this command: stages/mutate.py; of --preview stages/preview.py.

import dataclasses
import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Literal

from fgit_cli import jsonl, prompts
from fgit_cli.core.mutants import INVALID
from fgit_cli.engines.generation.opening import PANEL, sampling
from fgit_cli.engines.generation.teacher import TeacherOptions, Teachers, open_teachers
from fgit_cli.errors import UsageError
from fgit_cli.messages import flag
from fgit_cli.options import (
    EXECUTION,
    ExecutionOptions,
    FaultOptions,
    FieldOptions,
    FilterOptions,
    GpuWorkersOptions,
    UnpairedOptions,
    option,
    specs,
)
from fgit_cli.stages.by_rules import by_rules
from fgit_cli.stages.by_tests import open_executor
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.mutate import (
    Asking,
    Keeping,
    Original,
    Way,
    by_student,
    by_teacher,
    mutate,
    read_original,
    with_code,
)
from fgit_cli.stages.parallel import waiting
from fgit_cli.stages.run import refuse_with_ray, run_filter, some_variant
from fgit_cli.stages.running import Source, Tally, prepared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(
    FilterOptions, UnpairedOptions, FaultOptions, FieldOptions, TeacherOptions, GpuWorkersOptions, ExecutionOptions
):
    """The options of `fgit mutate`."""

    method: Literal["llm", "student", "universalmutator", "cosmic-ray"] = option(
        "llm",
        "Who makes the faults: a teacher, the model to be tuned, or mutation rules.",
        source="FGit III-B1: a teacher",
    )
    variants: int = option(3, "Variants of each response.", source="FGit III-B1", minimum=1)
    scope: Literal["code", "response"] = option(
        "code", "Put the teacher's code into the correct response, or keep its whole answer.", source="our choice"
    )
    prompt: Literal["own", "figure3"] = option(
        "own",
        "What the teacher is asked: fgit's own prompt, which also keeps it from giving the fault away, or no more than "
        "the paper's Figure 3 asks.",
        source="own: our choice; figure3: FGit, Figure 3",
    )
    clean: bool = option(
        True,
        "Take out of a teacher's answers the comments and names that give the fault away, and refuse those that leave "
        "code out.",
        flags=("--clean/--no-clean",),
        source="our choice; the papers take the answer as it is",
    )
    prompt_file: str | None = option(
        None, "Another prompt: Jinja2 with instruction, response, language, fenced, scope.", metavar="FILE"
    )
    limit: int | None = option(None, "Stop after this many records.", minimum=1, recorded=False)
    preview: int | None = option(
        None, "Ask for the first N records, show prompts and what is made of the answers, and stop.", metavar="N",
        minimum=1, recorded=False,
    )  # fmt: skip
    dry_run: bool = option(False, "Ask nobody; print how many requests and tokens it would be.", recorded=False)
    emit_batch: str | None = option(
        None, "Ask nobody; write the requests in the OpenAI batch format (see --from-batch).", metavar="FILE",
        recorded=False,
    )  # fmt: skip
    from_batch: list[str] = option(
        [],
        "Take the answers from these files, the output of a batch made by --emit-batch; ask nobody.",
        metavar="FILE",
        recorded=False,
    )


REHEARSALS = ("preview", "dry_run", "emit_batch")  # ways to end before the teacher is asked for everything


def run(options: Options) -> None:
    _refuse_unused(options)
    if options.method == "llm" and (options.dry_run or options.emit_batch):
        _without_teacher(options)
    elif options.method == "llm" and options.preview:
        _preview(options)
    else:
        run_filter("mutate", options, opened, refuse=some_variant)


@contextmanager
def opened(options: Options) -> Iterator[Filter]:
    """The filter, with whatever makes the faults: a teacher, the student and a sandbox, or rules."""
    by_a_model = options.method in ("llm", "student")
    keeping = Keeping(options.faults_only, options.keep_unpaired, frozenset() if by_a_model else INVALID)
    ways = {"llm": _asking_teachers, "student": _asking_students}.get(options.method, _by_rules)
    with ways(options) as way_of:

        def stage(originals: Iterable[Original], tally: Tally) -> Iterator[dict[str, Any]]:
            with way_of(tally.options) as way:
                yield from mutate(itertools.islice(originals, options.limit), tally, way, keeping)

        yield Filter(lambda record: read_original(record, options.overrides), stage, spread(options.turns))


# What gives the way of one run, by the run's own options.
Ways = Callable[[Any], AbstractContextManager[Way]]


@contextmanager
def _asking_teachers(options: Options) -> Iterator[Ways]:
    asking = _asking(options)
    with _teachers(options) as teachers:

        @contextmanager
        def way(run: Options) -> Iterator[Way]:
            with teachers(run) as teacher:
                yield by_teacher(teacher, asking)

        yield way


@contextmanager
def _asking_students(options: Options) -> Iterator[Ways]:
    if "model" not in options.given:
        raise UsageError("--method student needs --model: the model that is to be tuned")
    with (
        open_executor(options) as executor,
        open_teachers("mutate", options, options.variants, as_tuned=True) as students,
    ):

        @contextmanager
        def way(run: Options) -> Iterator[Way]:
            with students(run) as student:
                yield by_student(student, options.variants, options.scope, executor, options.time_limit)

        yield way


@contextmanager
def _by_rules(options: Options) -> Iterator[Ways]:
    backend = importlib.import_module(f"fgit_cli.engines.rules.{options.method.replace('-', '_')}")
    made = options.method, options.variants, options.seed, options.faults_only, 1 if options.ray else options.processes
    yield lambda run: nullcontext(by_rules(backend, *made, partial(waiting, run.files)))


def _refuse_unused(options: Options) -> None:
    """Raises UsageError for an option that would change nothing; a --config may hold those of other methods too."""
    panel = {name: spec.panel for name, (_, spec) in specs(Options).items()}
    asking = {name for name in panel if panel[name] == PANEL and name != "seed"} | {"work_dir", "scope"}
    testing = {name for name in panel if panel[name] == EXECUTION}
    prompting = {"prompt", "prompt_file", "clean", "from_batch", *REHEARSALS}
    unused = {"llm": testing, "student": prompting}.get(options.method, asking | (testing - {"workers"}) | prompting)
    if options.ray:
        unused = unused - {"workers"}  # so many tasks at a time
    for name in sorted(unused & options.typed):
        raise UsageError(f"{flag(name)} has no use with --method {options.method}; leave it out")
    refuse_with_ray(options, "limit", "serve", *REHEARSALS)
    chosen = [name for name in REHEARSALS if getattr(options, name)]
    if options.from_batch and "preview" not in chosen:
        chosen.append("from_batch")
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(map(flag, chosen))} do not go together; give one of them")
    if options.output and (options.preview or options.emit_batch):
        raise UsageError(f"--output has no use with {flag(chosen[0])}, which makes no records; leave it out")


def _asking(options: Options) -> Asking:
    """What a teacher is asked."""
    if options.prompt_file and "prompt" in options.given:
        raise UsageError("--prompt and --prompt-file both name a prompt; give one of them")
    packaged = "figure3" if options.prompt == "figure3" else "mutate"
    prompt = prompts.load(packaged, options.prompt_file)
    return Asking(prompt, options.variants, options.scope, options.max_new_tokens, options.clean)


def _teachers(options: Options) -> AbstractContextManager[Teachers]:
    otherwise = "fgit mutate --method universalmutator needs none"
    return open_teachers("mutate", options, options.variants, options.from_batch, otherwise)


def _preview(options: Options) -> None:
    from fgit_cli.stages.preview import preview

    asking, number = _asking(options), options.preview or 0
    with _teachers(options) as teachers, teachers(options) as teacher:
        for text in preview(teacher, asking, _read(options, Tally("mutate", options)), number):
            print(text, flush=True)


def _without_teacher(options: Options) -> None:
    """--dry-run and --emit-batch."""
    asking = _asking(options)
    tally = Tally("mutate", options)
    drawn = sampling(options, options.variants, options.max_new_tokens)
    originals = with_code(_read(options, tally), tally)
    requests = prepared(originals, tally, lambda original: original.record, asking.request)
    if options.dry_run:
        from fgit_cli.engines.generation.rehearse import dry_run

        counted = dry_run(options.model, ((request, original.correct) for original, request in requests), drawn)
        jsonl.write_one(options.output, counted)
    elif options.emit_batch:
        from fgit_cli.engines.generation.batch import emit

        written, equal = emit(options.emit_batch, options.model, (request for _, request in requests), drawn)
        tally.written = written
        tally.count("requests equal to another", equal)
    tally.close(True)
    tally.note(tally.summary())
    tally.end()


def _read(options: Options, tally: Tally) -> Iterator[Original]:
    """The chosen records; an unusable line is raised where it stands."""
    source = Source(options, lambda record: read_original(record, options.overrides), tally, spread(options.turns))
    yield from itertools.islice(source, options.limit)
    if source.error:
        raise source.error
