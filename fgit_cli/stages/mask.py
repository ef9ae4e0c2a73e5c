"""Puts the differences of each pair on the student's tokens, for `fgit mask`.

A `Masker` brings prompt, tokens, difference and values together, for a batch of pairs at a time and in each worker
process; `mask` sends it the records and puts what it gives into them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from fgit_cli.core import fields, thinking
from fgit_cli.core.align import UNALIGNED, Spans
from fgit_cli.core.diff_field import Comparison, from_field
from fgit_cli.core.disregard import left_out
from fgit_cli.core.forks import Fork, SideTokens, forks
from fgit_cli.core.mask_counts import MaskCounts
from fgit_cli.core.masks import REVISION, Granularity, count_changed, values
from fgit_cli.core.textdiff import Algorithm, Difference, Place, TooLong, changed_in
from fgit_cli.errors import InputError
from fgit_cli.messages import flag
from fgit_cli.stages.bugs import Bug, bug_of
from fgit_cli.stages.diff import TextPair
from fgit_cli.stages.parallel import ordered, waiting
from fgit_cli.stages.running import Rejected, Tally

if TYPE_CHECKING:
    from fgit_cli.engines.tokenizing.templates import Template
    from fgit_cli.engines.tokenizing.tokenizers import Encoded, Tokenizer

TooLongHow = Literal["cut", "drop"]
Thinking = Literal["keep", "drop"]
Gaps = Literal["anchor", "fork", "ignore"]


@dataclass(frozen=True)
class Settings:
    """What decides the masks, besides tokenizer and template."""

    made: Comparison
    granularity: Granularity
    gaps: Gaps
    max_length: int
    max_prompt: int | None = None
    too_long: TooLongHow = "cut"
    thinking: Thinking = "keep"
    keep_unpaired: bool = False  # a pair that gives no mark goes on as an unpaired record


class Job(NamedTuple):
    """One record's texts on their way to a worker."""

    instruction: fields.Instruction
    correct: str
    incorrect: str | None
    diff: tuple[Difference, Comparison] | None


class RecordJob(NamedTuple):
    """A record and its job."""

    record: dict[str, Any]
    job: Job


def read_job(pair: TextPair, settings: Settings, given: Container[str]) -> RecordJob:
    """The job of a pair, with the difference that its record brings.

    Raises InputError for a difference that does not fit the texts, or that was made otherwise than an option says
    that was `given`.
    """
    record, correct, incorrect = pair
    brought = None
    if record.get("diff") is not None and incorrect is not None:
        brought = from_field(record["diff"], correct, incorrect)
        _agree(settings, given, brought[1])
    if settings.thinking == "drop":
        answers = thinking.answer(correct), None if incorrect is None else thinking.answer(incorrect)
        if answers != (correct, incorrect):
            correct, incorrect = answers
            brought = _anew(brought, correct, incorrect)
    return RecordJob(record, Job(fields.instruction(record), correct, incorrect, brought))


def _anew(
    brought: tuple[Difference, Comparison] | None, correct: str, incorrect: str | None
) -> tuple[Difference, Comparison] | None:
    """The difference that a record brings, made again of what is left of its texts. Raises InputError."""
    if brought is None or incorrect is None:
        return None
    made = brought[1]
    if made.algorithm not in get_args(Algorithm):
        raise InputError(
            f"field `diff` was made by {made.algorithm!r} with the thinking in it; --thinking drop needs one without"
        )
    try:
        return made.compare(incorrect, correct), made
    except TooLong:
        return None  # compared again where the pair is left out for it


def _agree(settings: Settings, given: Container[str], made: Comparison) -> None:
    """Refuse an option that contradicts the difference that the record brings."""
    for name in ("algorithm", "context", "ignore"):
        asked, has = getattr(settings.made, name), getattr(made, name)
        if name in given and asked != has:
            raise InputError(
                f"{flag(name)} {_said(asked)}, but field `diff` was made with {name} {_said(has)}; leave the option "
                "out, or remove the field and `mask` compares anew"
            )
    if made.algorithm in get_args(Algorithm):
        return
    if settings.gaps == "fork" or (settings.granularity == "token" and settings.gaps == "anchor"):
        what = "--gaps fork finds hunks" if settings.gaps == "fork" else "--granularity token finds anchors"
        raise InputError(
            f"field `diff.made.algorithm` is {made.algorithm!r}; {what} only for difflib, lcs and prefix-suffix; use "
            "--gaps ignore"
        )


def _said(value: Any) -> Any:
    """An option's value as it is typed."""
    return (",".join(value) or "none") if isinstance(value, tuple) else value


class Masked(NamedTuple):
    """What a worker found. `cut` counts cut sides; anchors are numbers of tokens; `forks` is None where unknown."""

    prompt_ids: list[int]
    correct_ids: list[int]
    incorrect_ids: list[int]
    correct_mask: list[int]
    incorrect_mask: list[int]
    made: Comparison | None
    cut: int
    correct_anchors: list[int]
    incorrect_anchors: list[int]
    forks: list[Fork] | None
    end: int


class Masker:
    """Masks batches of jobs; picklable, so that each worker has one."""

    def __init__(self, tokenizer: Tokenizer, template: Template, settings: Settings) -> None:
        self.tokenizer, self.template, self.settings = tokenizer, template, settings

    def __call__(self, jobs: list[Job]) -> list[Masked | Rejected | Bug]:
        """For each job what it gives, the reason to leave it out, or the bug that it met."""
        try:
            return list(self._masked(jobs))
        except BaseException as error:
            bug = bug_of(error)
        return [bug] if len(jobs) == 1 else [found for job in jobs for found in self([job])]

    def _masked(self, jobs: list[Job]) -> list[Masked | Rejected]:
        from fgit_cli.engines.tokenizing.prompter import Prompter

        asked, answered = [job.instruction for job in jobs], [job.correct for job in jobs]
        prompts = Prompter(self.tokenizer, self.template).instructions(asked, answered)
        encoded = self.tokenizer.encode_pairs([(job.correct, job.incorrect) for job in jobs])
        out: list[Masked | Rejected] = []
        for job, prompt, (correct, incorrect) in zip(jobs, prompts, encoded, strict=True):
            if isinstance(prompt, Exception):  # the template or the tokenizer refuses the instruction
                out.append(Rejected(str(prompt)))
                continue
            try:
                out.append(self._pair(job, prompt.ids, correct, incorrect, prompt.end))
            except TooLong as reason:
                out.append(Rejected(str(reason)))
        return out

    def _pair(
        self, job: Job, prompt_ids: list[int], correct: Encoded, incorrect: Encoded | None, end: int
    ) -> Masked | Rejected:
        room = self.settings.max_length - len(prompt_ids)
        longest = self.settings.max_prompt
        if room < 1 or (longest is not None and len(prompt_ids) > longest):
            return Rejected("prompt too long")
        if correct.spans is None or (incorrect and incorrect.spans is None):
            return Rejected(UNALIGNED)
        correct_ids = [*correct.ids, end]
        cut = int(len(correct_ids) > room)
        if (
            self.settings.too_long == "drop"
            and max(len(correct_ids), len(incorrect.ids) + 1 if incorrect else 0) > room
        ):
            return Rejected("response too long")
        unpaired = Masked(
            prompt_ids, correct_ids[:room], [], [0] * min(len(correct_ids), room), [], None, cut, [], [], [], end
        )
        if self.settings.thinking == "drop" and not job.correct:
            return Rejected("nothing behind the thinking")
        if job.incorrect is None or incorrect is None or incorrect.spans is None:
            return unpaired
        if job.correct == job.incorrect:
            return unpaired if self.settings.keep_unpaired else Rejected("no difference")
        difference, made = job.diff or (self.settings.made.compare(job.incorrect, job.correct), self.settings.made)
        if difference.correct.empty and difference.incorrect.empty:
            return unpaired if self.settings.keep_unpaired else Rejected(made.why_none(job.incorrect, job.correct))
        correct_gaps, incorrect_gaps = self._gaps(job, difference, made)
        kind = self.settings.granularity
        correct_mask, correct_anchors = values(job.correct, correct.spans, difference.correct, kind, correct_gaps)
        incorrect_mask, incorrect_anchors = values(
            job.incorrect, incorrect.spans, difference.incorrect, kind, incorrect_gaps
        )
        answers = answer_tokens(job.correct, correct.spans), answer_tokens(job.incorrect, incorrect.spans)
        _clear_outside(correct_mask, correct_anchors, answers[0])
        _clear_outside(incorrect_mask, incorrect_anchors, answers[1])
        incorrect_ids = [*incorrect.ids, end]
        places = made.places(job.incorrect, job.correct, difference)
        parted = forks(
            SideTokens(job.correct, correct_ids, correct.spans, left_out(job.correct, made.ignore)),
            SideTokens(job.incorrect, incorrect_ids, incorrect.spans, left_out(job.incorrect, made.ignore)),
            places or (),
        )
        parted = [f if f and f[0] in answers[0] and f[1] in answers[1] else None for f in parted]
        if self.settings.gaps == "fork":
            for j, i in one_sided(difference, places or (), parted):
                count_changed(correct_mask, j, kind)
                count_changed(incorrect_mask, i, kind)
        if not any(correct_mask[:room]):
            return unpaired if self.settings.keep_unpaired else Rejected("no mark left on the correct side")
        cut += len(incorrect_ids) > room
        return Masked(
            prompt_ids, correct_ids[:room], incorrect_ids[:room], correct_mask[:room], incorrect_mask[:room], made, cut,
            [k for k in correct_anchors if k < room], [k for k in incorrect_anchors if k < room],
            None if places is None else [f for f in dict.fromkeys(parted) if f and max(f) < room], end,
        )  # fmt: skip

    def _gaps(self, job: Job, difference: Difference, made: Comparison) -> tuple[list[int], list[int]]:
        """The offsets to anchor in correct and incorrect text."""
        if self.settings.gaps == "ignore":
            return [], []
        correct, incorrect = difference.correct.gaps, difference.incorrect.gaps
        if self.settings.granularity == "token" and job.incorrect is not None:
            more_incorrect, more_correct = made.edit_gaps(job.incorrect, job.correct, difference)
            correct, incorrect = correct + more_correct, incorrect + more_incorrect
        return correct, incorrect


def answer_tokens(text: str, spans: Spans) -> range:
    """The numbers of the tokens behind the thinking, the end token among them: all where nothing was thought."""
    start, end = thinking.answer_span(text)
    count = len(spans.ends)
    if (start, end) == (0, len(text)):
        return range(count + 1)
    first = bisect_right(spans.ends, start)
    return range(first, count + 1 if end == len(text) else bisect_left(spans.starts, end))


def _clear_outside(mask: list[int], anchors: list[int], kept: range) -> None:
    """Take the values of all tokens but these, in place."""
    if len(kept) < len(mask):
        mask[: kept.start] = [0] * kept.start
        mask[kept.stop :] = [0] * (len(mask) - kept.stop)
        anchors[:] = [k for k in anchors if k in kept]


def one_sided(difference: Difference, places: Sequence[Place], parted: Sequence[Fork | None]) -> Iterator[Fork]:
    """The forks of the replaced hunks in which a side has no changed character: the edit only adds, or only takes."""
    for place, fork in zip(places, parted, strict=True):
        replaced = all(start < end for start, end in place)
        if fork and replaced and not all(changed_in(difference, place)):
            yield fork


def mask(
    items: Iterable[RecordJob],
    tally: Tally,
    masker: Masker,
    workers: int,
    files: list[str],
    look: Callable[[dict[str, Any], Masked], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Each record with its ids and masks; what gives no pair is left out by reason. `look` sees each pair too."""
    counts = MaskCounts()
    for batch, results in ordered(masker, items, lambda item: item.job, workers, lambda: waiting(files)):
        for (record, job), masked in zip(batch, results, strict=True):
            if job.instruction.tools and not masker.template.writes_tools:
                tally.odd(f"field `tools` is left out: template {masker.template.name} writes none")
            if isinstance(masked, Bug):
                tally.bug(record, masked)
            elif isinstance(masked, Rejected):
                tally.reject(record, *masked)
            else:
                with tally.each(record):
                    record.pop("forks", None)  # an earlier run's
                    record |= added(masked, masker)
                    _count(masked, counts, tally)
                    if look:
                        look(record, masked)
                    yield record
    tally.totals.update(counts.numbers())


def how_much_is_marked(tally: Tally) -> None:
    """Say it of all pairs of a run."""
    counts = MaskCounts.of(tally.totals)
    if counts.pairs:
        tally.note(counts.text())


def added(masked: Masked, masker: Masker) -> dict[str, Any]:
    """The fields that a record gets. Without `forks` training takes the first tokens that differ."""
    tokenizer, template, settings = masker.tokenizer, masker.template, masker.settings
    made = masked.made or settings.made
    fields_ = {
        "prompt_ids": masked.prompt_ids,
        "correct_ids": masked.correct_ids,
        "incorrect_ids": masked.incorrect_ids,
        "correct_mask": masked.correct_mask,
        "incorrect_mask": masked.incorrect_mask,
        "tokenizer": {
            "name": tokenizer.name,
            "sha256": tokenizer.sha256,
            "template": {"name": template.name, "sha256": template.sha256},
        },
        "mask": {
            "revision": REVISION,
            "algorithm": made.algorithm,
            "granularity": settings.granularity,
            "gaps": settings.gaps,
            "context": made.context,
            "ignore": list(made.ignore),
            "max_length": settings.max_length,
            **({"thinking": settings.thinking} if settings.thinking == "drop" else {}),
        },
    }
    return fields_ if masked.forks is None else {**fields_, "forks": [list(fork) for fork in masked.forks]}


def _count(masked: Masked, counts: MaskCounts, tally: Tally) -> None:
    counts.add(masked.correct_ids, masked.correct_mask, masked.incorrect_ids, masked.incorrect_mask)
    for what, so in (
        ("anchored", masked.correct_anchors or masked.incorrect_anchors),
        ("cut", masked.cut),
        ("unpaired", not masked.incorrect_ids),
        ("without a fork", masked.incorrect_ids and masked.forks == []),
        ("inactive", not (any(masked.correct_mask) and any(masked.incorrect_mask))),
    ):
        if so:
            tally.count(what)
