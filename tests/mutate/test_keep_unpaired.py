"""Records without a variant that are passed on: none is lost, their order is kept, and the summary tells of them."""

import json

import pytest

from tests.helpers.served_teacher import lines

CODE = "def {name}(x):\n    return x + 1\n"
PROSE = "There is nothing to compute here."
WRONG = "```python\ndef {name}(x):\n    return x - 1\n```"


def record(name):
    return {"id": name, "instruction": f"Write {name}.", "response": CODE.format(name=name)}


ROWS = [
    {"id": "prose_1", "instruction": "Why?", "response": PROSE},
    record("wrong_1"),
    record("silent"),
    {"id": "prose_2", "instruction": "Why not?", "response": PROSE},
    record("failing"),
    record("same"),
    record("wrong_2"),
    {"id": "prose_3", "instruction": "Who?", "response": PROSE},
]
REPLIES = {
    "Write wrong_1": WRONG.format(name="wrong_1"),
    "Write wrong_2": WRONG.format(name="wrong_2"),
    "Write silent": "I will not do that.",
    "Write same": "```python\n" + CODE.format(name="same") + "```",
}


@pytest.mark.parametrize("method", [(), ("--method", "student", "--model", "m")])
def test_all_records_come_out_in_order(fgit, served, method):
    server = served(replies=REPLIES, too_long="Write failing")
    words = ["--base-url", server.url, "--variants", "1", "--concurrency", "2", *method]
    ran = fgit("mutate", *words, "--keep-unpaired", stdin=lines(ROWS))
    made = [json.loads(line) for line in ran.out.splitlines()]
    assert [r["id"] for r in made] == [row["id"] for row in ROWS], ran.err
    assert [r["id"] for r in made if r["variants"]] == ["wrong_1", "wrong_2"]
    assert "without a variant (3 no code found in the correct response" in ran.err


def test_a_run_without_any_variant_is_no_success(fgit, served):
    server = served(answer="No.")
    ran = fgit("mutate", "--base-url", server.url, "--variants", "1", "--keep-unpaired", stdin=lines([record("a")]))
    assert (ran.code, json.loads(ran.out)["variants"]) == (1, [])
    assert "no record has a variant" in ran.err


def test_no_more_is_held_than_is_in_flight(monkeypatch):
    """A long stretch without code goes through beside what waits for the teacher."""
    from fgit_cli.engines.generation import Completion, Sampling
    from fgit_cli.stages.mutate import Original, answered

    taken = []

    class Engine:
        def describe(self):
            return {"model": "m"}

        def generate(self, requests, sampling, finished=None):
            for request in requests:
                yield request, list(request.known) or [Completion("x", "stop")]

    class Store:
        def known(self, key, n):
            return []

        def put(self, items):
            pass

    from fgit_cli.engines.generation.teacher import Teacher
    from fgit_cli.options import FilterOptions
    from fgit_cli.stages.running import Tally

    def originals():
        for number in range(10_000):
            taken.append(number)
            yield Original({"id": number}, "", PROSE, [])

    teacher = Teacher(Engine(), Sampling(), Store())
    out = answered(originals(), Tally("mutate", FilterOptions()), teacher, lambda original: None, lambda *_: None)
    next(out)
    assert len(taken) < 10


def test_to_the_letter_an_answer_is_kept_as_it_is(fgit, served):
    told = "```python\ndef a(x):\n    return x - 1  # the bug: minus\n```"
    for words, comment in (((), False), (("--no-clean",), True), (("--config", "fgit", "--variants", "1"), True)):
        server = served(answer=told)
        words = ["--base-url", server.url, "--work-dir", f"w{server.port}", "--variants", "1", *words]
        ran = fgit("mutate", *words, stdin=lines([record("a")]))
        assert ran.code == 0, ran.err
        [variant] = json.loads(ran.out)["variants"]
        assert ("the bug" in variant["text"]) is comment


@pytest.mark.parametrize("answer", ["def a(y):\n    return y + 1\n", "def a(x):\n    return x +\n"])
def test_what_is_no_fault_is_kept_where_asked(fgit, served, answer):
    for words, code in (((), 1), (("--no-faults-only",), 0)):
        server = served(answer=f"```python\n{answer}```")
        words = ["--base-url", server.url, "--work-dir", f"w{server.port}", "--variants", "1", *words]
        assert fgit("mutate", *words, "--scope", "response", stdin=lines([record("a")])).code == code


def test_the_rules_arm_of_a_papers_set(fgit):
    ran = fgit("mutate", "--config", "fgit", "--method", "universalmutator", stdin=lines(ROWS[:2]))
    assert ran.code == 0, ran.err
    assert [len(json.loads(line)["variants"]) for line in ran.out.splitlines()] == [0, 3]
