"""The kept answers: whose they are, and what is left of them in a damaged file."""

import hashlib
import os
import random

import pytest

from fgit_cli.engines.generation import Completion, Request, Sampling, rescue
from fgit_cli.engines.generation.store import COLUMNS, Store
from fgit_cli.engines.generation.teacher import Teacher
from fgit_cli.errors import EngineError


class Local:
    """An engine that says how often it was asked."""

    def __init__(self, folder):
        self.folder, self.asked = str(folder), 0

    def describe(self):
        return {"engine": "transformers", "model": self.folder, "revision": None}

    def generate(self, requests, sampling, finished=None):
        for request in requests:
            made = list(request.known)
            if not made:
                self.asked += 1
                made = [Completion(f"answer {self.asked}", "stop")]
                finished(request, 0, made)
            yield request, made


@pytest.fixture
def ask(tmp_path):
    """The answer of the model in a folder, and how many were taken from the store."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"weights")

    def run():
        store = Store(tmp_path)
        teacher = Teacher(Local(tmp_path / "m"), Sampling(), store)
        [(_, [completion])] = teacher.ask([1], lambda item: Request("", prompt="p"))
        store.close()
        return completion.text, teacher.durable.found, teacher.engine.asked

    return run


def test_an_answer_is_found_again(ask):
    assert ask() == ("answer 1", 0, 1)
    assert ask() == ("answer 1", 1, 0)


def test_another_model_in_the_same_folder_is_asked_anew(ask, tmp_path):
    ask()
    os.utime(tmp_path / "m" / "model.safetensors", ns=(1, 1))
    assert ask() == ("answer 1", 0, 1)


KEYS = [hashlib.sha256(b"%d" % n).digest() for n in range(3000)]
TEXTS = [f"answer {n} " + "x = 1\n" * (n % 700) for n in range(3000)]  # some in pages of their own


@pytest.fixture
def filled(tmp_path):
    store = Store(tmp_path)
    store.put((key, Completion(text, "stop", 1, 2)) for key, text in zip(KEYS, TEXTS, strict=True))
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return tmp_path / "answers.sqlite"


def halve(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def cut_in_a_page(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size - 5000])


def spoil_pages(file):
    content = bytearray(file.read_bytes())
    for page in random.Random(1).sample(range(4, len(content) // 4096), 12):
        content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    file.write_bytes(content)


def spoil_header(file):
    content = bytearray(file.read_bytes())
    content[:16] = b"no database here"
    file.write_bytes(content)


def empty_of_meaning(file):
    file.write_bytes(b"{}\n" * 4000)


HARM = {halve: 0.25, cut_in_a_page: 0.99, spoil_pages: 0.95, spoil_header: 0.0, empty_of_meaning: 0.0}


@pytest.mark.parametrize("harm", HARM)
def test_of_a_damaged_store_all_that_can_be_read_is_kept(filled, harm):
    harm(filled)
    said = []
    store = Store(filled.parent, said.append)
    found = [store.get(key) for key in KEYS]
    right = [c == Completion(text, "stop", 1, 2) for c, text in zip(found, TEXTS, strict=True)]
    assert all(ok or c is None for ok, c in zip(right, found, strict=True))  # nothing else is ever given out
    assert sum(right) >= HARM[harm] * len(KEYS)
    (line,) = said
    assert str(sum(right)) in line
    assert "was damaged" in line
    assert len(list(filled.parent.glob("answers.sqlite.damaged*"))) >= 1
    store.put([(KEYS[0], Completion("new", "stop", 1, 1))])  # and it goes on
    store.close()
    again = Store(filled.parent, said.append)
    assert again.get(KEYS[0]).text == "new"
    assert sum(again.get(key) is not None for key in KEYS) >= sum(right)
    again.close()
    assert len(said) == 1


@pytest.mark.parametrize("seed", range(5))
def test_whatever_a_file_holds_no_row_of_it_stops_the_others(filled, seed):
    draw, content = random.Random(seed), bytearray(filled.read_bytes())
    for _ in range(draw.choice([10, 300, 3000])):
        start = draw.randrange(100, len(content))
        content[start : start + draw.choice([1, 8, 200])] = draw.randbytes(draw.choice([1, 8, 200]))
    filled.write_bytes(content)
    for row in rescue.readable(filled, COLUMNS, "answers"):
        assert len(row[0]) == 32
    store = Store(filled.parent, lambda line: None)
    for key in KEYS:
        store.get(key)
    store.close()


def test_an_answer_whose_text_is_no_text_is_asked_for_again(filled):
    store = Store(filled.parent)
    store._db.execute("UPDATE answers SET text = CAST(x'ff41fe' AS TEXT) WHERE key = ?", (KEYS[5],))
    assert store.get(KEYS[5]) is None
    assert store.get(KEYS[6]).text == TEXTS[6]
    store.close()


def test_a_store_that_is_locked_is_not_taken_for_damaged(filled):
    import sqlite3

    said = []
    store = Store(filled.parent, said.append)
    store._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(EngineError, match="locked"):
        store.put([(b"k" * 32, Completion("a", "stop"))])
    other.execute("ROLLBACK")
    other.close()
    store.put([(b"k" * 32, Completion("a", "stop"))])
    assert store.get(b"k" * 32).text == "a"
    store.close()
    assert not said
