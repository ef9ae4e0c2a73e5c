"""Checkpoints and models that a disk, a copy or a crash has damaged: known by size and checksum, an older one taken."""

import json
import shutil
from pathlib import Path

import pytest

from fgit_cli.commands.train import run
from fgit_cli.errors import EngineError, UsageError
from fgit_cli.training import checkpoints, manifest
from fgit_cli.training.options import Options
from tests.helpers.small_runs import records, write_model, write_pairs

COMMON = {"num_train_epochs": 2.0, "save_steps": 2, "save_total_limit": 9}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of 6 steps on 24 pairs, with checkpoints at 2 and 4."""
    home = tmp_path_factory.mktemp("finished")
    folder = home / "model"
    pairs = write_pairs(home / "pairs.jsonl", records(24, folder, write_model(folder, "qwen2")))
    train(pairs, home / "out", objective="dpo", **COMMON)
    return pairs, home / "out"


def train(pairs, out, **options):
    from accelerate.state import AcceleratorState, GradientState

    AcceleratorState._reset_state(True)
    GradientState._reset_state()
    values = {"global_batch_size": 8, "learning_rate": 1e-2, "output_dir": str(out), **options}
    run(Options(files=[str(pairs)], given=frozenset(values), **values))


@pytest.fixture
def begun(finished, tmp_path, monkeypatch):
    """A copy of the run as it was before its end; what `--resume` makes of it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    pairs, whole = finished
    out = tmp_path / "out"
    shutil.copytree(whole, out)

    def again(capfd, **options):
        capfd.readouterr()
        train(pairs, out, objective="dpo", resume=True, **{**COMMON, **options})
        captured = capfd.readouterr()
        assert "Traceback" not in captured.err
        steps = [json.loads(line)["step"] for line in captured.out.splitlines()]
        return steps, captured.err

    return out, whole, again


def same_weights(one, other):
    return (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


def halve(file: Path):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file: Path):
    """Another byte in the middle; the size stays."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def remove(file: Path):
    file.unlink()


def empty(file: Path):
    file.write_bytes(b"")


FILES = ["model.safetensors", "optimizer.bin", "state.json", "random_states_0.pkl", "files.json"]


@pytest.mark.parametrize("harm", [halve, flip, remove, empty])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_passed_over(begun, capfd, harm, name):
    out, whole, again = begun
    (out / "run.json").unlink()
    harm(out / "checkpoint-4" / name)
    steps, said = again(capfd)
    assert steps == [3, 4, 5, 6]
    assert same_weights(out, whole)
    line = next(line for line in said.splitlines() if "damaged" in line)
    assert "checkpoint-4" in line
    assert name in line
    assert line.endswith(f"going on from {out}/checkpoint-2")


def test_where_no_checkpoint_is_whole_the_run_starts_anew_and_says_so(begun, capfd):
    out, whole, again = begun
    (out / "run.json").unlink()
    flip(out / "checkpoint-4" / "optimizer.bin")
    halve(out / "checkpoint-2" / "model.safetensors")
    steps, said = again(capfd)
    assert steps == [1, 2, 3, 4, 5, 6]
    assert "going on from the start" in said
    assert same_weights(out, whole)


@pytest.mark.parametrize("harm", [halve, flip, remove])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_finished_run_without_its_model_is_not_finished(begun, capfd, harm, name):
    out, whole, again = begun
    harm(out / name)
    steps, said = again(capfd)
    assert steps == [5, 6]
    assert name in said
    assert same_weights(out, whole)
    assert again(capfd) == ([], f"fgit train: {out} holds the finished run; nothing to do\n")


def test_a_run_record_that_cannot_be_read_is_written_again(begun, capfd):
    out, _, again = begun
    halve(out / "run.json")
    assert again(capfd)[0] == [5, 6]
    assert json.loads((out / "run.json").read_text())["result"]["steps"] == 6


def test_records_of_steps_that_a_crash_tore_do_not_stop_a_run(begun, capfd):
    out, _, again = begun
    (out / "run.json").unlink()
    lines = (out / "steps.jsonl").read_bytes().splitlines(keepends=True)
    (out / "steps.jsonl").write_bytes(lines[0] + b'{"step": 2, "lo\n' + b"\x00\x00\n" + lines[2] + lines[3][:9])
    again(capfd)
    assert [json.loads(line)["step"] for line in (out / "steps.jsonl").read_text().splitlines()] == [1, 3, 5, 6]


@pytest.mark.parametrize("harm", [halve, flip, empty])
def test_damaged_margins_of_the_reference_are_computed_again(begun, capfd, harm):
    out, whole, again = begun
    (out / "run.json").unlink()
    (reference,) = out.glob("reference-*")
    kept = reference.read_bytes()
    harm(reference)
    again(capfd)
    assert reference.read_bytes() == kept
    assert same_weights(out, whole)


def test_a_checkpoint_that_cannot_be_read_is_one_line(begun, capfd, monkeypatch):
    out, _, again = begun
    (out / "run.json").unlink()

    def broken(self, path):
        raise RuntimeError("invalid header or\narchive is corrupted")

    monkeypatch.setattr("accelerate.Accelerator.load_state", broken)
    with pytest.raises(EngineError, match=r"checkpoint-4 cannot be read .RuntimeError: invalid header or archive"):
        again(capfd)


def test_another_run_is_still_refused_before_anything_is_said_of_damage(begun, capfd):
    out, _, again = begun
    (out / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="--learning-rate"):
        again(capfd, learning_rate=2e-2)


def test_a_damaged_checkpoint_does_not_count_among_those_that_are_kept(begun):
    out, _, _ = begun
    halve(out / "checkpoint-4" / "optimizer.bin")
    checkpoints.tidy(out, keep=1)
    assert (out / "checkpoint-2").exists()
    assert checkpoints.last(out) == out / "checkpoint-2"


def test_the_list_knows_folders_in_the_checkpoint_and_files_that_are_empty(tmp_path):
    (tmp_path / "pytorch_model").mkdir()
    (tmp_path / "pytorch_model" / "zero_pp_rank_1_optim_states.pt").write_bytes(b"x" * 10)
    (tmp_path / "empty").write_bytes(b"")
    manifest.seal(tmp_path)
    assert manifest.missing(tmp_path) is None
    assert manifest.altered(tmp_path) is None
    flip(tmp_path / "pytorch_model" / "zero_pp_rank_1_optim_states.pt")
    assert manifest.missing(tmp_path) is None
    assert "pytorch_model/zero_pp_rank_1_optim_states.pt" in manifest.altered(tmp_path)
    flip(tmp_path / "files.json")
    assert "files.json" in manifest.missing(tmp_path)
