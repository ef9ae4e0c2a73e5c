"""Make pairs from an instruction alone, by iterative debugging (CodeFlow of Target-DPO).

Reads records with an instruction. The teacher writes Python code and tests, which run in the sandbox; while they fail,
the teacher sees the error and repairs the code. Adds `response` (the version that passes), `incorrect` (an earlier one
that fails), `tests`, `attempts` and `origin`, which has the tests' `coverage`. Records that pass at once, never pass or
have trivial tests go to --rejects.

Holds in memory twice --concurrency records. Every answer is kept under --work-dir as it comes.

fgit refine --base-url http://localhost:8000/v1 instructions.jsonl > pairs.jsonl
"""

# The inside of this command: stages/refine.py.

import dataclasses
from importlib.util import find_spec
from typing import Literal

from fgit_cli import prompts
from fgit_cli.core import fields
from fgit_cli.engines.generation.teacher import TeacherOptions, open_teacher
from fgit_cli.errors import MissingExtra
from fgit_cli.jsonl import Record
from fgit_cli.options import ExecutionOptions, FilterOptions, option
from fgit_cli.stages import running
from fgit_cli.stages.by_tests import open_executor
from fgit_cli.stages.refine import Case, Debugging, Settings


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


def run(options: Options) -> None:
    if find_spec("coverage") is None:
        raise MissingExtra("fgit refine", "mutate")
    loaded = {name: prompts.load(f"refine_{name}") for name in ("write", "fix", "judge")}
    settings = Settings(
        iterations=options.iterations,
        sampling=options.sampling,
        negative=options.negative,
        limit=options.time_limit,
        min_coverage=options.min_coverage,
        judge=options.judge,
        seed=options.seed,
    )

    def prepare(record: Record) -> Case:
        fields.standardise(record, instruction=options.instruction_field)
        instruction = fields.instruction(record)
        return Case(record, instruction.messages, instruction.text)

    with (
        open_executor(options, "coverage") as executor,
        open_teacher("refine", options, options.files, max(1, options.sampling)) as teacher,
    ):
        debugging = Debugging(teacher, executor, loaded, settings, window=2 * options.concurrency)
        running.run_filter("refine", options, prepare, debugging.refine, some=True)
