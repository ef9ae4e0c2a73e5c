"""What can be known to be wrong before the first step: refused here, by name, not after an hour."""

from collections.abc import Callable
from typing import Any

from fgit_cli.core.masks import REVISION
from fgit_cli.errors import InputError, UsageError
from fgit_cli.training.data import PairStore
from fgit_cli.training.layout import row_sizes
from fgit_cli.training.objective import Objective
from fgit_cli.training.pairs import Example


def check_objective(store: PairStore, objective: Objective, where: str) -> None:
    """Refuse data from which the objective cannot learn what it is for. Raises InputError."""
    about = store.about
    if objective.dynamic and not about["active"]:
        raise InputError(
            f"no pair has marks on both sides, so {objective.name} would be plain SFT; see `fgit mask --gaps`, or use "
            "--objective sft",
            where,
        )
    if objective.name == "signed" and not about["changed"]:
        raise InputError(
            "no pair has a changed token (value 2) on both sides, so signed would be plain SFT; run `fgit mask "
            "--granularity hybrid --gaps fork`, or use --objective sft",
            where,
        )
    if objective.name == "fork" and not about["forked"]:
        raise InputError("no pair has a fork; run `fgit mask` again, or use --objective sft", where)
    if objective.name == "fixed" and not about["marked"]:
        raise InputError("no pair has a mark on the correct side; run `fgit mask` again, or use --objective sft", where)
    if objective.compares and about["unpaired"]:
        raise InputError(
            f"{about['unpaired']} of {about['pairs']} records have no incorrect response, which --objective "
            f"{objective.name} needs; run `fgit mask` without --keep-unpaired",
            where,
        )


def check_vocabulary(store: PairStore, vocabulary: int, model: str, where: str) -> None:
    """Refuse token ids that the model's embedding does not have. Raises InputError."""
    largest = store.about["largest_id"]
    if largest >= vocabulary:
        raise InputError(
            f"token id {largest} is beyond the vocabulary of {model} ({vocabulary} tokens); mask with its tokenizer",
            where,
        )


def check_positions(store: PairStore, positions: int | None, objective: Objective, model: str) -> None:
    """Refuse pairs that feed more tokens than the model has a table of positions for. Raises UsageError."""
    if positions is None or store.longest - 1 <= positions:
        return
    fed = [max(row_sizes(objective, Example(store[number]), "plain")) for number in range(len(store))]
    beyond = sum(n > positions for n in fed)
    if beyond:
        raise UsageError(
            f"--model {model} has {positions} positions, and {beyond} of {len(store)} pairs need up to {max(fed)}; run "
            f"`fgit mask --max-length {positions}`"
        )


Unlike = Callable[[dict[str, Any], list[list[int]]], str | None]


def check_tokenizer(store: PairStore, sha256: str, model: str, where: str, unlike: Unlike | None = None) -> str | None:
    """Refuse pairs made with another tokenizer than the model's. Raises InputError.

    Where the files differ, `unlike` says how the two differ in what they do, from what the records say and from the
    ids of the first responses; without it they are taken to differ. Returns what to tell the user where they do not.
    """
    made = store.about["tokenizer"]
    if not made or made.get("sha256") in (None, sha256):
        return None
    first = [store[number].correct_ids.tolist() for number in range(min(len(store), 100))]
    if why := unlike(made, first) if unlike else "another file":
        raise InputError(
            f"the pairs were made with the tokenizer of {made.get('name')}, which is not that of {model} ({why}); run "
            f"`fgit mask --tokenizer {model}`",
            where,
        )
    return f"the file of {model}'s tokenizer is not the one that the pairs were made with, but it does the same"


def model_name(given: str | None, tokenizer: dict[str, Any] | None) -> str:
    """The model to tune: the one given, else the one that the pairs' tokenizer names. Raises UsageError."""
    if given:
        return given
    if tokenizer and tokenizer.get("name"):
        return str(tokenizer["name"])
    raise UsageError("the pairs name no tokenizer, so no model is known; give --model FOLDER or hub name")


def length_notes(store: PairStore, config: Any, model: str) -> list[str]:
    """A line where pairs are longer than what the model was made for."""
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if not positions or store.longest <= positions:
        return []
    return [
        f"the longest pair has {store.longest} tokens, {model} was made for {positions}; see `fgit mask --max-length`"
    ]


# How the papers made their masks, and how `fgit mask` makes them unless told: a default needs no word.
DEFAULT_MASKS = {"algorithm": "difflib", "granularity": "hybrid", "gaps": "anchor", "ignore": ["space"]}
FGIT_MASKS = {"algorithm": "difflib", "granularity": "hybrid", "gaps": "ignore", "ignore": []}
TARGET_MASKS = {"algorithm": "lcs", "granularity": "line", "gaps": "ignore", "ignore": []}
PAPERS = {
    "fgit": ("FGit", FGIT_MASKS), "fixed": ("FGit", FGIT_MASKS),
    "target-dpo": ("Target-DPO", TARGET_MASKS), "target-rpo": ("Target-DPO", TARGET_MASKS),
}  # fmt: skip


def age_notes(masks: list[dict[str, Any]]) -> list[str]:
    """A line where masks were made by an fgit that would make others today, or by a newer one."""
    revisions = {mask["revision"] if isinstance(mask.get("revision"), int) else 1 for mask in masks}
    if any(revision < REVISION for revision in revisions):
        return [
            "the pairs were masked by an older fgit, which marked other tokens; mask them again: fgit mask on the "
            "records that fgit select wrote"
        ]
    if any(revision > REVISION for revision in revisions):
        return ["the pairs were masked by a newer fgit, which marks other tokens than this one; use that for all"]
    return []


def mask_notes(masks: list[dict[str, Any]], objective: Objective) -> list[str]:
    """A line for each way in which masks were made otherwise than by the objective's paper or by fgit's defaults."""
    if objective.name not in PAPERS:
        return []
    paper, theirs = PAPERS[objective.name]
    notes = []
    for mask in masks:
        if theirs is FGIT_MASKS and all((mask.get(key) or value) == value for key, value in DEFAULT_MASKS.items()):
            continue
        other = [f"--{key} {_typed(mask[key])}" for key, value in theirs.items() if (mask.get(key) or value) != value]
        usual = " ".join(f"--{key} {_typed(value)}" for key, value in theirs.items())
        if other:
            notes.append(f"the masks were made with {' '.join(other)}; {paper} has {usual}")
    return notes


def _typed(value: Any) -> Any:
    """An option's value as it is typed; an empty list is `none`."""
    return (",".join(value) or "none") if isinstance(value, list) else value
