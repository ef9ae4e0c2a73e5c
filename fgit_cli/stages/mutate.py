"""Writes wrong variants of each correct response, for `fgit mutate`.

`mutate` is the stage generator. The variants of a record come from one of three ways: a teacher is asked, the student's
own answers are judged, or mutation rules are applied.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fgit_cli.core import answers, fences, fields, unfenced, variants, whole
from fgit_cli.core.mutants import Change, no_fault, usual
from fgit_cli.engines.generation import Completion, Request, RequestFailed
from fgit_cli.engines.generation.teacher import Teacher, made_by
from fgit_cli.prompts import Prompt
from fgit_cli.stages import by_tests
from fgit_cli.stages.running import Tally, prepared

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

NO_CODE = "no code found in the correct response"
NO_DIFFERENCE = "no difference"
Fill = Callable[["Variants"], object]  # finds the variants of one record
Way = Callable[[Iterable["Original"], Tally], Iterator[tuple["Original", Fill]]]


@dataclasses.dataclass
class Original:
    """A record of which variants are to be made: its instruction as text, its correct response, that one's code.

    `likely` are the languages that the instruction names; an unfenced response may be in one of them.
    """

    record: dict[str, Any]
    instruction: str
    correct: str
    blocks: list[variants.CodeBlock]
    likely: tuple[str, ...] = ()


class Nothing(NamedTuple):
    """Why no variant can be made of a record; `again`: another time one may be."""

    reason: str
    detail: str = ""
    again: bool = False


@dataclasses.dataclass(frozen=True)
class Keeping:
    """What is kept: variants that are faults alone, or all that differ but for the reasons in `never`.

    `unpaired`: records without a variant too.
    """

    faults_only: bool = True
    unpaired: bool = False
    never: frozenset[str] = frozenset()


class Variants:
    """The variants of one record as they come, and why others were left out."""

    def __init__(self, count: Callable[[str], None] = lambda what: None, keeping: Keeping = Keeping()) -> None:
        """`count` is told of each variant that is left out."""
        self.variants: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self.nothing: Nothing | None = None  # where nobody could be asked, or no rule applied
        self._count = count
        self._keeping = keeping

    def add(self, text: str, changes: list[Change], origin: dict[str, Any]) -> str | None:
        """Keep the variant if it is one, and not there yet; else the reason why not."""
        if any(text == v["text"] for v in self.variants):
            return self.refuse("equal to another variant")
        if all(correct == variant for correct, variant, _ in changes):
            return self.refuse(NO_DIFFERENCE)
        reason = no_fault(changes)
        if reason and (self._keeping.faults_only or reason in self._keeping.never):
            return self.refuse(reason)
        self.variants.append({"text": text, "origin": origin})
        return None

    def refuse(self, reason: str) -> str:
        self.reasons[reason] += 1
        self._count(f"variants left out: {reason}")
        return reason

    def judge(self, executor: "Executor", correct: str, tests: str, limit: float) -> None:
        """Keep the variants that the tests show to be wrong; none where the `correct` code fails the tests itself."""
        if not self.variants:
            return
        judge = by_tests.RecordsTests(executor, correct, tests, limit)
        if why := judge.why_not_correct():
            for _ in self.variants:
                self.refuse(why)
            self.variants = []
            return
        codes = [fences.code(variant["text"]) for variant in self.variants]
        if judge.forgeable:
            self._count(by_tests.FORGEABLE)
        reasons = executor.imap(judge.why_not_wrong, codes)
        kept = []
        for variant, reason in zip(self.variants, reasons, strict=True):
            if reason:
                self.refuse(reason)
            else:
                variant["origin"] |= judge.judged()
                kept.append(variant)
        self.variants = kept

    def record(self, record: dict[str, Any], tally: Tally) -> Iterator[dict[str, Any]]:
        """The record with its variants; where there are none nothing, and a reject, or the record as it is kept."""
        if self.variants:
            yield {**record, "variants": self.variants}
            return
        why = self.nothing or Nothing(f"no variant: {usual(self.reasons, 'no rule applies')}")
        if self._keeping.unpaired and not why.again:
            tally.unpaired[why.reason] += 1
            yield {**record, "variants": []}
        else:
            tally.reject(record, why.reason, why.detail)


class Asking:
    """What a teacher is asked about a record, and what its answers mean."""

    def __init__(self, prompt: Prompt, answers: int, scope: str, longest: int, clean: bool = True) -> None:
        """`answers` to each prompt are asked for, of at most `longest` tokens. `clean`: hints are taken out of them."""
        self.prompt, self.answers, self.scope, self.longest, self.clean = prompt, answers, scope, longest, clean

    def request(self, original: Original) -> Request:
        text = self.prompt.render(
            instruction=original.instruction,
            response=original.correct,
            language=original.blocks[0].language if original.blocks else "",
            fenced=any(b.fenced for b in original.blocks),
            scope=self.scope,
        )
        return Request("", messages=[{"role": "user", "content": text}], n=self.answers)

    def read(self, original: Original, completion: Completion, made: Variants, origin: dict[str, Any]) -> str | None:
        """Add the answer to the record's variants; the reason where it is none."""
        if why := completion.why_empty(self.longest):
            return made.refuse(why)
        if cut := whole.why_cut(completion.finish_reason):
            return made.refuse(cut)
        try:
            parsed = answers.variant(completion.answer, original.correct, self.scope, self.clean, original.likely)
        except answers.Unusable as error:
            return made.refuse(str(error))
        origin |= {"prompt": self.prompt.name, "prompt_sha256": self.prompt.sha256}
        if parsed.hints:
            origin["hints"] = parsed.hints
        return made.add(parsed.text, parsed.changes, origin)


def mutate(
    originals: Iterable[Original], tally: Tally, way: Way, keeping: Keeping = Keeping()
) -> Iterator[dict[str, Any]]:
    """Each record with its `variants`, made by the way; one without any is left out, or kept so, by reason."""
    for original, fill in way(originals, tally):
        with tally.each(original.record):
            made = Variants(tally.count, keeping)
            fill(made)
            yield from made.record(original.record, tally)


def by_teacher(teacher: Teacher, asking: Asking) -> Way:
    """The way that asks a teacher for wrong variants."""

    def way(originals: Iterable[Original], tally: Tally) -> Iterator[tuple[Original, Fill]]:
        def fill(original: Original, answer: list[Completion], made: Variants) -> None:
            for index, completion in enumerate(answer):
                asking.read(original, completion, made, made_by(teacher, "llm", index))
            for kind, n in hints(made).items():
                tally.count(f"hints by {kind} taken out", n)

        return answered(originals, tally, teacher, asking.request, fill)

    return way


def by_student(teacher: Teacher, answers_wanted: int, scope: str, executor: "Executor", limit: float) -> Way:
    """The way that keeps the student's own faults: answers to the instruction that fail the record's tests.

    `teacher` is here the model to be tuned. Where a record has no tests, an answer counts as wrong if its code differs
    from the correct code in more than names, formatting and comments; its origin says that it is untested.
    """

    def request(original: Original) -> Request:
        return Request("", messages=fields.instruction(original.record).messages, n=answers_wanted)

    def read(original: Original, completion: Completion, made: Variants, origin: dict[str, Any]) -> None:
        if why := completion.why_empty(teacher.sampling.max_tokens):
            made.refuse(why)
            return
        if cut := whole.why_cut(completion.finish_reason):
            made.refuse(cut)
            return
        try:
            parsed = answers.variant(completion.answer, original.correct, scope, False, original.likely)
        except answers.Unusable as error:
            made.refuse(str(error))
            return
        made.add(parsed.text, parsed.changes, origin)

    def judge(original: Original, made: Variants, tally: Tally) -> None:
        tests = fields.tests(original.record)
        why = "their records have no tests" if tests is None else ""
        try:
            if tests is not None:
                made.judge(executor, fences.code(original.correct), tests, limit)
        except by_tests.NoTest as said:
            why = str(said)
        for variant in made.variants if why else ():
            variant["origin"]["judged"] = by_tests.UNTESTED
            tally.count(f"variants untested, for {why}")

    def way(originals: Iterable[Original], tally: Tally) -> Iterator[tuple[Original, Fill]]:
        def fill(original: Original, answer: list[Completion], made: Variants) -> None:
            for index, completion in enumerate(answer):
                read(original, completion, made, made_by(teacher, "student", index))
            judge(original, made, tally)

        return answered(originals, tally, teacher, request, fill)

    return way


def answered(
    originals: Iterable[Original],
    tally: Tally,
    teacher: Teacher,
    request: Callable[[Original], Request],
    fill: Callable[[Original, list[Completion], Variants], None],
) -> Iterator[tuple[Original, Fill]]:
    """Each original with what fills in the teacher's answers, in input order; without code nobody is asked."""
    tally.detail = teacher.progress

    def wanted(original: Original) -> Request:
        if not original.blocks:
            return Request("", prompt="", known=(Completion("", None),))
        if original.record.get("tools"):
            tally.odd(fields.TOOLS_UNSENT)
        return request(original)

    failures: list[tuple[Original, Fill]] = []

    def failed(pair: tuple[Original, Request], why: RequestFailed) -> None:
        failures.append((pair[0], without(Nothing(why.reason, why.detail, why.again))))

    asked = prepared(originals, tally, lambda original: original.record, wanted)
    for (original, _), answer in teacher.ask(asked, lambda pair: pair[1], failed):
        yield from failures
        failures.clear()
        yield original, partial(fill, original, answer) if original.blocks else without(Nothing(NO_CODE))
    yield from failures
    if teacher.durable.found:
        tally.count("answers taken from the work folder", teacher.durable.found)


def without(why: Nothing) -> Fill:
    """What leaves a record without a variant."""

    def fill(made: Variants) -> None:
        made.nothing = why

    return fill


def hints(made: Variants) -> Counter[str]:
    """How often the teacher had given its faults away in these variants, by kind."""
    found: Counter[str] = Counter()
    for variant in made.variants:
        found.update(variant["origin"].get("hints", {}))
    return found


def read_original(record: dict[str, Any], named: Mapping[str, str | None]) -> Original:
    """What every way needs of a record; `named` are the fields that the user named.

    Raises InputError for a record without instruction or correct response.
    """
    fields.standardise(record, **named)
    fields.identify(record)
    correct = fields.response(record)
    instruction = fields.instruction(record).text
    likely = unfenced.named(instruction)
    return Original(record, instruction, correct, variants.code_blocks(correct, likely), likely)


def with_code(originals: Iterable[Original], tally: Tally) -> Iterator[Original]:
    """The originals that have code which could be wrong; the others are left out."""
    for original in originals:
        if original.blocks:
            yield original
        else:
            tally.reject(original.record, NO_CODE)
