"""Writes wrong variants of each correct response, for `fgit mutate`.

`mutate` is the stage generator. The variants of a record come from one of three ways: a teacher is asked, the student's
own answers are judged, or mutation rules are applied.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fgit_cli.core import answers, fences, fields, variants, whole
from fgit_cli.core.mutants import Change, evenly, no_fault, usual
from fgit_cli.engines.generation import Completion, Request, RequestFailed
from fgit_cli.engines.generation.teacher import Teacher, made_by
from fgit_cli.prompts import Prompt
from fgit_cli.stages import by_tests
from fgit_cli.stages.running import Tally, prepared

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

Fill = Callable[["Made"], object]  # puts the variants of one record into its `Made`
Way = Callable[[Iterable["Item"], Tally], Iterator[tuple["Item", Fill]]]


@dataclasses.dataclass
class Item:
    """One record on its way: its instruction as text, its correct response, and that response's code.

    `likely` are the languages that the instruction names; an unfenced response may be in one of them.
    """

    record: dict[str, Any]
    instruction: str
    correct: str
    blocks: list[variants.CodeBlock]
    likely: tuple[str, ...] = ()


class Made:
    """The variants of one record as they come, and why others were left out."""

    def __init__(self, count: Callable[[str], None] = lambda what: None) -> None:
        """`count` is told of each variant that is left out."""
        self.variants: list[dict[str, Any]] = []
        self.reasons: Counter[str] = Counter()
        self._count = count

    def add(self, text: str, changes: list[Change], origin: dict[str, Any]) -> str | None:
        """Keep the variant if it is one, and not there yet; else the reason why not."""
        if any(text == v["text"] for v in self.variants):
            return self.refuse("equal to another variant")
        if reason := no_fault(changes):
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
        """The record with its variants; nothing, and a reject, where there are none."""
        if self.variants:
            yield {**record, "variants": self.variants}
        else:
            tally.reject(record, f"no variant: {usual(self.reasons, 'no rule applies')}")


class Asking:
    """What a teacher is asked about a record, and what its answers mean."""

    def __init__(self, prompt: Prompt, answers: int, scope: str, longest: int) -> None:
        """`answers` to each prompt are asked for, of at most `longest` tokens."""
        self.prompt, self.answers, self.scope, self.longest = prompt, answers, scope, longest

    def request(self, item: Item) -> Request:
        text = self.prompt.render(
            instruction=item.instruction,
            response=item.correct,
            language=item.blocks[0].language if item.blocks else "",
            fenced=any(b.fenced for b in item.blocks),
            scope=self.scope,
        )
        return Request("", messages=[{"role": "user", "content": text}], n=self.answers)

    def read(self, item: Item, completion: Completion, made: Made, origin: dict[str, Any]) -> str | None:
        """Add the answer to the record's variants; the reason where it is none."""
        if why := completion.why_empty(self.longest):
            return made.refuse(why)
        if cut := whole.why_cut(completion.finish_reason):
            return made.refuse(cut)
        try:
            parsed = answers.variant(completion.answer, item.correct, self.scope, likely=item.likely)
        except answers.Unusable as error:
            return made.refuse(str(error))
        origin |= {"prompt": self.prompt.name, "prompt_sha256": self.prompt.sha256}
        if parsed.hints:
            origin["hints"] = parsed.hints
        return made.add(parsed.text, parsed.changes, origin)


def mutate(items: Iterable[Item], tally: Tally, way: Way) -> Iterator[dict[str, Any]]:
    """Each record with its `variants`, made by the way; a record without any is left out by reason."""
    for item, fill in way(with_code(items, tally), tally):
        with tally.each(item.record):
            made = Made(tally.count)
            fill(made)
            yield from made.record(item.record, tally)


def by_teacher(teacher: Teacher, asking: Asking) -> Way:
    """The way that asks a teacher for wrong variants."""

    def way(items: Iterable[Item], tally: Tally) -> Iterator[tuple[Item, Fill]]:
        def fill(item: Item, answer: list[Completion], made: Made) -> None:
            for index, completion in enumerate(answer):
                asking.read(item, completion, made, made_by(teacher, "llm", index))
            for kind, n in hints(made).items():
                tally.count(f"hints by {kind} taken out", n)

        for item, answer in answered(items, tally, teacher, asking.request):
            yield item, partial(fill, item, answer)

    return way


def by_student(teacher: Teacher, answers_wanted: int, scope: str, executor: "Executor", limit: float) -> Way:
    """The way that keeps the student's own faults: answers to the instruction that fail the record's tests.

    `teacher` is here the model to be tuned. Where a record has no tests, an answer counts as wrong if its code differs
    from the correct code in more than names, formatting and comments; its origin says that it is untested.
    """

    def request(item: Item) -> Request:
        return Request("", messages=fields.instruction(item.record).messages, n=answers_wanted)

    def read(item: Item, completion: Completion, made: Made, origin: dict[str, Any]) -> None:
        if why := completion.why_empty(teacher.sampling.max_tokens):
            made.refuse(why)
            return
        if cut := whole.why_cut(completion.finish_reason):
            made.refuse(cut)
            return
        try:
            parsed = answers.variant(completion.answer, item.correct, scope, False, item.likely)
        except answers.Unusable as error:
            made.refuse(str(error))
            return
        made.add(parsed.text, parsed.changes, origin)

    def judge(item: Item, made: Made, tally: Tally) -> None:
        tests = fields.tests(item.record)
        why = "their records have no tests" if tests is None else ""
        try:
            if tests is not None:
                made.judge(executor, fences.code(item.correct), tests, limit)
        except by_tests.NoTest as said:
            why = str(said)
        for variant in made.variants if why else ():
            variant["origin"]["judged"] = by_tests.UNTESTED
            tally.count(f"variants untested, for {why}")

    def way(items: Iterable[Item], tally: Tally) -> Iterator[tuple[Item, Fill]]:
        def fill(item: Item, answer: list[Completion], made: Made) -> None:
            for index, completion in enumerate(answer):
                read(item, completion, made, made_by(teacher, "student", index))
            judge(item, made, tally)

        for item, answer in answered(items, tally, teacher, request):
            yield item, partial(fill, item, answer)

    return way


def answered(
    items: Iterable[Item], tally: Tally, teacher: Teacher, request: Callable[[Item], Request]
) -> Iterator[tuple[Item, list[Completion]]]:
    """Each item with the teacher's answers; what was not answered is left out."""
    tally.detail = teacher.progress
    asked = prepared(items, tally, lambda item: item.record, request)

    def failed(pair: tuple[Item, Request], why: RequestFailed) -> None:
        tally.reject(pair[0].record, why.reason, why.detail)

    for (item, _), answer in teacher.ask(asked, lambda pair: pair[1], failed):
        yield item, answer
    if teacher.durable.found:
        tally.count("answers taken from the work folder", teacher.durable.found)


def hints(made: Made) -> Counter[str]:
    """How often the teacher had given its faults away in these variants, by kind."""
    found: Counter[str] = Counter()
    for variant in made.variants:
        found.update(variant["origin"].get("hints", {}))
    return found


def by_rules(backend: ModuleType, method: str, wanted: int, seed: int) -> Way:
    """The way that applies a backend's mutation rules: `wanted` variants, drawn evenly over its operators."""

    def fill(item: Item, blocks: list[variants.CodeBlock], made: Made) -> None:
        found = ((m.operator, (b, m)) for b in blocks for m in backend.mutations(b.code, b.language))
        for block, mutation in evenly(found, f"{seed} {item.record['id']}"):
            origin = {
                "method": method,
                "version": backend.version(),
                "operator": mutation.operator,
                "rule": mutation.rule,
                "language": block.language,
                "block": block.number,
                "line": mutation.line,
                "seed": seed,
            }
            code = mutation.code
            text = variants.spliced(item.correct, block, code)
            made.add(text, [(block.code, code, block.language)], origin)
            if len(made.variants) == wanted:
                break

    def way(items: Iterable[Item], tally: Tally) -> Iterator[tuple[Item, Fill]]:
        for item in items:
            blocks = [b for b in item.blocks if b.language in backend.LANGUAGES]
            if blocks:
                yield item, partial(fill, item, blocks)
            else:
                tally.reject(item.record, f"no rules for {item.blocks[0].language or 'a language that is not known'}")

    return way


def with_code(items: Iterable[Item], tally: Tally) -> Iterator[Item]:
    """The items that have code which could be wrong; the others are left out."""
    for item in items:
        if item.blocks:
            if item.record.get("tools"):
                tally.odd(fields.TOOLS_UNSENT)
            yield item
        else:
            tally.reject(item.record, "no code found in the correct response")
