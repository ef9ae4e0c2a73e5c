"""The objectives against transformers, TRL, finite differences, and at the numbers where the literal formula breaks."""

import contextlib
import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from test_train_exact import gradients, relative, run

from fgit_cli.training.losses import Side, fault_weight, kto, log_mean_probability, odds_ratio
from fgit_cli.training.reference import ALONE, correct_alone, mismatched, reference_point
from fgit_cli.training.step import Example, Objective, Totals, prepare, reference_margins, step
from tests.helpers import written_out
from tests.helpers.rounding import fp32
from tests.helpers.small_models import edge_pairs, make_model, pair, random_pairs


def side(log_p, value):
    value, log_p = torch.tensor(value), torch.tensor(log_p, dtype=torch.float32)
    return Side(log_p, value, torch.ones_like(value, dtype=torch.bool), torch.zeros_like(log_p))


def test_the_weight_survives_tiny_probabilities():
    """The literal quotient is 0/0 below log P of about -100, an epsilon in it gives 2 where 1.54 is true."""
    correct, incorrect = log_mean_probability(side([[-200.0]], [[1]])), log_mean_probability(side([[-201.0]], [[1]]))
    weight = fault_weight(correct, incorrect, 2.0)
    assert weight.item() == pytest.approx(
        2 - (1 - math.exp(-1)) / (1 + math.exp(-1)), abs=201 * torch.finfo(torch.float32).eps
    )
    assert weight.item() == pytest.approx(1.54, abs=0.01)


def test_equal_probabilities_give_alpha_and_no_gradient():
    log_h = torch.tensor([-3.0], requires_grad=True)
    weight = fault_weight(log_h, torch.tensor([-3.0]), 2.0)
    weight.sum().backward()
    assert weight.item() == 2.0
    assert log_h.grad.item() == 0.0


def test_values_weigh_the_mean():
    log_p = [math.log(0.5), math.log(0.25), math.log(0.9)]
    mean = log_mean_probability(side([log_p], [[2, 1, 0]]))
    assert mean.exp().item() == pytest.approx((2 * 0.5 + 0.25) / 2)


def test_a_side_without_marks_is_finite_with_its_gradient():
    log_p = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    empty = Side(log_p, torch.zeros(1, 2, dtype=torch.long), torch.ones(1, 2, dtype=torch.bool), torch.zeros(1, 2))
    log_mean_probability(empty).sum().backward()
    assert log_p.grad.abs().sum() == 0


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_gradient_through_the_weight_by_finite_differences(layout_name):
    """Directional derivatives of the fgit loss, W included; without W's gradient they are far off."""
    model, examples, objective = make_model(), [Example(p) for p in random_pairs(4, seed=3)], Objective("fgit")
    _, grads = run(model, examples, objective, layout_name)
    _, detached = run(model, examples, dataclasses.replace(objective, detach_weight=True), layout_name)
    torch.manual_seed(0)
    direction = {n: torch.randn_like(p) for n, p in model.named_parameters()}

    def along(step_size):
        with torch.no_grad():
            for n, p in model.named_parameters():
                p.add_(direction[n], alpha=step_size)
            value = written_out.loss(model, examples, objective)
            for n, p in model.named_parameters():
                p.sub_(direction[n], alpha=step_size)
        return float(value)

    h = 1e-5
    numeric = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)

    def slope(of):
        return sum(float((of[n] * direction[n]).sum()) for n in of)

    assert slope(grads) == pytest.approx(numeric, rel=1e-6)
    assert slope(detached) != pytest.approx(numeric, rel=1e-2)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
@pytest.mark.parametrize("objective", [Objective("sft"), Objective("fixed", fixed_weight=1.0)], ids=lambda o: o.name)
def test_sft_and_fixed_1_are_transformers_own_loss(objective, layout_name):
    model, pairs = make_model(), random_pairs(5)
    got, grads = run(model, [Example(p) for p in pairs], objective, layout_name)
    model.zero_grad()
    longest = max(len(p.prompt_ids) + len(p.correct_ids) for p in pairs)
    ids, labels = torch.zeros(len(pairs), longest, dtype=torch.long), torch.full((len(pairs), longest), -100)
    for i, p in enumerate(pairs):
        n, m = len(p.prompt_ids), len(p.prompt_ids) + len(p.correct_ids)
        ids[i, :n], ids[i, n:m] = torch.tensor(p.prompt_ids), torch.tensor(p.correct_ids)
        labels[i, n:m] = ids[i, n:m]
    expected = model(input_ids=ids, labels=labels, attention_mask=(ids > 0).long(), use_cache=False).loss
    expected.backward()
    # transformers' loss takes logits to fp32, in fp64 models too
    near = fp32(model, [Example(p) for p in pairs])
    assert relative(got, expected.detach().double()) < near
    want = gradients(model)
    assert max(relative(grads[n], want[n]) for n in want) < near


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_weight_0_gives_no_gradient_there(layout_name):
    """fixed 0 on tokens that are all marked: nothing is left to learn."""
    everything = pair([5, 6], [10, 11, 12, 1], [10, 13, 1], [1, 2, 1, 1], [0, 1, 0])
    _, grads = run(make_model(), [Example(everything)], Objective("fixed", fixed_weight=0.0), layout_name)
    assert all(g.abs().max() == 0 for g in grads.values())


@pytest.mark.parametrize("name", ["dpo", "rpo"])
@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_dpo_and_rpo_are_trls(name, layout_name, tmp_path):
    """TRL's own loss on the same batch: DPOTrainer with `loss_type=["sigmoid", "sft"]` for rpo."""
    trl = pytest.importorskip("trl", minversion="1.16")
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    pairs = [p for p in random_pairs(4, seed=5) if p.shared < len(p.correct_ids)]
    model, frozen = make_model(dtype="float32"), make_model(dtype="float32", seed=1)
    words = {f"w{i}": i for i in range(97)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0", eos_token="w1"
    )
    names = {"prompt_ids": "prompt_ids", "chosen_ids": "correct_ids", "rejected_ids": "incorrect_ids"}
    rows = [{theirs: getattr(p, ours).tolist() for theirs, ours in names.items()} for p in pairs]
    config = trl.DPOConfig(
        output_dir=str(tmp_path), beta=0.1, max_length=None, report_to=[], use_cpu=True, bf16=False,
        loss_type=["sigmoid", "sft"] if name == "rpo" else ["sigmoid"],
        loss_weights=[1.0, 0.7] if name == "rpo" else None,
        per_device_train_batch_size=len(pairs), gradient_checkpointing=False,
    )  # fmt: skip
    text = [{"prompt": "w5 ", "chosen": "w6", "rejected": "w7"}]
    trainer = trl.DPOTrainer(
        model=model, ref_model=frozen, args=config, train_dataset=Dataset.from_list(text), processing_class=tokenizer
    )
    batch = trainer.data_collator(rows)
    expected = trainer.compute_loss(model, batch)
    model.zero_grad()
    expected.backward()
    want = gradients(model)

    objective = Objective(name, beta=0.1, rpo_alpha=0.7)
    examples = [Example(p) for p in pairs]
    margins = reference_margins(frozen, examples, objective, prepare(frozen, layout_name), 1000)
    examples = [dataclasses.replace(e, reference=m) for e, m in zip(examples, margins, strict=True)]
    got, grads = run(model, examples, objective, layout_name)
    near = fp32(model, examples)
    assert relative(got, expected.detach()) < near
    assert max(relative(grads[n], want[n]) for n in want) < near


@pytest.mark.parametrize("layout_name", ["plain", "shared"])
@pytest.mark.parametrize("name", ["simpo", "orpo"])
def test_simpo_and_the_odds_ratio_are_trls(name, layout_name):
    """TRL's own functions over logits of whole padded rows; orpo's sft term is beside it, with fgit's normaliser."""
    pytest.importorskip("trl", minversion="1.16")
    from trl.experimental.cpo.cpo_trainer import CPOTrainer
    from trl.experimental.orpo.orpo_trainer import ORPOTrainer

    pairs, model = random_pairs(4, seed=5), make_model(dtype="float32")
    longest = max(len(p.prompt_ids) + max(len(p.correct_ids), len(p.incorrect_ids)) for p in pairs)
    ids, labels = torch.zeros(8, longest, dtype=torch.long), torch.full((8, longest), -100)
    for row, (p, response) in enumerate([(p, p.correct_ids) for p in pairs] + [(p, p.incorrect_ids) for p in pairs]):
        n, m = len(p.prompt_ids), len(p.prompt_ids) + len(response)
        ids[row, :n], ids[row, n:m], labels[row, n:m] = (torch.tensor(t) for t in (p.prompt_ids, response, response))
    means = CPOTrainer.get_batch_logps(model(input_ids=ids, use_cache=False).logits, labels, average_log_prob=True)
    chosen, rejected = means[:4], means[4:]
    objective = Objective(name, simpo_beta=2.5, simpo_gamma=0.7, orpo_weight=0.3)
    if name == "simpo":
        theirs = SimpleNamespace(
            alpha=0.0, loss_type="simpo", beta=2.5, simpo_gamma=0.7, label_smoothing=0.0,
            accelerator=SimpleNamespace(device="cpu"),
        )  # fmt: skip
        expected = CPOTrainer.cpo_loss(theirs, chosen, rejected)[0].mean()
    else:
        theirs = SimpleNamespace(beta=0.3, accelerator=SimpleNamespace(device="cpu"))
        lengths = torch.tensor([len(p.correct_ids) for p in pairs])
        sft = -(chosen * lengths).sum() / lengths.sum()
        expected = sft - ORPOTrainer.odds_ratio_loss(theirs, chosen, rejected)[0].mean()
    expected.backward()
    want = gradients(model)
    examples = [Example(p) for p in pairs]
    got, grads = run(model, examples, objective, layout_name)
    near = fp32(model, examples)
    assert relative(got, expected.detach()) < near
    assert max(relative(grads[n], want[n]) for n in want) < near


@pytest.mark.parametrize("layout_name", ["plain", "shared"])
def test_kto_is_trls(layout_name, tmp_path):
    """TRL's own loss on the same responses, with its reference point from the same mismatched ones."""
    trl = pytest.importorskip("trl", minversion="1.16")
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    pairs = random_pairs(4, seed=5)
    model, frozen = make_model(dtype="float32", seed=1), make_model(dtype="float32")
    words = {f"w{i}": i for i in range(97)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), pad_token="w0", eos_token="w1"
    )
    rows = [
        {
            "prompt_ids": p.prompt_ids.tolist(), "completion_ids": ids.tolist(), "label": label,
            "KL_completion_ids": pairs[(i + 1) % 4].correct_ids.tolist(),
        }
        for i, p in enumerate(pairs) for ids, label in ((p.correct_ids, True), (p.incorrect_ids, False))
    ]  # fmt: skip
    config = trl.KTOConfig(
        output_dir=str(tmp_path), beta=0.1, max_length=None, report_to=[], use_cpu=True, bf16=False,
        per_device_train_batch_size=len(rows),
    )  # fmt: skip
    text = [{"prompt": "w5 ", "completion": "w6", "label": True}, {"prompt": "w5 ", "completion": "w7", "label": False}]
    trainer = trl.KTOTrainer(
        model=model, ref_model=frozen, args=config, train_dataset=Dataset.from_list(text), processing_class=tokenizer
    )
    model.train()
    expected = trainer.compute_loss(model, trainer.data_collator(rows))
    model.zero_grad()
    expected.backward()
    want = gradients(model)

    store, ours = Store(pairs), prepare(frozen, layout_name)
    alone = SimpleNamespace(
        num_processes=1, process_index=0, device=torch.device("cpu"), autocast=contextlib.nullcontext,
        reduce=lambda tensor, reduction: tensor,
    )  # fmt: skip
    correct, other = (
        np.array(reference_margins(frozen, [of(store, i) for i in range(4)], ALONE, ours, 1000))
        for of in (correct_alone, mismatched)
    )
    margins = reference_margins(frozen, [Example(p) for p in pairs], Objective("kto"), ours, 1000)
    examples = [Example(p, m, c) for p, m, c in zip(pairs, margins, correct, strict=True)]
    reference = np.stack([margins, correct, other], axis=1)
    mine = make_model(dtype="float32", seed=1)
    laid = prepare(mine, layout_name)
    point = reference_point(mine, store, np.arange(4), reference, laid, alone, 1000)
    assert point > 0
    loss, _ = step(mine, examples, Objective("kto"), dataclasses.replace(Totals.of(examples), point=point), laid)
    loss.backward()
    near, grads = fp32(mine, examples), gradients(mine)
    assert relative(loss.detach(), expected.detach()) < near
    assert max(relative(grads[n], want[n]) for n in want) < near


class Store(list):
    """Pairs as a store holds them."""


def test_the_reference_point_of_kto_moves_both_sides():
    ratios = torch.tensor([0.5]), torch.tensor([-0.5])
    losses = [kto(*ratios, point, 1.0).item() for point in (0.0, 1.0)]
    want = [sum(1 / (1 + math.exp(x)) for x in (0.5 - z, z + 0.5)) for z in (0.0, 1.0)]
    assert losses == pytest.approx(want, rel=1e-6)


def test_focused_dpo_of_weight_1_is_dpo_and_the_shared_beginning_never_counts():
    pairs = random_pairs(4, seed=5)
    examples = [Example(p, reference=0.3) for p in pairs]
    plain, grads = run(make_model(), examples, Objective("dpo"), "shared")
    one, same = run(make_model(), examples, Objective("focused-dpo", focused_weight=1.0), "shared")
    assert one == plain
    assert all(torch.equal(grads[n], same[n]) for n in grads)
    two, _ = run(make_model(), examples, Objective("focused-dpo"), "shared")
    assert two != plain


@pytest.mark.parametrize(
    ("correct", "incorrect", "shared", "end"),
    [([1, 2, 3, 4], [1, 9, 4], 1, 1), ([1, 2, 2, 3], [1, 2, 3], 2, 1), ([1, 2], [1, 2], 2, 0), ([5], [6], 0, 0),
     ([1, 1, 1], [1, 1], 2, 0), ([7, 1], [8, 1], 0, 1)],
)  # fmt: skip
def test_the_shared_end_begins_behind_the_shared_beginning(correct, incorrect, shared, end):
    made = pair([5], correct, incorrect, [1] * len(correct), [1] * len(incorrect))
    assert (made.shared, made.shared_end) == (shared, end)


def test_a_certainty_has_finite_odds():
    log_p = torch.tensor([0.0], requires_grad=True)
    odds_ratio(log_p, torch.tensor([-1.0])).backward()
    assert log_p.grad.isfinite().all()


@pytest.mark.usefixtures("exact")
def test_sums_are_what_their_names_say():
    model, chosen = make_model(), [edge_pairs()["middle"], edge_pairs()["both masks empty"]]
    examples = [Example(p) for p in chosen]
    _, sums = step(model, examples, Objective("fgit"), Totals.of(examples), prepare(model))
    with torch.no_grad():
        log_c, log_a = written_out.both(model, chosen[0])
        weight = written_out.fgit_weight(log_c, log_a, chosen[0])
        nll = -sum(written_out.both(model, p)[0].sum() for p in chosen)
    assert sums["tokens"] == 9
    assert sums["fault_tokens"] == 3
    assert (sums["pairs"], sums["active"], sums["compared"]) == (2, 1, 1)
    assert sums["weight"].item() == pytest.approx(weight.item(), rel=1e-5)
    assert sums["nll"].item() == pytest.approx(nll.item(), rel=1e-5)
    assert sums["fault_nll"].item() == pytest.approx(-log_c[1:4].sum().item(), rel=1e-5)
    # fed: the middle pair's 3 + 5 of the trunk and 1 of the branch (tokens 2 of 3 marked), the other pair's 2 + 2
    assert (sums["fed_tokens"], sums["sft_tokens"], sums["padding"]) == (13, 12, 0)
