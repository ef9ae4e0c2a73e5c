"""Which models get which layout: the config's reasons, the probe, wrappers of peft, and models of many families."""

import dataclasses

import pytest
import torch
import transformers
from test_train_exact import gradients, relative

from fgit_cli.errors import EngineError, UsageError
from fgit_cli.training import attention, support
from fgit_cli.training import layout as layouts
from fgit_cli.training.forward import log_probabilities
from fgit_cli.training.step import Example, Objective, Totals, confirm, plan_passes, prepare, step
from tests.helpers.rounding import fp32
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
    assert relative(got, own.detach()) < fp32(make_model(), examples)


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
    near = fp32(make_model(), examples)
    assert relative(made["shared"][0], made["plain"][0]) < near
    want = made["plain"][1]
    assert sum(float(w.norm()) > 0 for w in want.values()) >= 6
    assert max(relative(made["shared"][1][n], want[n], near) for n in want) < near


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
    near = fp32(make_model(), examples)
    assert max(relative(made[1][1][n], made[0][1][n], near) for n in made[0][1]) < near


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
    bare = [Example(dataclasses.replace(e.pair, incorrect_ids=[], incorrect_mask=[], forks=None)) for e in full]
    for name in ("sft", "fgit"):
        layout = prepare(model)
        (a, _), (b, _) = (both_ways(model, bare, Objective(o), layout) for o in ("sft", name))
        assert a == b
    shared, plain = (layouts.row_sizes(Objective("sft"), e, n) for e, n in ((full[0], "shared"), (bare[0], "plain")))
    assert shared == plain


class Capped(transformers.LlamaForCausalLM):
    """Caps its logits softly, under a name that no list knows."""

    def forward(self, *args, labels=None, **kwargs):
        out = super().forward(*args, **kwargs)
        out.logits = 30 * torch.tanh(out.logits / 30)
        return out


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_soft_cap_is_found_by_what_it_does(dtype):
    torch.manual_seed(0)
    model = Capped(transformers.LlamaConfig(**SMALL)).to(getattr(torch, dtype))
    layout = chosen(model)
    assert layout.own_logits
    assert "after its output layer" in layout.reasons[-1]
    examples = [Example(p) for p in random_pairs(3)]
    loss, _ = step(model, examples, Objective("sft"), Totals.of(examples), layout)
    own = 0.0
    for example in examples:
        ids = torch.tensor([[*example.pair.prompt_ids, *example.pair.correct_ids]])
        logits = model(input_ids=ids).logits[0, len(example.pair.prompt_ids) - 1 : -1].float()
        own += torch.nn.functional.cross_entropy(logits, torch.tensor(example.pair.correct_ids), reduction="sum")
    assert float(loss) == pytest.approx(float(own) / sum(len(e.pair.correct_ids) for e in examples), rel=1e-2)


def test_a_head_that_is_not_called_is_found():
    class Functional(transformers.LlamaForCausalLM):
        def forward(self, input_ids=None, position_ids=None, use_cache=None, **kwargs):
            hidden = self.model(input_ids=input_ids, position_ids=position_ids, **kwargs).last_hidden_state
            logits = torch.nn.functional.linear(hidden, self.lm_head.weight)
            return transformers.modeling_outputs.CausalLMOutputWithPast(logits=logits)

    torch.manual_seed(0)
    assert chosen(Functional(transformers.LlamaConfig(**SMALL))).own_logits


def test_a_loss_of_the_models_own_making_is_said():
    class Smoothed(transformers.LlamaForCausalLM):
        def forward(self, input_ids=None, position_ids=None, labels=None, **kwargs):
            out = super().forward(input_ids, position_ids=position_ids, labels=labels, **kwargs)
            if labels is not None:
                out.loss = out.loss + 1e-2 * out.logits.logsumexp(-1).pow(2).mean()  # a z-loss
            return out

    torch.manual_seed(0)
    layout = chosen(Smoothed(transformers.LlamaConfig(**SMALL)))
    assert layout.name == "shared"
    assert "own loss on a probe" in layout.reasons[-1]


@pytest.mark.parametrize("name", ["Bert", "Electra"])
def test_a_model_that_sees_what_follows_is_refused(name):
    config = getattr(transformers, f"{name}Config")(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        embedding_size=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.4,
    )  # fmt: skip
    model = transformers.AutoModelForCausalLM.from_config(config)
    with pytest.raises(UsageError, match="tokens that follow"):
        chosen(model)


RANDOM = {
    "functional dropout": ("OPT", {"dropout": 0.1, "attention_dropout": 0.0, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "layers left out": ("OPT", {"dropout": 0.0, "layerdrop": 0.4, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "a rate in the configuration": ("Persimmon", {"attention_dropout": 0.1, "hidden_dropout": 0.0}),
    "modules": ("GPTNeoX", {"hidden_dropout": 0.1, "num_key_value_heads": None}),
    "noise at the router": ("Mixtral", {"router_jitter_noise": 0.1, "num_local_experts": 4, "sliding_window": None}),
}


@pytest.mark.parametrize("why", RANDOM)
def test_what_is_random_in_training_gets_the_plain_layout_and_can_be_switched_off(why):
    name, changes = RANDOM[why]
    changes = {k: v for k, v in changes.items() if v is not None}
    model = family(name, **changes).train()
    before = model.config.to_dict()
    assert chosen(model).name == "plain"
    names, put_back = support.without_dropout(model)
    assert names
    layout = confirm(model, prepare(model), steady=True)  # raises where two forwards still differ
    none = {k: 0.0 if isinstance(v, float) else v for k, v in changes.items()}
    calm = chosen(family(name, **none).train())
    assert (layout.name, layout.reasons) == (calm.name, calm.reasons)
    # before transformers 5.2, some families' own code makes the mask
    assert layout.name == "shared" or "knows no attention_mask" in layout.reasons[-1]
    put_back()
    assert model.config.to_dict() == before


def test_an_argument_of_attention_that_is_not_known_is_no_argument_to_leave_aside():
    attention.register()
    query = torch.zeros(1, 2, 5, 8)
    segments = attention.Segments([layouts.Span(5, 0, 0)], "sdpa", longest=100)
    for odd, word in (
        ({"logits_soft_cap": 50.0}, "logits_soft_cap"), ({"sinks": query}, "sinks"), ({"sliding_window": 99}, "window"),
        ({"is_causal": False}, "is_causal"), ({"dropout": 0.0, "sliding_window": 100, "position_ids": query}, None),
    ):  # fmt: skip
        if word is None:
            attention.attend(None, query, query, query, None, fgit_segments=segments, **odd)
        else:
            with pytest.raises(EngineError, match=word):
                attention.attend(None, query, query, query, None, fgit_segments=segments, **odd)


LONG = {
    "dynamic": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4},
    "longrope": {
        "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [1.0, 2.0, 3.0, 4.0],
        "original_max_position_embeddings": 16, "factor": 2.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("ranks", [1, 3])
def test_rotary_positions_of_a_pair_do_not_depend_on_its_neighbours(kind, ranks):
    """Whatever ran before it and runs beside it, a pair gives the same loss."""
    pairs = random_pairs(12, seed=3, longest=40)
    examples, objective = [Example(p) for p in pairs], Objective("fgit")
    model = family("Llama", rope_parameters=LONG[kind], max_position_embeddings=16)
    layout = confirm(model, prepare(model, longest=60))
    assert (layout.name, layout.alone) == ("plain", 16)
    assert "own" in layout.reasons[0]
    losses = []
    for budget in (1, 100, 10**6):
        made = plan_passes(examples, objective, "plain", budget, ranks, alone=layout.alone)
        assert sorted(e.pair.id for rank in made for p in rank for e in p) == sorted(p.id for p in pairs)
        loss = sum(
            step(model, members, objective, Totals.of(examples), layout)[0].detach()
            for rank in made
            for members in rank
        )
        losses.append(float(loss))
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-6)
    alone = [float(step(model, [e], objective, Totals.of(examples), layout)[0].detach()) for e in reversed(examples)]
    assert sum(alone) == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize("kind", LONG)
def test_rotary_positions_that_no_row_changes_are_no_obstacle(kind):
    model = family("Llama", rope_parameters=LONG[kind], max_position_embeddings=16)
    layout = confirm(model, prepare(model, longest=16))
    assert (layout.name, layout.alone, layout.reasons) == ("shared", None, ())


def test_a_routers_loss_does_not_count_padding():
    model = family("Mixtral", output_router_logits=True, num_local_experts=4, sliding_window=None)
    layout = chosen(model)
    short, long = random_pairs(2, seed=1)
    long = dataclasses.replace(long, prompt_ids=[5] * 60)
    examples = [Example(short), Example(long)]
    _, auxiliary = log_probabilities(
        model, layouts.build(examples, Objective("sft"), "plain", torch.device("cpu")), layout
    )
    rows = [[*p.prompt_ids, *p.correct_ids[:-1]] for p in (short, long)]
    ids = torch.zeros(2, max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row)], mask[at, : len(row)] = torch.tensor(row), 1
    own = model(input_ids=ids, attention_mask=mask).aux_loss * model.config.router_aux_loss_coef
    assert float(auxiliary) == pytest.approx(float(own), rel=1e-5)
