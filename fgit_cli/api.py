"""What a program may import from fgit, under names that stay.

    from fgit_cli.api import PairMasker, judge, load_bench, Executor, step

Stable are the names in `__all__`, their arguments by name, and the fields of what they return, as far as their
docstrings tell them: a change of these is in CHANGELOG.md, and after 1.0 waits for a new major version. New optional
arguments and new fields may come with any version. Everything else in `fgit_cli` may change with any version.

Masks, the executor and the benchmarks need no torch. The training names need the extra `train`; they are imported when
they are first used. The commands are programs over these same parts, so that a stage, a test and a program do the same.
"""

import importlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fgit_cli.benches.bench import Bench
    from fgit_cli.benches.bench import load as load_bench
    from fgit_cli.core.diff_field import Comparison
    from fgit_cli.core.masks import Granularity
    from fgit_cli.core.textdiff import Algorithm, Difference
    from fgit_cli.errors import FgitError
    from fgit_cli.executor import CallJob, Check, Executor, Expected, Outcome, Rules, decode, encode
    from fgit_cli.stages.mask import Gaps, Masked
    from fgit_cli.stages.running import Rejected
    from fgit_cli.training.data import pair_of as training_pair
    from fgit_cli.training.layout import LayoutName
    from fgit_cli.training.losses import Batch, Loss, Totals, fault_weight, loss, pair_weight
    from fgit_cli.training.objective import Objective, ObjectiveName
    from fgit_cli.training.step import Example, Layout, Pair, confirm, plan_passes, prepare, reference_margins, step

# Where each name lives. `module:name`, imported when it is asked for.
_HOMES = {
    # Differences and masks
    "Algorithm": "fgit_cli.core.textdiff:Algorithm",
    "Comparison": "fgit_cli.core.diff_field:Comparison",
    "Difference": "fgit_cli.core.textdiff:Difference",
    "Gaps": "fgit_cli.stages.mask:Gaps",
    "Granularity": "fgit_cli.core.masks:Granularity",
    "Masked": "fgit_cli.stages.mask:Masked",
    "Rejected": "fgit_cli.stages.running:Rejected",
    # The executor
    "CallJob": "fgit_cli.executor:CallJob",
    "Check": "fgit_cli.executor:Check",
    "Executor": "fgit_cli.executor:Executor",
    "Expected": "fgit_cli.executor:Expected",
    "Outcome": "fgit_cli.executor:Outcome",
    "Rules": "fgit_cli.executor:Rules",
    "decode": "fgit_cli.executor:decode",
    "encode": "fgit_cli.executor:encode",
    # Benchmarks
    "Bench": "fgit_cli.benches.bench:Bench",
    "load_bench": "fgit_cli.benches.bench:load",
    # Training
    "Batch": "fgit_cli.training.losses:Batch",
    "Example": "fgit_cli.training.step:Example",
    "Layout": "fgit_cli.training.step:Layout",
    "LayoutName": "fgit_cli.training.layout:LayoutName",
    "Loss": "fgit_cli.training.losses:Loss",
    "Objective": "fgit_cli.training.objective:Objective",
    "ObjectiveName": "fgit_cli.training.objective:ObjectiveName",
    "Pair": "fgit_cli.training.step:Pair",
    "Totals": "fgit_cli.training.losses:Totals",
    "confirm": "fgit_cli.training.step:confirm",
    "fault_weight": "fgit_cli.training.losses:fault_weight",
    "loss": "fgit_cli.training.losses:loss",
    "pair_weight": "fgit_cli.training.losses:pair_weight",
    "plan_passes": "fgit_cli.training.step:plan_passes",
    "prepare": "fgit_cli.training.step:prepare",
    "reference_margins": "fgit_cli.training.step:reference_margins",
    "step": "fgit_cli.training.step:step",
    "training_pair": "fgit_cli.training.data:pair_of",
    # Failing
    "FgitError": "fgit_cli.errors:FgitError",
}

__all__ = [  # the names above, and those defined below
    "Algorithm", "Batch", "Bench", "CallJob", "Check", "Comparison", "Difference", "Example", "Executor", "Expected",
    "FgitError", "Gaps", "Granularity", "Layout", "LayoutName", "Loss", "Masked", "Objective", "ObjectiveName",
    "Outcome", "Pair", "PairMasker", "Rejected", "Rules", "Totals", "confirm", "decode", "encode", "fault_weight",
    "judge", "load_bench", "loss", "pair_weight", "plan_passes", "prepare", "reference_margins", "step",
    "training_pair",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A name of `_HOMES`, imported from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"fgit_cli.api has no {name!r}; it has {', '.join(__all__)}")
    module, _, attribute = _HOMES[name].partition(":")
    value = globals()[name] = getattr(importlib.import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class PairMasker:
    """Puts the differences of pairs on a student's tokens, as `fgit mask` does; one tokenizer, loaded once.

    `tokenizer` is a folder or a name on the hub, `template` as in `fgit mask --template`. Raises UsageError for a
    tokenizer or a template that cannot be had.
    """

    def __init__(
        self,
        tokenizer: str,
        *,
        template: str | None = None,
        granularity: "Granularity" = "hybrid",
        gaps: "Gaps" = "anchor",
        algorithm: "Algorithm" = "difflib",
        context: int = 0,
        ignore: tuple[str, ...] = ("space",),
        max_length: int = 1024,
    ) -> None:
        from fgit_cli.core.diff_field import Comparison
        from fgit_cli.engines.tokenizing import templates, tokenizers
        from fgit_cli.stages.mask import Masker, Settings

        loaded = tokenizers.load(tokenizer)
        settings = Settings(Comparison(algorithm, context, ignore), granularity, gaps, max_length)
        self._masker = Masker(loaded, templates.load(template, loaded), settings)

    def __call__(self, instruction: str, correct: str, incorrect: str) -> "Masked | Rejected":
        """Ids and values of one pair, or why it cannot serve.

        A `Masked` has `prompt_ids`, `correct_ids`, `incorrect_ids`, and `correct_mask`, `incorrect_mask` as long as
        their ids: 0 for a shared token, 1 on a changed line, 2 where it changed itself.
        """
        return self._one({"instruction": instruction, "response": correct, "incorrect": incorrect})

    def record(self, record: Mapping[str, Any]) -> "dict[str, Any] | Rejected":
        """The record with the fields that `fgit mask` adds, or why it is left out. Raises InputError for no pair."""
        from fgit_cli.stages.mask import added
        from fgit_cli.stages.running import Rejected

        whole = dict(record)
        masked = self._one(whole)
        return masked if isinstance(masked, Rejected) else {**whole, **added(masked, self._masker)}

    def _one(self, record: dict[str, Any]) -> "Masked | Rejected":
        from fgit_cli.stages.bugs import Bug
        from fgit_cli.stages.diff import read_pair
        from fgit_cli.stages.mask import read_job

        job = read_job(read_pair(record, {}, keep_unpaired=False), self._masker.settings, ()).job
        [found] = self._masker([job])
        if isinstance(found, Bug):
            raise RuntimeError(f"{found}: {found.text}")
        return found


def judge(
    bench: "Bench", samples: Iterable[Mapping[str, Any]], executor: "Executor", *, extract: str = "none"
) -> "Iterator[dict[str, Any] | Rejected]":
    """The result record of each sample, in input order, as `fgit eval` writes it; or why it is not judged.

    A sample is `{"task_id", "solution"}` or `{"task_id", "completion"}`; its record gains `base`, `plus`, `error` and
    `seconds`. `executor` is entered, with the bench's `profile`; call `bench.prepare(executor, say)` before. `extract`
    is `none`, `ast` or `evalplus`. Raises InputError for a record that is no sample.
    """
    from fgit_cli.stages.bugs import Bug
    from fgit_cli.stages.judge import Samples, checked, result
    from fgit_cli.stages.running import Rejected

    made = Samples(bench, extract)
    for sample, found in checked((made(dict(sample)) for sample in samples), bench, executor):
        if isinstance(found, Bug):
            raise RuntimeError(f"{found}: {found.text}")
        yield found if isinstance(found, Rejected) else result(sample, bench, found)
