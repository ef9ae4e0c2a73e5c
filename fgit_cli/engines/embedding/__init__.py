"""An embedder turns code into vectors; UniXcoder follows its own recipe, all others go by sentence-transformers.

An embedder has `embed(texts) -> array [len(texts), dimension]` of unit length (the model runs in fp32, sums and
cosines in fp64, so that the cosines of nearly equal texts keep their order), `windowed` (how many texts it
was given that its model cannot take whole) and `describe()`. A text longer than the model's limit is embedded in
windows that follow each other, weighted by their tokens. If it were cut off instead, a fault past the limit would have
cosine 1 and always win. This file holds what all embedders share; opening.py finds the one that a name means.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Embedder(Protocol):
    """What turns texts into vectors of unit length."""

    windowed: int

    def embed(self, texts: Sequence[str]) -> np.ndarray: ...

    def describe(self) -> dict[str, Any]: ...


def plain_backend(tokenizer: Any) -> Any:
    """The fast tokenizer without cutting and padding; special tokens' look-alikes in a text are encoded as text."""
    from tokenizers import Tokenizer

    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    return backend


def revision(folder: Path) -> str | None:
    """The hub's commit that a snapshot folder is named after; None for any other folder."""
    return folder.name if folder.parent.name == "snapshots" else None


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their L2 norm; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)
