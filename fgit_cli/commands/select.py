"""Keep the wrong variant nearest to the correct response.

Reads records with `variants` (what `mutate` adds), or plain pairs with `incorrect`, which it scores and filters.
Adds `incorrect` (the chosen text), `origin` and `similarity`; takes `variants` out unless --keep-variants.

A variant that is no fault is left out by reason: equal after normalisation, same syntax tree, same bytecode, only
renames, or not parsing although the correct code does. Of the others the one most similar in code is kept: by cosine
of UniXcoder embeddings, or with --by edit by 1 - edit distance / longer length. Prose around the code does not count.
With --execute the nearest one is kept that fails the record's tests, twice, in a sandbox.

Holds in memory the model and --window records.

Example: fgit mutate < evol.jsonl | fgit select --by edit > pairs.jsonl
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fgit_cli.core import fences, fields
from fgit_cli.core.equivalence import response_reason
from fgit_cli.core.similarity import Candidate, changed_lines, edit_distance, edit_similarity, ranked
from fgit_cli.core.textdiff import TooLong
from fgit_cli.errors import InputError
from fgit_cli.options import EXECUTION, ExecutionOptions, FilterOptions, PairFieldOptions, option
from fgit_cli.stages.bugs import Bug, bug_of, or_bug
from fgit_cli.stages.by_tests import FORGEABLE, NoTest, RecordsTests, open_executor
from fgit_cli.stages.running import Tally, run_filter

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

EDIT = "edit"
WINDOW_CHARACTERS = 2_000_000  # a window ends early above this, so that memory is bounded by more than a count

TOO_MANY_CHARACTERS = "edit larger than --max-edit"
TOO_MANY_LINES = "more changed lines than --max-diff-lines"
TOO_MANY_OF_A_SIDE = "more changed lines on a side than --max-side-lines"
TOO_FAR = "less similar than --min-similarity"
NOTHING_USABLE = "no usable variant"
NO_VARIANTS = "no variants"
UNSEEN = "variants that the model cannot tell from the correct code"

Scorer = Callable[[Sequence[tuple[str, str]]], list[float]]


@dataclass(frozen=True, kw_only=True)
class Options(FilterOptions, PairFieldOptions, ExecutionOptions):
    """Options of `fgit select`."""

    by: str = option(
        "microsoft/unixcoder-base",
        "What similarity is measured by: a UniXcoder or sentence-transformers model (hub name or folder), or `edit`.",
        metavar="MODEL|edit",
        source="FGit, section II-A: UniXcoder",
    )
    min_similarity: float | None = option(
        None, "Leave out variants less similar than this.", minimum=-1, maximum=1, source="our choice: no limit"
    )
    max_edit: int | None = option(
        None,
        "Leave out variants with a larger edit distance.",
        unit="characters",
        minimum=1,
        source="our choice: no limit",
    )
    max_diff_lines: int | None = option(
        None,
        "Leave out variants with more changed lines, both sides counted.",
        unit="lines",
        minimum=1,
        source="our choice: no limit",
    )
    max_side_lines: int | None = option(
        None,
        "Leave out variants with more changed lines on either side.",
        unit="lines",
        minimum=1,
        source="our choice: no limit; Target-DPO, section 2.1 (ii): 20",
    )
    keep_variants: bool = option(
        False, "Keep `variants`, each with its `similarity` or the `reason` it was left out for."
    )
    execute: bool = option(
        False, "Run the tests of records that have any; keep a variant only if it fails them twice.", panel=EXECUTION
    )
    window: int = option(
        256, "Records scored together.", unit="records", minimum=1, source="our choice", recorded=False
    )
    batch_tokens: int | None = option(
        None,
        "Positions in one pass of a UniXcoder, padding included; by default 1024 on a CPU, 32768 elsewhere.",
        unit="tokens",
        minimum=512,
        source="our choice: measured, benchmarks/selection.py",
        recorded=False,
    )
    device: str = option("auto", "Where the model runs: a torch device; auto takes a GPU where there is one.")


@dataclass
class Item:
    """A record at work: the correct code, each variant's code, and why a variant was left out or how near it is."""

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
        return [i for i in range(len(self.texts)) if i not in self.reasons]

    def by_nearness(self) -> list[Candidate]:
        """The usable variants, the one to be chosen first. Their similarities must be known."""
        correct = fences.code(self.correct)
        return ranked(Candidate(i, self.similarities[i], edit_distance(correct, self.codes[i])) for i in self.usable())


def prepare(record: dict[str, Any], options: Options) -> Item:
    """Find the correct response and its variants. Raises InputError where the record has none of these fields."""
    fields.standardise(record, **options.overrides)
    fields.identify(record)
    correct = fields.response(record)
    tests = fields.tests(record) if options.execute else None
    variants = record.get("variants")
    if variants is None:
        incorrect = fields.incorrect(record)
        if incorrect is None:
            raise InputError("no `variants` and no incorrect response; run `fgit mutate` first, or --incorrect-field")
        return Item(record, correct, [incorrect], [record.get("origin", {"method": "given"})], True, tests)
    if not isinstance(variants, list) or not all(
        isinstance(v, dict) and isinstance(v.get("text"), str) for v in variants
    ):
        raise InputError("field `variants` is not a list of objects with a `text`")
    texts, origins = [v["text"] for v in variants], [v.get("origin") for v in variants]
    return Item(record, correct, texts, origins, False, tests)


def sift(item: Item, options: Options) -> None:
    """Find each variant's code and give those that are no usable fault their reason."""
    item.code = fences.code(item.correct)
    item.codes = [fences.code(text) for text in item.texts]
    for i, text in enumerate(item.texts):
        why = response_reason(item.correct, text) or too_large(item.code, item.codes[i], options)
        if why is not None:
            item.reasons[i] = why


def too_large(correct: str, variant: str, options: Options) -> str | None:
    """The limit that the edit exceeds, if any."""
    if options.max_edit is not None and edit_distance(correct, variant) > options.max_edit:
        return TOO_MANY_CHARACTERS
    if options.max_diff_lines is not None or options.max_side_lines is not None:
        try:
            lines = changed_lines(correct, variant)
        except TooLong as error:
            return str(error)
        if options.max_diff_lines is not None and sum(lines) > options.max_diff_lines:
            return TOO_MANY_LINES
        if options.max_side_lines is not None and max(lines) > options.max_side_lines:
            return TOO_MANY_OF_A_SIDE
    return None


def select(
    items: Iterable[Item], tally: Tally, score: Scorer, options: Options, executor: "Executor | None" = None
) -> Iterator[dict[str, Any]]:
    """The stage generator: window by window, all usable variants scored at once, the nearest of each record kept.

    Windows serve the embedding model and the sandboxes; with neither, each record goes on as it comes.
    """
    for window in windows(items, 1 if options.by == EDIT and executor is None else options.window):
        window = score_all(window, tally, score, options)
        if executor:
            untested = sum(item.tests is None for item in window)
            if untested:
                tally.count("records without tests, not run", untested)
            results = list(executor.imap(or_bug(lambda item: execute(item, executor, options)), window))
        else:
            results = [None] * len(window)
        for item, result in zip(window, results, strict=True):
            if isinstance(result, Bug):
                tally.bug(item.record, result)
                continue
            if result:
                tally.count(f"records not run: {result}")
            with tally.each(item.record):
                chosen = choose(item, tally, options)
                if chosen is not None:
                    yield chosen


def score_all(window: list[Item], tally: Tally, score: Scorer, options: Options) -> list[Item]:
    """Sift the window's variants and score the usable ones in one call; the items that met no bug.

    Some models' tokenizers drop white space or letter case, and with it the fault: cosine 1, which is counted.
    """
    sifted = []
    for item in window:
        with tally.each(item.record):
            sift(item, options)
            sifted.append(item)
    places = [(item, i) for item in sifted for i in item.usable()]
    pairs = [(item.code, item.codes[i]) for item, i in places]
    try:
        similarities = score(pairs)
    except BaseException as error:
        bug = bug_of(error)
        if len(sifted) > 1:  # the record that it lies with is found by scoring one after the other
            return [item for alone in sifted for item in score_all([alone], tally, score, options)]
        tally.bug(sifted[0].record, bug)
        return []
    for (item, i), similarity in zip(places, similarities, strict=True):
        item.similarities[i] = similarity
        if similarity >= 1:
            tally.count(UNSEEN)
        if options.min_similarity is not None and similarity < options.min_similarity:
            item.reasons[i] = TOO_FAR
    return sifted


def execute(item: Item, executor: "Executor", options: Options) -> str | None:
    """Run the tests on the variants by nearness, until one is shown wrong; on all with --keep-variants.

    Why the record's tests are none, where that is so.
    """
    candidates = item.by_nearness()
    if item.tests is None or not candidates:
        return None
    judge = RecordsTests(executor, item.code, item.tests, options.time_limit)
    try:
        item.refusal = judge.why_not_correct()
    except NoTest as why:
        return str(why)
    item.judged = judge.judged()
    for candidate in candidates if item.refusal is None else ():
        why_not = judge.why_not_wrong(item.codes[candidate.place])
        if why_not is not None:
            item.reasons[candidate.place] = why_not
        elif not options.keep_variants:
            break
    return None


def windows(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    window: list[Item] = []
    held = 0
    for item in items:
        window.append(item)
        held += len(item.correct) + sum(map(len, item.texts))
        if len(window) >= size or held >= WINDOW_CHARACTERS:
            yield window
            window, held = [], 0
    if window:
        yield window


def choose(item: Item, tally: Tally, options: Options) -> dict[str, Any] | None:
    """The output record, or None when nothing usable is left: then the record is rejected."""
    record = dict(item.record)
    if not item.paired:
        for reason, times in Counter(item.reasons.values()).items():
            tally.count(f"variants left out: {reason}", times)
        record["variants"] = [_judged(item, i) for i in range(len(item.texts))]
    candidates = item.by_nearness()
    if item.refusal or not candidates:
        reason = item.reasons[0] if item.paired and item.reasons else NOTHING_USABLE if item.texts else NO_VARIANTS
        tally.reject(record, item.refusal or reason)
        return None
    best = candidates[0]
    if not options.keep_variants:
        record.pop("variants", None)
    record["incorrect"] = item.texts[best.place]
    record["origin"] = item.origins[best.place]
    if item.judged and isinstance(record["origin"], dict):
        record["origin"] = {**record["origin"], **item.judged}
    if "forgeable" in item.judged:
        tally.count(FORGEABLE)
    record["similarity"] = best.similarity
    return record


def _judged(item: Item, i: int) -> dict[str, Any]:
    variant = item.record["variants"][i]
    judged = {k: v for k, v in variant.items() if k not in ("similarity", "reason")}
    if i in item.similarities:
        judged["similarity"] = item.similarities[i]
    if i in item.reasons:
        judged["reason"] = item.reasons[i]
    return judged


def edit_scorer(pairs: Sequence[tuple[str, str]]) -> list[float]:
    return [edit_similarity(a, b) for a, b in pairs]


def scorer(options: Options) -> tuple[Scorer, Any]:
    """The function that --by names, and its embedder, None for `edit`."""
    if options.by == EDIT:
        return edit_scorer, None
    from fgit_cli.engines.embedding.opening import cosine_scorer, open_embedder

    embedder = open_embedder(options.by, options.device, options.batch_tokens)
    return cosine_scorer(embedder), embedder


@contextmanager
def sandbox(options: Options) -> "Iterator[Executor | None]":
    """The executor that --execute asks for, else None."""
    if not options.execute:
        yield None
        return
    with open_executor(options) as executor:
        yield executor


def run(options: Options) -> None:
    score, embedder = scorer(options)

    def stage(items: Iterable[Item], tally: Tally) -> Iterator[dict[str, Any]]:
        if embedder:
            made = ", ".join(f"{name} {value}" for name, value in embedder.describe().items() if value)
            tally.note(f"similarity by {made}")
        yield from select(items, tally, score, options, executor)
        if embedder and embedder.windowed:
            tally.count("texts longer than the model takes, embedded by windows", embedder.windowed)

    with sandbox(options) as executor:
        run_filter("select", options, lambda record: prepare(record, options), stage)
