"""Chooses the tables of a report: those that the input has something for, as the format suits, or those asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from fgit_cli.errors import MissingExtra, UsageError
from fgit_cli.reporting import (
    annotation,
    comparison,
    failed_samples,
    inputs,
    masked_pairs,
    published,
    refined_pairs,
    repairs,
    repeated_runs,
    scores,
    training_logs,
    variant_quality,
)
from fgit_cli.reporting.annotation import Sheet
from fgit_cli.reporting.inputs import Inputs
from fgit_cli.reporting.table import Table
from fgit_cli.reporting.variant_quality import Compiled

Makers = dict[str, Callable[[], Table | None]]

# The tables in the order of a report.
ORDER = (
    "scores", "intervals", "gains", "comparison", "between", "passk", "tasks", "errors", "messages", "near", "faults",
    "lab", "training", "pairs", "refined", "rounds", "coverage", "variants", "variant_reasons", "variant_kinds",
    "annotations", "against",
)  # fmt: skip
NEED_SCIPY = ("comparison", "between", "lab")
DETAILS = ("tasks", "messages")  # long ones: text formats have them only when they are named
WITH_TESTS = ("comparison", "between", "lab")  # what plots are drawn from
MOST_BETWEEN = 12  # rows of `between`, before it is a long one too


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a report is asked for, beside its input. `names`: these tables alone."""

    names: Sequence[str] = ()
    format: str = "terminal"
    baseline: str | None = None
    references: list[str] = field(default_factory=list)
    variants: str | None = None
    compiled: Compiled | None = None
    sheet: Sheet | None = None
    annotations: str | None = None
    against: str | None = None


class Tables:
    """The tables that the input has something for, each made when it is asked for; `say` is told of one that cannot be.

    Raises UsageError for a baseline, references or published figures that do not fit the input.
    """

    def __init__(self, read: Inputs, asked: Asked, say: Callable[[str], None]) -> None:
        self.asked, self.say = asked, say
        self.runs = scores.by_name(read.runs)
        makers = self._of_runs() if self.runs else {}
        if not self.runs and (asked.references or (asked.baseline and not read.lab)):
            raise UsageError("--baseline and --references are for eval results, and there are none in the input")
        if read.lab:
            makers["lab"] = partial(repeated_runs.lab, read.lab, asked.baseline)
        makers |= {
            "training": partial(training_logs.training, read.logs),
            "pairs": partial(masked_pairs.table, list(read.pairs.values())),
            "refined": partial(refined_pairs.costs, list(read.refined.values())),
            "rounds": partial(refined_pairs.rounds, list(read.refined.values())),
            "coverage": partial(refined_pairs.coverage, list(read.refined.values())),
        }
        if asked.variants:
            counted = inputs.variants(asked.variants, asked.compiled, asked.sheet)
            makers |= {
                "variants": partial(variant_quality.quality, counted),
                "variant_reasons": partial(variant_quality.reasons, counted),
                "variant_kinds": partial(variant_quality.kinds_of_fault, counted),
            }
        if asked.annotations:
            makers["annotations"] = partial(annotation.agreement, annotation.read(asked.annotations))
        if asked.against:
            makers["against"] = partial(published.against, asked.against, self.runs)
        self.makers: Makers = {name: makers[name] for name in ORDER if name in makers}

    def _of_runs(self) -> Makers:
        """What makes the tables of eval results; those that compare only where there are several models."""
        runs, baseline = self.runs, comparison.choose_baseline(self.runs, self.asked.baseline)
        nearest = failed_samples.Nearest(runs, inputs.references(self.asked.references))
        makers: Makers = {
            "scores": partial(scores.scores, runs),
            "intervals": partial(scores.intervals, runs),
            "passk": partial(scores.pass_at_k, runs),
            "errors": partial(failed_samples.errors, runs),
            "messages": partial(failed_samples.messages, runs),
            "near": partial(failed_samples.near, runs, nearest, baseline),
        }
        if len(scores.models(runs)) > 1:
            makers |= {
                "gains": partial(comparison.gains, runs, baseline),
                "comparison": partial(comparison.paired, runs, baseline),
                "between": partial(comparison.between, runs, baseline),
                "tasks": partial(comparison.wins_and_losses, runs, baseline),
                "faults": partial(repairs.faults, runs, nearest, baseline),
            }
        return makers

    def made(self, name: str) -> Table | None:
        """The table of that name; None where the input has nothing for it.

        Without scipy a table with tests is not made, which is said; it is an error where that table was asked for.
        """
        if name not in self.makers:
            return None
        try:
            return self.makers[name]()
        except ImportError:
            if name not in NEED_SCIPY:
                raise
            if name in self.asked.names:
                raise MissingExtra(f"the table {name}", "report") from None
            self.say(f"no table {name}: {MissingExtra('it', 'report')}")
            return None

    def chosen(self) -> list[Table]:
        """The tables asked for, in that order; without names what suits the format.

        Raises UsageError for a table that is not there.
        """
        names, tables = self.asked.names, list[Table]()
        for name in names or self.makers:
            if self.asked.format == "csv" and not names and tables:
                break
            if name in DETAILS and not names and self.asked.format not in ("json", "html"):
                continue
            table = self.made(name)
            if table:
                tables.append(table)
            elif names:
                there = ", ".join(name for name in self.makers if self.made(name))
                raise UsageError(f"--table {name}: no such table for this input; there are: {there}")
        return tables

    def short(self, tables: list[Table]) -> list[Table]:
        """Those of the tables that a text shows: `between` only where it has few rows, unless tables were named."""
        return [t for t in tables if self.asked.names or t.name != "between" or len(t.rows) <= MOST_BETWEEN]

    def for_plots(self, tables: list[Table]) -> list[Table]:
        """The tables that plots are drawn from, also where others were asked for to be written."""
        if not self.asked.names and self.asked.format != "csv":
            return tables
        return [table for name in WITH_TESTS if (table := self.made(name))]
