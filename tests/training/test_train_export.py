"""TRL's SFTTrainer on what `fgit export --to trl` writes has loss and gradient of `--objective fixed`."""

import json

import pytest
from test_train_exact import gradients, relative, run

from fgit_cli.stages import export
from fgit_cli.training.step import Example, Objective
from tests.helpers.rounding import fp32
from tests.helpers.small_models import make_model, random_pairs


class Untold:
    """A tally that no record gives anything to say."""

    def each(self, record):
        import contextlib

        return contextlib.nullcontext()


@pytest.mark.parametrize("weight", [2.0, 0.5])
@pytest.mark.parametrize("at_once", [6, 2])
def test_trls_trainer_has_the_loss_and_the_gradient_of_fixed(weight, at_once, tmp_path):
    """All pairs in one batch, and by accumulation."""
    pytest.importorskip("trl", minversion="1.16")
    from datasets import load_dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast
    from trl import SFTConfig

    from fgit_cli.training.trl import WeightedSFTTrainer, collate

    pairs, model = random_pairs(6, seed=7), make_model(dtype="float32")
    names = ("prompt_ids", "correct_ids", "correct_mask")
    masked = [{"id": p.id} | {name: getattr(p, name).tolist() for name in names} for p in pairs]
    rows = export.trl(map(export.read_masked, masked), Untold(), weight)
    (tmp_path / "weighted.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = Tokenizer(models.WordLevel({f"w{i}": i for i in range(97)}, unk_token="w0"))
    data = load_dataset("json", data_files=str(tmp_path / "weighted.jsonl"), split="train", cache_dir=tmp_path / "c")
    config = SFTConfig(
        output_dir=str(tmp_path / "out"), remove_unused_columns=False, dataset_kwargs={"skip_prepare_dataset": True},
        packing=False, report_to=[], use_cpu=True, bf16=False, per_device_train_batch_size=at_once, max_steps=1,
        gradient_accumulation_steps=6 // at_once, max_grad_norm=0.0, learning_rate=0.0, logging_steps=1,
        save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    kept = {}

    trainer = WeightedSFTTrainer(
        model=model, args=config, train_dataset=data, data_collator=collate,
        processing_class=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w0", eos_token="w1"),
    )  # fmt: skip
    trainer.create_optimizer()
    own_step = trainer.optimizer.step

    def step(*args, **more):
        kept.update(gradients(model))
        return own_step(*args, **more)

    trainer.optimizer.step = step
    trainer.train()
    examples = [Example(p) for p in pairs]
    expected, grads = run(make_model(dtype="float32"), examples, Objective("fixed", fixed_weight=weight), "shared")
    assert trainer.state.log_history[0]["loss"] == pytest.approx(float(expected), rel=1e-3)  # logged in four digits
    near = fp32(make_model(dtype="float32"), examples)
    assert kept
    assert max(relative(kept[n], grads[n]) for n in grads) < near
