"""What a recipe is made of: students, data sets, ways to tune, and the lines that are typed."""

import hashlib
import re
from dataclasses import dataclass
from typing import NamedTuple

from fgit_cli.training.estimate import Shape


@dataclass(frozen=True)
class Student:
    """A model to tune. `template` is mask's; `sizes` are layers, width, attention, keys, inner, vocabulary.

    `inner` is that of a gated MLP (three matrices); `train` holds flags that only this student needs.
    """

    name: str
    hub: str
    sizes: tuple[int, int, int, int, int, int]
    template: str = ""
    train: str = ""

    @property
    def shape(self) -> Shape:
        layers, width, attention, keys, inner, vocabulary = self.sizes
        matrices = layers * (2 * width * attention + 2 * width * keys + 3 * width * inner)
        parameters = matrices + 2 * vocabulary * width
        return Shape(parameters, parameters, matrices, layers, width, attention, keys, inner, vocabulary)


@dataclass(frozen=True)
class Data:
    """Pairs: the records that they come from (data/FILE.jsonl, had from `source`), and the lines that make them.

    `variants`: the name of the data set whose variants these are, where that is another one.
    """

    name: str
    file: str
    source: str
    records: int
    lines: tuple[str, ...]
    variants: str = ""


@dataclass(frozen=True)
class Arm:
    """A way to tune: flags of mask and train. `data` replaces the recipe's; without `train` the student stays as is."""

    name: str
    train: str = ""
    mask: str = ""
    data: Data | None = None


@dataclass(frozen=True)
class Recipe:
    """`rows` are (student, data) with all `arms` each; `against` is the published table; `absent` what is not made."""

    against: str
    rows: tuple[tuple[Student, Data], ...]
    arms: tuple[Arm, ...]
    benches: tuple[str, ...]
    common: str = "--config fgit"  # flags of train that all arms share
    mask: str = "--config fgit"
    report: str = ""
    absent: str = ""


@dataclass
class Step:
    """A line and the file that it leaves."""

    line: str
    product: str
    hours: float = 0.0
    gigabytes: float = 0.0


def key(*flags: str) -> str:
    """A short name of flags, so that recipes that tune alike share the model."""
    return hashlib.sha256("\0".join(flags).encode()).hexdigest()[:8]


def slug(*words: str) -> str:
    return re.sub(r"[^\w.+]+", "-", " ".join(w for w in words if w)).strip("-").lower()


def objective_of(flags: str) -> str:
    """The objective that flags of train name."""
    return (re.search(r"--objective (\S+)", flags) or ["", "fgit"])[1]


class Places(NamedTuple):
    """Where an arm's pairs are, none for a student as it is, and its model: a folder, or a name on the hub."""

    pairs: str
    model: str


def flags_of(recipe: Recipe, student: Student, arm: Arm) -> tuple[str, str]:
    """The flags of mask and of train."""
    mask = " ".join(w for w in (recipe.mask, arm.mask) if w)
    return mask, " ".join(w for w in (recipe.common, student.train, arm.train) if w)


def places(recipe: Recipe, student: Student, data: Data, arm: Arm) -> Places:
    """Recipes that mask or tune alike share pairs and model."""
    if not arm.train:
        return Places("", student.hub)
    mask, train = flags_of(recipe, student, arm)
    name = slug(student.name, data.name, objective_of(train))
    return Places(f"{slug(student.name, data.name)}-{key(mask)}.pairs.jsonl", f"models/{name}-{key(mask, train)}")
