"""Put the differences on the student's tokens.

Reads records with an instruction, a correct and an incorrect response, and `diff` where present; adds the token ids of
prompt and responses and a value for each response token: 0, 1 (on a changed line) or 2 (changed itself). Holds the
records of a few batches.

fgit mask --tokenizer Qwen/Qwen2.5-Coder-7B-Instruct < selected.jsonl > pairs.jsonl
"""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, get_args

from fgit_cli.commands.diff import HTML_HELP, NONE, CompareOptions, Pair, pair_reader
from fgit_cli.core import fields
from fgit_cli.core.diff_field import Made, from_field
from fgit_cli.core.mask_counts import MaskCounts
from fgit_cli.core.masks import Granularity
from fgit_cli.core.textdiff import Algorithm
from fgit_cli.errors import InputError, UsageError
from fgit_cli.jsonl import Record
from fgit_cli.options import cores, option, workers_option
from fgit_cli.stages.bugs import Bug
from fgit_cli.stages.mask import Gaps, Job, Masked, Masker, Settings
from fgit_cli.stages.parallel import ordered, waiting
from fgit_cli.stages.running import Tally, run_filter


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(CompareOptions):
    tokenizer: str | None = option(None, "The student's tokenizer: a folder or a name on the hub.", metavar="NAME")
    template: str | None = option(
        None,
        "How an instruction becomes a prompt: `chat` (the tokenizer's), `plain`, `magicoder`, `semcoder`, "
        "`codellama-instruct`, `deepseek-coder-instruct`, or a file (.jinja: a chat template; else a text with "
        "{instruction}). Default: chat where the tokenizer has one, else plain.",
        metavar="NAME",
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
    explain: int | None = option(
        None, "Show the tokens of the first N pairs with their values, and write no records.", metavar="N", minimum=1,
        recorded=False,
    )  # fmt: skip
    html: str | None = option(None, HTML_HELP, metavar="FILE", recorded=False)
    workers: int | None = workers_option("Processes")


class Item(NamedTuple):
    """A record and its job."""

    record: dict[str, Any]
    job: Job


def job_reader(options: Options) -> Any:
    """What makes an item of a record, by the options. It raises InputError."""
    read_pair = pair_reader(options)

    def prepare(record: Record) -> Item:
        _, correct, incorrect = pair = read_pair(record)
        brought = None
        if record.get("diff") is not None and incorrect is not None:
            brought = from_field(record["diff"], correct, incorrect)
            _agree(options, pair, brought[1])
        return Item(record, Job(fields.instruction(record), correct, incorrect, brought))

    return prepare


def _agree(options: Options, pair: Pair, made: Made) -> None:
    """Refuse an option that contradicts the difference that the record brings."""
    for name in ("algorithm", "context", "ignore"):
        asked, has = getattr(options.made, name), getattr(made, name)
        if name in options.given and asked != has:
            raise InputError(
                f"--{name} {_said(asked)}, but field `diff` was made with {name} {_said(has)}; leave the option out, "
                "or remove the field and `mask` compares anew"
            )
    if made.algorithm in get_args(Algorithm):
        return
    if options.gaps == "fork" or (options.granularity == "token" and options.gaps == "anchor"):
        what = "--gaps fork finds hunks" if options.gaps == "fork" else "--granularity token finds anchors"
        raise InputError(
            f"field `diff.made.algorithm` is {made.algorithm!r}; {what} only for difflib, lcs and prefix-suffix; use "
            "--gaps ignore"
        )


def _said(value: Any) -> Any:
    """An option's value as it is typed."""
    return (",".join(value) or NONE) if isinstance(value, tuple) else value


def heart(
    items: Iterable[Item],
    tally: Tally,
    masker: Masker,
    workers: int,
    files: list[str],
    look: Callable[[dict[str, Any], Masked], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Each record with its ids and masks; what gives no pair is left out by reason. `look` sees each pair too."""
    tokenizer, template, settings = masker.tokenizer, masker.template, masker.settings
    by = {
        "name": tokenizer.name,
        "sha256": tokenizer.sha256,
        "template": {"name": template.name, "sha256": template.sha256},
    }
    counts = MaskCounts()
    for batch, results in ordered(masker, items, lambda item: item.job, workers, lambda: waiting(files)):
        for (record, _), masked in zip(batch, results, strict=True):
            if isinstance(masked, Bug):
                tally.bug(record, masked)
            elif isinstance(masked, str):
                tally.reject(record, masked)
            else:
                with tally.each(record):
                    made = masked.made or settings.made
                    record.update(
                        prompt_ids=masked.prompt_ids,
                        correct_ids=masked.correct_ids,
                        incorrect_ids=masked.incorrect_ids,
                        correct_mask=masked.correct_mask,
                        incorrect_mask=masked.incorrect_mask,
                        tokenizer=by,
                        mask={
                            "algorithm": made.algorithm,
                            "granularity": settings.granularity,
                            "gaps": settings.gaps,
                            "context": made.context,
                            "ignore": list(made.ignore),
                            "max_length": settings.max_length,
                        },
                        forks=masked.forks,
                    )
                    if masked.forks is None:  # training then takes the first tokens that differ
                        del record["forks"]
                    _count(masked, counts, tally)
                    if look:
                        look(record, masked)
                    yield record
    if counts.pairs:
        tally.note(counts.text())


def _count(masked: Masked, counts: MaskCounts, tally: Tally) -> None:
    counts.add(masked.correct_ids, masked.correct_mask, masked.incorrect_ids, masked.incorrect_mask)
    for what, so in (
        ("anchored", masked.correct_anchors or masked.incorrect_anchors),
        ("cut", masked.cut),
        ("without a fork", masked.incorrect_ids and masked.forks == []),
        ("inactive", not (any(masked.correct_mask) and any(masked.incorrect_mask))),
    ):
        if so:
            tally.count(what)


def run(options: Options) -> None:
    from fgit_cli.views.pair_page import PairPage

    if not options.tokenizer:
        raise UsageError("give the student's tokenizer: --tokenizer NAME (a folder or a name on the hub)")
    if options.explain and options.output:
        raise UsageError("--explain writes no records; leave --output out, or use --html beside it")
    page = PairPage(options.html, "mask", f"tokenizer {options.tokenizer}") if options.html else None
    workers = 1 if options.explain else options.workers or cores()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread a worker; the workers are the parallelism
    from fgit_cli.engines.tokenizing import templates, tokenizers

    tokenizer = tokenizers.load(options.tokenizer)
    template = templates.load(options.template, tokenizer)
    made = options.made
    masker = Masker(tokenizer, template, Settings(made, options.granularity, options.gaps, options.max_length))
    looks: list[Callable[[dict[str, Any]], None]] = [page.add] if page else []
    if options.explain:
        looks.append(_printer())

    def look(record: dict[str, Any], masked: Masked) -> None:
        from fgit_cli.views.data import mask_data

        anchors = {"correct": masked.correct_anchors, "incorrect": masked.incorrect_anchors}
        data = mask_data(record, anchors, masked.end, tokenizer.bytes)
        for show in looks:
            show(data)

    def whole(items: Iterable[Item], tally: Tally) -> Iterator[dict[str, Any]]:
        records = heart(items, tally, masker, workers, options.files, look if looks else None)
        if not options.explain:
            yield from records
        for _ in itertools.islice(records, options.explain):
            tally.written += 1

    run_filter("mask", options, job_reader(options), whole)
    if page:
        page.write()


def _printer() -> Callable[[dict[str, Any]], None]:
    """What prints the tokens of one pair on the terminal."""
    from fgit_cli.views import terminal

    console = terminal.console()
    console.print(terminal.legend_of_tokens())
    return lambda data: console.print(terminal.tokens(data))
