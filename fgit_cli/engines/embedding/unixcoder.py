"""Embeds code with UniXcoder as its authors do for similarity (Guo et al. 2022, arXiv:2203.03850, encoder-only mode).

The ids are `<s> <encoder-only> </s> code </s>`, at most 512; RoBERTa reads them in both directions, with the 2-D
padding mask; the vector is the mean over all positions that are no padding, special tokens included, by its L2 norm.
The mode token stands in the vocabulary but is not registered as special, so it is put in by its id: as text it would be
split into pieces.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli.engines.embedding import plain_backend, revision, unit
from fgit_cli.errors import EngineError

MODE = "<encoder-only>"
MAX_LENGTH = 512  # positions, special tokens included: the authors' max_length


class UniXcoder:
    """Embeds code; a text beyond 508 tokens in windows, the mean taken over the positions of all of them."""

    def __init__(self, name: str, folder: Path, tokenizer: Any, device: str, batch_tokens: int) -> None:
        import torch
        from transformers import AutoModel

        self.name, self.folder, self.device, self.batch_tokens = name, folder, device, batch_tokens
        self.windowed = 0
        self.model: Any
        self.model, report = AutoModel.from_pretrained(
            str(folder), dtype=torch.float32, add_pooling_layer=False, is_decoder=False, output_loading_info=True
        )
        if report["missing_keys"]:
            raise ValueError(f"its weights lack {sorted(report['missing_keys'])[0]}")
        self.model.to(device).eval()
        self.backend = plain_backend(tokenizer)
        ids = tokenizer.convert_tokens_to_ids([tokenizer.cls_token, MODE, tokenizer.sep_token])
        self.head, self.tail, self.pad = ids, ids[-1:], tokenizer.pad_token_id
        positions = self.model.config.max_position_embeddings - self.model.config.pad_token_id - 1
        self.room = min(MAX_LENGTH, positions) - len(self.head) - len(self.tail)

    def describe(self) -> dict[str, Any]:
        return {"model": self.name, "revision": revision(self.folder), "recipe": "unixcoder", "dtype": "float32"}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors [len(texts), hidden]. Equal windows, as the beginnings of long variants, run once."""
        windows: dict[tuple[int, ...], list[int]] = {}
        for owner, encoding in enumerate(self.backend.encode_batch(list(texts), add_special_tokens=False)):
            ids = encoding.ids
            self.windowed += len(ids) > self.room
            for start in range(0, max(len(ids), 1), self.room):
                window = (*self.head, *ids[start : start + self.room], *self.tail)
                windows.setdefault(window, []).append(owner)
        total = np.zeros((len(texts), self.model.config.hidden_size))
        for batch in batches(list(windows), self.batch_tokens):
            for window, summed in zip(batch, self._sums(batch), strict=True):
                for owner in windows[window]:
                    total[owner] += summed
        return unit(total)  # the norm cancels the division by the number of positions

    def _sums(self, batch: Sequence[tuple[int, ...]]) -> np.ndarray:
        """Per window the sum of the last hidden states over its positions: [len(batch), hidden]."""
        import torch

        longest = max(map(len, batch))
        ids = torch.tensor([[*w, *[self.pad] * (longest - len(w))] for w in batch])
        mask = torch.tensor([[1] * len(w) + [0] * (longest - len(w)) for w in batch])
        ids, mask = ids.to(self.device), mask.to(self.device)
        try:
            with torch.inference_mode():
                hidden = self.model(input_ids=ids, attention_mask=mask).last_hidden_state  # [B, T, hidden]
                return (hidden * mask[:, :, None]).sum(1).float().cpu().numpy()
        except torch.OutOfMemoryError:
            raise EngineError(
                f"{self.device} has no memory for {ids.numel()} positions; give a smaller --batch-tokens"
            ) from None


def batches(windows: list[tuple[int, ...]], tokens: int) -> Iterator[list[tuple[int, ...]]]:
    """Windows by falling length, so many a pass that they take at most `tokens` positions, padding included."""
    windows.sort(key=len, reverse=True)
    start = 0
    while start < len(windows):
        size = max(1, tokens // len(windows[start]))
        yield windows[start : start + size]
        start += size
