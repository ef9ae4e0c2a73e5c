"""Tells whether arms of a recipe that are to be compared are one and the same: then their comparison is hollow."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from recipes.parts import Arm, Data, Places, Recipe, places


def alike(recipe: Recipe, folder: Path) -> Iterator[str]:
    """For any two arms of a row that share what they are about, what that is; `folder` holds what the run made.

    Arms are about their models; those with other data or masks are about their pairs too. Compared are the weights, and
    of the pairs what training reads, byte by byte.
    """
    for student, data in recipe.rows:
        made = [(arm, places(recipe, student, arm.data or data, arm)) for arm in recipe.arms]
        for (one, a), (other, b) in itertools.combinations(made, 2):
            names = f"{student.name}: {one.name!r} and {other.name!r}"
            if same_model(folder, a, b):
                yield f"{names} have the same weights ({a.model}, {b.model})"
            meant = _about(one, data) == _about(other, data)  # to have the same pairs
            if (
                one.train
                and other.train
                and not meant
                and a.pairs != b.pairs
                and _pairs(folder / a.pairs) == _pairs(folder / b.pairs)
            ):
                yield f"{names} are tuned on the same pairs ({a.pairs}, {b.pairs})"


def _about(arm: Arm, data: Data) -> tuple[str, str]:
    """What decides an arm's pairs, but for records without any: whose variants they are, and how they are masked."""
    own = arm.data or data
    return own.variants or own.name, arm.mask


def same_model(folder: Path, one: Places, other: Places) -> bool:
    """Whether two models are one, or have the same weights; one that is no folder here is told by its name."""
    if one.model == other.model:
        return True
    files = [_weights(folder / place.model) for place in (one, other)]
    if not all(files) or [f.stat().st_size for f in files[0]] != [f.stat().st_size for f in files[1]]:
        return False
    return [_digest(f) for f in files[0]] == [_digest(f) for f in files[1]]


def _weights(model: Path) -> list[Path]:
    return sorted(model.glob("*.safetensors"))


def _digest(file: Path) -> str:
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _pairs(file: Path) -> str:
    """A digest of the ids, marks and forks of a file of pairs."""
    digest = hashlib.sha256()
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            read = {name: record.get(name) for name in ("prompt_ids", "forks")}
            for side in ("correct", "incorrect"):
                read |= {f"{side}_{what}": record.get(f"{side}_{what}") for what in ("ids", "mask")}
            digest.update(json.dumps(read).encode())
    return digest.hexdigest()
