"""What `fgit export` writes: weighted spans that give the masks of tokens again, and rows that TRL trains on alike."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.align import Spans
from fgit_cli.core.diff_field import Comparison
from fgit_cli.core.masks import values
from fgit_cli.core.spans import value_spans

LINES = st.lists(st.sampled_from(["a", "a b", "  c", "return x", "", "é = 1", "x = [1, 2]"]), max_size=6)


@given(LINES, LINES, st.lists(st.integers(1, 4), min_size=60, max_size=60), st.booleans())
def test_the_spans_give_each_token_the_value_that_mask_gives_it(correct, incorrect, sizes, gaps):
    sides = ["\n".join(lines) + "\n" for lines in (correct, incorrect)]
    difference = Comparison().compare(sides[1], sides[0])
    for text, side in zip(sides, (difference.correct, difference.incorrect), strict=True):
        ends = [e for e in itertools.accumulate(sizes) if e < len(text)] + [len(text)]
        starts = [0, *ends[:-1]]
        mask, _ = values(text, Spans(starts, ends), side, "hybrid", side.gaps if gaps else [])
        found = value_spans(text, side, gaps)
        assert all(a.end <= b.start for a, b in itertools.pairwise(found))
        of_tokens = [
            max((v for start, end, v in found if start < e and s < end), default=0)
            for s, e in zip(starts, ends, strict=True)
        ]
        at_end = max((v for start, end, v in found if start == end == len(text)), default=0)
        assert [*of_tokens, at_end] == mask


MASKED = {"id": "a", "prompt_ids": [5, 6], "correct_ids": [7, 8, 1], "correct_mask": [0, 2, 1]}


def test_rows_for_trl(fgit):
    ran = fgit("export", "--to", "trl", "--fixed-weight", "3", stdin=json.dumps(MASKED))
    assert json.loads(ran.out) == {
        "id": "a", "input_ids": [5, 6, 7, 8, 1], "labels": [-100, -100, 7, 8, 1], "weights": [0, 0, 1, 3, 3],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"correct_mask": None}, "no field `correct_mask`"), ({"correct_mask": [0]}, "differ in length"),
        ({"prompt_ids": []}, "nothing to learn"), ({"correct_ids": ["7"]}, "no field `correct_ids`"),
        ({"correct_ids": [True, 1, 1]}, "no field `correct_ids`"),
    ],
)  # fmt: skip
def test_a_record_that_no_mask_wrote_is_refused(fgit, change, said):
    ran = fgit("export", "--to", "trl", stdin=json.dumps(MASKED | change))
    assert ran.code == 3
    assert said in ran.err


def test_what_has_no_use_is_refused(fgit):
    assert fgit("export", stdin="").code == 2
    ran = fgit("export", "--to", "trl", "--algorithm", "lcs", stdin="")
    assert (ran.code, "--algorithm has no use with --to trl" in ran.err) == (2, True)


def test_a_record_without_an_incorrect_response_weighs_1_all_over(fgit):
    record = json.dumps({"instruction": "f", "response": "x\n"})
    assert fgit("export", "--to", "jsonl-spans", stdin=record).code == 3
    ran = fgit("export", "--to", "jsonl-spans", "--keep-unpaired", stdin=record)
    made = json.loads(ran.out)
    assert (made["response"], made["spans"], made["incorrect"], made["incorrect_spans"]) == ("x\n", [], None, [])


def test_a_difference_that_a_record_brings_is_taken_as_it_is(fgit):
    pair = {"instruction": "f", "response": "a\nb\n", "incorrect": "a\nc\n"}
    brought = {"lines": [0], "chars": [], "gaps": []}
    made = {"algorithm": "mine", "context": 0, "ignore": []}
    pair["diff"] = {"correct": brought, "incorrect": brought, "made": made}
    ran = fgit("export", "--to", "jsonl-spans", stdin=json.dumps(pair))
    assert json.loads(ran.out)["spans"] == [{"start": 0, "end": 2, "value": 1, "weight": 2.0}]
