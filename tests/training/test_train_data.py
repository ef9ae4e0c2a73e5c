"""Pairs on disk, the order of steps, what is refused before the first step. No torch here."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fgit_cli.core.masks import REVISION
from fgit_cli.errors import InputError
from fgit_cli.training import checks, order
from fgit_cli.training.data import PairStore, pair_of, write_store
from fgit_cli.training.objective import Objective

ROW = {
    "id": "a", "prompt_ids": [1, 2], "correct_ids": [3, 4, 5], "incorrect_ids": [3, 9], "correct_mask": [0, 2, 1],
    "incorrect_mask": [0, 1], "tokenizer": {"name": "X", "sha256": "s"},
    "mask": {"algorithm": "difflib", "granularity": "hybrid", "gaps": "anchor"},
}  # fmt: skip
SFT = {k: ROW[k] for k in ("id", "prompt_ids", "correct_ids")}


def store_of(tmp_path, *rows) -> PairStore:
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return write_store([str(file)], tmp_path / "store")


def test_a_store_gives_back_the_pairs(tmp_path):
    rows = [ROW, SFT, {**ROW, "id": "newline\nin it", "incorrect_mask": [0, 0]}]
    store = store_of(tmp_path, *rows)
    for number, row in enumerate(rows):
        want = pair_of(row)
        for name in ("id", "prompt_ids", "correct_ids", "incorrect_ids", "correct_mask", "incorrect_mask"):
            assert np.array_equal(getattr(store[number], name), getattr(want, name))
    about = store.about
    assert (about["pairs"], about["unpaired"], about["active"], about["marked"]) == (3, 1, 1, 2)
    assert (about["largest_id"], about["correct_tokens"]) == (9, 9)


def test_the_fingerprint_is_of_the_content(tmp_path):
    first, again = store_of(tmp_path, ROW, SFT), store_of(tmp_path, ROW, SFT)
    other = store_of(tmp_path, ROW, {**SFT, "correct_ids": [3, 4, 6]})
    assert first.about["fingerprint"] == again.about["fingerprint"] != other.about["fingerprint"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"prompt_ids": None}, "prompt_ids"),
        ({"correct_ids": []}, "correct_ids"),
        ({"correct_ids": "abc"}, "correct_ids"),
        ({"correct_ids": [1, 2.5, 3]}, "correct_ids"),
        ({"correct_ids": [1, -1, 3]}, "correct_ids"),
        ({"correct_ids": [[1], [2, 3], 4]}, "correct_ids"),
        ({"correct_ids": [1, 2**31, 3]}, "correct_ids"),
        ({"correct_ids": [1, 2**70, 3]}, "correct_ids"),
        ({"correct_ids": [True, False, True]}, "correct_ids"),
        ({"correct_mask": [0, 1]}, "correct_mask"),
        ({"incorrect_mask": [0, 300]}, "255"),
        ({"tokenizer": "X"}, "tokenizer"),
        ({"tokenizer": {"name": "Y", "sha256": "t"}}, "tokenizer Y"),
    ],
)
def test_a_bad_record_is_named(tmp_path, changes, what):
    with pytest.raises(InputError, match=what) as error:
        store_of(tmp_path, ROW, {**ROW, **changes})
    assert error.value.place.endswith("pairs.jsonl:2")
    assert not (tmp_path / "store").exists()


def test_bad_records_can_be_passed_over(tmp_path):
    file = tmp_path / "pairs.jsonl"
    file.write_text(json.dumps(ROW) + "\nnot json\n" + json.dumps({**ROW, "prompt_ids": []}) + "\n")
    bad = []
    assert len(write_store([str(file)], tmp_path / "store", bad.append)) == 1
    assert [e.place.rpartition(":")[2] for e in bad] == ["2", "3"]


def test_no_records_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no pairs"):
        store_of(tmp_path)


def test_data_without_marks_is_refused_where_marks_count(tmp_path):
    unmarked = store_of(tmp_path, {**ROW, "correct_mask": [0, 0, 0]})
    for name in ("fgit", "fixed"):
        with pytest.raises(InputError, match="mark"):
            checks.check_objective(unmarked, Objective(name), "x")
    checks.check_objective(unmarked, Objective("sft"), "x")
    unpaired = store_of(tmp_path, ROW, SFT)
    checks.check_objective(unpaired, Objective("fgit"), "x")
    with pytest.raises(InputError, match="1 of 2 records"):
        checks.check_objective(unpaired, Objective("dpo"), "x")


def test_ids_and_tokenizer_must_be_the_models(tmp_path):
    store = store_of(tmp_path, ROW)
    checks.check_vocabulary(store, 10, "m", "x")
    with pytest.raises(InputError, match="token id 9"):
        checks.check_vocabulary(store, 9, "m", "x")
    checks.check_tokenizer(store, "s", "m", "x")
    with pytest.raises(InputError, match="tokenizer of X"):
        checks.check_tokenizer(store, "other", "m", "x")


def test_masks_unlike_the_papers_are_told():
    lcs = {"algorithm": "lcs", "granularity": "line", "gaps": "ignore"}
    assert checks.mask_notes([lcs], Objective("target-dpo")) == []
    lines = {"algorithm": "difflib", "granularity": "line", "gaps": "anchor"}
    assert "--gaps anchor" in checks.mask_notes([lines], Objective("fgit"))[0]
    default = {"algorithm": "difflib", "granularity": "hybrid", "gaps": "anchor", "ignore": ["space"]}
    assert checks.mask_notes([default], Objective("fgit")) == []
    assert "--algorithm difflib" in checks.mask_notes([ROW["mask"]], Objective("target-rpo"))[0]
    assert checks.mask_notes([ROW["mask"]], Objective("dpo")) == []


def test_masks_of_another_age_are_to_be_made_again():
    assert checks.age_notes([]) == []  # somebody else's pairs
    assert checks.age_notes([{"revision": REVISION}]) == []
    assert "mask them again" in checks.age_notes([{"algorithm": "difflib"}, {"revision": REVISION}])[0]
    assert "newer fgit" in checks.age_notes([{"revision": REVISION + 1}])[0]
    assert "mask them again" in checks.age_notes([{"revision": "x"}])[0]


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5), st.integers(1, 3))
def test_every_epoch_holds_every_pair_once(pairs, batch, seed, epochs):
    steps = order.count_steps(pairs, batch, epochs, -1)
    walked = list(order.walk(pairs, batch, seed, 0, steps))
    per_epoch = steps // epochs
    for epoch in range(epochs):
        seen = np.concatenate([chosen for _, chosen in walked[epoch * per_epoch : (epoch + 1) * per_epoch]])
        assert sorted(seen) == list(range(pairs))
    for first in range(steps):  # a run that begins later walks the same way
        rest = list(order.walk(pairs, batch, seed, first, steps))
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(rest, walked[first:], strict=True))


def test_counts_of_steps():
    assert order.count_steps(100, 64, 1, -1) == 2
    assert order.count_steps(100, 64, 0.5, -1) == 1
    assert order.count_steps(100, 64, 3, 4) == 4
    assert order.count_steps(100, 64, 1, 5) == 5


def test_pairs_longer_than_the_model_are_told(tmp_path):
    from transformers import LlamaConfig

    folder = tmp_path / "pairs"
    (tmp_path / "in.jsonl").write_text('{"id": "a", "prompt_ids": [1, 2, 3], "correct_ids": [4, 5]}\n')
    store = write_store([str(tmp_path / "in.jsonl")], folder)
    assert checks.length_notes(store, LlamaConfig(max_position_embeddings=5), "m") == []
    (note,) = checks.length_notes(store, LlamaConfig(max_position_embeddings=4), "m")
    assert "5 tokens, m was made for 4" in note


def test_the_packaged_target_dpo_file_serves_mask_and_train():
    from fgit_cli.app import COMMANDS
    from fgit_cli.commands import mask, train
    from fgit_cli.options import read_config

    trained = read_config("target-dpo", train.Options, "train", COMMANDS)
    masked = read_config("target-dpo", mask.Options, "mask", COMMANDS)
    assert (trained["objective"], trained["learning_rate"], trained["global_batch_size"]) == ("target-dpo", 1e-5, 128)
    masks = {**masked, "ignore": list(mask.Options(**masked).made.ignore)}  # as `mask` records it
    assert checks.mask_notes([masks], Objective("target-dpo")) == []
    assert masked["max_length"] == 2048


def test_a_config_with_an_unknown_key_or_a_misplaced_table_is_refused(tmp_path):
    from fgit_cli.commands import train
    from fgit_cli.errors import UsageError
    from fgit_cli.options import read_config

    file = tmp_path / "c.toml"
    for text in ("[train]\nlearning-rat = 1", "[trian]\nseed = 1", "train = 1"):
        file.write_text(text)
        with pytest.raises(UsageError):
            read_config(str(file), train.Options, "train", {"train", "mask"})
    file.write_text("seed = 3\n[mask]\nnonsense = 1\n[train]\nseed = 4")
    assert read_config(str(file), train.Options, "train", {"train", "mask"}) == {"seed": 4}
