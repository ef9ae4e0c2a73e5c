"""EvalPlus's benchmark files: a file of the user's, else EvalPlus's cache, else EvalPlus's own download.

The files are JSON lines as EvalPlus releases them (plain or .gz). Only the download needs the package evalplus.
"""

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fgit_cli.errors import EngineError, InputError, MissingExtra
from fgit_cli.jsonl import open_input


@dataclass(frozen=True)
class Release:
    """One dataset of EvalPlus: its name and version as evalplus 0.3.1 has them, and the variable that overrides it."""

    name: str
    version: str
    override: str
    module: str
    fetch: str

    @property
    def cached(self) -> Path:
        """Where evalplus keeps it: the user's cache folder, as appdirs finds it on Linux."""
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return Path(cache) / "evalplus" / f"{self.name}-{self.version}.jsonl"


HUMANEVAL = Release(
    "HumanEvalPlus", "v0.1.10", "HUMANEVAL_OVERRIDE_PATH", "evalplus.data.humaneval", "_ready_human_eval_plus_path"
)
MBPP = Release("MbppPlus", "v0.2.0", "MBPP_OVERRIDE_PATH", "evalplus.data.mbpp", "_ready_mbpp_plus_path")


def find(release: Release, data: str | None) -> Path:
    """The file to read: `data`, the override that evalplus knows, its cache, or what its download brings."""
    for name in (data, os.environ.get(release.override)):
        if name:
            return Path(name)
    if release.cached.exists():
        return release.cached
    return _download(release)


def _download(release: Release) -> Path:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints its progress
            module = __import__(release.module, fromlist=[release.fetch])
            return Path(getattr(module, release.fetch)())
    except ImportError:
        raise MissingExtra(
            f"{release.name} is not in {release.cached.parent} (give --data FILE or {release.override}=FILE); its "
            "download",
            "eval",
        ) from None
    except OSError as error:
        raise EngineError(
            f"{release.name} {release.version} is not in {release.cached.parent} and its download failed ({error}); "
            f"give the file by --data FILE, or by {release.override}=FILE where a command has no --data"
        ) from None


def read_text(path: Path) -> bytes:
    """The bytes of a file, unpacked. Raises InputError where it cannot be read."""
    try:
        with open_input(str(path)) as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", str(path)) from None


def read_rows(path: Path, fields: tuple[str, ...], key: str = "task_id") -> tuple[list[dict[str, Any]], str]:
    """The rows of a benchmark file, each with the given fields, and the MD5 of its text. `key` names a task.

    The data may hold Infinity, which is no JSON but what EvalPlus writes. Raises InputError for a line that is no such
    row, for a task given twice and for an empty file.
    """
    text = read_text(path)
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"not JSON: {error}", place) from None
        missing = [f for f in fields if not isinstance(row, dict) or f not in row]
        if missing:
            raise InputError(f"no task of this benchmark: field `{missing[0]}` is missing", place)
        task_id = row[key]
        if not isinstance(task_id, str | int):
            raise InputError(f"field `{key}` is neither text nor a number", place)
        if str(task_id) in rows:
            raise InputError(f"task {task_id} is given twice", place)
        rows[str(task_id)] = row
    if not rows:
        raise InputError("holds no task", str(path))
    return list(rows.values()), hashlib.md5(text, usedforsecurity=False).hexdigest()
