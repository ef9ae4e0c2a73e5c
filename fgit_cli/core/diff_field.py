"""The field `diff` of a record: written by `diff`, read (as it is, but checked) by `mask`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from fgit_cli.core import disregard
from fgit_cli.core.textdiff import Algorithm, Difference, Place, Side, split_lines
from fgit_cli.errors import InputError


@dataclass(frozen=True)
class Comparison:
    """How a difference was made; `algorithm` may be another program's. `ignore`: what took no part."""

    algorithm: Algorithm = "difflib"
    context: int = 0
    ignore: tuple[str, ...] = ()

    def compare(self, incorrect: str, correct: str) -> Difference:
        """The difference of two texts. Raises textdiff.TooLong."""
        return disregard.compare(incorrect, correct, self.algorithm, self.context, self.ignore)

    def edit_gaps(self, incorrect: str, correct: str, difference: Difference) -> tuple[list[int], list[int]]:
        """The gaps inside the replaced hunks of a difference made so. Raises textdiff.TooLong."""
        return disregard.edit_gaps(incorrect, correct, difference, self.algorithm, self.ignore)

    def places(self, incorrect: str, correct: str, difference: Difference) -> tuple[Place, ...] | None:
        """Its hunks; None where another program made it, in a way of its own. Raises textdiff.TooLong."""
        if difference.places is not None or self.algorithm not in get_args(Algorithm):
            return difference.places
        return disregard.places(incorrect, correct, self.algorithm, self.ignore)

    def why_none(self, incorrect: str, correct: str) -> str:
        """Why two texts have no difference, as the reason to leave the pair out."""
        return disregard.why_none(incorrect, correct, self.ignore)


def to_field(difference: Difference, made: Comparison) -> dict[str, Any]:
    """The field's value."""
    return {
        "correct": _side_value(difference.correct),
        "incorrect": _side_value(difference.incorrect),
        "made": {"algorithm": made.algorithm, "context": made.context, "ignore": list(made.ignore)},
    }


def _side_value(side: Side) -> dict[str, Any]:
    return {"lines": side.lines, "chars": side.chars, "gaps": side.gaps}


def from_field(value: Any, correct: str, incorrect: str) -> tuple[Difference, Comparison]:
    """The difference that a record brings. Raises InputError where it cannot be one of these texts."""
    if not isinstance(value, dict):
        raise InputError("field `diff` is not an object; remove it, and `mask` compares the texts itself")
    made = value.get("made")
    if not isinstance(made, dict):
        raise InputError("field `diff.made` is missing; it says how the difference was made")
    difference = Difference(_side(value, "correct", correct), _side(value, "incorrect", incorrect))
    ignore = made.get("ignore") or []
    if not isinstance(ignore, list) or not all(isinstance(word, str) for word in ignore):
        raise InputError("field `diff.made.ignore` is not a list; remove `diff`, and `mask` compares the texts itself")
    return difference, Comparison(made.get("algorithm"), made.get("context") or 0, tuple(ignore))  # type: ignore[arg-type]


def _side(value: dict[str, Any], name: str, text: str) -> Side:
    side = value.get(name)
    if not isinstance(side, dict):
        raise InputError(f"field `diff.{name}` is missing")
    size, last_line = len(text), len(split_lines(text)) - 1
    return Side(
        _checked(side, name, "lines", lambda n: _whole(n, last_line), lambda a, b: a < b),
        [(s, e) for s, e in _checked(side, name, "chars", lambda s: _span(s, size), lambda a, b: a[1] <= b[0])],
        _checked(side, name, "gaps", lambda n: _whole(n, size), lambda a, b: a < b),
    )


def _checked(side: dict[str, Any], name: str, key: str, fits: Callable[[Any], bool], after: Callable[..., bool]) -> Any:
    values = side.get(key)
    if not isinstance(values, list) or not all(map(fits, values)):
        raise InputError(
            f"field `diff.{name}.{key}` does not fit the {name} response; was the text changed after `diff`?"
        )
    if not all(map(after, values, values[1:])):
        raise InputError(f"field `diff.{name}.{key}` is not in ascending order")
    return values


def _whole(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _span(value: Any, size: int) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_whole(v, size) for v in value) and value[0] < value[1]
