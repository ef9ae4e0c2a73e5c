"""Fields may change places: all are read before any is written."""

from fgit_cli.core import fields


def test_correct_and_incorrect_change_places():
    record = {"response": "right", "incorrect": "wrong"}
    fields.standardise(record, response="incorrect", incorrect="response")
    assert record == {"response": "wrong", "incorrect": "right"}


def test_a_record_without_an_instruction_is_no_oddity():
    """`eval` reads samples, which have none."""
    from fgit_cli.core.fields import oddities

    assert oddities({"task_id": "T/0", "solution": "x"}) == []
    assert oddities({"instruction": " "}) == ["the instruction is empty"]
