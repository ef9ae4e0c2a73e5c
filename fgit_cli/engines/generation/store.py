"""Answers that cost money, kept on disk (sqlite) the moment they exist; a run that died finds them again.

Survives `kill -9` at any moment: an answer is committed before it counts. (The write-ahead log is synced at sqlite's
"normal" level: a power cut may lose the last few answers, which are then asked for again.)
"""

import dataclasses
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fgit_cli.engines.generation import Answer, Completion, Engine, Request, Sampling
from fgit_cli.errors import EngineError

WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.json", "*.jinja")  # of a folder, by which a model is told apart


class Store:
    """Completions by what made them: model, prompt, every field of the sampling with its seed, index of the answer."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "answers.sqlite"
        self._lock = threading.Lock()  # an engine's own thread writes, the filter's reads
        try:
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, text TEXT NOT NULL, finish_reason TEXT,"
                " prompt_tokens INTEGER, completion_tokens INTEGER) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise EngineError(f"{self.path}: {error}; remove it or give another --work-dir") from None

    def get(self, key: bytes) -> Completion | None:
        with self._lock:
            row = self._db.execute(
                "SELECT text, finish_reason, prompt_tokens, completion_tokens FROM answers WHERE key = ?", (key,)
            ).fetchone()
        return Completion(*row) if row else None

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
        rows = [(k, c.text, c.finish_reason, c.prompt_tokens, c.completion_tokens) for k, c in items]
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise EngineError(f"{self.path}: {error}; nothing more can be kept safe") from None

    def close(self) -> None:
        """An empty store leaves no file."""
        with self._lock:
            empty = self._db.execute("SELECT 1 FROM answers LIMIT 1").fetchone() is None
            self._db.close()
            if empty:
                self.path.unlink(missing_ok=True)


def identity(engine: Engine) -> dict[str, Any]:
    """What tells a model apart, so that answers of another are not taken for its own: for a folder its files too.

    Not the server: the same model may be asked at another. What a batch answers has the name alone (see batch.py).
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

    def _looked_up(self, requests: Iterable[Request], sampling: Sampling) -> Iterator[Request]:
        for request in requests:
            known = self.store.known(request_key(self.model, request, sampling), request.n)
            self.found += len(known)
            yield dataclasses.replace(request, known=tuple(known)) if known else request
