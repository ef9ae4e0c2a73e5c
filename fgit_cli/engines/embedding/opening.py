"""Finds and loads the embedder that a name means: a hub name or a local folder."""

import os
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fgit_cli import hub
from fgit_cli.core.similarity import DECIMALS
from fgit_cli.engines.embedding import Embedder
from fgit_cli.errors import MissingExtra, UsageError

CPU_TOKENS, GPU_TOKENS = 1024, 32768  # positions in one pass; a CPU's caches hold no more than the former
NO_WEIGHTS_WE_READ = ["*.msgpack", "*.h5", "*.ot", "onnx/*", "openvino/*", "*.onnx"]


def open_embedder(name: str, device: str = "auto", batch_tokens: int | None = None) -> Embedder:
    """The embedder of a hub name or a local folder, in fp32: bfloat16 moved the choice in 4 of 82 records (MiniLM).

    A tokenizer that knows `<encoder-only>` makes it a UniXcoder. `device` is `auto` or a torch device. Raises
    MissingExtra without torch and sentence-transformers, UsageError where the model cannot be had.
    """
    if not all(map(find_spec, ("sentence_transformers", "torch", "transformers"))):
        raise MissingExtra(f"--by {name}", "select")
    folder = local_folder(name)
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {device}: cannot be used here: {_first_line(error)}") from None
    try:
        from transformers import AutoTokenizer
        from transformers.utils import logging

        from fgit_cli.engines.embedding.sentences import SentenceEmbedder
        from fgit_cli.engines.embedding.unixcoder import MODE, UniXcoder

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        tokenizer = AutoTokenizer.from_pretrained(str(folder))
        if MODE in tokenizer.get_vocab():
            batch_tokens = batch_tokens or (CPU_TOKENS if device == "cpu" else GPU_TOKENS)
            return UniXcoder(name, folder, tokenizer, device, batch_tokens)
        return SentenceEmbedder(name, folder, device)
    except Exception as error:  # whatever broken or foreign files make the libraries raise
        raise UsageError(f"--by {name}: the model cannot be loaded: {_first_line(error)}; {WAYS_OUT}") from None


WAYS_OUT = "give a local folder that holds the model (--by FOLDER), or --by edit, which needs none"


def local_folder(name: str) -> Path:
    """The folder of a model: the name itself where it is one, else the hub's snapshot, fetched if need be."""
    if os.path.isdir(name):
        return Path(name)
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, ignore_patterns=NO_WEIGHTS_WE_READ))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--by {name}: neither a folder nor in the hub's cache; {WAYS_OUT} ({hub.reason(error)})"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:200].rstrip(".")


def cosine_scorer(embedder: Embedder) -> Callable[[Sequence[tuple[str, str]]], list[float]]:
    """A function from pairs of texts to their cosines; every text that occurs, however often, is embedded once."""

    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        numbers: dict[str, int] = {}
        for pair in pairs:
            for text in pair:
                numbers.setdefault(text, len(numbers))
        if not numbers:
            return []
        vectors = embedder.embed(list(numbers))
        left = vectors[[numbers[a] for a, _ in pairs]]
        right = vectors[[numbers[b] for _, b in pairs]]
        return [round(float(c), DECIMALS) for c in np.einsum("nd,nd->n", left, right)]

    return score
