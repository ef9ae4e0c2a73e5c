"""Write pairs for other trainers: token ids with a weight each, or spans of characters with weights.

--to trl reads what `fgit mask` wrote; TRL's SFTTrainer trains on it with the loss of `fgit train --objective fixed`, by
a trainer of a few lines (fgit_cli.training.trl). --to jsonl-spans needs no tokenizer: it reads pairs of texts, compares
them unless `fgit diff` has, and writes which characters weigh how much. Holds one record at a time.

Example: fgit export --to trl pairs.jsonl > weighted.jsonl
"""

# The inside of this command: stages/export.py.

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from fgit_cli.commands.diff import CompareOptions
from fgit_cli.errors import UsageError
from fgit_cli.jsonl import Record
from fgit_cli.messages import flag
from fgit_cli.options import option
from fgit_cli.stages import export
from fgit_cli.stages.diff import TextPair, read_pair
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.run import run_filter
from fgit_cli.stages.running import Tally

OF_TEXTS = (
    "algorithm", "context", "ignore", "gaps", "keep_unpaired", "instruction_field", "response_field", "incorrect_field",
    "turns",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(CompareOptions):
    to: Literal["trl", "jsonl-spans"] | None = option(
        None, "trl: input ids, labels and a weight for each token; jsonl-spans: texts and weighted spans of characters."
    )
    fixed_weight: float = option(
        2.0, "Weight of what is marked; the rest of the response has 1.", minimum=0,
        source="as in train: FGit's ablation tries several; our choice: the upper end of W",
    )  # fmt: skip
    gaps: Literal["anchor", "ignore"] = option(
        "anchor", "jsonl-spans: where a side lacks lines, mark the character at which the texts part, or nothing.",
        source="as in mask",
    )  # fmt: skip


@contextmanager
def opened(options: Options) -> Iterator[Filter]:
    """The filter of masked pairs, or of pairs of texts."""
    made, weight = options.made, options.fixed_weight
    if options.to == "trl":
        yield Filter(export.read_masked, lambda items, tally: export.trl(items, tally, weight))
        return

    def prepare(record: Record) -> TextPair:
        return read_pair(record, options.overrides, options.keep_unpaired)

    def stage(items: Iterable[TextPair], tally: Tally) -> Iterator[dict[str, Any]]:
        return export.spans(items, tally, made, weight, options.gaps == "anchor")

    yield Filter(prepare, stage, spread(options.turns))


def run(options: Options) -> None:
    if options.to is None:
        raise UsageError("say for whom: --to trl or --to jsonl-spans")
    if options.to == "trl" and (useless := [flag(name, Options) for name in OF_TEXTS if name in options.given]):
        raise UsageError(f"{useless[0]} has no use with --to trl: `fgit mask` has compared the pair")
    run_filter("export", options, opened)
