"""The lab calls the commands' insides and the report's writers as they are: an answer is judged, a table is printed."""

from fgit_cli.benches.mini import STUDENT
from lab import answers, results, splits


def test_answers_are_asked_judged_and_known_from_then_on(tmp_path, monkeypatch):
    monkeypatch.setattr(answers, "tasks_of", lambda split: splits.tasks_of(split)[:3])
    asked = answers.Answers("validation", tmp_path).verdicts(STUDENT)
    assert len(asked) == 3
    assert set(asked) <= {"0", "1"}
    again = answers.Answers("validation", tmp_path)
    monkeypatch.setattr(again, "_asked", lambda model, missing: refuse(missing))
    assert again.verdicts(STUDENT) == asked


def refuse(missing):
    raise AssertionError(f"asked again: {missing}")


def test_the_table_of_a_tables_runs():
    table = results.report("rates")
    assert "| SFT" in table
    assert table.count("\n") > 6
