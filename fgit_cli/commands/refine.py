"""Make pairs from an instruction alone, by iterative debugging (CodeFlow of Target-DPO).

Reads records with an instruction. The teacher writes Python code and tests, which run in the sandbox; while they fail,
the teacher sees the error and repairs the code. Adds `response` (the version that passes), `incorrect` (an earlier one
that fails), `tests`, `attempts` and `origin`, which has the tests' `coverage` and the `calls` of the teacher. Records
that pass at once, never pass or have trivial tests go to --rejects, with what was tried; `fgit report` counts both.

Holds in memory twice --concurrency records. Every answer is kept under --work-dir as it comes.

fgit refine --base-url http://localhost:8000/v1 instructions.jsonl > pairs.jsonl
"""

# The inside of this command: stages/refine.py.

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal, cast

from fgit_cli import prompts
from fgit_cli.core import fields
from fgit_cli.engines.generation.teacher import TeacherOptions, open_teachers
from fgit_cli.errors import MissingExtra
from fgit_cli.jsonl import Record
from fgit_cli.options import ExecutionOptions, FilterOptions, option
from fgit_cli.stages.by_tests import open_executor
from fgit_cli.stages.filter import Filter
from fgit_cli.stages.refine import Case, Debugging, Settings, how_many_passed
from fgit_cli.stages.run import refuse_with_ray, run_filter, some_variant
from fgit_cli.stages.running import Tally


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, TeacherOptions, ExecutionOptions):
    """The options of `fgit refine`."""

    instruction_field: str | None = option(None, "The field that holds the instruction.", metavar="NAME")
    iterations: int = option(5, "Most repairs of one program.", source="Target-DPO section 2.1", minimum=1)
    sampling: int = option(
        0, "Take this many answers instead of repairing; 0: repair.", source="Target-DPO Table 5", minimum=0
    )
    negative: Literal["random", "first", "last"] = option(
        "random", "Which failing version is the incorrect response.", source="Target-DPO section 2.1"
    )
    min_coverage: float = option(
        0.0,
        "Least share of the code's lines that the tests must reach.",
        source="our choice: none",
        minimum=0,
        maximum=1,
    )
    judge: bool = option(
        False, "Ask the teacher whether the two versions differ in logic.", source="Target-DPO section 2.1: yes"
    )


def settings_of(options: Options) -> Settings:
    """What the options say of how pairs are made."""
    return Settings(
        iterations=options.iterations,
        sampling=options.sampling,
        negative=options.negative,
        limit=options.time_limit,
        min_coverage=options.min_coverage,
        judge=options.judge,
        seed=options.seed,
    )


@contextmanager
def opened(options: Options) -> Iterator[Filter]:
    """The filter, with its sandbox and its teacher."""
    if find_spec("coverage") is None:
        raise MissingExtra("refining", "mutate")
    loaded = {name: prompts.load(f"refine_{name}") for name in ("write", "fix", "judge")}

    def prepare(record: Record) -> Case:
        fields.standardise(record, instruction=options.instruction_field)
        instruction = fields.instruction(record)
        return Case(record, instruction.messages, instruction.text)

    with (
        open_executor(options, "coverage") as executor,
        open_teachers("refine", options, max(1, options.sampling)) as teachers,
    ):

        def stage(cases: Iterable[Case], tally: Tally) -> Iterator[dict[str, Any]]:
            with teachers(cast(Options, tally.options)) as teacher:
                window = 2 * options.concurrency
                yield from Debugging(teacher, executor, loaded, settings_of(options), window).refine(cases, tally)

        yield Filter(prepare, stage)


def run(options: Options) -> None:
    refuse_with_ray(options, "serve")
    run_filter("refine", options, opened, partial(how_many_passed, settings=settings_of(options)), some_variant)
