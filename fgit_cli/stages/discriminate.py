"""`--bench discrimination`: whether a model prefers the correct token where a pair's sides part; nothing is run."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fgit_cli import __version__
from fgit_cli.core.statistics import bootstrap, wilson
from fgit_cli.jsonl import read

NAME = "discrimination"


@dataclass
class Preferences:
    """What was told of the pairs so far."""

    ratios: list[float] = field(default_factory=list)
    nlls: list[float] = field(default_factory=list)

    def add(self, record: dict[str, Any]) -> None:
        self.nlls.append(record["nll"])
        if record["log_ratio"] is not None:
            self.ratios.append(record["log_ratio"])

    def summary(self) -> Iterator[str]:
        """Lines for stderr; intervals are over pairs."""
        without = len(self.nlls) - len(self.ratios)
        pairs = f"{len(self.nlls)} pairs" + (f", {without} of them without a fork" if without else "")
        if self.ratios:
            share = sum(r > 0 for r in self.ratios) / len(self.ratios)
            low, high = wilson(share, len(self.ratios))
            yield f"{pairs}: prefers the correct token in {share:.1%} (95 %: {low:.1%} to {high:.1%})"
            low, high = bootstrap(self.ratios)
            sure = f"95 %: {low:+.3f} to {high:+.3f}" if len(self.ratios) > 1 else "of one pair, so without an interval"
            yield f"log-ratio at the fork {sum(self.ratios) / len(self.ratios):+.3f} nats ({sure})"
        else:
            yield pairs
        yield f"NLL of the correct responses {sum(self.nlls) / len(self.nlls):.4f} nats a token, mean over pairs"


def discriminate(model_name: str, data: str) -> Iterator[dict[str, Any]]:
    """A record for each pair of `data`, which `fgit mask` made for the model's tokenizer.

    `task_id` (the record's, else its id), `bench`, `log_ratio` (log p of the correct token at the first fork − log p of
    the incorrect one; None without a fork), `prefers_correct`, `nll` (mean over the response's tokens), `made`. Raises
    InputError for pairs of another tokenizer, UsageError for a model that cannot be loaded.
    """
    from fgit_cli.engines.tokenizing import tokenizers
    from fgit_cli.training import checks, machines, model
    from fgit_cli.training import data as pairs
    from fgit_cli.training.budget import DEFAULT
    from fgit_cli.training.evaluate import by_pair
    from fgit_cli.training.options import Options
    from fgit_cli.training.step import confirm, prepare

    options = Options(model=model_name, files=[data], quiet=True)
    with TemporaryDirectory(prefix="fgit-") as folder:
        store = pairs.write_store([data], Path(folder) / "pairs")
        checks.check_tokenizer(store, tokenizers.load(model_name).sha256, model_name, data)
        config = model.load_config(model_name, options)
        checks.check_vocabulary(store, config.get_text_config().vocab_size, model_name, data)
        accelerator = machines.start(options, machines.alone())
        loaded, source = model.load_model(model_name, options, accelerator)
        layout = confirm(loaded, prepare(loaded, longest=store.longest))
        made = {
            "fgit": __version__, "model": model_name, "revision": source.revision, "data": store.about["fingerprint"],
        }  # fmt: skip
        names = [record.get("task_id") or record.get("id") for record in read([data])]
        each = by_pair(loaded, store, layout, DEFAULT, accelerator)
        for name, told in zip(names, each, strict=True):
            prefers = None if told.log_ratio is None else told.log_ratio > 0
            yield {
                "task_id": name, "bench": NAME, "log_ratio": told.log_ratio, "prefers_correct": prefers,
                "nll": told.nll, "made": made,
            }  # fmt: skip
