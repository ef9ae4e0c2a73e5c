"""Counts what a run with a teacher would ask and cost, before it is paid for."""

from collections.abc import Callable, Iterable
from typing import Any

from fgit_cli.engines.generation import Request, Sampling

CHARACTERS_PER_TOKEN = 3.0  # of code with prose, for a model whose tokenizer is not at hand; errs to the high side


def token_counter(model: str) -> tuple[Callable[[str], int], bool]:
    """Counts a text's tokens by the model's tokenizer if it is in a folder or the hub cache; else estimates.

    The second value says whether the counts are exact. Nothing is downloaded.
    """
    from pathlib import Path

    from huggingface_hub import try_to_load_from_cache
    from tokenizers import Tokenizer

    local = Path(model) / "tokenizer.json"
    found = str(local) if local.is_file() else None
    if found is None and model.count("/") == 1 and not Path(model).exists():
        cached = try_to_load_from_cache(model, "tokenizer.json")
        found = cached if isinstance(cached, str) else None
    if found is None:
        return lambda text: int(len(text) / CHARACTERS_PER_TOKEN) + 1, False
    tokenizer = Tokenizer.from_file(found)
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids), True


def dry_run(model: str, pairs: Iterable[tuple[Request, str]], sampling: Sampling) -> dict[str, Any]:
    """Counts over pairs (request, the correct response, whose length the answers are expected to have)."""
    count, exact = token_counter(model)
    total = {"requests": 0, "answers": 0, "prompt_tokens": 0, "expected_answer_tokens": 0, "most_answer_tokens": 0}
    for request, response in pairs:
        turns = [m["content"] for m in request.messages or []]
        total["requests"] += 1
        total["answers"] += request.n
        total["prompt_tokens"] += count("\n".join(turns) or request.prompt or "")
        total["expected_answer_tokens"] += request.n * min(count(response), sampling.max_tokens)
        total["most_answer_tokens"] += request.n * sampling.max_tokens
    return {**total, "model": model, "tokenizer": "the model's" if exact else "estimated, 3 characters a token"}
