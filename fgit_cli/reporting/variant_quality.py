"""How good the wrong variants are, by language: usable or why not, how similar, how large an edit, which faults.

Reads what `mutate` or `select --keep-variants` wrote, and plain pairs; each record is counted as it streams by.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from fgit_cli.core import fences, fields
from fgit_cli.core.equivalence import response_reason
from fgit_cli.core.fault_kinds import KINDS, response_kinds
from fgit_cli.core.languages import guess
from fgit_cli.core.similarity import changed_lines, edit_distance, edit_similarity
from fgit_cli.core.textdiff import TooLong
from fgit_cli.errors import InputError
from fgit_cli.reporting.annotation import Sheet
from fgit_cli.reporting.table import Column, Table

EVERY = "all"
PASSES = "passes the tests"  # the reason of `select --execute`
PUBLISHED = (
    "Published: 94.1 % fail the tests and the mean UniXcoder cosine is 0.95, of a 32B teacher's variants on HumanEval "
    "and MBPP (FGit, III-B)."
)


# What a compiler says of each variant, for correct code, the variants' codes and a language: a `Verdict` of
# engines/rules/compilers.py.
Compiled = Callable[[str, list[str], str], list[str]]


@dataclass
class Language:
    """Counts over the variants of one language."""

    records: int = 0
    variants: int = 0
    failing: int = 0  # usable ones of records with tests
    sizes: Counter[int] = field(default_factory=Counter)  # records by their number of usable variants
    compiled: Counter[str] = field(default_factory=Counter)  # usable variants by what their compiler says
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    similarities: list[float] = field(default_factory=list)
    edit_similarities: list[float] = field(default_factory=list)
    characters: list[int] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def usable(self) -> int:
        return self.variants - self.reasons.total()


class VariantCounts:
    """The counts by language; `all` sums them up.

    With `compiled` compilers are asked; a `sheet` is offered every usable variant.
    """

    def __init__(self, compiled: Compiled | None = None, sheet: Sheet | None = None) -> None:
        self._compiled, self._sheet = compiled, sheet
        self.languages: dict[str, Language] = defaultdict(Language)

    @property
    def asks(self) -> bool:
        """Whether compilers are asked."""
        return self._compiled is not None

    @property
    def ordered(self) -> list[tuple[str, Language]]:
        """`all`, then the languages, the commonest first."""
        return sorted(self.languages.items(), key=lambda item: (item[0] != EVERY, -item[1].variants))

    def add(self, record: dict[str, Any]) -> None:
        """Count one record in. Raises InputError where it has neither variants nor an incorrect response."""
        correct = fields.response(record)
        code = fences.code(correct)
        language = guess(code, fences.blocks(correct)[0].language) or "unknown"
        places = [self.languages[EVERY], self.languages[language]]
        tested = fields.tests(record) is not None
        for place in places:
            place.records += 1
        usable: list[str] = []
        for variant in variants_of(record):
            text = variant["text"]
            scored = variant.get("similarity") is not None  # by `select`, which has looked for reasons
            reason = variant.get("reason") or ("" if scored else response_reason(correct, text)) or ""
            other = fences.code(text)
            try:
                lines = 0 if reason else sum(changed_lines(code, other))
            except TooLong as error:
                reason = str(error)
            found = frozenset() if reason else response_kinds(correct, text)
            usable += [] if reason else [other]
            if self._sheet and not reason:
                self._sheet.offer(str(record.get("id", "")), language, asked(record), code, other)
            for place in places:
                place.variants += 1
                if reason:
                    place.reasons[reason] += 1
                    continue
                place.failing += tested
                place.kinds.update(found)
                place.edit_similarities.append(edit_similarity(code, other))
                place.characters.append(edit_distance(code, other))
                place.lines.append(lines)
                if isinstance(variant.get("similarity"), int | float):
                    place.similarities.append(variant["similarity"])
        told = Counter(self._compiled(code, usable, language)) if self._compiled else Counter()
        for place in places:
            place.sizes[len(usable)] += 1
            place.compiled.update(told)


def asked(record: dict[str, Any]) -> str:
    """The record's instruction, or nothing where it has none."""
    try:
        return fields.instruction(record).text
    except InputError:
        return ""


def variants_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The record's variants; of a plain pair its incorrect response. Raises InputError where there is neither."""
    variants = record.get("variants")
    if variants is None:
        incorrect = fields.incorrect(record)
        if incorrect is None:
            raise InputError(
                "no `variants` and no incorrect response; --variants takes what fgit mutate or select wrote"
            )
        return [{"text": incorrect, "similarity": record.get("similarity")}]
    if not isinstance(variants, list) or not all(
        isinstance(v, dict) and isinstance(v.get("text"), str) for v in variants
    ):
        raise InputError("field `variants` is not a list of objects with a `text`")
    return variants


def quality(counted: VariantCounts) -> Table:
    """One row a language."""
    most = max(size for _, found in counted.ordered for size in found.sizes)
    columns = [
        Column("language", "Language"), Column("records", "Records", "count"), Column("variants", "Variants", "count"),
        Column("usable", "Usable %", "percent"),
        *([Column("any", "Records with any %", "percent"), Column("most", f"With {most} %", "percent")] * (most > 1)),
        *([Column("compiling", "Compile %", "percent")] * counted.asks), Column("failing", "Fail tests %", "percent"),
        Column("similarity", "Similarity", "number"), Column("edit_similarity", "Edit similarity", "number"),
        Column("characters", "Edit, characters", "number"), Column("lines", "Changed lines", "number"),
    ]  # fmt: skip
    rows = []
    for name, found in counted.ordered:
        judged = found.compiled["compiles"] + found.compiled["breaks"]
        executed = found.failing + found.reasons[PASSES]
        rows.append({
            "language": name, "records": found.records, "variants": found.variants,
            "usable": 100 * found.usable / found.variants if found.variants else None,
            "any": 100 * (found.records - found.sizes[0]) / found.records,
            "most": 100 * found.sizes[most] / found.records,
            "compiling": 100 * found.compiled["compiles"] / judged if judged else None,
            "failing": 100 * found.failing / executed if found.reasons[PASSES] else None,
            "similarity": mean(found.similarities), "edit_similarity": mean(found.edit_similarities),
            "characters": median(found.characters) if found.characters else None,
            "lines": median(found.lines) if found.lines else None,
        })  # fmt: skip
    notes = [
        "Similarity as `select` stored it, and 1 - edit distance / longer length: means; edit and lines (both sides "
        "counted): medians; over usable variants. Fail tests: of those that `select --execute --keep-variants` ran.",
        *([f"With {most}: records with as many usable variants as any has."] * (most > 1)),
        *(
            ["Compile: of the usable ones whose correct code does, where a compiler is here and answers."]
            * counted.asks
        ),
        PUBLISHED,
    ]
    return Table("variants", "Quality of the wrong variants", columns, rows, notes)


def reasons(counted: VariantCounts) -> Table | None:
    """Why variants are left out, a column each language; None where none is."""
    languages = counted.ordered
    kinds = [reason for reason, _ in dict(languages)[EVERY].reasons.most_common()]
    columns = [Column("reason", "Left out as"), *(Column(name, name, "count") for name, _ in languages)]
    rows = [{"reason": kind} | {name: found.reasons[kind] for name, found in languages} for kind in kinds]
    return Table("variant_reasons", "Variants that are no usable fault", columns, rows) if rows else None


def kinds_of_fault(counted: VariantCounts) -> Table | None:
    """The share of usable variants that hold each kind, a column each language; None where none is usable."""
    languages = counted.ordered
    columns = [Column("kind", "Kind of fault"), *(Column(name, f"{name} %", "percent") for name, _ in languages)]
    rows = [
        {"kind": kind} | {name: 100 * found.kinds[kind] / found.usable for name, found in languages if found.usable}
        for kind in KINDS
        if dict(languages)[EVERY].kinds[kind]
    ]
    notes = ["Share of usable variants that hold the kind; one variant may hold several."]
    return Table("variant_kinds", "Kinds of fault in the variants", columns, rows, notes) if rows else None


def mean(numbers: Iterable[float]) -> float | None:
    values = list(numbers)
    return sum(values) / len(values) if values else None
