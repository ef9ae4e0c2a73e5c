"""Which models get which layout: the config's reasons, the probe, wrappers of peft, and models of many families."""

import dataclasses

import pytest
import torch
import transformers
from test_train_exact import gradients, relative

from fgit_cli.errors import EngineError
from fgit_cli.training import layout as layouts
from fgit_cli.training import support
from fgit_cli.training.step import Example, Objective, Totals, confirm, prepare, step
from tests.helpers.small_models import make_model, random_pairs

SMALL = {
    "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "pad_token_id": None, "initializer_range": 0.4,
}  # fmt: skip


def family(name, **changes):
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**{**SMALL, **changes})
    return getattr(transformers, f"{name}ForCausalLM")(config)


def chosen(model):
    return confirm(model, prepare(model))


DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}
REASONS = {
    "sliding window": ("Mistral", {"sliding_window": 64}, "sliding"),
    "dropout": ("Llama", {"attention_dropout": 0.1}, "dropout"),
    "dynamic rope": ("Llama", {"rope_parameters": DYNAMIC}, "rotary"),
    "router loss": ("Mixtral", {"output_router_logits": True, "num_local_experts": 4}, "auxiliary"),
    "mixed layers": ("Gemma2", {"head_dim": 8, "sliding_window": 64}, "sliding"),
    "scaled logits": ("Granite", {"logits_scaling": 4.0}, "logits"),
    "linear biases": ("Bloom", {"n_head": 4}, "position"),
}


@pytest.mark.parametrize("why", REASONS)
def test_unusual_models_get_the_plain_layout_and_it_is_said(why):
    name, changes, word = REASONS[why]
    layout = chosen(family(name, **changes))
    assert layout.name == "plain"
    assert word in " ".join(layout.reasons)


@pytest.mark.parametrize("name", ["Llama", "Qwen2", "Qwen3", "Starcoder2", "Gemma", "Phi", "Olmo2", "Mixtral"])
def test_usual_models_get_the_shared_layout(name):
    changes = {"sliding_window": None, "residual_dropout": 0.0, "embedding_dropout": 0.0, "resid_pdrop": 0.0}
    layout = chosen(family(name, **changes, head_dim=8))
    assert (layout.name, layout.reasons) == ("shared", ())


def test_a_window_longer_than_the_data_is_no_obstacle():
    assert prepare(family("Mistral", sliding_window=64), longest=65).name == "plain"
    model = family("Mistral", sliding_window=64)
    assert confirm(model, prepare(model, longest=64)).name == "shared"


def test_attention_that_does_more_is_noticed_in_the_call():
    """Gemma 2 caps its attention scores, which the shared layout's kernels do not know."""
    model = family("Gemma2", head_dim=8, final_logit_softcapping=None, layer_types=["full_attention"] * 2)
    before = model.config._attn_implementation
    layout = chosen(model)
    assert layout.name == "plain"
    assert "softcap" in layout.reasons[-1]
    assert model.config._attn_implementation == before


def both_ways(model, examples, objective, layout):
    """Loss and gradients in a layout."""
    model.zero_grad()
    loss, _ = step(model, examples, objective, Totals.of(examples), layout)
    loss.backward()
    return loss.detach(), gradients(model)


@pytest.mark.parametrize("why", ["scaled logits", "router loss"])
def test_the_fallback_is_right(why):
    """The plain layout's SFT loss is the model's own; with its router's auxiliary loss where it has one."""
    name, changes, _ = REASONS[why]
    model = family(name, **changes)
    examples = [Example(p) for p in random_pairs(1)]
    got, _ = both_ways(model, examples, Objective("sft"), chosen(model))
    pair = examples[0].pair
    ids = torch.tensor([[*pair.prompt_ids, *pair.correct_ids[:-1]]])
    out = model(input_ids=ids, use_cache=False)
    n = len(pair.prompt_ids) - 1
    own = torch.nn.functional.cross_entropy(out.logits[0, n:], torch.tensor(pair.correct_ids))
    if why == "router loss":
        own = own + model.config.router_aux_loss_coef * out.aux_loss
    assert relative(got, own.detach()) < 1e-6


def test_the_probe_finds_a_model_that_drops_the_layout(monkeypatch):
    model = make_model(dtype="float32")
    layout = prepare(model)
    inside = model.model.forward
    monkeypatch.setattr(model.model, "forward", lambda *a, fgit_segments=None, **k: inside(*a, **k))
    confirmed = confirm(model, layout)
    assert confirmed.name == "plain"
    assert "probe" in confirmed.reasons[-1]


def test_the_probe_finds_a_model_that_works_on_its_logits(monkeypatch):
    model = make_model(dtype="float32")
    inside = model.forward

    def colder(*args, **kwargs):
        out = inside(*args, **kwargs)
        out.logits = out.logits / 2
        return out

    monkeypatch.setattr(model, "forward", colder)
    monkeypatch.setattr(support, "obstacles", lambda model, longest: [])
    confirmed = confirm(model, prepare(model))
    assert confirmed.own_logits


def test_broken_weights_are_an_error():
    model = make_model(dtype="float32")
    with torch.no_grad():
        model.model.norm.weight.fill_(float("nan"))
    with pytest.raises(EngineError, match="not finite"):
        confirm(model, prepare(model))


@pytest.mark.parametrize("targets", [["q_proj", "v_proj"], ["q_proj", "lm_head"]])
def test_lora(targets):
    """Both layouts agree through peft's wrapper, also with an adapter on the output layer itself."""
    peft = pytest.importorskip("peft")
    made = {}
    for name in ("plain", "shared"):
        config = peft.LoraConfig(r=4, target_modules=targets, init_lora_weights=False)
        torch.manual_seed(1)
        model = peft.get_peft_model(make_model(dtype="float32"), config)
        examples = [Example(p) for p in random_pairs(4)]
        layout = confirm(model, prepare(model, name))
        assert (layout.name, layout.reasons) == (name, ())
        made[name] = both_ways(model, examples, Objective("fgit"), layout)
    assert relative(made["shared"][0], made["plain"][0]) < 1e-5
    want = made["plain"][1]
    assert sum(float(w.norm()) > 0 for w in want.values()) >= 6
    assert max(relative(made["shared"][1][n], want[n], 1e-6) for n in want) < 1e-4


def test_lora_dropout_gets_the_plain_layout():
    peft = pytest.importorskip("peft")
    model = peft.get_peft_model(make_model(dtype="float32"), peft.LoraConfig(r=4, lora_dropout=0.1))
    assert prepare(model).name == "plain"


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("name", ["plain", "shared"])
def test_gradient_checkpointing_changes_nothing(name, detach):
    made = []
    for checkpointing in (False, True):
        model = make_model(dtype="float32")
        if checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        layout = confirm(model, prepare(model, name))
        examples = [Example(p) for p in random_pairs(4)]
        made.append(both_ways(model, examples, Objective("fgit", detach_weight=detach), layout))
    assert made[0][0] == made[1][0]
    assert max(relative(made[1][1][n], made[0][1][n], 1e-6) for n in made[0][1]) < 1e-6


def test_bf16_stays_near_fp32():
    examples = [Example(p) for p in random_pairs(4)]
    made = {}
    for dtype in ("float32", "bfloat16"):
        model = make_model(dtype="float32", initializer_range=0.1).to(getattr(torch, dtype))
        made[dtype] = both_ways(model, examples, Objective("fgit"), chosen(model))
    assert relative(made["bfloat16"][0], made["float32"][0]) < 0.02


def test_an_empty_pass_runs_a_forward_and_changes_nothing():
    model = make_model(dtype="float32")
    for objective in (Objective("fgit"), Objective("fgit", detach_weight=True)):
        for name in ("plain", "shared"):
            model.zero_grad()
            loss, sums = step(model, [], objective, Totals(10, 1), prepare(model, name))
            loss.backward()
            assert loss == 0
            assert all(v == 0 for v in sums.values())
            assert all(p.grad is not None and p.grad.abs().max() == 0 for p in model.parameters())


def test_records_of_plain_sft_need_no_incorrect_side():
    model = make_model(dtype="float32")
    full = [Example(p) for p in random_pairs(3)]
    bare = [Example(dataclasses.replace(e.pair, incorrect_ids=[], incorrect_mask=[])) for e in full]
    for name in ("sft", "fgit"):
        layout = prepare(model)
        (a, _), (b, _) = (both_ways(model, bare, Objective(o), layout) for o in ("sft", name))
        assert a == b
    shared, plain = (layouts.row_sizes(Objective("sft"), e, n) for e, n in ((full[0], "shared"), (bare[0], "plain")))
    assert shared == plain
