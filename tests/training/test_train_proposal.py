"""What a dry run proposes: GPUs by name and in numbers, ways that fit, the line to type, the table for people."""

import dataclasses
import io
import re
import shlex

import pytest
from rich.console import Console

from fgit_cli.app import build
from fgit_cli.errors import UsageError
from fgit_cli.training import estimate, gpus, machines, proposal
from fgit_cli.training.estimate import Shape, Tokens
from fgit_cli.training.machines import Plan
from fgit_cli.training.options import Options
from fgit_cli.views import costs

SIZES = {
    "7B": Shape(7_615_616_512, 7_615_616_512, 6_525_618_176, 28, 3584, 3584, 512, 18944, 152064),
    "14B": Shape(14_770_033_664, 14_770_033_664, 13_212_898_304, 48, 5120, 5120, 1024, 13824, 152064),
    "32B": Shape(32_763_876_352, 32_763_876_352, 31_206_740_992, 64, 5120, 5120, 1024, 27648, 152064),
    "500B": Shape(500 * 10**9, 500 * 10**9, 498 * 10**9, 100, 16384, 16384, 1024, 53248, 152064),
}
TOKENS = Tokens(fed=50_160_000, sft=40_260_000, read=62_260_000, squares=22_872_960_000)


class Reckoned(proposal.Work):
    """A model of a known shape; its adapters are a thousandth of it."""

    def shape(self, rank):
        whole = SIZES[self.config]
        return dataclasses.replace(whole, trained=whole.trained // 1000) if rank else whole


def work(size):
    return Reckoned(size, False, TOKENS, steps=1719, epochs=1.0, longest=1024)


def asked(**given):
    given = {"dry_run": True, "gpu": "a800-80gb", "num_processes": 8, **given}
    return Options(files=["my pairs.jsonl"], given=frozenset(given), **given)


def ways(size, card="a800-80gb", **given):
    return list(proposal.fitting(gpus.named(card), asked(**given), work(size)))


def test_what_fits_plainly_is_proposed_as_it_is():
    first, *others = ways("7B")
    assert first["flags"] == []
    assert first["launch"] == "fgit train 'my pairs.jsonl' --num-processes 8"
    assert 1 <= len(others) <= 3
    assert not any("zero3-offload" in way["flags"] for way in others)  # for what fits in no other way


def test_what_is_too_large_gets_the_cheapest_flags_with_which_it_fits():
    told = proposal.on(gpus.named("a800-80gb"), asked(), machines.plan(asked()), work("32B"))
    assert not told["fits"]
    first, *_, last = ways("32B")
    assert first["flags"] == ["--deepspeed", "zero3", "--lora-rank", "16"]
    assert "zero3-offload" in last["flags"]
    assert "--lora-rank" not in last["flags"]
    assert last["host_memory_gib"] > 500
    assert all(way["memory_gib"] <= 72 for way in ways("32B"))


@pytest.mark.parametrize("size", ["7B", "14B", "32B"])
def test_a_way_is_a_command_that_fgit_understands(size):
    for way in ways(size, weight_decay=0.1, bf16=True, report_to=["wandb", "trackio"]):
        _, command, *words = shlex.split(way["launch"])
        options = build(command)(args=words, prog_name="fgit", standalone_mode=False).args[0]
        assert (options.files, options.weight_decay, options.bf16) == (["my pairs.jsonl"], 0.1, True)
        assert options.report_to == ["wandb", "trackio"]
        assert not options.dry_run
        assert shlex.split(way["launch"])[-len(way["flags"]) :] != ["--dry-run"]
        assert set(way["flags"]) <= set(words)


def test_what_the_user_gave_is_left_as_it_is(tmp_path):
    own = tmp_path / "own.json"
    own.write_text('{"zero_optimization": {"stage": 3}}')
    for changes in proposal.changed(asked(deepspeed=str(own), lora_rank=8, gradient_checkpointing=True)):
        assert changes == {}
    assert {"token_budget": "auto"} in list(proposal.changed(asked(token_budget="65536")))


def test_where_nothing_fits_the_gpus_that_would_do_are_counted():
    options = asked(lora_rank=8, gradient_checkpointing=True, deepspeed="zero3")
    told = proposal.enough(gpus.named("a800-80gb"), options, work("500B"))
    plan = Plan(told, 8, "cuda", {"zero_optimization": {"stage": 3}})
    assert proposal.on(gpus.named("a800-80gb"), options, plan, work("500B"))["fits"]
    half = dataclasses.replace(plan, ranks=told // 2)
    assert not proposal.on(gpus.named("a800-80gb"), options, half, work("500B"))["fits"]
    assert proposal.enough(gpus.named("1GB:1TFLOPS"), options, work("500B")) is None


@pytest.mark.parametrize("text", ["48GB:180TFLOPS", "48gb:180tflops", "48 GiB:180.0 TFLOPS"])
def test_a_gpu_in_numbers(text):
    assert gpus.named(text) == gpus.Gpu(180e12, 48)


@pytest.mark.parametrize("text", ["a100", "48GB", "48GB:0TFLOPS", "0GB:1TFLOPS", "48:180", "GB:TFLOPS", ""])
def test_a_gpu_that_is_none(text):
    with pytest.raises(UsageError, match=r"--gpu .*a800-80gb.*48GB:180TFLOPS"):
        gpus.named(text)


@pytest.mark.parametrize(
    ("real", "name"),
    [
        ("nvidia-a100-sxm4-80gb", "a100-80gb"), ("nvidia-h100-80gb-hbm3", "h100"), ("nvidia-l4", "l4"),
        ("nvidia-l40s", "l40s"), ("tesla-v100-sxm2-32gb", "v100"), ("tesla-t4", "t4"), ("nvidia-b200", "b200"),
        ("nvidia-geforce-rtx-3090", "rtx-3090"), ("nvidia-geforce-rtx-5090", "rtx-5090"),
    ],
)  # fmt: skip
def test_a_card_is_known_by_what_it_calls_itself_and_its_memory_is_what_it_has(real, name):
    assert gpus.known(real, 79.25) == gpus.Gpu(gpus.GPUS[name].peak, 79.2, gpus.GPUS[name].link)


@pytest.mark.parametrize("real", ["nvidia-geforce-rtx-4060", "nvidia-t400", "amd-instinct-mi300x"])
def test_a_card_that_is_not_in_the_table_is_asked_for_in_numbers(real):
    with pytest.raises(UsageError, match="--gpu 48GB:180TFLOPS"):
        gpus.known(real, 8.0)


def test_of_a_mixture_of_experts_a_token_meets_a_few():
    from transformers import Qwen3MoeConfig

    sizes = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    }  # fmt: skip
    config = Qwen3MoeConfig(
        vocab_size=100, intermediate_size=64, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=16, **sizes
    )
    shape = Shape.of(config, 0)
    experts = 2 * 8 * 3 * 32 * 16  # layers, experts, matrices of each
    assert shape.met == shape.matrices - experts + experts // 4
    assert (shape.inner, shape.experts) == (32, 2)
    dense = dataclasses.replace(shape, met=0)
    assert estimate.flops(shape, TOKENS, False) < estimate.flops(dense, TOKENS, False)


def test_adapters_spare_the_gradients_of_what_is_frozen():
    whole = SIZES["7B"]
    adapters = dataclasses.replace(whole, trained=0)
    tokens = Tokens(fed=10, sft=10, read=0, squares=0)
    assert estimate.flops(adapters, tokens, False) == pytest.approx(estimate.flops(whole, tokens, False) * 4 / 6)


def test_gpus_that_exchange_slowly_take_longer_and_one_alone_exchanges_nothing():
    shape, fast, slow = SIZES["7B"], gpus.Gpu(312e12, 80, 1e15), gpus.Gpu(312e12, 80, 1e9)

    def took(gpu, ranks, stage=3):
        plan = Plan(ranks, ranks, "cuda", {"zero_optimization": {"stage": stage}})
        return estimate.step_seconds(shape, plan, 1e15, 1, gpu, True)

    assert took(slow, 1) == took(fast, 1)
    assert took(fast, 8) < took(slow, 8, 2) < took(slow, 8, 3)


@pytest.mark.parametrize("width", [60, 80, 110, 200])
@pytest.mark.parametrize("size", ["7B", "32B", "500B"])
def test_the_table_says_time_memory_and_what_to_type(size, width):
    options = asked()
    made = {
        "launch": proposal.typed(options), "steps": 1719, "pairs": 110_000, "ranks": 8, "gpu": "a800-80gb",
        "parameters": SIZES[size].parameters, "trained_parameters": SIZES[size].trained,
        "tokens": {"fed": 50_160_000, "fed_relative_to_sft": 1.246},
        **proposal.on(gpus.named("a800-80gb"), options, machines.plan(options), work(size)),
        "ways": [] if size == "500B" else ways(size), "gpus_needed": 64,
    }  # fmt: skip
    written = io.StringIO()
    Console(file=written, width=width).print(costs.table(made), crop=False)
    assert all(len(line) <= width for line in written.getvalue().splitlines() if not line.startswith("$"))
    text = re.sub(r"\s+", " ", written.getvalue())
    if size == "500B":
        assert "no way fits 8 × a800-80gb; 64 of them would do" in text
    else:
        assert f"$ {made['ways'][0]['launch']}\n" in written.getvalue()
        assert ("does not fit" in text) == (size == "32B")


@pytest.mark.parametrize(
    ("hours", "said"), [(1e-9, "1 s"), (0.01, "36 s"), (0.5, "30 min"), (1.25, "1.2 h"), (120, "120 h")]
)
def test_no_run_takes_no_time(hours, said):
    assert costs._time(hours) == said
