"""How many tokens a pass feeds at most: what `--token-budget` says, or as many as the GPU's free memory has room for.

It decides how many passes a step takes, and never what the step computes.
"""

from dataclasses import dataclass
from typing import Any

from fgit_cli.training import estimate
from fgit_cli.training.options import Options
from fgit_cli.training.support import Layout

OUTSIDE = 2**30  # bytes of a GPU that torch's allocator leaves to what is not torch's: NCCL's buffers, CUDA's kernels
DEFAULT = 8192  # tokens, on a CPU and where no step is trained; more makes nothing faster there


@dataclass
class Budget:
    """The tokens of a pass at most.

    `reserved` is what a backward pass needs for each of its tokens beside what the forward has kept, in bytes.
    """

    tokens: int
    device: Any = None
    reserved: int = 0

    def halve(self) -> None:
        """From now on passes are half as large, because one ran out of memory."""
        import torch

        self.tokens = max(1, self.tokens // 2)
        if self.reserved:
            torch.cuda.empty_cache()

    def reserve(self, tokens: int) -> None:
        """Ask the GPU for what the backward pass of so many tokens needs, and give it back: now is the time to fail."""
        import torch

        if self.reserved:
            torch.empty(tokens * self.reserved, dtype=torch.uint8, device=self.device)


def budget_of(options: Options, model: Any, accelerator: Any, layout: Layout, longest: int) -> Budget:
    """The budget of a run, the same on every rank. Call it when model and optimizer are on the GPU.

    Raises UsageError for a `--token-budget` that is neither `auto` nor a number.
    """
    asked, device = estimate.asked_for(options.token_budget), accelerator.device
    if device.type != "cuda":
        return Budget(asked or DEFAULT)
    _leave_room(device)
    shape = estimate.Shape.of_model(accelerator.unwrap_model(model))
    tokens = asked or _fitting(shape, options, accelerator, layout, longest)
    return Budget(tokens, device, estimate.backward_bytes(shape))


def _leave_room(device: Any) -> None:
    """Bound torch's allocator: NCCL takes its buffers at its first collective, when passes may have filled the card."""
    import torch

    free, total = torch.cuda.mem_get_info(device)
    torch.cuda.set_per_process_memory_fraction(allowed(free, torch.cuda.memory_reserved(device), total), device)


def allowed(free: int, reserved: int, total: int) -> float:
    """The share of a GPU that torch may hold, where it holds `reserved` bytes and `free` are nobody's; (0, 1].

    OUTSIDE is left, of a small GPU a twentieth; what torch holds is never asked back.
    """
    return max(reserved, reserved + free - min(OUTSIDE, total // 20)) / total


def _fitting(shape: estimate.Shape, options: Options, accelerator: Any, layout: Layout, longest: int) -> int:
    """Tokens for which the GPU with the least room has enough, by the cost model."""
    import torch

    device, plugin = accelerator.device, accelerator.state.deepspeed_plugin
    ranks = accelerator.num_processes if plugin else 1
    free, total = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    # what is not there yet: gradients, under DeepSpeed those of the step in fp32, else Adam's moments
    coming = (2 + 4) * shape.trained / ranks + estimate.BUCKETS if plugin else (4 + 8) * shape.trained
    room = free - coming - estimate.SPARE * total
    tokens = estimate.tokens_in(room, total, shape, bool(layout.kernels.edits), options.gradient_checkpointing)
    every = accelerator.gather(torch.tensor([max(tokens, longest)], device=device))
    return int(every.min())
