"""Reads any mix of what the other commands wrote and says, record by record, what it is.

A model is called by LABEL of `LABEL=FILE`; else by its file's name without the bench's, with the folder before it where
two files would share a name. Where one file (or stdin) holds several models, their records' `model` tells them apart.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fgit_cli import jsonl
from fgit_cli.core import fields
from fgit_cli.errors import InputError
from fgit_cli.formats import places
from fgit_cli.formats.reading import loose_rows
from fgit_cli.jsonl import Record
from fgit_cli.reporting.annotation import Sheet
from fgit_cli.reporting.masked_pairs import Pairs
from fgit_cli.reporting.refined_pairs import Refined, is_refined
from fgit_cli.reporting.repeated_runs import LabRun, lab_run
from fgit_cli.reporting.results import JudgedSample, Run, sample
from fgit_cli.reporting.variant_quality import Compiled, VariantCounts


@dataclass
class Inputs:
    """Everything read: runs in the order of their files; logs, masked and refined pairs by name; lab results."""

    runs: list[Run] = field(default_factory=list)
    logs: dict[str, list[Record]] = field(default_factory=dict)
    pairs: dict[str, Pairs] = field(default_factory=dict)
    refined: dict[str, Refined] = field(default_factory=dict)
    lab: list[LabRun] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not (self.runs or self.logs or self.pairs or self.refined or self.lab)


@dataclass
class Labelled:
    """One word of the command line: a file, and the label its user gave it or ''."""

    file: str
    label: str

    @classmethod
    def of(cls, word: str) -> "Labelled":
        label, equals, file = word.partition("=")
        return cls(file, label) if equals and label and file and not Path(word).exists() else cls(word, "")

    def stem(self, bench: str = "") -> str:
        """The file's name without endings and without the bench's own name at its end."""
        if self.file == "-":
            return "stdin"
        name = places.stem(self.file)
        plain = re.escape(bench.rstrip("+"))
        return re.sub(rf"[._-]*{plain}(\+|[._-]?plus)?$", "", name, flags=re.IGNORECASE) or name if plain else name

    @property
    def folder(self) -> str:
        return Path(self.file).resolve().parent.name

    @property
    def log_name(self) -> str:
        """The file's name without `log`; its folder's for the `steps.jsonl` that fgit train leaves in its output."""
        return self.folder if self.stem() == "steps" else re.sub(r"[._-](log|steps)$", "", self.stem())


def kind(record: dict[str, Any]) -> str:
    """What wrote this record: `eval`, `train`, `mask`, `refine` or the lab. Raises InputError for anything else."""
    if "task_id" in record and ("base" in record or "plus" in record):
        return "eval"
    if "correct_mask" in record and "incorrect_mask" in record:
        return "mask"
    if is_refined(record):
        return "refine"
    if "step" in record:
        return "train"
    if "arm" in record and "passed" in record:
        return "lab"
    raise InputError(
        "neither an eval result (`task_id`, `base`), a training log (`step`), a masked pair (`correct_mask`), a "
        "refined one (`attempts`, `origin`) nor a lab result (`arm`, `passed`); give what fgit eval, train, mask or "
        "refine wrote"
    )


def read(words: list[str]) -> Inputs:
    """All records of all files (stdin for none). Raises InputError with the place of a record that fits nowhere."""
    inputs = Inputs()
    found: list[tuple[Labelled, str, JudgedSample]] = []
    for source in [Labelled.of(word) for word in words or ["-"]]:
        for record in jsonl.read([source.file]):
            try:
                match kind(record):
                    case "eval":
                        found.append((source, str(record.get("model") or ""), sample(record)))
                    case "train":
                        inputs.logs.setdefault(source.label or source.log_name, []).append(record)
                    case "lab":
                        inputs.lab.append(lab_run(record))
                    case "mask":
                        name = source.label or source.stem()
                        inputs.pairs.setdefault(name, Pairs(name)).add(record)
                    case "refine":
                        name = source.label or source.stem()
                        inputs.refined.setdefault(name, Refined(name)).add(record)
            except InputError as error:
                error.place = error.place or record.place
                raise
    inputs.runs = _runs(found)
    return inputs


def references(files: list[str]) -> dict[str, str]:
    """A correct program for each `task_id` of benchmark files: `prompt` and `canonical_solution`, or another response.

    Read by the standard library, because EvalPlus's files hold Infinity among the tests' inputs. Raises InputError for
    a record without task or solution.
    """
    found = {}
    for file in files:
        for place, record in loose_rows(file):
            task_id = record.get("task_id") if isinstance(record, dict) else None
            try:
                if not isinstance(task_id, str):
                    raise InputError("no text in field `task_id`; --references takes a benchmark's file")
                if record.get("prompt") is None and "complete_prompt" in record:  # BigCodeBench
                    record["prompt"] = record["complete_prompt"]
                found[task_id] = fields.response(record)
            except InputError as error:
                error.place = error.place or place
                raise
    return found


def variants(file: str, compiled: Compiled | None = None, sheet: Sheet | None = None) -> VariantCounts:
    """The counts over the variants of one file, each usable one of which a `sheet` is offered.

    Raises InputError with the place of a record that has none.
    """
    counted = VariantCounts(compiled, sheet)
    for record in jsonl.read([file]):
        try:
            counted.add(record)
        except InputError as error:
            error.place = error.place or record.place
            raise
    if not counted.languages:
        raise InputError("no records", file)
    return counted


def _runs(found: list[tuple[Labelled, str, JudgedSample]]) -> list[Run]:
    """One run for each model and bench; files under one label are one run as long as no sample comes twice."""
    fields_of, files_of = defaultdict(set), defaultdict(set)
    for source, model, one in found:
        fields_of[source.file].add(model)
        files_of[source.stem(one.bench), one.bench].add(source.file)
    runs: dict[tuple[str, str], Run] = {}
    for source, model, one in found:
        stem = source.stem(one.bench)
        if source.label:
            name = source.label
        elif model and (source.file == "-" or len(fields_of[source.file]) > 1):
            name = model
        else:
            name = f"{source.folder}/{stem}" if len(files_of[stem, one.bench]) > 1 else stem
        for bench in (one.bench, *([f"{one.bench}-{one.difficulty}"] if one.difficulty else [])):
            runs.setdefault((name, bench), Run(name, bench)).add(one, source.file)
    return list(runs.values())
