"""`select` in several processes gives what it gives in one, in order, and with the same counts."""

from fgit_cli.commands.select import Options
from fgit_cli.stages import parallel
from fgit_cli.stages.running import Tally
from fgit_cli.stages.select import Settings, edit_scorer, read_choice, select


def records(count):
    return [
        {
            "id": f"r{n}", "instruction": f"Add {n}.", "response": f"def f(a):\n    return a + {n}\n",
            "variants": [{"text": f"def f(a):\n    return a - {n}\n"}, {"text": f"def f(b):\n    return b + {n}\n"}],
        }
        for n in range(count)
    ]  # fmt: skip


def test_two_processes_give_what_one_gives(monkeypatch):
    monkeypatch.setattr(parallel, "START", 0)  # other processes from the first record on

    def run(workers):
        tally = Tally("select", Options(quiet=True))
        choices = [read_choice(record, {}, False) for record in records(150)]
        made = list(select(choices, tally, edit_scorer, Settings(), workers=workers, files=["a file"]))
        return made, tally.counts

    alone, counts = run(1)
    assert (alone, counts) == run(2)
    assert [record["id"] for record in alone] == [f"r{n}" for n in range(150)]
    assert all(" - " in record["incorrect"] for record in alone)  # a renaming is no fault
