"""Put the differences on the student's tokens.

Reads records with an instruction, a correct and an incorrect response, and `diff` where present; adds the token ids of
prompt and responses and a value for each response token: 0, 1 (on a changed line) or 2 (changed itself). Holds the
records of a few batches.

fgit mask --tokenizer Qwen/Qwen2.5-Coder-7B-Instruct < selected.jsonl > pairs.jsonl
"""

# The inside of this command: stages/mask.py.

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from fgit_cli import prompts
from fgit_cli.commands.diff import HTML_HELP, CompareOptions
from fgit_cli.core.align import UNALIGNED
from fgit_cli.core.masks import Granularity
from fgit_cli.errors import AnswerIsNo, UsageError
from fgit_cli.jsonl import Record
from fgit_cli.options import cores, option, workers_option
from fgit_cli.stages.diff import read_pair
from fgit_cli.stages.filter import Filter, spread
from fgit_cli.stages.mask import (
    Gaps,
    Masked,
    Masker,
    RecordJob,
    Settings,
    Thinking,
    TooLongHow,
    how_much_is_marked,
    mask,
    read_job,
)
from fgit_cli.stages.run import refuse_with_ray, run_filter
from fgit_cli.stages.running import Tally


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(CompareOptions):
    tokenizer: str | None = option(None, "The student's tokenizer: a folder or a name on the hub.", metavar="NAME")
    template: str | None = option(
        None,
        "How an instruction becomes a prompt: `chat` (the tokenizer's), `plain`, `magicoder`, `semcoder`, "
        "`codellama-instruct`, `deepseek-coder-instruct`, or a file (.jinja: a chat template; else a text with "
        "{instruction}). Default: chat where the tokenizer has one, else plain.",
        metavar="NAME",
        words=prompts.templates,
    )
    granularity: Granularity = option(
        "hybrid", "Mark tokens of changed lines, of changed characters, or the sum of both.",
        source="FGit, Hybrid Level Vectors",
    )  # fmt: skip
    gaps: Gaps = option(
        "anchor",
        "Where a side lacks lines, mark the token at which the texts part, or nothing. fork: as anchor, and where a "
        "side of a replaced hunk lacks changed tokens, those at which the ids part count as changed on both sides.",
        source="anchor: our choice, else a forgotten line has no weight; ignore: the papers to the letter",
    )
    max_length: int = option(
        1024, "Prompt and response are cut at so many together.", unit="tokens", minimum=2,
        source="FGit, Settings",
    )  # fmt: skip
    max_prompt: int | None = option(
        None, "Leave out pairs with a longer prompt.", unit="tokens", minimum=1,
        source="our choice: no limit beside --max-length; Target-DPO, A.3: 1024",
    )  # fmt: skip
    too_long: TooLongHow = option(
        "cut",
        "What becomes of a response that --max-length does not hold: its end is cut off, or the pair is left out.",
        source="cut: our choice, as the papers' students were tuned; drop: Target-DPO, section 2.1 (iii)",
    )
    thinking: Thinking = option(
        "keep",
        "What becomes of a response's thinking: it stays, without marks, or it is taken out of both sides.",
        source="our choice: a reasoning model goes on thinking",
    )
    explain: int | None = option(
        None, "Show the tokens of the first N pairs with their values, and write no records.", metavar="N", minimum=1,
        recorded=False,
    )  # fmt: skip
    html: str | None = option(None, HTML_HELP, metavar="FILE", recorded=False)
    workers: int | None = workers_option("Processes")


Look = Callable[[dict[str, Any]], None]


@contextmanager
def opened(options: Options, looks: Sequence[Look] = ()) -> Iterator[Filter]:
    """The filter, with the student's tokenizer; `looks` see each pair. --explain lets no record out."""
    if not options.tokenizer:
        raise UsageError("give the student's tokenizer: --tokenizer NAME (a folder or a name on the hub)")
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread a worker; the workers are the parallelism
    from fgit_cli.engines.tokenizing import likeness, templates, tokenizers

    tokenizer = tokenizers.load(options.tokenizer)
    if lost := likeness.not_spelled(tokenizer):
        raise UsageError(
            f"--tokenizer {options.tokenizer} cannot spell code: it loses {', '.join(lost)}; give a code model's"
        )
    template = templates.load(options.template, tokenizer)
    settings = Settings(
        options.made, options.granularity, options.gaps, options.max_length, options.max_prompt, options.too_long,
        options.thinking, options.keep_unpaired,
    )  # fmt: skip
    masker = Masker(tokenizer, template, settings)
    workers = 1 if options.explain else options.workers or cores()

    def look(record: dict[str, Any], masked: Masked) -> None:
        from fgit_cli.views.pair_data import mask_data

        anchors = {"correct": masked.correct_anchors, "incorrect": masked.incorrect_anchors}
        data = mask_data(record, anchors, masked.end, tokenizer.bytes)
        for show in looks:
            show(data)

    def stage(items: Iterable[RecordJob], tally: Tally) -> Iterator[dict[str, Any]]:
        records = mask(items, tally, masker, workers, tally.options.files, look if looks else None)
        if not options.explain:
            yield from records
        for _ in itertools.islice(records, options.explain):
            tally.written += 1

    def prepare(record: Record) -> RecordJob:
        return read_job(read_pair(record, options.overrides, options.keep_unpaired), settings, options.given)

    yield Filter(prepare, stage, spread(options.turns))


def run(options: Options) -> None:
    from fgit_cli.views.pair_page import PairPage

    refuse_with_ray(options, "explain", "html")
    if options.explain and options.output:
        raise UsageError("--explain writes no records; leave --output out, or use --html beside it")
    page = PairPage(options.html, "mask", f"tokenizer {options.tokenizer}") if options.html else None
    looks: list[Look] = [page.add] if page else []
    if options.explain:
        looks.append(_printer())

    def refuse(tally: Tally) -> None:
        from fgit_cli.engines.tokenizing.prompter import CONTROL

        if tally.rejects and set(tally.rejects) <= {UNALIGNED, CONTROL} and not tally.written:
            raise AnswerIsNo(
                f"the tokenizer {options.tokenizer} spells no record: {tally.rejects.most_common(1)[0][0]}; one that "
                "drops or changes characters cannot spell code; give the student's own"
            )

    run_filter("mask", options, partial(opened, looks=looks) if looks else opened, how_much_is_marked, refuse)
    if page:
        page.write()


def _printer() -> Look:
    """What prints the tokens of one pair on the terminal."""
    from fgit_cli.views import terminal

    console = terminal.console()
    console.print(terminal.legend_of_tokens())
    return lambda data: console.print(terminal.tokens(data))
