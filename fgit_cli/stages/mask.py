"""Masks of a batch of pairs: prompt, tokens, difference and values brought together. What a worker process runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from fgit_cli.core import fields
from fgit_cli.core.align import UNALIGNED
from fgit_cli.core.diff_field import Made
from fgit_cli.core.disregard import left_out
from fgit_cli.core.forks import Fork, Tokens, forks
from fgit_cli.core.masks import Granularity, count_changed, values
from fgit_cli.core.textdiff import Difference, Place, TooLong, changed_in
from fgit_cli.stages.bugs import Bug, bug_of

if TYPE_CHECKING:
    from fgit_cli.engines.tokenizing.templates import Template
    from fgit_cli.engines.tokenizing.tokenizers import Encoded, Tokenizer

Gaps = Literal["anchor", "fork", "ignore"]
CONTROL = "the tokenizer reads text of the instruction as a control token"


@dataclass(frozen=True)
class Settings:
    """What decides the masks, besides tokenizer and template."""

    made: Made
    granularity: Granularity
    gaps: Gaps
    max_length: int


class Job(NamedTuple):
    """One record's texts on their way to a worker."""

    instruction: fields.Instruction
    correct: str
    incorrect: str | None
    diff: tuple[Difference, Made] | None


class Masked(NamedTuple):
    """What a worker found. `cut` counts cut sides; anchors are numbers of tokens; `forks` is None where unknown."""

    prompt_ids: list[int]
    correct_ids: list[int]
    incorrect_ids: list[int]
    correct_mask: list[int]
    incorrect_mask: list[int]
    made: Made | None
    cut: int
    correct_anchors: list[int]
    incorrect_anchors: list[int]
    forks: list[Fork] | None
    end: int


class Masker:
    """Masks batches of jobs; picklable, so that each worker has one."""

    def __init__(self, tokenizer: Tokenizer, template: Template, settings: Settings) -> None:
        self.tokenizer, self.template, self.settings = tokenizer, template, settings

    def __call__(self, jobs: list[Job]) -> list[Masked | str | Bug]:
        """For each job what it gives, the reason to leave it out, or the bug that it met."""
        try:
            return list(self._masked(jobs))
        except BaseException as error:
            bug = bug_of(error)
        return [bug] if len(jobs) == 1 else [found for job in jobs for found in self([job])]

    def _masked(self, jobs: list[Job]) -> list[Masked | str]:
        from fgit_cli.engines.tokenizing.templates import Refused

        prompts: list[Any] = []
        for job in jobs:
            try:
                prompts.append(self.template.prompt(job.instruction))
            except Refused as reason:
                prompts.append(str(reason))
        good = [p for p in prompts if not isinstance(p, str)]
        prompt_ids = iter(self.tokenizer.encode_prompts([p.pieces for p in good]))
        encoded = self.tokenizer.encode_pairs([(job.correct, job.incorrect) for job in jobs])
        out: list[Masked | str] = []
        for job, prompt, (correct, incorrect) in zip(jobs, prompts, encoded, strict=True):
            if isinstance(prompt, str):
                out.append(prompt)
                continue
            asked = next(prompt_ids)
            if asked is None:
                out.append(CONTROL)
                continue
            try:
                out.append(self._pair(job, prompt.before + asked, correct, incorrect, prompt.end))
            except TooLong as reason:
                out.append(str(reason))
        return out

    def _pair(
        self, job: Job, prompt_ids: list[int], correct: Encoded, incorrect: Encoded | None, end: int
    ) -> Masked | str:
        room = self.settings.max_length - len(prompt_ids)
        if room < 1:
            return "prompt too long"
        if correct.spans is None or (incorrect and incorrect.spans is None):
            return UNALIGNED
        correct_ids = [*correct.ids, end]
        cut = int(len(correct_ids) > room)
        if job.incorrect is None or incorrect is None or incorrect.spans is None:
            blank = [0] * min(len(correct_ids), room)
            return Masked(prompt_ids, correct_ids[:room], [], blank, [], None, cut, [], [], [], end)
        if job.correct == job.incorrect:
            return "no difference"
        difference, made = job.diff or (self.settings.made.compare(job.incorrect, job.correct), self.settings.made)
        if difference.correct.empty and difference.incorrect.empty:
            return made.why_none(job.incorrect, job.correct)
        correct_gaps, incorrect_gaps = self._gaps(job, difference, made)
        kind = self.settings.granularity
        correct_mask, correct_anchors = values(job.correct, correct.spans, difference.correct, kind, correct_gaps)
        incorrect_mask, incorrect_anchors = values(
            job.incorrect, incorrect.spans, difference.incorrect, kind, incorrect_gaps
        )
        incorrect_ids = [*incorrect.ids, end]
        places = made.places(job.incorrect, job.correct, difference)
        parted = forks(
            Tokens(job.correct, correct_ids, correct.spans, left_out(job.correct, made.ignore)),
            Tokens(job.incorrect, incorrect_ids, incorrect.spans, left_out(job.incorrect, made.ignore)),
            places or (),
        )
        if self.settings.gaps == "fork":
            for j, i in one_sided(difference, places or (), parted):
                count_changed(correct_mask, j, kind)
                count_changed(incorrect_mask, i, kind)
        if not any(correct_mask[:room]):
            return "no mark left on the correct side"
        cut += len(incorrect_ids) > room
        return Masked(
            prompt_ids, correct_ids[:room], incorrect_ids[:room], correct_mask[:room], incorrect_mask[:room], made, cut,
            [k for k in correct_anchors if k < room], [k for k in incorrect_anchors if k < room],
            None if places is None else [f for f in dict.fromkeys(parted) if f and max(f) < room], end,
        )  # fmt: skip

    def _gaps(self, job: Job, difference: Difference, made: Made) -> tuple[list[int], list[int]]:
        """The offsets to anchor in correct and incorrect text."""
        if self.settings.gaps == "ignore":
            return [], []
        correct, incorrect = difference.correct.gaps, difference.incorrect.gaps
        if self.settings.granularity == "token" and job.incorrect is not None:
            more_incorrect, more_correct = made.edit_gaps(job.incorrect, job.correct, difference)
            correct, incorrect = correct + more_correct, incorrect + more_incorrect
        return correct, incorrect


def one_sided(difference: Difference, places: Sequence[Place], parted: Sequence[Fork | None]) -> Iterator[Fork]:
    """The forks of the replaced hunks in which a side has no changed character: the edit only adds, or only takes."""
    for place, fork in zip(places, parted, strict=True):
        replaced = all(start < end for start, end in place)
        if fork and replaced and not all(changed_in(difference, place)):
            yield fork
