"""The shared layout's attention as a GPU runs it: two calls for trunks and branches, in the type of autocast.

The flash operators need a GPU; here plain ones of the same contract stand in for them.
"""

import pytest
import torch
from test_train_exact import gradients, relative

from fgit_cli.training import attention
from fgit_cli.training.layout import Span
from fgit_cli.training.step import Example, Objective, Totals, prepare, step
from tests.helpers.small_models import edge_pairs, make_model, random_pairs

SPANS = [Span(5, 3, 2), Span(4, 0, 0), Span(3, 3, 4), Span(1, 1, 1)]
BARE = [Span(4, 0, 0), Span(2, 0, 0)]


def causal(q, k, v, scale):
    """Attention [n, heads, D] with the causal mask aligned at the last query and key."""
    n, m, groups = len(q), len(k), q.shape[1] // k.shape[1]
    hidden = torch.ones(n, m, dtype=torch.bool).triu(m - n + 1)
    k, v = (t.repeat_interleave(groups, 1) for t in (k, v))
    scores = torch.einsum("qhd,khd->hqk", q, k) * (scale or q.shape[-1] ** -0.5)
    return torch.einsum("hqk,khd->qhd", scores.masked_fill(hidden, float("-inf")).softmax(-1), v)


def segments_of(q, k, v, lengths, scale):
    """The contract of the operator: segment after segment."""
    assert lengths.q_ends.dtype == lengths.k_ends.dtype == torch.int32
    sizes = [ends.diff().tolist() for ends in (lengths.q_ends, lengths.k_ends)]
    assert (max(sizes[0]), max(sizes[1])) == (lengths.longest_q, lengths.longest_k)
    parts = zip(q.split(sizes[0]), k.split(sizes[1]), v.split(sizes[1]), strict=True)
    return torch.cat([causal(*part, scale) for part in parts])


@pytest.fixture
def stand_ins(monkeypatch):
    """Flash attention of torch's own sums; what its backward pass was called with, by the count of queries."""
    called = []

    def forward(q, k, v, lengths, scale):
        return segments_of(q, k, v, lengths, scale), q.new_zeros(1), q.new_zeros(1), q.new_zeros(0)

    def backward(grad, q, k, v, out, kept, lengths, scale):
        called.append(len(q))
        assert len(kept) == 3
        inputs = [t.detach().requires_grad_() for t in (q, k, v)]
        with torch.enable_grad():
            made = segments_of(*inputs, lengths, scale)
            assert torch.allclose(made, out)
            return torch.autograd.grad(made, inputs, grad)

    monkeypatch.setattr(attention, "flash_forward", forward)
    monkeypatch.setattr(attention, "flash_backward", backward)
    return called


def tensors(spans, heads=(4, 2)):
    torch.manual_seed(0)
    n = sum(s.trunk + s.branch for s in spans)
    return [torch.randn(1, h, n, 8, dtype=torch.float64, requires_grad=True) for h in (heads[0], heads[1], heads[1])]


@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("spans", [SPANS, BARE], ids=["branches", "trunks alone"])
def test_trunks_and_branches_in_two_calls_are_what_a_call_for_each_segment_gives(spans, detached, stand_ins):
    made = []
    for run in (attention.sdpa_segments, attention.varlen_segments):
        inputs = tensors(spans)
        out = run(*inputs, attention.Segments(spans, "auto", detached), 0.3)
        weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
        trunks = sum(s.trunk for s in spans)
        if detached:  # as where a weight is detached: no gradient arrives at a branch
            weights[:, trunks:] = 0
        made.append([out.detach(), *torch.autograd.grad((out * weights).sum(), inputs)])
    for one, other in zip(*made, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert stand_ins == [trunks] if detached or spans is BARE else stand_ins == [trunks, 7]


@pytest.mark.usefixtures("stand_ins", "exact")
@pytest.mark.parametrize("objective", [Objective("fgit"), Objective("fgit", detach_weight=True), Objective("dpo")])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_step_with_either_kernel_has_the_same_gradients(objective, checkpointing):
    examples = [Example(p) for p in [*edge_pairs().values(), *random_pairs(4)]]
    made = []
    for kernel in ("sdpa", "varlen"):
        model = make_model()
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        loss, _ = step(model, examples, objective, Totals.of(examples), prepare(model, "shared", kernel))
        loss.backward()
        made.append((loss.detach(), gradients(model)))
    assert relative(made[0][0], made[1][0]) < 1e-10
    assert max(relative(made[0][1][n], made[1][1][n], 1e-12) for n in made[0][1]) < 1e-10


def two_forwards(model, examples, objective, totals):
    """The detached weight the long way: a forward of the whole without gradient for W, and one of SFT with it."""
    from fgit_cli.training import losses
    from fgit_cli.training.forward import log_probabilities
    from fgit_cli.training.layout import build

    layout = prepare(model)
    with torch.no_grad():
        made = build(examples, objective, "shared", torch.device("cpu"))
        weights = losses.dynamic_weights(objective, made.batch(log_probabilities(model, made, layout)[0]))
    made = build(examples, Objective("sft"), "shared", torch.device("cpu"))
    correct = made.batch(log_probabilities(model, made, layout)[0]).correct
    return losses.nll(correct, weights) / totals.tokens


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("name", ["fgit", "signed"])
def test_the_detached_weight_in_one_forward_is_that_of_two(name):
    examples, objective = [Example(p) for p in random_pairs(6)], Objective(name, detach_weight=True)
    totals, made = Totals.of(examples), []
    for run in (two_forwards, lambda *a: step(*a, prepare(a[0]))[0]):
        model = make_model()
        loss = run(model, examples, objective, totals)
        loss.backward()
        made.append((loss.detach(), gradients(model)))
    assert relative(made[0][0], made[1][0]) < 1e-10
    assert max(relative(made[1][1][n], made[0][1][n], 1e-12) for n in made[0][1]) < 1e-10


def test_the_kernel_is_chosen_by_device_type_and_head(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert attention.kernel_for(gpu, torch.bfloat16, 128) == "varlen"
    assert attention.kernel_for(gpu, torch.float16, 64) == "varlen"
    assert attention.kernel_for(gpu, torch.float32, 128) == "sdpa"
    assert attention.kernel_for(gpu, torch.bfloat16, 320) == "sdpa"
    assert attention.kernel_for(gpu, torch.bfloat16, 60) == "sdpa"
    assert attention.kernel_for(cpu, torch.bfloat16, 128) == "sdpa"
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert attention.kernel_for(gpu, torch.bfloat16, 128) == "sdpa"


def test_an_unknown_flash_operator_is_not_called(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(attention, "flash_known", lambda: False)
    assert attention.kernel_for(torch.device("cuda"), torch.bfloat16, 128) == "sdpa"


def test_this_torch_has_the_operators_that_are_called():
    assert attention.flash_known()


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("layout", ["shared", "plain"])
def test_the_kernel_is_chosen_by_the_type_of_autocast(autocast, layout, monkeypatch):
    """fp32 weights leave queries and keys in fp32; under autocast attention runs in bf16 all the same."""
    seen = set()

    def kernel_for(device, dtype, head_size):
        seen.add(dtype)
        return "sdpa"

    def sdpa(q, k, v, **kwargs):
        seen.update(t.dtype for t in (q, k, v))
        return own(q, k, v, **kwargs)

    own = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(attention, "kernel_for", kernel_for)
    monkeypatch.setattr(attention, "scaled_dot_product_attention", sdpa)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", sdpa)
    model, examples = make_model(dtype="float32"), [Example(p) for p in random_pairs(2)]
    made = prepare(model, layout)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        step(model, examples, Objective("fgit"), Totals.of(examples), made)[0].backward()
    if layout == "shared":
        assert seen == {torch.bfloat16 if autocast else torch.float32}


def test_attention_is_kept_from_cudnn():
    prepare(make_model())
    assert not torch.backends.cuda.cudnn_sdp_enabled()
