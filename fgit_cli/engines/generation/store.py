"""Keeps answers on disk (sqlite) the moment they exist, because they cost money; a later run finds them again.

The store survives `kill -9` at any moment: an answer is committed before it counts. (The write-ahead log is synced at
sqlite's "normal" level: a power cut may lose the last few answers, which are then asked for again.)
"""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fgit_cli import messages
from fgit_cli.engines.generation import Answer, Completion, Engine, Request, Sampling, rescue
from fgit_cli.errors import EngineError

COLUMNS = ("key", "text", "finish_reason", "prompt_tokens", "completion_tokens")
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.json", "*.jinja")  # of a folder, by which a model is told apart


class Store:
    """Completions by what made them: model, prompt, every field of the sampling with its seed, index of the answer."""

    def __init__(self, folder: Path, say: Callable[[str], None] | None = None) -> None:
        """`say` is told of a damaged store, of which all that can be read is kept."""
        self.path = folder / "answers.sqlite"
        self._lock = threading.Lock()  # an engine's own thread writes, the filter's reads
        self._say = say or functools.partial(messages.say, None)
        self._open()

    def _open(self, again: bool = True) -> None:
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # sqlite's own files beside it follow its mode
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS answers ({COLUMNS[0]} BLOB PRIMARY KEY, {COLUMNS[1]} TEXT NOT NULL,"
                f" {COLUMNS[2]} TEXT, {COLUMNS[3]} INTEGER, {COLUMNS[4]} INTEGER) WITHOUT ROWID"
            )
        except OSError as error:
            raise EngineError(f"{self.path}: {error.strerror}") from None
        except sqlite3.Error as error:
            if not (again and rescue.is_damage(error)):
                raise EngineError(f"{self.path}: {error}; remove it or give another --work-dir") from None
            self._rescue(error)

    def _rescue(self, error: sqlite3.Error) -> None:
        """Put the damaged file aside and all of its answers that can be read into a new one."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        try:
            aside = rescue.set_aside(self.path)
        except OSError as problem:
            raise EngineError(f"{self.path}: {error}; it cannot be put aside: {problem.strerror}") from None
        self._open(again=False)
        kept = 0
        rows = filter(None, map(_whole, rescue.readable(aside, COLUMNS, "answers")))
        while part := list(itertools.islice(rows, 1000)):
            self._write(part)
            kept += len(part)
        self._say(f"{self.path} was damaged ({error}); {kept} answers could be read and are kept, it lies in {aside}")

    def get(self, key: bytes) -> Completion | None:
        """The answer under the key; None where there is none that can be read."""
        query = f"SELECT {', '.join(COLUMNS)} FROM answers WHERE key = ?"
        with self._lock:
            try:
                row = self._db.execute(query, (key,)).fetchone()
            except sqlite3.Error as error:
                if "decode" in str(error):  # its text is damaged: it is asked for again
                    return None
                if not rescue.is_damage(error):
                    raise EngineError(f"{self.path}: {error}; remove it or give another --work-dir") from None
                self._rescue(error)
                row = self._db.execute(query, (key,)).fetchone()
        return Completion(*row[1:]) if row else None

    def known(self, request: bytes, n: int) -> list[Completion]:
        """The first answers to a request, up to `n`, as far as they are there without a gap."""
        made = []
        for index in range(n):
            completion = self.get(answer_key(request, index))
            if completion is None:
                break
            made.append(completion)
        return made

    def put(self, items: Iterable[tuple[bytes, Completion]]) -> None:
        """Keep the answers; they are on disk when this returns."""
        rows = [(k, c.text, c.finish_reason, c.prompt_tokens, c.completion_tokens) for k, c in items]
        with self._lock:
            try:
                self._write(rows)
            except sqlite3.Error as error:
                if not rescue.is_damage(error):
                    raise EngineError(f"{self.path}: {error}; nothing more can be kept safe") from None
                self._rescue(error)
                self._write(rows)

    def _write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def remove(self, keys: Iterable[bytes]) -> None:
        with self._lock:
            self._db.executemany("DELETE FROM answers WHERE key = ?", [(key,) for key in keys])

    def close(self) -> None:
        """Close the store; an empty one leaves no file."""
        with self._lock:
            try:
                empty = self._db.execute("SELECT 1 FROM answers LIMIT 1").fetchone() is None
            except sqlite3.Error:  # damaged: the next run says so and keeps what it can read
                empty = False
            self._db.close()
            if empty:
                self.path.unlink(missing_ok=True)


def _whole(row: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """A row of a damaged store as the answer that it was; None where it cannot be one."""
    key, text, finish_reason, *tokens = row
    try:
        text, finish_reason = text.decode(), finish_reason and finish_reason.decode()
    except (AttributeError, UnicodeDecodeError):
        return None
    return (key, text, finish_reason, *tokens) if all(isinstance(n, int | None) for n in tokens) else None


def identity(engine: Engine) -> dict[str, Any]:
    """What tells a model apart, so that answers of another are not taken for its own: for a folder its files too.

    The server is no part of it: the same model may be asked at another. Of a batch's answers the name alone is known
    (see batch.py).
    """
    made_by = engine.describe()
    found = {k: made_by[k] for k in ("model", "revision") if made_by.get(k)}
    folder = Path(str(made_by.get("model")))
    if made_by.get("engine") != "batch" and folder.is_dir():
        files = sorted({f for pattern in WEIGHTS for f in folder.glob(pattern)})
        found["files"] = [[f.name, f.stat().st_size, f.stat().st_mtime_ns] for f in files]
    return found


def request_key(model: dict[str, Any], request: Request, sampling: Sampling) -> bytes:
    """What identifies a request, whatever its `n`: model, prompt and every field of the sampling with its seed."""
    made = [model, request.messages, request.prompt, sampling.describe()]
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode()).digest()


def answer_key(request: bytes, index: int) -> bytes:
    """What the answer of that index to a request (its `request_key`) is stored under."""
    return hashlib.sha256(b"%s %d" % (request, index)).digest()


class Durable:
    """An engine whose answers are kept in a store, and taken from there when they are asked for again."""

    def __init__(self, engine: Engine, store: Store, model: dict[str, Any]) -> None:
        """`model` is what identifies the model (not the server): the answers of another never count."""
        self.engine, self.store, self.model = engine, store, model
        self.found = self.made = 0  # answers taken from the store, answers put there

    def generate(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[tuple[Request, Answer]]:
        """As `Engine.generate`; of each request only the answers that are not in the store are made."""

        def keep(request: Request, index: int, completions: list[Completion]) -> None:
            base = request_key(self.model, request, sampling)
            self.store.put((answer_key(base, index + i), c) for i, c in enumerate(completions))
            self.made += len(completions)

        return self.engine.generate(self._looked_up(requests, sampling), sampling, keep)

    def forget(self, requests: Iterable[Request], sampling: Sampling) -> None:
        """Take all answers to these requests out of the store, so that they are asked for again."""
        asked = [(request_key(self.model, request, sampling), request.n) for request in requests]
        self.store.remove(answer_key(key, index) for key, n in asked for index in range(n))

    def _looked_up(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Request]:
        for request in requests:
            known = self.store.known(request_key(self.model, request, sampling), request.n)
            self.found += len(known)
            yield dataclasses.replace(request, known=tuple(known)) if known else request
