"""Keep the wrong variant nearest to the correct response.

Reads records with `variants` (what `mutate` adds), or plain pairs with `incorrect`, which it scores and filters.
Adds `incorrect` (the chosen text), `origin` and `similarity`; takes `variants` out unless --keep-variants.

A variant that is no fault is left out by reason: equal after normalisation, same syntax tree, same bytecode, only
renames, or not parsing although the correct code does; --no-faults-only keeps all that differ. Of the others the one
most similar in code is kept: by cosine of UniXcoder embeddings, or with --by edit by 1 - edit distance / longer length.
Prose around the code does not count.
With --execute the nearest one is kept that fails the record's tests, twice, in a sandbox. A record without a usable
variant goes to --rejects, or with --keep-unpaired on without an incorrect response.

Holds in memory the model and --window records.

Example: fgit mutate < evol.jsonl | fgit select --by edit > pairs.jsonl
"""

# The inside of this command: stages/select.py.

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fgit_cli.jsonl import Record
from fgit_cli.options import (
    EXECUTION,
    ExecutionOptions,
    FaultOptions,
    FilterOptions,
    GpuWorkersOptions,
    PairFieldOptions,
    UnpairedOptions,
    option,
)
from fgit_cli.stages.by_tests import open_executor
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.run import run_filter
from fgit_cli.stages.running import Tally
from fgit_cli.stages.select import Choice, Scorer, Settings, edit_scorer, read_choice, select

if TYPE_CHECKING:
    from fgit_cli.engines.embedding import Embedder
    from fgit_cli.executor import Executor

EDIT = "edit"


@dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, UnpairedOptions, FaultOptions, PairFieldOptions, GpuWorkersOptions, ExecutionOptions):
    """Options of `fgit select`."""

    by: str = option(
        "microsoft/unixcoder-base",
        "What similarity is measured by: a UniXcoder or sentence-transformers model (hub name or folder), or `edit`.",
        metavar="MODEL|edit",
        words=lambda: ("edit", "microsoft/unixcoder-base"),
        source="FGit, section II-A: UniXcoder",
    )
    min_similarity: float | None = option(
        None, "Leave out variants less similar than this.", minimum=-1, maximum=1, source="our choice: no limit"
    )
    max_edit: int | None = option(
        None,
        "Leave out variants with a larger edit distance.",
        unit="characters",
        minimum=1,
        source="our choice: no limit",
    )
    max_diff_lines: int | None = option(
        None,
        "Leave out variants with more changed lines, both sides counted.",
        unit="lines",
        minimum=1,
        source="our choice: no limit",
    )
    max_side_lines: int | None = option(
        None,
        "Leave out variants with more changed lines on either side.",
        unit="lines",
        minimum=1,
        source="our choice: no limit; Target-DPO, section 2.1 (ii): 20",
    )
    keep_variants: bool = option(
        False, "Keep `variants`, each with its `similarity` or the `reason` it was left out for."
    )
    execute: bool = option(
        False, "Run the tests of records that have any; keep a variant only if it fails them twice.", panel=EXECUTION
    )
    window: int = option(
        256, "Records scored together.", unit="records", minimum=1, source="our choice", recorded=False
    )
    batch_tokens: int | None = option(
        None,
        "Positions in one pass of a UniXcoder, padding included; by default 1024 on a CPU, 32768 elsewhere.",
        unit="tokens",
        minimum=512,
        source="our choice: measured, benchmarks/selection.py",
        recorded=False,
    )
    device: str = option(
        "auto",
        "Where the model runs: a torch device; auto takes a GPU where there is one.",
        words=lambda: ("auto", "cpu", "cuda"),
    )


def scorer(options: Options) -> "tuple[Scorer, Embedder | None]":
    """The function that --by names, and its embedder, None for `edit`."""
    if options.by == EDIT:
        return edit_scorer, None
    from fgit_cli.engines.embedding.opening import cosine_scorer, open_embedder

    embedder = open_embedder(options.by, options.device, options.batch_tokens)
    return cosine_scorer(embedder), embedder


def sandbox(options: Options) -> "AbstractContextManager[Executor | None]":
    """The executor that --execute asks for, else None."""
    return open_executor(options) if options.execute else nullcontext()


@contextmanager
def opened(options: Options) -> Iterator[Filter]:
    """The filter, with its embedder and its sandbox."""
    score, embedder = scorer(options)
    settings = Settings(
        min_similarity=options.min_similarity,
        max_edit=options.max_edit,
        max_diff_lines=options.max_diff_lines,
        max_side_lines=options.max_side_lines,
        keep_variants=options.keep_variants,
        faults_only=options.faults_only,
        keep_unpaired=options.keep_unpaired,
        limit=options.time_limit,
        window=options.window if embedder or options.execute else 1,  # it serves the model and the sandboxes alone
    )

    def prepare(record: Record) -> Choice:
        return read_choice(record, options.overrides, options.execute, options.keep_unpaired)

    with sandbox(options) as executor:

        def stage(items: Iterable[Choice], tally: Tally) -> Iterator[dict[str, Any]]:
            before = embedder.windowed if embedder else 0
            if embedder:
                made = ", ".join(f"{name} {value}" for name, value in embedder.describe().items() if value)
                tally.note(f"similarity by {made}")
            yield from select(items, tally, score, settings, executor, options.processes, tally.options.files)
            if embedder and embedder.windowed > before:
                windowed = embedder.windowed - before
                tally.count("texts longer than the model takes, embedded by windows", windowed)

        yield Filter(prepare, stage, spread(options.turns))


def run(options: Options) -> None:
    run_filter("select", options, opened)
