"""Runs sentence-transformers models as embedders, as their own files configure them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli import older_transformers
from fgit_cli.engines.embedding import plain_backend, revision, unit


class SentenceEmbedder:
    """Any sentence-transformers model, as its own files configure it."""

    def __init__(self, name: str, folder: Path, device: str) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers import PreTrainedModel

        self.name, self.folder, self.windowed = name, folder, 0
        self.pooled_by_default = not (folder / "modules.json").exists()
        self.model = SentenceTransformer(str(folder), device=device, local_files_only=True)
        for module in self.model.modules():
            if isinstance(module, PreTrainedModel):
                older_transformers.mend(module)

    def describe(self) -> dict[str, Any]:
        recipe = "sentence-transformers" + (", mean pooling for want of its own" if self.pooled_by_default else "")
        return {"model": self.name, "revision": revision(self.folder), "recipe": recipe, "dtype": "float32"}

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        pieces: list[str] = []
        weights: list[float] = []
        owners: list[int] = []
        for owner, parts in enumerate(self._windows(texts)):
            self.windowed += len(parts) > 1
            for text, tokens in parts:
                pieces.append(text)
                weights.append(max(tokens, 1))
                owners.append(owner)
        vectors = self.model.encode(pieces, show_progress_bar=False, convert_to_numpy=True)
        total = np.zeros((len(texts), vectors.shape[1]))
        np.add.at(total, owners, vectors * np.asarray(weights)[:, None])
        return unit(total)

    def _windows(self, texts: Sequence[str]) -> list[list[tuple[str, int]]]:
        """Per text its pieces and their numbers of tokens; one piece where the model takes the text whole."""
        limit = self.model.max_seq_length
        if not limit or not getattr(self.model.tokenizer, "is_fast", False):
            return [[(t, 1)] for t in texts]
        backend = plain_backend(self.model.tokenizer)
        special = self.model.tokenizer.num_special_tokens_to_add()
        out = []
        for text, encoding in zip(texts, backend.encode_batch(list(texts), add_special_tokens=False), strict=True):
            offsets = encoding.offsets
            if len(offsets) + special <= limit:
                out.append([(text, len(offsets))])
                continue
            step = max(limit - special - 8, 1)  # a word cut at a window's end may become a few tokens more
            starts = list(range(0, len(offsets), step))
            cuts = [0, *(offsets[s][0] for s in starts[1:]), len(text)]
            counts = [min(step, len(offsets) - s) for s in starts]
            out.append([(text[cuts[i] : cuts[i + 1]], n) for i, n in enumerate(counts)])
        return out
