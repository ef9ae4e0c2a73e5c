"""The passes of a step, one after the other; one that runs out of memory is run again in halves, on every rank alike.

A forward pass changes nothing, so it can be run again; ranks tell each other how theirs went before any goes on, for
each must make as many backward passes as the others. What a backward pass needs beside the forward's is asked for
before it begins. Under ZeRO-3 and FSDP the ranks exchange weights in the middle of a forward pass, which no rank can
leave alone: there running out of memory ends the run.
"""

import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from fgit_cli.training.budget import Budget
from fgit_cli.training.failures import NotANumber, out_of_memory
from fgit_cli.training.forward import idle
from fgit_cli.training.head import device_of
from fgit_cli.training.layout import row_sizes
from fgit_cli.training.losses import Loss
from fgit_cli.training.objective import Objective
from fgit_cli.training.pairs import Example
from fgit_cli.training.step import Layout, Totals, step
from fgit_cli.training.sums import Sums


class Passes:
    """Runs the passes of a rank, forward and backward."""

    def __init__(
        self,
        model: Any,
        accelerator: Any,
        objective: Objective,
        layout: Layout,
        loss_of: Loss,
        budget: Budget,
        say: Callable[[str], None],
    ) -> None:
        self.model, self.accelerator, self.objective = model, accelerator, objective
        self.layout, self.loss_of, self.budget = layout, loss_of, budget
        self.say, self.said = say, False
        self.repeats = whole_weights(accelerator)
        self.group = _own_group(accelerator) if self.repeats and accelerator.num_processes > 1 else None
        for _ in range(2):  # at its second pass torch's DDP once orders its buckets, all ranks together
            self._settle()

    def run(self, passes: Sequence[Sequence[Example]], totals: Totals, sums: Sums, number: int) -> None:
        """All of step `number`; their gradients meet in the last. Raises NotANumber for a loss that is none."""
        waiting, ranks = deque(passes), self.accelerator.num_processes
        while waiting:
            members = waiting.popleft()
            last = not waiting
            self.accelerator.sync_gradients = last
            with contextlib.nullcontext() if last else self.accelerator.no_sync(self.model):
                made = self._forward(members, totals)
                if made is None:
                    waiting.extendleft(reversed(halves(members, self.objective, self.layout)))
                    if last:
                        self._settle()
                    continue
                loss, found = made
                sums.add(found)
                if last and not math.isfinite(total := sums.loss()):
                    # before the backward pass, which is where DeepSpeed changes the weights
                    raise NotANumber(f"the loss of step {number} is {total}")
                self.accelerator.backward(loss * ranks)

    def _forward(self, members: Sequence[Example], totals: Totals) -> tuple[Any, dict[str, Any]] | None:
        """Loss and sums; None where some rank ran out of memory, and all of them are to run theirs in halves."""
        made, error = None, None
        try:
            with self.accelerator.autocast():
                made = step(self.model, members, self.objective, totals, self.layout, self.loss_of)
            self.budget.reserve(sum(sum(row_sizes(self.objective, e, self.layout.name)) for e in members))
        except Exception as raised:
            if not (self.repeats and out_of_memory(raised)):
                raise
            error = raised.with_traceback(None)  # whose frames hold what the pass had made
        failed, most = self._of_all(error is not None, len(members))
        if not failed:
            return made
        del made
        if most <= 1:
            raise error or MemoryError("another rank ran out of memory")
        self.budget.halve()
        if not self.said:
            tokens = self.budget.tokens
            self.say(f"a pass ran out of memory and is run again in halves; from now on {tokens} tokens at most")
        self.said = True
        return None

    def _settle(self) -> None:
        """End what a forward pass began in torch's DDP, which waits for a backward pass to bring gradients together.

        An empty pass, on every rank, gives it one. Gradients of earlier passes become their mean over the ranks, to
        which the mean of the later ones is added: the same in the end.
        """
        if str(self.accelerator.distributed_type.value).startswith("MULTI_"):
            with self.accelerator.autocast():
                nothing = idle(self.model, device_of(self.model)).sum()
            self.accelerator.backward(nothing)

    def _of_all(self, failed: bool, members: int) -> tuple[bool, int]:
        """Whether any rank failed, and the most examples that any had in its pass."""
        if self.accelerator.num_processes == 1 or not self.repeats:
            return failed, members
        import torch

        told = torch.tensor([int(failed), members])
        torch.distributed.all_reduce(told, torch.distributed.ReduceOp.MAX, group=self.group)
        return bool(told[0]), int(told[1])


def halves(members: Sequence[Example], objective: Objective, layout: Layout) -> list[list[Example]]:
    """The examples in two passes of about as many tokens; one may be empty, as another rank's is not."""
    ordered = sorted(members, key=lambda e: -sum(row_sizes(objective, e, layout.name)))
    return [ordered[0::2], ordered[1::2]]


def whole_weights(accelerator: Any) -> bool:
    """Whether each rank has all weights, so that its forward pass is its own affair."""
    if str(accelerator.distributed_type.value) == "DEEPSPEED":
        return bool(accelerator.state.deepspeed_plugin.zero_stage < 3)
    return str(accelerator.distributed_type.value) in ("NO", "MULTI_GPU", "MULTI_CPU")


def _own_group(accelerator: Any) -> Any:
    """A group of all ranks that talks over the CPU: what they tell each other must not wait for the GPU's work."""
    import torch

    return torch.distributed.new_group(backend="gloo") if accelerator.device.type == "cuda" else None
