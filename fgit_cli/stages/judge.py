"""Judges samples by a benchmark, several at once, in input order, for `fgit eval`."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fgit_cli.benches.bench import Bench, Checked, Task
from fgit_cli.benches.extract import Extractor
from fgit_cli.core.passk import mean_pass_at_k
from fgit_cli.errors import InputError
from fgit_cli.stages.bugs import Bug, or_bug
from fgit_cli.stages.running import Rejected, Tally

if TYPE_CHECKING:
    from fgit_cli.executor import Executor

AHEAD = 100  # samples held for each worker, so that one that waits for its limit stops nobody


@dataclass(frozen=True)
class Sample:
    """One record that holds a solution. `index` counts the samples of a task from 0; `task` is None when unknown."""

    record: dict[str, Any]
    task: Task | None
    index: int
    solution: str

    @property
    def task_id(self) -> str:
        return self.task.task_id if self.task else ""


class Samples:
    """Makes samples of records `{"task_id", "solution"}` or `{"task_id", "completion"}`.

    `how` is `none` (the program runs as it is), `ast` or `evalplus`.
    """

    def __init__(self, bench: Bench, how: str = "none") -> None:
        self.bench, self.how = bench, how
        self.begin({})

    def begin(self, before: Mapping[str, int]) -> None:
        """Begin anew: `before` says how many samples of each task came before."""
        self.extractor = Extractor(self.how)
        self._seen = Counter(before)

    def __call__(self, record: dict[str, Any]) -> Sample:
        """One sample. Raises InputError for a record that holds none."""
        task_id = record.get("task_id")
        if isinstance(task_id, int):  # the original MBPP counts its tasks
            task_id = str(task_id)
        if not isinstance(task_id, str):
            raise InputError("no text in field `task_id`; a sample is {task_id, solution} or {task_id, completion}")
        task = self.bench.tasks.get(task_id)
        solution = self._solution(record, task)
        if task:
            solution = self.extractor(solution, task)
        index = self._seen[task_id]
        self._seen[task_id] += 1
        return Sample(record, task, index, solution)

    def _solution(self, record: dict[str, Any], task: Task | None) -> str:
        for name in ("solution", "completion"):
            value = record.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise InputError(f"field `{name}` is no text; repeat the task's record for several samples")
            return self.bench.solution(task, value) if name == "completion" and task else value
        raise InputError("neither `solution` (a whole program) nor `completion` (what follows the prompt)")


class Scores:
    """The counts from which pass@k follows: per task samples, passes of base, passes of base and plus."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.samples: Counter[str] = Counter()
        self.base: Counter[str] = Counter()
        self.both: Counter[str] = Counter()
        self.seeded = 0  # samples that drew random numbers
        self.forgeable = 0  # verdicts that a program could have forged
        self.infra: dict[str, int] = defaultdict(int)
        self.beyond_peer: list[str] = []  # tasks of passing samples that are slower than EvalPlus allows

    def add(self, task_id: str, checked: Checked) -> None:
        """Count one verdict. `infra` is no verdict: such a sample counts in no score."""
        if checked.infra:
            self.infra[task_id] += 1
            return
        self.samples[task_id] += 1
        self.base[task_id] += checked.passed_base
        self.both[task_id] += checked.passed
        if checked.beyond_peer:
            self.beyond_peer.append(task_id)
        self.forgeable += bool(checked.forgeable)
        self.seeded += "seeds" in checked.extra

    def numbers(self) -> dict[str, int]:
        """The counts as numbers that can be added up over the parts of a run."""
        named = {name: getattr(self, name) for name in ("samples", "base", "both", "infra")}
        named["beyond"] = Counter(self.beyond_peer)
        flat = {f"{name} {task_id}": n for name, counts in named.items() for task_id, n in counts.items()}
        return {**flat, "seeded": self.seeded, "forgeable": self.forgeable}

    def add_numbers(self, numbers: Mapping[str, int]) -> None:
        """Add such sums."""
        for key, n in numbers.items():
            name, _, task_id = key.partition(" ")
            if name in ("samples", "base", "both", "infra"):
                getattr(self, name)[task_id] += n
            elif name == "beyond":
                self.beyond_peer += [task_id] * n
        self.seeded += numbers.get("seeded", 0)
        self.forgeable += numbers.get("forgeable", 0)

    def summary(self) -> list[str]:
        """Lines that say pass@k, over how many tasks, and what is not in it."""
        bench, tasks = self.bench, len(self.samples)
        lines = []
        if tasks:
            most = min(self.samples.values())
            for k in [k for k in (1, 10, 100) if k <= most]:
                base, both = (
                    100 * mean_pass_at_k([(n, passed[t]) for t, n in self.samples.items()], k)
                    for passed in (self.base, self.both)
                )
                figures = f"{base:.1f} base, {both:.1f} base and plus" if bench.has_plus else f"{base:.1f}"
                lines.append(f"{bench.name} pass@{k} {figures}{self._over(tasks)}")
        if self.beyond_peer:
            named = ", ".join(self.beyond_peer[:5]) + (", ..." if len(self.beyond_peer) > 5 else "")
            lines.append(
                f"{len(self.beyond_peer)} samples pass that EvalPlus's time limits would fail ({named}); "
                "--limits evalplus judges by those"
            )
        if self.seeded:
            from fgit_cli.executor.seeds import SEEDS

            lines.append(
                f"{self.seeded} samples draw random numbers and pass with one seed; each was run with "
                f"{len(SEEDS)} seeds, all of which must pass"
            )
        if self.infra:
            lines.append(
                f"{sum(self.infra.values())} samples without a verdict (the sandbox failed, not they), in no score: "
                + ", ".join(list(self.infra)[:5])
            )
        return lines

    def _over(self, tasks: int) -> str:
        whole = len(self.bench.tasks)
        over = f"{tasks} tasks" if tasks == whole else f"a subset: {tasks} of {whole} tasks"
        label = f"; {self.forgeable} forgeable, for their tests ran beside them" if self.forgeable else ""
        return f" ({over}, {self.samples.total()} samples{label})"


def task_of(record: Mapping[str, Any]) -> str | None:
    """The task of which a record is a sample; None for one that is no sample."""
    task_id = record.get("task_id")
    told = any(isinstance(record.get(name), str) for name in ("solution", "completion"))
    return str(task_id) if told and isinstance(task_id, str | int) else None


def judge(
    samples: Iterable[Sample], tally: Tally, bench: Bench, executor: "Executor", scores: Scores
) -> Iterator[tuple[dict[str, Any], Checked]]:
    """The result record of each sample, in input order, with what came of it. Tasks not to be judged are rejected.

    Holds at most AHEAD samples a worker at a time.
    """
    tally.detail = bench.progress
    for sample, found in checked(samples, bench, executor):
        if isinstance(found, Rejected):
            tally.reject(sample.record, found.reason)
        elif isinstance(found, Bug):
            tally.bug(sample.record, found)
        else:
            scores.add(sample.task_id, found)
            yield result(sample, bench, found), found


def checked(
    samples: Iterable[Sample], bench: Bench, executor: "Executor"
) -> Iterator[tuple[Sample, Checked | Rejected | Bug]]:
    """Each sample with its verdict, the reason why it is not judged, or the bug that it met."""

    @or_bug
    def verdict(sample: Sample) -> Checked | Rejected:
        if sample.task is None:
            return Rejected("unknown task")
        if sample.task.task_id in bench.unusable:
            return Rejected(bench.unusable[sample.task.task_id])
        return bench.check(sample.task, sample.solution, executor)

    def check(sample: Sample) -> tuple[Sample, Checked | Rejected | Bug]:
        return sample, verdict(sample)

    return executor.imap(check, samples, AHEAD)


def result(sample: Sample, bench: Bench, checked: Checked) -> dict[str, Any]:
    """The record that `fgit eval` writes of a sample that was judged."""
    return {
        **sample.record,
        "bench": bench.name,
        "sample": sample.index,
        "solution": sample.solution,
        "base": checked.base,
        "plus": checked.plus,
        "error": checked.error.as_record() if checked.error else None,
        "seconds": round(checked.seconds, 3),
        **checked.extra,
        **({"forgeable": checked.forgeable} if checked.forgeable else {}),
    }
