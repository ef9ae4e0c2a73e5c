"""A record of each assistant turn, and parts of a data set."""

import hashlib

import pytest

from fgit_cli.core import fields
from fgit_cli.core.each_turn import each_turn
from fgit_cli.core.shard import Shard
from fgit_cli.errors import UsageError


def turn(role, content):
    return {"role": role, "content": content}


TALK = [turn("system", "s"), turn("user", "q1"), turn("assistant", "a1"), turn("user", "q2"), turn("assistant", "a2")]


def told(record):
    return [(one["id"], fields.instruction(one).text, fields.response(one)) for one in each_turn(record)]


@pytest.mark.parametrize("form", ["messages", "conversations"])
def test_each_turn_has_the_turns_before_it_as_its_prompt(form):
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    talk = TALK if form == "messages" else [{"from": names[t["role"]], "value": t["content"]} for t in TALK]
    record = {form: talk, "kept": 1, "id": "x"}
    assert told(record) == [("x#1", "s\n\nq1", "a1"), ("x#2", "s\n\nq1\n\na1\n\nq2", "a2")]
    assert all(one["kept"] == 1 for one in each_turn(record))
    assert record[form] == talk


def test_the_id_is_that_of_the_whole_conversation_where_there_is_none():
    whole = {"messages": TALK}
    fields.identify(whole)
    assert [one["id"] for one in each_turn({"messages": TALK})] == [f"{whole['id']}#1", f"{whole['id']}#2"]


def test_what_was_split_before_stays_as_it_is():
    made = each_turn({"messages": TALK})
    assert [one for record in made for one in each_turn(record)] == made


def test_a_turn_that_only_calls_a_tool_is_no_response():
    call = {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]}
    talk = [turn("user", "q"), call, {"role": "tool", "content": "7"}, *TALK[2:]]
    assert [response for _, _, response in told({"messages": talk, "id": "x"})] == ["a1", "a2"]


def test_the_history_of_alpaca_is_turns_too():
    record = {"instruction": "q3", "input": "more", "output": "a3", "history": [["q1", "a1"], ["q2", "a2"]], "id": "x"}
    assert told(record) == [
        ("x#1", "q1", "a1"),
        ("x#2", "q1\n\na1\n\nq2", "a2"),
        ("x#3", "q1\n\na1\n\nq2\n\na2\n\nq3\n\nmore", "a3"),
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": TALK, "incorrect": "w"},
        {"messages": TALK, "variants": []},
        {"messages": TALK, "response": "r"},
        {"messages": TALK[:3]},
        {"messages": [{"what": 1}]},
        {"messages": 7},
        {"instruction": "i", "response": "r"},
        {"prompt": [turn("user", "q")], "chosen": TALK[1:], "rejected": TALK[1:]},
        {"instruction": "i", "output": "o", "history": "none"},
    ],
)
def test_pairs_and_records_of_one_turn_come_back_as_they_are(record):
    assert each_turn(record) == [record]


def test_every_record_is_of_one_shard_whatever_names_it():
    records = [{"id": str(i)} for i in range(50)] + [{"task_id": f"T/{i}"} for i in range(50)]
    records += [{"instruction": f"Write {i}."} for i in range(50)]
    for of in (1, 3, 8):
        assert all(sum(Shard(number, of).has(record) for number in range(1, of + 1)) == 1 for record in records)
    digest = hashlib.sha256(b"7").digest()  # the same on every machine and with every version
    assert Shard(int.from_bytes(digest[:8]) % 8 + 1, 8).has({"id": "7"})


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/2/3", "a/b", "", "-1/2", "½/2"])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="give it as I/N"):
        Shard.parse(text)
