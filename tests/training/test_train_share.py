"""The marked tokens' share of tokens, loss and gradient, against autograd; and what is said of it."""

import math
from types import SimpleNamespace

import pytest
import torch

from fgit_cli.training.options import Options
from fgit_cli.training.share import fault_share, speaks_for
from fgit_cli.training.step import prepare
from tests.helpers import written_out
from tests.helpers.small_models import make_model, pair, random_pairs


class Store(list):
    """Pairs as a store holds them."""

    @property
    def about(self):
        return {"marked": sum(bool(p.correct_mask.any()) for p in self)}


def accelerator(stage=None):
    plugin = SimpleNamespace(zero_stage=stage) if stage else None
    return SimpleNamespace(state=SimpleNamespace(deepspeed_plugin=plugin), autocast=lambda: torch.enable_grad())


def test_against_autograd():
    """Of 9 pairs in several passes; the parts' gradients are those of the sums written out."""
    store, model = Store(random_pairs(9, seed=2)), make_model()
    layout = prepare(model)
    found = fault_share(model, store, Options(token_budget=60), layout, accelerator())
    assert all(p.grad is None for p in model.parameters())
    tokens = sum(len(p.correct_ids) for p in store)
    parts = []
    for marked in (True, False):
        total = sum(
            -written_out.token_log_p(model, p.prompt_ids, p.correct_ids)[
                torch.tensor((p.correct_mask > 0) == marked)
            ].sum()
            for p in store
        )
        grads = torch.autograd.grad(total / tokens, list(model.parameters()))
        parts.append((float(total.detach()), sum(float(g.square().sum()) for g in grads)))
    (loss, squared), (rest, rest_squared) = parts
    s = squared / (squared + rest_squared)
    assert found["pairs"] == 9
    assert found["tokens"] == sum(int((p.correct_mask > 0).sum()) for p in store) / tokens
    assert found["loss"] == pytest.approx(loss / (loss + rest), rel=1e-5)
    assert found["gradient"] == pytest.approx(s, rel=1e-4)
    assert found["weight_2"] == pytest.approx(2 / math.sqrt(1 + 3 * s), rel=1e-4)


def test_the_first_pairs_of_the_runs_own_order():
    store = Store(random_pairs(80))
    assert fault_share(make_model(), store, Options(), prepare(make_model()), accelerator())["pairs"] == 64


def test_nothing_to_measure():
    plain = Store([pair([5], [10, 1], [], [0, 0], [])])
    model = make_model()
    assert fault_share(model, plain, Options(), prepare(model), accelerator()) is None
    assert fault_share(model, Store(random_pairs(3)), Options(), prepare(model), accelerator(3)) is None
    assert "no token is marked" in speaks_for(None)


def test_all_tokens_marked():
    model, all_marked = make_model(), Store([pair([5], [10, 1], [11, 1], [2, 1], [2, 0])])
    found = fault_share(model, all_marked, Options(), prepare(model), accelerator())
    assert (found["tokens"], found["loss"], found["gradient"], found["weight_2"]) == (1, 1, 1, 1)
    assert "hardly any weight counts" in speaks_for(found)
    assert "other tokens dominate" in speaks_for(found | {"gradient": 0.1, "weight_2": 1.75})
