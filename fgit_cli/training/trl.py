"""TRL's SFTTrainer with a weight for each token, for what `fgit export --to trl` writes.

The loss is that of `fgit train --objective fixed`: Σ w · (−log P) over the tokens of the responses, divided by their
number in the step, over accumulation and devices alike.
"""

from typing import Any

import torch
from transformers import default_data_collator
from trl import SFTTrainer

IGNORED = -100


def collate(examples: list[dict[str, Any]], pad_token_id: int = 0) -> dict[str, torch.Tensor]:
    """Rows padded on the right to the longest: `input_ids`, `labels`, `weights`, `attention_mask` [rows, length]."""
    longest = max(len(example["input_ids"]) for example in examples)
    padding = {"input_ids": pad_token_id, "labels": IGNORED, "weights": 0.0, "attention_mask": 0}

    def padded(example: dict[str, Any]) -> dict[str, Any]:
        rows = {**example, "attention_mask": [1] * len(example["input_ids"])}
        return {name: [*rows[name], *[value] * (longest - len(rows[name]))] for name, value in padding.items()}

    return dict(default_data_collator([padded(example) for example in examples]))


class WeightedSFTTrainer(SFTTrainer):
    """Give it `data_collator=collate`, and in the SFTConfig `remove_unused_columns=False` and
    `dataset_kwargs={"skip_prepare_dataset": True}`."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The weighted loss of a batch, a scalar; with the model's outputs where they are asked for."""
        weights, labels = inputs["weights"][:, 1:], inputs["labels"][:, 1:]
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        logits = outputs.logits[:, :-1].float()
        nll = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
        count = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum()
        loss = (nll * weights).sum() / count
        if num_items_in_batch is not None and self.args.average_tokens_across_devices:
            loss = loss * self.accelerator.num_processes  # which the mean of gradients over devices divides by
        return (loss, outputs) if return_outputs else loss
