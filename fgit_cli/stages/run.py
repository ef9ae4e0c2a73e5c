"""Runs a filter for its command, here or over a cluster, and says what came of it."""

from collections.abc import Callable

from fgit_cli.errors import AnswerIsNo, UsageError
from fgit_cli.messages import flag
from fgit_cli.options import FilterOptions
from fgit_cli.stages.filter import Numbered, Opened, write_all
from fgit_cli.stages.running import Tally


def nothing(tally: Tally) -> None:
    """Nothing to tell and nothing to refuse."""


def run_filter(
    command: str,
    options: FilterOptions,
    opened: Opened,
    tell: Callable[[Tally], None] = nothing,
    refuse: Callable[[Tally], None] = nothing,
    numbered: Numbered | None = None,
) -> Tally:
    """Run one filter and say on stderr what happened.

    `numbered` names what a record is one of, where those are numbered from the beginning of the input (`Tally.before`).
    `tell` says more, before the counts; `refuse` may raise AnswerIsNo, behind everything else. Raises InputError after
    the records before the bad one are out, AnswerIsNo above `--max-rejects` and where a record met an unexpected error.
    """
    if options.ray:
        from fgit_cli.stages.cluster.driver import run_pieces

        tally = run_pieces(command, options, opened, numbered)
    else:
        tally = Tally(command, options)
        with opened(options) as ready:
            write_all(ready, tally)
    tell(tally)
    conclude(tally)
    refuse(tally)
    return tally


def refuse_with_ray(options: FilterOptions, *names: str) -> None:
    """Raises UsageError for an option that makes no sense over a cluster and is set beside --ray."""
    for name in names:
        if options.ray and getattr(options, name):
            raise UsageError(f"{flag(name, type(options))} does not go with --ray; leave one of them out")


def conclude(tally: Tally) -> None:
    """Say the counts. Raises AnswerIsNo where they are not what was asked for."""
    tally.sum_up()
    limit = tally.options.max_rejects
    taken = tally.read - tally.passed_over
    if limit is not None and taken and tally.rejects.total() > limit * taken:
        raise AnswerIsNo(f"{tally.rejects.total()} of {taken} records left out, more than --max-rejects {limit:g}")
    tally.end()


def some_variant(tally: Tally) -> None:
    """Raises AnswerIsNo where every record was left out or passed on without a variant."""
    without = tally.rejects + tally.unpaired
    if without and tally.written == tally.unpaired.total():
        reason, times = without.most_common(1)[0]
        what = "no record has a variant" if tally.unpaired else "every record was left out"
        raise AnswerIsNo(f"{what}, {times} of {without.total()} for this: {reason}")
