"""pass@1 on a benchmark, run in a sandbox that the code under test can neither fool nor leave.

Reads samples {"task_id", "solution"} or {"task_id", "completion"} and writes one object per sample with the fields
bench, sample, solution, base, plus, error, seconds, isolation; pass@1 follows on stderr. With --model it asks the model
for the samples first; without it and with nothing on stdin, the model is the folder fgit-out.

  fgit eval --bench humaneval+ samples.jsonl > verdicts.jsonl

Holds at most a hundred samples a worker in memory, however many there are (--evalplus-json: all).
"""

# The inside of this command: stages/ask.py (a model is asked), stages/judge.py (samples are judged).

import dataclasses
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fgit_cli import __version__
from fgit_cli.benches import bench as benches
from fgit_cli.benches.bench import Checked
from fgit_cli.benches.extract import Extractor
from fgit_cli.engines.generation.opening import PANEL
from fgit_cli.errors import AnswerIsNo, UsageError
from fgit_cli.jsonl import Writer
from fgit_cli.messages import flag, note
from fgit_cli.options import SandboxOptions, option, specs
from fgit_cli.stages import discriminate
from fgit_cli.stages.ask import AskOptions, kept, write
from fgit_cli.stages.filter import Filter
from fgit_cli.stages.judge import Sample, Samples, Scores, judge, task_of
from fgit_cli.stages.run import refuse_with_ray, run_filter
from fgit_cli.stages.running import Tally

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

DEFAULT_MODEL = "fgit-out"  # where `train` writes
BENCH = "Benchmarks"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(AskOptions, SandboxOptions):
    bench: str = option(
        "humaneval+",
        f"What to measure on: {', '.join(benches.BENCHES)}, or a JSONL file of task_id, prompt, entry_point, tests. "
        "discrimination: whether the model prefers the correct token of pairs that `fgit mask` made (--data).",
        source="our choice: the first column of the papers' tables",
        words=lambda: [*benches.BENCHES, "discrimination"],
    )
    data: str | None = option(
        None,
        "The benchmark's file in its own format (.gz too), not the one in its cache or its download.",
        metavar="FILE",
        recorded=False,
    )
    tasks: str | None = option(
        None,
        "Only these tasks: ids, numbers and ranges of numbers, with commas (HumanEval/0,5,10-19). The score says so.",
        metavar="LIST",
    )
    evalplus_json: str | None = option(
        None, "Write the verdicts here too, in EvalPlus's eval_results format.", metavar="FILE", recorded=False
    )
    limits: Literal["fgit", "evalplus"] = option(
        "fgit",
        "HumanEval and MBPP: fgit's limits, at least 4 s an input; or EvalPlus's own, at least 1 s and its memory, for "
        "scores that stand beside its leaderboard.",
        source="our choice: 1 s fails right solutions on a loaded machine",
        panel=BENCH,
    )
    split: Literal["complete", "instruct"] = option(
        "complete",
        "BigCodeBench: whether the prompt is code to go on with, or words.",
        source="BigCodeBench's own name for it",
        panel=BENCH,
    )
    calibrated: bool = option(
        True,
        "BigCodeBench: the task's imports and signature stand before the solution.",
        flags=("--calibrated/--no-calibrated",),
        panel=BENCH,
    )
    since: str | None = option(
        None, "LiveCodeBench: problems from this day on.", flags=("--from",), metavar="YYYY-MM-DD", panel=BENCH
    )
    until: str | None = option(
        None, "LiveCodeBench: problems up to this day.", flags=("--to",), metavar="YYYY-MM-DD", panel=BENCH
    )


def run(options: Options) -> None:
    warnings.filterwarnings("ignore", category=SyntaxWarning)  # of code that models wrote, when it is parsed
    if options.bench == discriminate.NAME:
        compare_sides(options)
        return
    refuse_with_ray(options, "model", "evalplus_json", "generate_only", "base_url", "serve")
    options = settle(options)
    bench = asked_for(options)
    if options.evalplus_json and not hasattr(bench, "family"):
        raise UsageError(f"--evalplus-json: EvalPlus has no benchmark {bench.name}")
    if options.model is None:
        how = "none" if options.extract == "auto" else options.extract
        evaluate(dataclasses.replace(options, extract=how), bench)
        return
    if options.generate_only:
        if unused := [
            flag(n, Options) for n in ("evalplus_json", "isolation", "max_rejects", "rejects") if n in options.given
        ]:
            raise UsageError(f"{', '.join(unused)}: --generate-only judges no sample; leave it out")
        write(options, bench)
        return
    with kept(options, bench) as samples:
        evaluate(dataclasses.replace(options, files=[samples], extract="none"), bench)


def compare_sides(options: Options) -> None:
    """`--bench discrimination`: a record a pair, share and means on stderr. Raises UsageError for a useless option."""
    if options.files:
        raise UsageError(f"--bench {discriminate.NAME} reads no samples ({options.files[0]}); the pairs are --data")
    used = {"bench", "data", "model", "output", "quiet"}
    if unused := [flag(name, Options) for name in sorted(options.given - used) if name in specs(Options)]:
        raise UsageError(f"--bench {discriminate.NAME} has no use for {', '.join(unused)}; leave it out")
    if not options.data:
        raise UsageError(f"--bench {discriminate.NAME} needs --data FILE, pairs as `fgit mask` writes them")
    scores, out = discriminate.Preferences(), Writer(options.output)
    for record in discriminate.discriminate(options.model or DEFAULT_MODEL, options.data):
        scores.add(record)
        out.write(record)
    out.close()
    for line in scores.summary():
        note("eval", options, line)


def settle(options: Options) -> Options:
    """The options with samples and model decided: either `files` to judge or a `model` to ask.

    Raises UsageError for both, for samples with options that a model alone has a use for, and where nothing on stdin
    would have to mean a model that is not there.
    """
    if options.samples and not options.samples.strip("0"):
        raise UsageError(f"--samples {options.samples}: give a whole number, 1 or more, or a file of samples")
    if options.samples and not options.samples.isdigit():
        options = dataclasses.replace(options, files=[*options.files, options.samples], samples=None)
    if options.model is None and (options.base_url or options.serve):
        named = "--base-url" if options.base_url else "--serve"
        raise UsageError(f"{named} needs --model, the name that the server knows")
    if options.model is not None:
        if options.files:
            raise UsageError(f"both --model and samples ({options.files[0]}); give one of them")
        return options
    if options.files or _records_on_stdin():
        unused = [
            flag(name, Options)
            for name, (_, spec) in specs(Options).items()
            if spec.panel == PANEL and name in options.given
        ]
        unused += ["--samples"] if options.samples else []
        if unused:
            where = options.files[0] if options.files else "stdin"
            raise UsageError(f"{', '.join(unused)}: no model is asked, the samples of {where} are judged; leave it out")
        return options
    if not Path(DEFAULT_MODEL).is_dir():
        raise UsageError(
            f"no samples on stdin and no model in ./{DEFAULT_MODEL}; give samples (FILE or stdin), or --model"
        )
    return dataclasses.replace(options, model=DEFAULT_MODEL)


def _records_on_stdin() -> bool:
    """Whether stdin yields anything but white space; nothing of it is lost."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return False
    stream: Any = sys.stdin.buffer
    while head := stream.peek():
        if head.strip():
            return True
        stream.read(len(head))
    return False


def settings(options: Options) -> dict[str, Any]:
    """What was given of the options that some benchmarks have. Raises UsageError where this one is not among them."""
    given: dict[str, Any] = {
        name: getattr(options, name) for name in sorted({"limits", "split", "calibrated"} & options.given)
    }
    for name in ("since", "until"):
        text = getattr(options, name)
        if text is not None:
            try:
                given[name] = date.fromisoformat(text)
            except ValueError:
                raise UsageError(f"{flag(name, Options)} {text}: no day; write it as 2024-08-31") from None
    if unknown := set(given) - set(benches.entry(options.bench).settings):
        raise UsageError(
            f"{', '.join(flag(n, Options) for n in sorted(unknown))}: --bench {options.bench} has no such setting"
        )
    return given


def asked_for(options: Options) -> benches.Bench:
    """The benchmark of the options, with the tasks that are asked for."""
    bench = benches.load(options.bench, options.data, settings(options))
    if options.tasks is not None:
        benches.keep_only(bench, options.tasks)
    return bench


@contextmanager
def opened(
    options: Options, bench: benches.Bench | None = None, add: Callable[[dict[str, Any], Checked], None] | None = None
) -> Iterator[Filter]:
    """The filter that judges samples, with its sandbox; `add` sees each verdict."""
    bench = bench or asked_for(options)
    samples = Samples(bench, options.extract)
    with sandbox(options, bench) as executor:
        bench.prepare(executor, partial(note, "eval", options))
        how = {"data": bench.md5, "extract": options.extract, **bench.describe(), **executor.describe()}
        made = {"fgit": __version__, **how}

        def stage(items: Iterable[Sample], tally: Tally) -> Iterator[dict[str, Any]]:
            samples.begin(tally.before)
            scores = Scores(bench)
            for record, checked in judge(items, tally, bench, executor, scores):
                if add:
                    add(record, checked)
                yield {**record, "isolation": executor.level, "made": made}
            tally.totals.update(scores.numbers() | samples.extractor.numbers())

        yield Filter(samples, stage)


def evaluate(options: Options, bench: benches.Bench) -> None:
    """Judge the samples of `options.files`. Raises AnswerIsNo when a sample got no verdict, or none was judged."""
    from fgit_cli.benches.evalplus_json import EvalResults

    results = EvalResults(bench) if options.evalplus_json else None
    ready = opened if options.ray else partial(opened, bench=bench, add=results.add if results else None)

    def tell(tally: Tally) -> None:
        if results:
            results.write(Path(str(options.evalplus_json)))

    def score(tally: Tally) -> None:
        scores, extractor = Scores(bench), Extractor(options.extract)
        scores.add_numbers(tally.totals)
        extractor.add_numbers(tally.totals)
        for line in [*extractor.notes(), *bench.notes(), *scores.summary()]:
            tally.note(line)
        if scores.infra:
            raise AnswerIsNo(f"{sum(scores.infra.values())} samples have no verdict; run them again")
        if (tally.read or tally.bad_lines) and not scores.samples:
            why = ", ".join(f"{n} {reason}" for reason, n in tally.rejects.most_common()) or "no usable line"
            raise AnswerIsNo(f"no sample was judged, so there is no score: {why}; --bench is {bench.name}")

    run_filter("eval", options, ready, tell, score, task_of)


@contextmanager
def sandbox(options: Options, bench: benches.Bench) -> "Iterator[Executor]":
    """The sandbox that the benchmark needs, running; its level is said."""
    from fgit_cli.executor import Executor

    with Executor(isolation=options.isolation, workers=options.processes, profile=bench.profile) as executor:
        note("eval", options, f"isolation {executor.level}" + (f" ({executor.reason})" if executor.reason else ""))
        yield executor
