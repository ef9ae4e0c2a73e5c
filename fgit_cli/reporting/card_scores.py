"""pass@1 on the card of the model that was evaluated: as metadata that a hub reads, and as a table for readers."""

import re
from pathlib import Path

from fgit_cli.errors import UsageError
from fgit_cli.jsonl import write_text_whole
from fgit_cli.reporting.scores import Runs, intervals, models, tested_title
from fgit_cli.reporting.table import text

SECTION = re.compile(r"^## Scores\n.*?(?=^## |\Z)", re.M | re.S)
DATASETS = {  # where the hub has a benchmark
    "humaneval": "openai/openai_humaneval", "humaneval+": "evalplus/humanevalplus", "mbpp+": "evalplus/mbppplus",
    "mbpp": "google-research-datasets/mbpp", "bigcodebench": "bigcode/bigcodebench",
    "bigcodebench-hard": "bigcode/bigcodebench-hard", "livecodebench": "livecodebench/code_generation_lite",
}  # fmt: skip


def write(folder: str, runs: Runs) -> Path:
    """Put the one model's scores into README.md of its folder; the file.

    Raises UsageError where there is no card and where the results are of no model or of several.
    """
    from huggingface_hub import EvalResult, ModelCard

    path = Path(folder) / "README.md"
    if len(models(runs)) != 1:
        of = ", ".join(models(runs)) or "no model"
        raise UsageError(f"--model-card {folder}: give the results of that model alone; these are of {of}")
    try:
        card = ModelCard.load(path, ignore_metadata_errors=True)
    except (OSError, ValueError):
        raise UsageError(f"--model-card {folder}: no README.md that is a model card; fgit train writes one") from None
    rows = intervals(runs).rows
    named = [(row, tested_title(row["bench"], row["tests"] != "base")) for row in rows]
    card.data.model_name = card.data.model_name or Path(folder).resolve().name
    card.data.eval_results = [
        EvalResult(
            task_type="text-generation", dataset_type=DATASETS.get(row["bench"], row["bench"]),
            dataset_name=tested_title(row["bench"], True), metric_type="pass@1",
            metric_name=f"pass@1, {row['tests']} tests", metric_value=round(row["pass_at_1"], 2),
        )
        for row in rows  # those of one dataset must have one name: the hub's format groups them
    ]  # fmt: skip
    card.data.metrics = ["pass@1"]
    table = ["| bench | pass@1, % | 95 % interval | tasks |", "|---|--:|--:|--:|"]
    table += [
        f"| {bench} | {text('percent', row['pass_at_1'])} | {text('interval', row['interval'])} | {row['tasks']} |"
        for row, bench in named
    ]
    section = "\n".join(["## Scores", "", "By `fgit eval`; intervals are Wilson's, over tasks.", "", *table, "", ""])
    found = SECTION.search(card.text)
    card.text = SECTION.sub(lambda _: section, card.text, count=1) if found else f"{card.text.rstrip()}\n\n{section}"
    write_text_whole(path, f"{str(card).strip()}\n")
    return path
