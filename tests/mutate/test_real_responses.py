"""Real responses with one line made wrong, given back by teachers of many habits: that very line, or nothing.

The sample serves every change; the whole of both sets is run by `make soak`.
"""

import gzip
import json
from collections import Counter

import pytest

from fgit_cli.core import answers, fields, unfenced
from fgit_cli.core.disregard import compare
from fgit_cli.core.mutants import no_fault
from tests.mutate import teachers


def outcome(habit, planted, likely):
    """What comes of an answer: `exact`, the reason why it is refused, `WRONG`.

    `white space`: nothing else is different, and the code does not parse, so that indentation and blank lines had to
    stay the answer's. None where the habit does not apply.
    """
    answer = habit(planted)
    if answer is None:
        return None
    try:
        made = answers.variant(answer, planted.correct, likely=likely)
    except answers.Unusable as reason:
        return str(reason)
    if reason := no_fault(made.changes):
        return reason
    wanted, got = (compare(text, planted.correct, "difflib", 0, ("space",)) for text in (planted.wrong, made.text))
    if teachers.joined(made.text) != teachers.joined(planted.wrong):
        same = teachers.stripped(made.text) == teachers.stripped(planted.wrong)
        return "white space" if same and not teachers.parses(planted) else "WRONG"
    assert (got.correct.lines, got.incorrect.lines) == (wanted.correct.lines, wanted.incorrect.lines)
    assert len(got.correct.lines) == len(got.incorrect.lines) == 1
    return "exact"


def simulate(data, name, step):
    """For each habit what came of the responses' answers; one response in `step`."""
    found = {habit: Counter() for habit, _ in teachers.every()}
    with gzip.open(data / "instruct" / f"{name}.jsonl.gz", "rt") as stream:
        rows = [json.loads(line) for line in stream][::step]
    for number, row in enumerate(rows):
        if not row["output"].strip():
            continue
        likely = unfenced.named(fields.instruction(row).text)
        planted = teachers.plant(row["output"], likely, 7 * number)
        if planted is None:
            continue
        for habit, answer in teachers.every():
            came = outcome(answer, planted, likely)
            if came is not None:
                found[habit][came] += 1
    return found


def check(found):
    for habit, counted in found.items():
        assert counted["WRONG"] == 0, (habit, counted)
    for habit in teachers.FAITHFUL:
        assert set(found[habit]) <= {"exact"}, (habit, found[habit])
    for habit in teachers.NEVER:
        assert found[habit]["exact"] == 0, (habit, found[habit])


@pytest.mark.parametrize("name", ["evol", "alpaca"])
def test_the_planted_line_or_nothing(data, name):
    found = simulate(data, name, 20)
    assert found["as it is"].total() > 40
    check(found)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["evol", "alpaca"])
def test_the_planted_line_or_nothing_in_all_responses(data, name):
    found = simulate(data, name, 1)
    for habit, counted in found.items():
        print(f"{name}, {habit}: {dict(counted.most_common())}")
    check(found)
