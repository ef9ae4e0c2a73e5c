"""Write several plausible wrong variants of each correct response.

Reads records with an instruction and a correct response; adds `variants`, a list of {"text", "origin"}, where `text`
is a whole response that differs from the correct one in its code alone. A record without any variant goes to --rejects,
or with --keep-unpaired on with an empty list.

--method llm asks a teacher model. student takes answers of the model to be tuned (--model) that fail the record's
tests, or without tests differ from the correct code. universalmutator and cosmic-ray (Python alone) apply rules.

Holds in memory: the records in flight (twice --concurrency). Every answer is kept under --work-dir as it comes: the
same command goes on where it was stopped.

fgit mutate --base-url http://localhost:8000/v1 evol.jsonl.gz > variants.jsonl
"""

# The inside of this command: stages/mutate.py; of --preview stages/preview.py.

import dataclasses
import importlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from fgit_cli import jsonl, prompts
from fgit_cli.core.mutants import INVALID
from fgit_cli.engines.generation.opening import PANEL, sampling
from fgit_cli.engines.generation.teacher import TeacherOptions, open_teacher
from fgit_cli.errors import UsageError
from fgit_cli.messages import flag
from fgit_cli.options import (
    EXECUTION,
    ExecutionOptions,
    FaultOptions,
    FieldOptions,
    FilterOptions,
    UnpairedOptions,
    option,
    specs,
)
from fgit_cli.stages import running
from fgit_cli.stages.by_tests import open_executor
from fgit_cli.stages.mutate import (
    Asking,
    Keeping,
    Original,
    Way,
    by_rules,
    by_student,
    by_teacher,
    mutate,
    of_shard,
    read_original,
    with_code,
)
from fgit_cli.stages.running import Source, Tally, prepared


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, UnpairedOptions, FaultOptions, FieldOptions, TeacherOptions, ExecutionOptions):
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
    shard: str | None = option(None, "Only the records of part I of N (1/N to N/N), by a hash of `id`.", metavar="I/N")
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
    if options.method == "llm":
        _run_teacher(options)
    elif options.method == "student":
        _run_student(options)
    else:
        backend = importlib.import_module(f"fgit_cli.engines.rules.{options.method.replace('-', '_')}")
        _filter(options, by_rules(backend, options.method, options.variants, options.seed))


def _refuse_unused(options: Options) -> None:
    """Raises UsageError for an option that would change nothing; a --config may hold those of other methods too."""
    panel = {name: spec.panel for name, (_, spec) in specs(Options).items()}
    asking = {name for name in panel if panel[name] == PANEL and name != "seed"} | {"work_dir", "scope"}
    testing = {name for name in panel if panel[name] == EXECUTION}
    prompting = {"prompt", "prompt_file", "clean", "from_batch", *REHEARSALS}
    unused = {"llm": testing, "student": prompting}.get(options.method, asking | testing | prompting)
    for name in sorted(unused & options.typed):
        raise UsageError(f"{flag(name)} has no use with --method {options.method}; leave it out")
    chosen = [name for name in REHEARSALS if getattr(options, name)]
    if options.from_batch and "preview" not in chosen:
        chosen.append("from_batch")
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(map(flag, chosen))} do not go together; give one of them")
    if options.output and (options.preview or options.emit_batch):
        raise UsageError(f"--output has no use with {flag(chosen[0])}, which makes no records; leave it out")


def _run_teacher(options: Options) -> None:
    if options.prompt_file and "prompt" in options.given:
        raise UsageError("--prompt and --prompt-file both name a prompt; give one of them")
    packaged = "figure3" if options.prompt == "figure3" else "mutate"
    prompt = prompts.load(packaged, options.prompt_file)
    asking = Asking(prompt, options.variants, options.scope, options.max_new_tokens, options.clean)
    if options.dry_run or options.emit_batch:
        _without_teacher(options, asking)
        return
    otherwise = "fgit mutate --method universalmutator needs none"
    with open_teacher("mutate", options, options.files, options.variants, options.from_batch, otherwise) as teacher:
        if options.preview:
            from fgit_cli.stages.preview import preview

            for text in preview(teacher, asking, _read(options, Tally("mutate", options)), options.preview):
                print(text, flush=True)
        else:
            _filter(options, by_teacher(teacher, asking))


def _run_student(options: Options) -> None:
    if "model" not in options.given:
        raise UsageError("--method student needs --model: the model that is to be tuned")
    with (
        open_executor(options) as executor,
        open_teacher("mutate", options, options.files, options.variants, as_tuned=True) as student,
    ):
        _filter(options, by_student(student, options.variants, options.scope, executor, options.time_limit))


def _filter(options: Options, way: Way) -> None:
    by_a_model = options.method in ("llm", "student")
    keeping = Keeping(options.faults_only, options.keep_unpaired, frozenset() if by_a_model else INVALID)

    def chosen(originals: Iterable[Original], tally: Tally) -> Iterator[dict[str, Any]]:
        return mutate(_chosen(options, originals, tally), tally, way, keeping)

    running.run_filter("mutate", options, lambda record: read_original(record, options.overrides), chosen, some=True)


def _without_teacher(options: Options, asking: Asking) -> None:
    """--dry-run and --emit-batch."""
    tally = Tally("mutate", options)
    drawn = sampling(options, options.variants, options.max_new_tokens)
    originals = with_code(_read(options, tally), tally)
    requests = prepared(originals, tally, lambda original: original.record, asking.request)
    if options.dry_run:
        from fgit_cli.engines.generation.rehearse import dry_run

        counted = dry_run(options.model, ((request, original.correct) for original, request in requests), drawn)
        writer = jsonl.Writer(options.output)
        writer.write(counted)
        writer.close()
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
    source = Source(options, lambda record: read_original(record, options.overrides), tally)
    yield from _chosen(options, source, tally)
    if source.error:
        raise source.error


def _chosen(options: Options, originals: Iterable[Original], tally: Tally) -> Iterator[Original]:
    """The records of this shard, no more than the limit."""
    if options.shard:
        originals = of_shard(options.shard, originals, tally)
    return itertools.islice(originals, options.limit)
