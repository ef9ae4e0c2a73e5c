"""Training data on disk as flat arrays that every rank maps into memory: `write_store` makes them, `PairStore` reads.

110,000 pairs of 1,400 tokens take 0.8 GB of disk and, however many ranks read them, once that much page cache;
writing holds one record at a time. A folder:

    tokens.i32    int32 [T]      prompt, correct, incorrect ids of pair after pair
    marks.u8      uint8 [T]      V of the same tokens (0 in prompts)
    bounds.i64    int64 [N, 4]   where a pair's prompt, correct and incorrect ids start, and where the latter end
    forks.i64     int64 [F, 3]   each fork's pair, and its place in the correct and in the incorrect ids
    about.json                   ids, tokenizer, how the masks were made, counts, the data's fingerprint
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fgit_cli import jsonl
from fgit_cli.errors import EngineError, InputError
from fgit_cli.training.pairs import Pair

LARGEST_ID = 2**31 - 1
COUNTED = ("pairs", "unpaired", "active", "changed", "marked", "forked", "correct_tokens")


class PairStore:
    """The pairs of a store folder, by number; `store[i]` is a `Pair`.

    `about` holds `tokenizer` and `mask` as the records have them (null where they have none), `fingerprint` (SHA-256
    over ids, tokens, marks, bounds and forks), `largest_id`, and counts: `pairs`, `unpaired` (no incorrect response),
    `active`, `changed` (pairs with a changed token, V = 2, on both sides), `marked` (pairs with a mark on the correct
    side), `forked` (pairs with a fork), `tokens`, `correct_tokens`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        self.ids: list[str] = self.about["ids"]
        self._bounds = np.fromfile(folder / "bounds.i64", dtype=np.int64).reshape(-1, 4)
        self._tokens = np.memmap(folder / "tokens.i32", dtype=np.int32, mode="r")
        self._marks = np.memmap(folder / "marks.u8", dtype=np.uint8, mode="r")
        self._forks = np.fromfile(folder / "forks.i64", dtype=np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._bounds)

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt with a response."""
        prompt, correct, incorrect, end = self._bounds.T
        return int(np.maximum(incorrect - prompt, correct - prompt + end - incorrect).max(initial=0))

    def __getitem__(self, number: int) -> Pair:
        prompt, correct, incorrect, end = self._bounds[number]
        first, last = np.searchsorted(self._forks[:, 0], [number, number + 1])
        return Pair(
            id=self.ids[number],
            prompt_ids=self._tokens[prompt:correct],
            correct_ids=self._tokens[correct:incorrect],
            incorrect_ids=self._tokens[incorrect:end],
            correct_mask=self._marks[correct:incorrect],
            incorrect_mask=self._marks[incorrect:end],
            forks=self._forks[first:last, 1:],
        )


def pair_of(record: dict[str, Any]) -> Pair:
    """The pair of a record as `fgit mask` writes it; an absent or null incorrect side is empty, its masks zero.

    Raises InputError naming the field that is missing or cannot be used.
    """
    correct = _integers(record, "correct_ids")
    incorrect = _integers(record, "incorrect_ids", absent=())
    return Pair(
        id=str(record.get("id", "")),
        prompt_ids=_integers(record, "prompt_ids"),
        correct_ids=correct,
        incorrect_ids=incorrect,
        correct_mask=_integers(record, "correct_mask", absent=np.zeros_like(correct)),
        incorrect_mask=_integers(record, "incorrect_mask", absent=np.zeros_like(incorrect)),
        forks=record.get("forks"),
    )


def _integers(record: dict[str, Any], name: str, absent: Any = None) -> np.ndarray:
    value = record.get(name)
    if value is None:
        if absent is None:
            raise InputError(f"no field `{name}`; `fgit mask` makes it")
        return np.asarray(absent, dtype=np.int64)
    try:
        array = np.asarray(value) if isinstance(value, list) else np.asarray(None)
    except ValueError:  # lists of different lengths inside
        array = np.asarray(None)
    if array.size == 0 and array.ndim == 1:
        return np.zeros(0, dtype=np.int64)
    if array.ndim != 1 or array.dtype.kind != "i" or array.min() < 0 or array.max() > LARGEST_ID:
        raise InputError(f"field `{name}` is not a list of whole numbers from 0 to {LARGEST_ID}")
    return array


def write_store(
    files: list[str], folder: Path, bad_line: Callable[[InputError], None] | None = None, what: str = "pairs"
) -> PairStore:
    """Read JSONL pairs into the store `folder`, which appears whole or not at all; what was there is replaced.

    Raises InputError with its place for a record that cannot be used (or gives it to `bad_line`), for records of
    different tokenizers and for an input without records; EngineError where the disk is full.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        about = _write(files, partial, bad_line, what)
        (partial / "about.json").write_text(json.dumps(about), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(partial, folder)
    except OSError as error:
        raise EngineError(f"{folder}: cannot keep the {what} there: {error.strerror}; free room or change it") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return PairStore(folder)


def _write(files: list[str], folder: Path, bad_line: Callable[[InputError], None] | None, what: str) -> dict[str, Any]:
    """Write the pairs of the files into `folder`; what `about.json` says of them."""
    masks: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    tokenizer: dict[str, Any] | None = None
    with contextlib.closing(_Arrays(folder)) as arrays:
        for record, pair, named in _usable(files, bad_line):
            tokenizer = named
            arrays.add(pair)
            counts.update(_counted(pair))
            if isinstance(record.get("mask"), dict):
                masks.setdefault(json.dumps(record["mask"], sort_keys=True), record["mask"])
    if not arrays.ids:
        raise InputError(f"no {what}: the input is empty", " ".join(files) or "stdin")
    return {
        "tokenizer": tokenizer or None,
        "masks": list(masks.values()),
        "fingerprint": arrays.digest.hexdigest(),
        "largest_id": arrays.largest,
        **counts,
        "tokens": arrays.tokens,
        "ids": arrays.ids,
    }


def _usable(
    files: list[str], bad_line: Callable[[InputError], None] | None
) -> Iterator[tuple[jsonl.Record, Pair, dict[str, Any] | None]]:
    """The records that hold a pair, with it and with the tokenizer of all so far; others are raised or told."""
    tokenizer: dict[str, Any] | None = None
    for record in jsonl.read(files, bad_line):
        try:
            pair = pair_of(record)
            if max(pair.correct_mask.max(), pair.incorrect_mask.max(initial=0)) > 255:
                raise InputError("a mask holds a value above 255; `fgit mask` writes 0, 1 and 2")
            tokenizer = _same_tokenizer(tokenizer, record)
        except InputError as error:
            error.place = error.place or record.place
            if bad_line is None:
                raise
            bad_line(error)
            continue
        yield record, pair, tokenizer


class _Arrays:
    """The files of a store, written pair by pair: ids and marks one after the other, where each side ends, forks."""

    def __init__(self, folder: Path) -> None:
        self.files = [open(folder / name, "wb") for name in ("tokens.i32", "marks.u8", "bounds.i64", "forks.i64")]
        self.digest = hashlib.sha256()
        self.ids: list[str] = []
        self.tokens = self.largest = 0

    def add(self, pair: Pair) -> None:
        sides = (pair.prompt_ids, pair.correct_ids, pair.incorrect_ids)
        values = np.concatenate(sides).astype(np.int32)
        marks = np.concatenate((np.zeros(len(sides[0])), pair.correct_mask, pair.incorrect_mask)).astype(np.uint8)
        bounds = (self.tokens + np.cumsum([0, *map(len, sides)])).astype(np.int64)
        forks = np.insert(pair.forks, 0, len(self.ids), axis=1)  # with the pair's number first
        for file, array in zip(self.files, (values, marks, bounds, forks), strict=True):
            file.write(array.tobytes())
            self.digest.update(array.tobytes())
        self.digest.update(pair.id.encode())
        self.ids.append(pair.id)
        self.largest = max(self.largest, int(values.max()))
        self.tokens = int(bounds[-1])

    def close(self) -> None:
        for file in self.files:
            file.close()


def _counted(pair: Pair) -> dict[str, int]:
    """What one pair adds to the counts of a store."""
    return {
        "pairs": 1,
        "unpaired": int(not len(pair.incorrect_ids)),
        "active": int(pair.active),
        "changed": int(bool((pair.correct_mask == 2).any() and (pair.incorrect_mask == 2).any())),
        "marked": int(pair.correct_mask.any()),
        "forked": int(bool(len(pair.forks))),
        "correct_tokens": len(pair.correct_ids),
    }


def _template(tokenizer: dict[str, Any]) -> tuple[Any, Any]:
    """Name and hash of the template that the field `tokenizer` tells of."""
    template = tokenizer.get("template")
    return (template.get("name"), template.get("sha256")) if isinstance(template, dict) else (None, None)


def _same_tokenizer(seen: dict[str, Any] | None, record: dict[str, Any]) -> dict[str, Any]:
    """The data's tokenizer and template; a record without is taken as it is. Raises InputError for a second one."""
    this = record.get("tokenizer") or {}
    if not isinstance(this, dict):
        raise InputError("field `tokenizer` is not an object; `fgit mask` makes it")
    if seen and this and seen.get("sha256") != this.get("sha256"):
        raise InputError(f"made with tokenizer {this.get('name')}, the records before with {seen.get('name')}")
    if seen and this and (mine := _template(this)) != (before := _template(seen)):
        raise InputError(
            f"made with template {mine[0]}, the records before with {before[0]}: a model is asked in one way; run "
            "`fgit mask` on both with the same --template"
        )
    return seen or this
