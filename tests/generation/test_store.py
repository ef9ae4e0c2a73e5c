"""The kept answers: whose they are."""

import os

import pytest

from fgit_cli.engines.generation import Completion, Request, Sampling
from fgit_cli.engines.generation.store import Store
from fgit_cli.engines.generation.teacher import Teacher


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
