"""What was meant by an option or command that is none."""

from collections.abc import Iterator
from difflib import get_close_matches

MOST = 3  # suggestions

# What other tools call it, where letters do not tell. Of the names here those count that the command has.
OTHER_NAMES = {
    "bs": ("global-batch-size", "batch-size"),
    "gas": ("global-batch-size",),
    "gradient-accumulation-steps": ("global-batch-size", "token-budget"),
    "per-device-train-batch-size": ("global-batch-size", "token-budget"),
    "micro-batch-size": ("global-batch-size", "token-budget"),
    "gpus": ("num-processes",),
    "limit": ("tasks",),
    "loss": ("objective",),
    "zero2": ("deepspeed",),
    "zero3": ("deepspeed",),
    "wandb": ("report-to",),
    "val": ("eval-file",),
    "validation-file": ("eval-file",),
    "model": ("tokenizer", "by"),
    "html": ("format",),
    "json": ("format",),
    "n": ("samples", "variants", "limit"),
    "k": ("samples", "variants"),
    "num-samples": ("samples", "variants"),
    "threads": ("workers",),
    "jobs": ("workers",),
    "num-proc": ("workers",),
    "evaluate": ("eval",),
    "test": ("eval",),
    "score": ("eval",),
    "bench": ("eval",),
    "generate": ("eval", "mutate"),
    "finetune": ("train",),
    "fine-tune": ("train",),
    "tune": ("train",),
    "sft": ("train",),
    "tokenize": ("mask",),
    "compare": ("diff", "report"),
    "results": ("report",),
    "plot": ("report",),
    "filter": ("select",),
    "variants": ("mutate",),
    "rules": ("mutate",),
    "dedup": ("decontaminate",),
    "convert": ("export",),
    "info": ("doctor",),
    "check": ("doctor",),
}


def meant(word: str, known: list[str]) -> list[str]:
    """The known options or commands that `word` may stand for, the surest first; none where nothing is near."""
    bare = word.lstrip("-").replace("_", "-")
    names = {name.lstrip("-"): name for name in known}
    return [names[name] for name in next(filter(None, _ways(bare, list(names))), [])][:MOST]


def _ways(word: str, names: list[str]) -> Iterator[list[str]]:
    """The names that each way of misspelling finds, the surest way first."""
    parts = set(word.split("-"))
    yield [name for name in names if name == word]  # written with `_`
    yield [name for name in OTHER_NAMES.get(word, ()) if name in names]
    if len(word) > 1:
        initials = [name for name in names if word == "".join(part[:1] for part in name.split("-"))]  # lr
        yield sorted(initials, key=len, reverse=True)[:1]
    if len(word) > 2:
        yield [name for name in names if name.startswith(word)]  # temp
        yield [name for name in names if parts <= set(name.split("-"))]  # epochs
    yield get_close_matches(word, names, 1, 0.6)
    yield [name for name in names if set(name.split("-")) < parts]  # model-name-or-path
