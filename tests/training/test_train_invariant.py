"""However a global batch is split into passes and ranks, plain or under DeepSpeed, the gradient is the same."""

import os
import socket

import pytest
import torch
import torch.multiprocessing as multiprocessing
from test_train_exact import relative, run

from fgit_cli.training.step import Example, Objective, Totals, confirm, plan_passes, prepare, step
from tests.helpers.exact import make_exact
from tests.helpers.rounding import EXACT, fp32
from tests.helpers.small_models import edge_pairs, make_model, random_pairs


def eight() -> list[Example]:
    return [Example(p) for p in [*list(edge_pairs().values())[:3], *random_pairs(5)]]


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("objective", [Objective("fgit"), Objective("target-rpo")], ids=lambda o: o.name)
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_eight_passes_of_one_are_one_pass_of_eight(layout_name, objective, dtype):
    examples = eight()
    assert len(plan_passes(examples, objective, layout_name, 1)[0]) == 8
    whole, one_by_one = (run(make_model(dtype=dtype), examples, objective, layout_name, n) for n in (10**6, 1))
    near = EXACT if dtype == "float64" else fp32(make_model(), examples)
    assert relative(one_by_one[0], whole[0]) < near
    assert max(relative(one_by_one[1][n], whole[1][n], near) for n in whole[1]) < near


def _ranked(rank: int, port: int, wrappers: tuple[str, ...], path: str) -> None:
    """One of two ranks: the gradients of every wrapper, which rank 0 writes to `path`."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_SIZE": "2",
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "DS_ACCELERATOR": "cpu"}  # fmt: skip
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo")
    made = {w: (_ddp if w == "ddp" else _deepspeed)(rank, w) for w in wrappers}
    if rank == 0:
        torch.save(made, path)
    torch.distributed.barrier()


def _passes(model, rank: int, objective: Objective, mark, backward) -> None:
    """This rank's passes; `mark(last)` tells the wrapper before the forward whether gradients meet in this pass."""
    examples = eight()
    layout = confirm(model, prepare(model.module))
    assert (layout.name, layout.reasons) == ("shared", ())
    passes = plan_passes(examples, objective, layout.name, 60, ranks=2)[rank]
    assert len(passes) > 1
    for i, members in enumerate(passes):
        mark(i == len(passes) - 1)
        loss, _ = step(model, members, objective, Totals.of(examples), layout)
        backward(loss * 2)


def _ddp(rank: int, _: str) -> dict[str, torch.Tensor]:
    make_exact(setattr)
    model = torch.nn.parallel.DistributedDataParallel(make_model())

    def mark(last):
        model.require_backward_grad_sync = last

    _passes(model, rank, Objective("fgit"), mark, torch.Tensor.backward)
    return {n: p.grad for n, p in model.module.named_parameters()}


RATE = 1024.0  # so large that rounding the weights loses nothing of the gradient


def _deepspeed(rank: int, wrapper: str) -> dict[str, torch.Tensor]:
    """The gradient that DeepSpeed applied: what one step of SGD took off the weights."""
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False  # needs a compiler
    deepspeed.init_distributed("gloo")
    model = make_model(dtype="float32")
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    zero = {"stage": int(wrapper[4]), "stage3_param_persistence_threshold": 0}
    config = {
        "train_micro_batch_size_per_gpu": 1, "gradient_accumulation_steps": 1, "gradient_clipping": 0.0,
        "zero_optimization": zero, "zero_allow_untested_optimizer": True, "zero_force_ds_cpu_optimizer": False,
    }  # fmt: skip
    engine, *_ = deepspeed.initialize(
        model=model, config=config, optimizer=torch.optim.SGD(model.parameters(), lr=RATE)
    )

    objective = Objective("fgit", detach_weight=wrapper.endswith("detached"))
    _passes(engine, rank, objective, engine.set_gradient_accumulation_boundary, engine.backward)
    engine.step()
    with deepspeed.zero.GatheredParameters(list(model.parameters()), enabled=zero["stage"] == 3):
        return {n: (before[n] - p.detach()) / RATE for n, p in model.named_parameters()}


@pytest.mark.parametrize(
    "wrappers",
    [("ddp",), pytest.param(("zero2", "zero3", "zero3 detached"), marks=pytest.mark.soak)],
    ids=["ddp", "deepspeed"],
)
@pytest.mark.usefixtures("exact")
def test_two_ranks_are_one(wrappers, tmp_path):
    """Under DeepSpeed too: ZeRO-2, ZeRO-3 (weights gathered by hooks in every forward), and two forwards a pass."""
    if "zero2" in wrappers:
        pytest.importorskip("deepspeed")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    multiprocessing.spawn(_ranked, (port, wrappers, str(tmp_path / "gradients")), nprocs=2)
    for wrapper, got in torch.load(tmp_path / "gradients").items():
        objective = Objective("fgit", detach_weight=wrapper.endswith("detached"))
        dtype = "float64" if wrapper == "ddp" else "float32"  # DeepSpeed trains in no fp64
        _, want = run(make_model(dtype=dtype), eight(), objective, "shared")
        near = EXACT if wrapper == "ddp" else fp32(make_model(), eight())
        assert max(relative(got[n], want[n], near) for n in want) < near, wrapper
