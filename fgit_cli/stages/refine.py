"""Makes pairs from an instruction alone, by iterative debugging (CodeFlow: Target-DPO, section 2.1 and appendix A).

The teacher writes code and tests; the sandbox runs them; while they fail the teacher sees the error and repairs the
code, five times at most. The version that passes is the correct response, an earlier one that fails the incorrect one.
"""

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from fgit_cli.core import codeflow, equivalence, fields
from fgit_cli.core.answers import Unusable
from fgit_cli.core.whole import why_cut
from fgit_cli.core.written_tests import script
from fgit_cli.engines.generation import Completion, Request, RequestFailed
from fgit_cli.engines.generation.teacher import Teacher, made_by
from fgit_cli.prompts import Prompt
from fgit_cli.stages.bugs import Bug, bug_of
from fgit_cli.stages.by_tests import FORGEABLE, WRONG, NoTest, RecordsTests, said
from fgit_cli.stages.running import Tally

if TYPE_CHECKING:
    from fgit_cli.executor import Executor, Outcome

Negative = Literal["random", "first", "last"]


@dataclasses.dataclass
class Attempt:
    """One version of the code and what came of it: `status` as the executor gives it."""

    code: str
    status: str = ""
    error: str = ""

    def describe(self) -> dict[str, Any]:
        return {
            "text": codeflow.fenced(self.code),
            "status": self.status,
            "error": self.error,
        }


@dataclasses.dataclass
class Case:
    """One record on its way through the rounds."""

    record: dict[str, Any]
    turns: list[dict[str, str]]
    instruction: str
    dialogue: list[dict[str, str]] = dataclasses.field(default_factory=list)
    tests: str = ""
    attempts: list[Attempt] = dataclasses.field(default_factory=list)
    refused: str = ""  # why the record gives no pair, the same words for all of a kind
    detail: str = ""
    bug: Bug | None = None  # the unexpected error that it met
    calls: int = 0  # answers that the teacher was asked for

    @property
    def passed(self) -> bool:
        return bool(self.attempts) and self.attempts[-1].status == "pass"

    @property
    def open(self) -> bool:
        return not self.refused and not self.passed

    def meet(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What the function gives; None, and the record is out, where it meets an unexpected error."""
        try:
            return function(*arguments)
        except BaseException as error:
            self.bug = bug_of(error)
            self.refused = str(self.bug)
            return None


@dataclasses.dataclass(frozen=True)
class Settings:
    """How pairs are made: `iterations` repairs at most, or `sampling` answers and no repair."""

    iterations: int
    sampling: int
    negative: Negative
    limit: float
    min_coverage: float
    judge: bool
    seed: int


class Debugging:
    """The rounds of `fgit refine`: `refine` is its stage generator."""

    def __init__(
        self, teacher: Teacher, executor: "Executor", prompts: dict[str, Prompt], settings: Settings, window: int
    ) -> None:
        """`prompts`: `write`, `fix` and `judge`. `window`: records that go through the rounds together."""
        self.teacher, self.executor, self.prompts, self.settings = teacher, executor, prompts, settings
        self.window = window
        self._method = "sampling" if settings.sampling else "refine"

    def refine(self, cases: Iterable[Case], tally: Tally) -> Iterator[dict[str, Any]]:
        """The pairs, in input order; a window of records is held."""
        tally.detail = self.teacher.progress
        source = iter(cases)
        while group := [case for _, case in zip(range(self.window), source, strict=False)]:
            if any(case.record.get("tools") for case in group):
                tally.odd(fields.TOOLS_UNSENT)
            self._write(group)
            for _ in range(0 if self.settings.sampling else self.settings.iterations):
                self._repair([case for case in group if case.open])
            pairs = [(case, case.meet(self._pair, case)) for case in group]
            if self.settings.judge:
                self._judge([(case, pair) for case, pair in pairs if pair])
            for case, pair in pairs:
                if case.passed:
                    tally.totals[f"passed at {len(case.attempts) - 1}"] += 1
                if case.bug:
                    tally.bug(self._left_out(case), case.bug)
                elif pair and not case.refused:
                    if "forgeable" in pair["origin"]:
                        tally.count(FORGEABLE)
                    pair["origin"]["calls"] = case.calls  # the judge is asked after the pair is made
                    tally.totals["pairs"] += 1
                    tally.totals[f"covered {codeflow.tenth(pair['origin']['coverage'])}"] += 1
                    yield pair
                else:
                    tally.reject(self._left_out(case), case.refused, case.detail)
            tally.totals["judged"] += len(group)
            tally.totals["calls"] += sum(case.calls for case in group)

    def _left_out(self, case: Case) -> dict[str, Any]:
        """The record as --rejects has it: with what was tried, and what it took."""
        origin = {**made_by(self.teacher, self._method, 0), "calls": case.calls}
        tests = {"tests": case.tests} if case.tests else {}
        return {**case.record, **tests, "attempts": [attempt.describe() for attempt in case.attempts], "origin": origin}

    def _write(self, cases: list[Case]) -> None:
        """Round 0: code and tests; with `sampling` several codes, all judged by the first answer's tests."""
        n = max(1, self.settings.sampling)

        def request(case: Case) -> Request:
            text = self.prompts["write"].render(instruction=case.turns[-1]["content"])
            case.dialogue = [*case.turns[:-1], {"role": "user", "content": text}]
            return Request("", messages=case.dialogue, n=n)

        for _ in self.executor.imap(lambda asked: asked[0].meet(self._first, asked), self._ask(cases, request)):
            pass

    def _ask(
        self, cases: list[Case], request: Callable[[Case], Request | None]
    ) -> Iterator[tuple[Case, list[Completion]]]:
        """Each case with the teacher's answers; one whose request cannot be made is out."""
        made = [(case, case.meet(request, case)) for case in cases]
        for case, wanted in made:
            case.calls += wanted.n if wanted else 0
        asked = ((case, wanted) for case, wanted in made if wanted)
        for (case, _), answer in self.teacher.ask(asked, lambda pair: pair[1], _unanswered):
            yield case, answer

    def _first(self, asked: tuple[Case, list[Completion]]) -> None:
        case, answer = asked
        codes = []
        for completion in answer:
            try:
                code, tests = codeflow.code_and_tests(self._whole(completion))
                codes.append(code)
            except Unusable as error:
                case.refused = case.refused or str(error)
                continue
            if not case.tests:
                case.tests, case.refused = tests, ""
                case.dialogue = [*case.dialogue, {"role": "assistant", "content": completion.answer}]
        if not case.tests:
            return
        case.refused = self._trivial(codes[0], case.tests)
        for code in codes:
            if case.open:
                self._try(case, code)

    def _whole(self, completion: Completion) -> str:
        """The answer behind the thinking. Raises Unusable for one that is empty or cut."""
        if why := completion.why_empty(self.teacher.sampling.max_tokens):
            raise Unusable(why)
        if cut := why_cut(completion.finish_reason):
            raise Unusable(cut)
        return completion.answer

    def _trivial(self, code: str, tests: str) -> str:
        """Why the tests prove nothing: they pass although every function of the code is empty."""
        try:
            empty = codeflow.gutted(code)
        except Unusable:
            return ""  # the code does not parse: it fails any test
        passed = self.executor.run_tests(empty, script(tests), self.settings.limit, text=tests).status == "pass"
        return "trivial tests: they pass when the functions are empty" if passed else ""

    def _try(self, case: Case, code: str) -> None:
        told = script(codeflow.telling(case.tests))
        outcome = self.executor.run_tests(code, told, self.settings.limit, text=case.tests)
        case.attempts.append(Attempt(code, outcome.status, _error(outcome)))
        if outcome.status == "infra":
            case.refused, case.detail = "the sandbox failed", said(outcome)

    def _repair(self, cases: list[Case]) -> None:
        def request(case: Case) -> Request:
            text = self.prompts["fix"].render(tests=case.tests.rstrip(), error=case.attempts[-1].error)
            return Request("", messages=[*case.dialogue, {"role": "user", "content": text}])

        def repaired(asked: tuple[Case, list[Completion]]) -> None:
            case, answer = asked
            case.dialogue = [*(request(case).messages or []), {"role": "assistant", "content": answer[0].answer}]
            try:
                self._try(case, codeflow.only_code(self._whole(answer[0]), case.attempts[-1].code))
            except Unusable as error:
                case.refused = f"a repair without code: {error}"

        for _ in self.executor.imap(lambda asked: asked[0].meet(repaired, asked), self._ask(cases, request)):
            pass

    def _pair(self, case: Case) -> dict[str, Any] | None:
        """The finished record; None, with the reason in `case.refused`, where there is none."""
        if not case.refused and not case.passed:
            case.refused = f"never passed, last: {case.attempts[-1].status}"
        if case.refused:
            return None
        correct = case.attempts[-1].code
        judge = RecordsTests(self.executor, correct, case.tests, self.settings.limit)
        negatives = self._negatives(case, correct, judge)
        if not negatives:
            case.refused = "no failing version that differs in logic" if len(case.attempts) > 1 else "passed at once"
            return None
        try:
            if why := judge.why_not_correct():
                case.refused = f"not the same twice: {why}"
                return None
        except NoTest as said_nothing:
            case.refused = str(said_nothing)
            return None
        share = self._coverage(correct, case.tests)
        if share < self.settings.min_coverage:
            case.refused = "the tests cover too little (--min-coverage)"
            return None
        draw = random.Random(f"{self.settings.seed} {case.instruction}")
        chosen = {"first": negatives[0], "last": negatives[-1], "random": draw.choice(negatives)}[
            self.settings.negative
        ]
        origin = made_by(self.teacher, self._method, 0)
        origin |= {
            "negative": self.settings.negative,
            "attempt": chosen,
            "passed_at": len(case.attempts) - 1,
            "coverage": round(share, 4),
            **judge.judged(),
            "prompts": {name: prompt.sha256 for name, prompt in self.prompts.items()},
        }
        pair = {
            **case.record,
            "response": codeflow.fenced(correct),
            "incorrect": codeflow.fenced(case.attempts[chosen].code),
            "tests": case.tests,
            "attempts": [attempt.describe() for attempt in case.attempts],
            "origin": origin,
        }
        fields.identify(pair)
        return pair

    def _negatives(self, case: Case, correct: str, judge: RecordsTests) -> list[int]:
        """Attempts that fail twice (no timeout, no memory) and differ from the correct version in more than looks."""
        return [
            i
            for i, attempt in enumerate(case.attempts[:-1])
            if attempt.status in WRONG
            and equivalence.reason(correct, attempt.code, "python") is None
            and judge.why_not_wrong_again(attempt.code) is None
        ]

    def _coverage(self, code: str, tests: str) -> float:
        """Share of the code's executable lines that the tests reach, by coverage.py (the paper's equation 9)."""

        from fgit_cli.executor import plain_report

        program = codeflow.coverage_program(code, script(tests))
        outcome = self.executor.run_script("", program, limit=10 * self.settings.limit)
        wanted = codeflow.executable_lines(code)
        if outcome.status != "pass" or not outcome.report or not wanted:
            return 0.0
        told = plain_report(outcome.report)
        reached = {line for line in told if type(line) is int} if isinstance(told, list) else set()
        return len(wanted & reached) / len(wanted)

    def _judge(self, pairs: list[tuple[Case, dict[str, Any]]]) -> None:
        """Refuse the pairs in which the teacher sees no difference in logic."""

        def request(asked: tuple[Case, dict[str, Any]]) -> Request:
            case, pair = asked
            text = self.prompts["judge"].render(
                instruction=case.instruction, correct=pair["response"], incorrect=pair["incorrect"]
            )
            return Request("", messages=[{"role": "user", "content": text}])

        asked = [(case, case.meet(request, (case, pair))) for case, pair in pairs]
        wanted = [pair for pair in asked if pair[1]]
        for case, _ in wanted:
            case.calls += 1
        for (case, _), answer in self.teacher.ask(wanted, lambda pair: pair[1], _unanswered):
            if not answer[0].answer.strip().strip("*`\"'").lower().startswith("yes"):
                case.refused = "the judge sees no difference in logic"


def pass_rates(tally: Tally, settings: Settings) -> list[float]:
    """Share of the records whose code passed, after each iteration (the paper's Figure 6)."""
    last = settings.sampling - 1 if settings.sampling else settings.iterations
    total = max(tally.totals["judged"], 1)
    passed = [tally.totals[f"passed at {at}"] for at in range(last + 1)]
    return [sum(passed[: i + 1]) / total for i in range(last + 1)]


def how_many_passed(tally: Tally, settings: Settings) -> None:
    """Say the pass rates of a run."""
    if tally.totals["judged"]:
        rates = " ".join(f"{rate:.1%}" for rate in pass_rates(tally, settings))
        tally.note(f"passed after {'answer 1, 2, ...' if settings.sampling else 'iteration 0, 1, ...'}: {rates}")
    if pairs := tally.totals["pairs"]:
        lows = {low: tally.totals[f"covered {low}"] for low in range(0, 101, 10)}
        told = ", ".join(f"{n} of {f'{low}-{low + 9}' if low < 100 else low} %" for low, n in lows.items() if n)
        tally.note(
            f"{tally.totals['calls'] / pairs:.1f} answers of the teacher for each pair; pairs by the share of lines "
            f"that their tests cover: {told}"
        )


def _unanswered(pair: tuple[Case, Any], why: RequestFailed) -> None:
    case, _ = pair
    case.refused, case.detail = why.reason, why.detail


def _error(outcome: "Outcome") -> str:
    if outcome.status == "pass":
        return ""
    if outcome.status == "timeout":
        return "it did not end in time"
    where = "in the tests" if outcome.stage == "tests" else "in the solution"
    return f"{said(outcome)} ({where})"
