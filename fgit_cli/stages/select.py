"""Keeps of each record's wrong variants the one nearest to the correct response, for `fgit select`.

`select` is the stage generator. It takes the function that scores pairs of codes, and the executor where the records'
tests are to be run.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from fgit_cli.core import fences, fields
from fgit_cli.core.equivalence import response_reason
from fgit_cli.core.similarity import Candidate, changed_lines, edit_distance, edit_similarity, ranked
from fgit_cli.core.textdiff import TooLong
from fgit_cli.errors import InputError
from fgit_cli.stages.bugs import Bug, bug_of, or_bug
from fgit_cli.stages.by_tests import FORGEABLE, NoTest, RecordsTests
from fgit_cli.stages.parallel import ordered, waiting
from fgit_cli.stages.running import Tally

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

WINDOW_CHARACTERS = 2_000_000  # a window ends early above this, so that memory is bounded by more than a count

TOO_MANY_CHARACTERS = "edit larger than --max-edit"
TOO_MANY_LINES = "more changed lines than --max-diff-lines"
TOO_MANY_OF_A_SIDE = "more changed lines on a side than --max-side-lines"
TOO_FAR = "less similar than --min-similarity"
NOTHING_USABLE = "no usable variant"
NO_VARIANTS = "no variants"
NO_DIFFERENCE = "no difference"
UNSEEN = "variants that the model cannot tell from the correct code"

Scorer = Callable[[Sequence[tuple[str, str]]], list[float]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the choice, beside the measure of similarity. A limit that is None does not hold."""

    min_similarity: float | None = None
    max_edit: int | None = None  # characters
    max_diff_lines: int | None = None  # both sides together
    max_side_lines: int | None = None
    keep_variants: bool = False
    faults_only: bool = True  # leave out variants that differ and are no fault
    keep_unpaired: bool = False  # pass a record without a usable variant on
    limit: float = 10.0  # seconds for a run of code and tests
    window: int = 1  # records scored together


@dataclass
class Choice:
    """A record with the variants to choose from: their code, and how near each is or why it was left out."""

    record: dict[str, Any]
    correct: str
    texts: list[str]
    origins: list[Any]
    paired: bool  # the record came with `incorrect`, not with `variants`
    tests: str | None
    refusal: str | None = None  # why the record as a whole cannot be used
    code: str = ""  # the correct one
    codes: list[str] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    similarities: dict[int, float] = field(default_factory=dict)
    judged: dict[str, str] = field(default_factory=dict)  # what the origin of a variant that failed the tests records

    def usable(self) -> list[int]:
        """The places of the variants that were not left out."""
        return [i for i in range(len(self.texts)) if i not in self.reasons]

    def by_nearness(self) -> list[Candidate]:
        """The usable variants, the one to be chosen first. Their similarities must be known."""
        correct = fences.code(self.correct)
        return ranked(Candidate(i, self.similarities[i], edit_distance(correct, self.codes[i])) for i in self.usable())

    def why_none(self) -> str:
        """The reason of a record that has no usable variant."""
        if self.paired and self.reasons:
            return self.reasons[0]
        return NOTHING_USABLE if self.texts else NO_VARIANTS


def read_choice(
    record: dict[str, Any], named: Mapping[str, str | None], with_tests: bool, keep_unpaired: bool = False
) -> Choice:
    """The correct response and its variants, with the tests where they are to be run; `named` are the user's fields.

    Raises InputError where the record has none of these, unless `keep_unpaired` passes it on.
    """
    fields.standardise(record, **named)
    fields.identify(record)
    correct = fields.response(record)
    tests = fields.tests(record) if with_tests else None
    variants = record.get("variants")
    if variants is None:
        incorrect = fields.incorrect(record)
        if incorrect is None and keep_unpaired:
            return Choice(record, correct, [], [], False, tests)
        if incorrect is None:
            raise InputError(
                "no `variants` and no incorrect response; run `fgit mutate` first, or give --incorrect-field, or "
                "--keep-unpaired"
            )
        return Choice(record, correct, [incorrect], [record.get("origin") or {"method": "given"}], True, tests)
    if not isinstance(variants, list) or not all(
        isinstance(v, dict) and isinstance(v.get("text"), str) for v in variants
    ):
        raise InputError("field `variants` is not a list of objects with a `text`")
    texts, origins = [v["text"] for v in variants], [v.get("origin") for v in variants]
    return Choice(record, correct, texts, origins, False, tests)


class Sifted(NamedTuple):
    """What of a choice is found without a model: each variant's code, the reason of those that are no usable fault."""

    code: str
    codes: list[str]
    reasons: dict[int, str]
    similarities: dict[int, float]  # where the measure needs no model


@dataclass(frozen=True)
class Sifter:
    """Sifts choices in batches, in any process; what it gives for one that met a bug is the bug."""

    settings: Settings
    score: Scorer | None  # a measure that needs no model

    def __call__(self, choices: list[Choice]) -> list[Sifted | Bug]:
        return [or_bug(self.sift)(choice) for choice in choices]

    def sift(self, choice: Choice) -> Sifted:
        code, codes = fences.code(choice.correct), [fences.code(text) for text in choice.texts]
        reasons = {}
        for i, text in enumerate(choice.texts):
            why = NO_DIFFERENCE if code == codes[i] else None
            if self.settings.faults_only:
                why = response_reason(choice.correct, text)
            why = why or too_large(code, codes[i], self.settings)
            if why is not None:
                reasons[i] = why
        usable = [i for i in range(len(codes)) if i not in reasons] if self.score else []
        near = self.score([(code, codes[i]) for i in usable]) if self.score else []
        return Sifted(code, codes, reasons, dict(zip(usable, near, strict=True)))


def sifted(choices: Iterable[Choice], tally: Tally, sifter: Sifter, workers: int, files: list[str]) -> Iterator[Choice]:
    """The choices that met no bug, with what the sifter finds, in order; `workers` processes find it."""

    def texts_alone(choice: Choice) -> Choice:
        return replace(choice, record={}, origins=[], tests=None)

    for batch, results in ordered(sifter, choices, texts_alone, workers, lambda: waiting(files)):
        for choice, found in zip(batch, results, strict=True):
            if isinstance(found, Bug):
                tally.bug(choice.record, found)
                continue
            choice.code, choice.codes, choice.reasons, choice.similarities = found
            yield choice


def too_large(correct: str, variant: str, settings: Settings) -> str | None:
    """The limit that the edit exceeds, if any."""
    if settings.max_edit is not None and edit_distance(correct, variant) > settings.max_edit:
        return TOO_MANY_CHARACTERS
    if settings.max_diff_lines is not None or settings.max_side_lines is not None:
        try:
            lines = changed_lines(correct, variant)
        except TooLong as error:
            return str(error)
        if settings.max_diff_lines is not None and sum(lines) > settings.max_diff_lines:
            return TOO_MANY_LINES
        if settings.max_side_lines is not None and max(lines) > settings.max_side_lines:
            return TOO_MANY_OF_A_SIDE
    return None


def select(
    choices: Iterable[Choice],
    tally: Tally,
    score: Scorer,
    settings: Settings,
    executor: "Executor | None" = None,
    workers: int = 1,
    files: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """Each record with the nearest of its usable variants as `incorrect`.

    A record without one is left out by reason, or passed on without an incorrect response. What needs no model is done
    by `workers` processes; the usable variants of a window of records are scored at once. `files` are where the records
    come from, stdin where none is named.
    """
    sifter = Sifter(settings, score if score is edit_scorer else None)
    choices = sifted(choices, tally, sifter, workers, list(files))
    for window in windows(choices, settings.window):
        window = score_all(window, tally, score, settings)
        if executor:
            untested = sum(choice.tests is None for choice in window)
            if untested:
                tally.count("records without tests, not run", untested)
            results = list(executor.imap(or_bug(lambda choice: execute(choice, executor, settings)), window))
        else:
            results = [None] * len(window)
        for choice, result in zip(window, results, strict=True):
            if isinstance(result, Bug):
                tally.bug(choice.record, result)
                continue
            if result:
                tally.count(f"records not run: {result}")
            with tally.each(choice.record):
                chosen = choose(choice, tally, settings)
                if chosen is not None:
                    yield chosen


def score_all(window: list[Choice], tally: Tally, score: Scorer, settings: Settings) -> list[Choice]:
    """Score the window's usable variants that have no similarity yet, in one call; the choices that met no bug.

    Some models' tokenizers drop white space or letter case, and with it the fault: cosine 1, which is counted.
    """
    places = [(choice, i) for choice in window for i in choice.usable() if i not in choice.similarities]
    try:
        similarities = score([(choice.code, choice.codes[i]) for choice, i in places]) if places else []
    except BaseException as error:
        bug = bug_of(error)
        if len(window) > 1:  # the record that it lies with is found by scoring one after the other
            return [choice for alone in window for choice in score_all([alone], tally, score, settings)]
        tally.bug(window[0].record, bug)
        return []
    for (choice, i), similarity in zip(places, similarities, strict=True):
        choice.similarities[i] = similarity
    for choice in window:
        for i in choice.usable():
            if choice.similarities[i] >= 1:
                tally.count(UNSEEN)
            if settings.min_similarity is not None and choice.similarities[i] < settings.min_similarity:
                choice.reasons[i] = TOO_FAR
    return window


def execute(choice: Choice, executor: "Executor", settings: Settings) -> str | None:
    """Run the tests on the variants by nearness, until one is shown wrong; on all with --keep-variants.

    Returns why the record's tests test nothing, where that is so.
    """
    candidates = choice.by_nearness()
    if choice.tests is None or not candidates:
        return None
    judge = RecordsTests(executor, choice.code, choice.tests, settings.limit)
    try:
        choice.refusal = judge.why_not_correct()
    except NoTest as why:
        return str(why)
    choice.judged = judge.judged()
    for candidate in candidates if choice.refusal is None else ():
        why_not = judge.why_not_wrong(choice.codes[candidate.place])
        if why_not is not None:
            choice.reasons[candidate.place] = why_not
        elif not settings.keep_variants:
            break
    return None


def windows(choices: Iterable[Choice], size: int) -> Iterator[list[Choice]]:
    """The records by `size`, fewer where their texts are long."""
    window: list[Choice] = []
    held = 0
    for choice in choices:
        window.append(choice)
        held += len(choice.correct) + sum(map(len, choice.texts))
        if len(window) >= size or held >= WINDOW_CHARACTERS:
            yield window
            window, held = [], 0
    if window:
        yield window


def choose(choice: Choice, tally: Tally, settings: Settings) -> dict[str, Any] | None:
    """The output record; where no variant is usable None, and a reject, or the record without an incorrect response.

    A correct response that fails its own tests is never passed on.
    """
    record = dict(choice.record)
    if not choice.paired:
        for reason, times in Counter(choice.reasons.values()).items():
            tally.count(f"variants left out: {reason}", times)
        record["variants"] = [_judged(choice, i) for i in range(len(choice.texts))]
    candidates = choice.by_nearness()
    if choice.refusal or not candidates:
        if settings.keep_unpaired and not choice.refusal:
            tally.unpaired[choice.why_none()] += 1
            return unpaired(record, settings.keep_variants)
        tally.reject(record, choice.refusal or choice.why_none())
        return None
    best = candidates[0]
    if not settings.keep_variants:
        record.pop("variants", None)
    record["incorrect"] = choice.texts[best.place]
    origin = choice.origins[best.place]
    if choice.judged and isinstance(origin, dict | None):
        origin = {**(origin or {}), **choice.judged}
    record.pop("origin", None)  # another variant's
    if origin is not None:
        record["origin"] = origin
    if "forgeable" in choice.judged:
        tally.count(FORGEABLE)
    record["similarity"] = best.similarity
    return record


def unpaired(record: dict[str, Any], keep_variants: bool) -> dict[str, Any]:
    """The record without an incorrect response and what was said of it."""
    gone = {*fields.INCORRECT, "origin", "similarity", *(() if keep_variants else ("variants",))}
    return {name: value for name, value in record.items() if name not in gone}


def _judged(choice: Choice, i: int) -> dict[str, Any]:
    variant = choice.record["variants"][i]
    judged = {k: v for k, v in variant.items() if k not in ("similarity", "reason")}
    if i in choice.similarities:
        judged["similarity"] = choice.similarities[i]
    if i in choice.reasons:
        judged["reason"] = choice.reasons[i]
    return judged


def edit_scorer(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """How near the two codes of each pair are by edit distance, in [0, 1]."""
    return [edit_similarity(a, b) for a, b in pairs]
