"""The model looked at before, during and after training: held-out pairs, answers to a benchmark, the best weights.

evaluate.py measures held-out pairs; an `Examiner`, which training is given, asks and judges.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from fgit_cli import messages
from fgit_cli.errors import UsageError
from fgit_cli.training import checkpoints
from fgit_cli.training.attention import NAME
from fgit_cli.training.best import Best
from fgit_cli.training.budget import Budget
from fgit_cli.training.data import PairStore
from fgit_cli.training.evaluate import evaluate
from fgit_cli.training.head import unwrap
from fgit_cli.training.machines import describe
from fgit_cli.training.options import Options
from fgit_cli.training.passes import whole_weights
from fgit_cli.training.runlog import RunLog
from fgit_cli.training.support import Layout


class Examiner(Protocol):
    """What asks a model in training and judges its answers (stages/examine.py)."""

    def __call__(self, model: Any, accelerator: Any) -> dict[str, Any]:
        """`eval_pass_at_1` and more by name; the model has no wrapper and is set to write. Called by every rank."""

    def close(self) -> None:
        """End what it has open."""


class Evaluations:
    """What was `seen`, by when: `before`, `step 100`, `after`; with `--load-best` the best weights meanwhile."""

    def __init__(
        self, options: Options, accelerator: Any, held_out: PairStore | None, checkpoint: Path | None, model: Any,
        layout: Layout, budget: Budget, log: RunLog, examiner: Examiner | None,
    ) -> None:  # fmt: skip
        self.accelerator, self.held_out, self.model, self.layout = accelerator, held_out, model, layout
        self.budget, self.log, self.examiner = budget, log, examiner
        earlier = checkpoints.read(checkpoint) if checkpoint else {}
        self.seen: dict[str, dict[str, Any]] = earlier.get("held_out", {})
        self.best = Best(Path(options.output_dir), accelerator, not checkpoint) if options.load_best else None

    def look(self, when: str, done: int) -> float:
        """Evaluate and log the model as it is after `done` steps; the seconds that it took. Called by every rank."""
        began = time.perf_counter()
        found: dict[str, Any] = {}
        if self.held_out:
            found |= evaluate(self.model, self.held_out, self.budget.tokens, self.layout, self.accelerator)
        if self.examiner:
            with writing(self.model, self.layout, self.accelerator) as inner:
                found |= self.examiner(inner, self.accelerator)
        if found:
            self.seen[when] = found
            self.log.write({"step": done, **found})
        if self.best and when != "before":
            nll = found.get("eval_nll")
            self.best.consider(self.model, done, found["eval_pass_at_1"] if self.examiner else nll and -nll)
        return time.perf_counter() - began

    def load_best(self, done: int) -> dict[str, Any] | None:
        """Go back to the best weights where `--load-best` asks for them; which they are. Called by every rank."""
        kept = self.best.load(self.model, done) if self.best else None
        if not kept:
            return None
        figure = "eval_pass_at_1" if self.examiner else "eval_nll"
        best = {"step": kept["step"], figure: abs(kept["value"])}
        self.log.note(f"the best weights are those of step {best['step']}, {figure} {best[figure]:.4g}")
        return best

    def forget(self) -> None:
        """The model is saved: the best weights need not be kept beside it."""
        if self.best:
            self.best.remove()

    def close(self) -> None:
        if self.examiner:
            self.examiner.close()


@contextlib.contextmanager
def writing(model: Any, layout: Layout, accelerator: Any) -> Iterator[Any]:
    """The model without wrappers and as its users will have it: its own attention, no dropout."""
    inner = unwrap(model)
    inner.set_attn_implementation(layout.attention)
    model.eval()
    try:
        with accelerator.autocast():
            yield inner
    finally:
        model.train()
        if layout.name == "shared":
            inner.set_attn_implementation(NAME)


def check_whole(options: Options, accelerator: Any) -> None:
    """Refuse what needs whole weights on a rank where there are none. Raises UsageError."""
    for name in ("eval_bench", "load_best"):
        if getattr(options, name) and not whole_weights(accelerator):
            kind = describe(accelerator)["type"]
            raise UsageError(
                f"{messages.flag(name)} needs whole weights on each rank, and under {kind} no rank has them; use "
                "--deepspeed zero2, or evaluate the saved model"
            )
