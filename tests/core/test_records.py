"""Records in the shapes in which data sets come: what is read of them, and what the refusal of others names."""

import pytest

from fgit_cli.core import fields
from fgit_cli.errors import InputError

RIGHT, WRONG = "```python\nx = 1\n```", "```python\nx = 2\n```"
ASKED = {"role": "user", "content": "Write f."}
SYSTEM = {"role": "system", "content": "Be terse."}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "g", "arguments": {"a": 1}}}]}
SAID = {"role": "tool", "content": "3", "name": "g"}


def says(text, role="assistant"):
    return {"role": role, "content": text}


def parts(text):
    return [{"type": "text", "text": text[:5]}, {"type": "text", "text": text[5:]}]


def gpt(text):
    return {"from": "gpt", "value": text}


HUMAN = {"from": "human", "value": "Write f."}
PLAIN = [("user", "Write f.")]
TERSE = [("system", "Be terse."), *PLAIN]
TALKED = [("user", "Hi."), ("assistant", "Hello."), *PLAIN]
CALLED = [*PLAIN, ("assistant", ""), ("tool", "3")]

SHAPES = [
    ({"instruction": "Write f.", "output": RIGHT}, PLAIN),
    ({"system": "Be terse.", "instruction": "Write f.", "input": "", "output": RIGHT}, TERSE),
    ({"system_prompt": "Be terse.", "question": "Write f.", "response": RIGHT}, TERSE),
    ({"instruction": "Write f.", "output": RIGHT, "history": [["Hi.", "Hello."]]}, TALKED),
    ({"instruction": "Write", "input": "f.", "output": RIGHT}, [("user", "Write\n\nf.")]),
    ({"instruction": "Write f.", "input": "nan", "output": RIGHT}, PLAIN),
    ({"messages": [SYSTEM, ASKED, says(RIGHT)]}, TERSE),
    ({"system": "Be terse.", "messages": [ASKED, says(RIGHT)]}, TERSE),
    ({"messages": [ASKED], "response": RIGHT}, PLAIN),
    ({"messages": [says(parts("Write f."), "user"), says(parts(RIGHT))]}, PLAIN),
    ({"messages": [ASKED, says([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": RIGHT}])]}, PLAIN),
    ({"messages": [ASKED, CALL, SAID, says(RIGHT)], "tools": '[{"type": "function"}]'}, CALLED),
    ({"messages": [{"role": "developer", "content": "Be terse."}, ASKED, says(RIGHT)]}, TERSE),
    ({"system": "Be terse.", "conversations": [HUMAN, gpt(RIGHT)]}, TERSE),
    ({"conversations": [ASKED, says(RIGHT)]}, PLAIN),
    ({"conversations": [HUMAN], "chosen": gpt(RIGHT), "rejected": gpt(WRONG)}, PLAIN),
    (
        {"conversations": [HUMAN, {"from": "function_call", "value": '{"name": "g", "arguments": {}}'},
                           {"from": "observation", "value": "3"}, gpt(RIGHT)]},
        CALLED,
    ),
    ({"prompt": [SYSTEM, ASKED], "completion": [says(RIGHT)]}, TERSE),
    ({"prompt": [ASKED], "completion": [CALL, SAID, says(RIGHT)]}, CALLED),
    ({"prompt": "Write f.", "chosen": RIGHT, "rejected": WRONG}, PLAIN),
    ({"prompt": [SYSTEM, ASKED], "chosen": [says(RIGHT)], "rejected": [says(WRONG)]}, TERSE),
    ({"chosen": [SYSTEM, ASKED, says(RIGHT)], "rejected": [SYSTEM, ASKED, says(WRONG)]}, TERSE),
    ({"prompt": "Write f.", "chosen": [SYSTEM, ASKED, says(RIGHT)], "rejected": [SYSTEM, ASKED, says(WRONG)]}, TERSE),
    ({"prompt": "Write f.", "chosen": [ASKED, says(RIGHT)], "rejected": [ASKED, says(WRONG)]}, PLAIN),
    ({"prompt": "Write f.", "completion": RIGHT, "label": True}, PLAIN),
]  # fmt: skip


@pytest.mark.parametrize(("record", "turns"), SHAPES)
def test_every_shape_gives_its_turns_and_responses(record, turns):
    found = fields.instruction(record)
    assert list(found.turns) == turns
    assert fields.response(record) == RIGHT
    assert fields.incorrect(record) == (WRONG if "rejected" in record else None)


def test_what_turns_have_beside_a_text_is_passed_on():
    found = fields.instruction({"messages": [ASKED, CALL, SAID, says(RIGHT)], "tools": [{"type": "function"}]})
    assert found.messages[1] == {"role": "assistant", "content": "", "tool_calls": CALL["tool_calls"]}
    assert found.messages[2]["name"] == "g"
    assert found.tools == [{"type": "function"}]
    assert '"name": "g"' in found.text


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"input": "Write f.", "output": RIGHT}, r"no instruction.*text in `input`: jq -c '.instruction = .input'"),
        ({"instruction": "Write f.", "answer_text": RIGHT}, r"no correct response.*`answer_text`: jq -c '.response = "),
        ({"dialogue": [HUMAN, gpt(RIGHT)]}, r"conversation in `dialogue`: jq -c '.messages = \(.dialogue \| .\)"),
        ({"data": ["Write f.", RIGHT]}, r"conversation in `data`: jq -c '.messages = \(.data \| \[to_entries"),
        ({"conversation": [["Write f.", RIGHT]]}, r"conversation in `conversation`: jq"),
        ({"record": {"instruction": "Write f.", "output": RIGHT}}, r"object in `record`: jq -c '. \+ .record'"),
        ({"messages": [{"speaker": "user", "text": "Write f."}]}, r"`messages`.*jq -c '.messages \|= map\(\{role: .sp"),
        ({"messages": ["Write f.", RIGHT]}, r"`messages` is no list of turns.*jq -c '.messages \|= \[to_entries"),
        ({"messages": "Write f."}, r"`messages` is no list of turns"),
        ({"messages": [ASKED]}, r"`messages` has no assistant turn that answers"),
        ({"messages": [ASKED, CALL]}, r"`messages` ends with a call of a tool"),
        ({"messages": [ASKED, says(None)]}, r"turn 2: `content` is null"),
        ({"messages": [says([{"type": "image_url", "image_url": {}}], "user"), says("x")]}, r"type 'image_url'.*jq"),
        ({"conversations": [{"from": "narrator", "value": "x"}, gpt("y")]}, r"`from` is 'narrator'.*jq"),
        (
            {"instruction": ["Write f."], "output": RIGHT},
            r"`instruction` is a list, not text; jq -c '.instruction \|= ",
        ),
        ({"instruction": "f", "output": 3}, r"`output` is a number, not text; jq -c '.output \|= tostring'"),
        ({"instruction": "f", "output": RIGHT, "history": ["Hi."]}, r"`history` is no list of pairs"),
        ({"instruction": "f", "output": RIGHT, "tools": "g"}, r"`tools` is a text, but not JSON"),
        ({"prompt": "f", "completion": RIGHT, "label": False}, r"`label` is false.*jq -cs"),
        ({"chosen": [ASKED, says(RIGHT)], "rejected": [SYSTEM, ASKED, says(WRONG)]}, "answer different prompts"),
        ({"instruction": "f", "output": RIGHT, "tests": [{"input": 1}]}, r"`tests` is neither a text nor a list"),
    ],
)
def test_what_is_refused_names_what_is_there_and_what_converts_it(record, said):
    def read():
        return fields.instruction(record), fields.response(record), fields.tests(record)

    with pytest.raises(InputError, match=said):
        read()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"instruction": "Write f.", "input": "nan"}, "field `input` is the text 'nan'"),
        ({"instruction": "Write f.", "input": "None"}, "field `input` is the text 'None'"),
        ({"instruction": " "}, "the instruction is empty"),
        ({"system": "No.", "messages": [SYSTEM, ASKED, says(RIGHT)]}, "field `system` is left out"),
        ({"messages": [ASKED, {**says(RIGHT), "reasoning_content": "hm"}]}, "`reasoning_content`"),
    ],
)
def test_what_is_odd_is_said(record, said):
    [found] = fields.oddities({"output": RIGHT, **record})
    assert said in found


def test_what_is_not_odd_is_not_said():
    assert not any(fields.oddities(record) for record, _ in SHAPES if record.get("input") != "nan")


@pytest.mark.parametrize(
    ("tests", "text"),
    [
        (["assert a", "assert b"], "assert a\nassert b\n"),
        ('["assert a", "assert b"]', "assert a\nassert b\n"),
        ("assert a", "assert a"),
        ("```python\nassert a\n```", "assert a"),
        ("[assert_all(x) for x in y]", "[assert_all(x) for x in y]"),
    ],
)
def test_tests_are_a_text_or_a_list_of_texts(tests, text):
    assert fields.tests({"tests": tests}) == text
