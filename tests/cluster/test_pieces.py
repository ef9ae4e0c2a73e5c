"""Pieces of an input, and attempts at them, without any cluster."""

import dataclasses
import itertools
import json
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fgit_cli import jsonl
from fgit_cli.benches.mini import STUDENT
from fgit_cli.commands import decontaminate, diff, mask, mutate, select
from fgit_cli.errors import UsageError
from fgit_cli.stages.cluster import attempt as attempts
from fgit_cli.stages.cluster import pieces
from fgit_cli.stages.cluster.attempt import Job, attempt
from fgit_cli.stages.cluster.pieces import Targets
from fgit_cli.stages.filter import write_all
from fgit_cli.stages.running import Tally


def record(number, wrong="-"):
    code = f"def f{number}(a, b):\n    c = a + b\n    return c * {number}\n"
    wrong = code.replace("+", wrong)
    return {"instruction": f"Write f{number}.\u2028", "response": code, "incorrect": wrong, "n": number}


def write(path, records):
    path.write_bytes(b"".join(map(jsonl.dumps, records)))
    return str(path)


LINES = st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b" ")), max_size=20)


@given(LINES, st.integers(1, 30), st.booleans())
@example([b"", b"", b"x"], 1, True)
def test_the_blocks_of_a_file_are_its_lines_cut_at_their_ends(tmp_path_factory, lines, block, ended):
    path = tmp_path_factory.mktemp("blocks") / "a.jsonl"
    whole = b"\n".join(lines) + (b"\n" if ended else b"")
    path.write_bytes(whole)
    parts = pieces._blocks(str(path), len(whole), block)
    assert b"".join(whole[part.start : part.end] for part in parts) == whole
    for part, after in itertools.pairwise(parts):
        assert whole[part.end - 1 : part.end] == b"\n"
        assert part.end == after.start
        assert whole.count(b"\n", 0, after.start) + 1 == after.first
        assert part.end - part.start >= block  # one that is as small as its lines let it be
        assert b"\n" not in whole[part.start + block - 1 : part.end - 1]


def test_records_of_blocks_are_those_of_the_file_with_their_places(tmp_path):
    name = write(tmp_path / "a.jsonl", [record(i) for i in range(20)])
    parts = [piece.file for piece in pieces.cut([name], block=700)]
    assert len(parts) > 3
    read = [one for part in parts for one in jsonl.read([pickle.loads(pickle.dumps(part))])]
    whole = list(jsonl.read([name]))
    assert read == whole
    assert [one.place for one in read] == [one.place for one in whole]


def test_a_file_behind_an_address_is_cut_as_one_of_this_machine(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    records = [record(i) for i in range(20)]
    here = pieces.cut([write(tmp_path / "a.jsonl", records)], block=700)
    by_url = pieces.cut([f"file://{tmp_path}/a.jsonl"], block=700)
    assert by_url == here
    with fsspec.filesystem("memory").open("/sea/a.jsonl", "wb") as stream:
        stream.write((tmp_path / "a.jsonl").read_bytes())
    far = pieces.cut(["memory://sea/a.jsonl"], block=700)
    assert [piece.name for piece in far] == [piece.name for piece in here]
    assert [(p.file.start, p.file.end) for p in far] == [(p.file.start, p.file.end) for p in here]
    read = list(jsonl.read([pickle.loads(pickle.dumps(piece.file)) for piece in far]))
    assert read == records
    start = far[1].file.start
    assert next(jsonl.read([far[1].file])).place == f"memory://sea/a.jsonl (from byte {start}):1"
    assert pieces.cut(["memory://sea/a.jsonl"]) == [pieces.Piece("memory://sea/a.jsonl", "a.jsonl")]
    fsspec.filesystem("memory").rm("/sea", recursive=True)


def test_what_has_no_lines_of_its_own_is_one_piece(tmp_path):
    packed = jsonl.Writer(str(tmp_path / "a.jsonl.gz"))
    for i in range(300):
        packed.write(record(i))
    packed.close()
    (tmp_path / "b.json").write_bytes(b"[" + b",\n".join(jsonl.dumps(record(i))[:-1] for i in range(20)) + b"]")
    assert [piece.name for piece in pieces.cut([str(tmp_path / "*")], block=100)] == ["a.jsonl.gz", "b.jsonl"]


def test_pieces_are_named_after_their_files_and_come_in_the_order_of_names(tmp_path):
    for name in ("b.jsonl.gz", "a.parquet", "c.csv", "d", "e.json"):
        (tmp_path / name).write_bytes(b"")
    found = pieces.cut([str(tmp_path / "*")])
    assert [piece.name for piece in found] == ["a.jsonl", "b.jsonl.gz", "c.jsonl", "d.jsonl", "e.jsonl"]
    (tmp_path / "a.jsonl").write_bytes(b"")
    with pytest.raises(UsageError, match=r"a\.jsonl and .*a\.parquet would both become a\.jsonl"):
        pieces.cut([str(tmp_path / "*")])


BENCH = {"task_id": "H/0", "prompt": "def f3(a, b):\n", "canonical_solution": record(3)["response"][14:]}
COMMANDS = {
    "decontaminate": (decontaminate, lambda folder: {"against": [write(folder / "bench", [BENCH])]}),
    "diff": (diff, lambda folder: {}),
    "mask": (mask, lambda folder: {"tokenizer": str(STUDENT), "template": "plain"}),
    "mutate": (mutate, lambda folder: {"method": "universalmutator"}),
    "select": (select, lambda folder: {"by": "edit"}),
}


def jobs(command, options, found):
    targets = Targets.of(options)
    made = [pieces.made_by(command, options, piece) for piece in found]
    opened = COMMANDS[command][0].opened
    return [
        Job(command, opened, options, piece, targets, m, "/", False, {}) for piece, m in zip(found, made, strict=True)
    ]


@pytest.fixture
def _fresh(monkeypatch, tmp_path):
    """An attempt is made for a process of its own: it hides the GPUs and goes to the command's folder."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(tmp_path)
    attempts._held.drop()
    yield
    attempts._held.drop()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("_fresh")
def test_the_pieces_of_every_stage_make_what_one_process_makes(tmp_path, command, monkeypatch):
    if command == "mutate":
        pytest.importorskip("universalmutator")
    module, more = COMMANDS[command]
    records = [record(i, "+" if i % 7 == 0 else "-") for i in range(30)]
    for i, name in enumerate(("a", "b")):
        write(tmp_path / f"{name}.jsonl", records[15 * i : 15 * i + 15])
    files = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    options = module.Options(files=files, output=str(tmp_path / "out"), rejects=str(tmp_path / "rejects"), quiet=True,
                             **more(tmp_path), **({"workers": 1} if command == "mask" else {}))  # fmt: skip
    found = pieces.cut(files, block=1500)
    assert len(found) > 3
    summed = Tally(command, dataclasses.replace(options, rejects=None))
    targets = Targets.of(options)
    for job in reversed(jobs(command, options, found)):
        counted = attempt(job)
        assert counted == pieces.done(job.piece, targets, job.made) == json.loads(json.dumps(counted))
    for job in jobs(command, options, found):
        attempts.add(summed, pieces.done(job.piece, targets, job.made))
    whole = dataclasses.replace(options, output=str(tmp_path / "one.jsonl"), rejects=str(tmp_path / "left.jsonl"))
    one = Tally(command, whole)
    with module.opened(whole) as ready:
        write_all(ready, one)
    for folder, name in (("out", "one.jsonl"), ("rejects", "left.jsonl")):
        parts = sorted((tmp_path / folder).glob("*.jsonl"))
        assert b"".join(part.read_bytes() for part in parts) == (tmp_path / name).read_bytes()
    assert (tmp_path / "one.jsonl").read_bytes()
    assert summed.summary() == one.summary()
    assert summed.totals == pytest.approx(one.totals)
    assert {p.name for p in (tmp_path / "out" / ".fgit").rglob("*") if p.is_file()} == {f"{p.name}.json" for p in found}


def one_job(tmp_path, **changes):
    name = write(tmp_path / "a.jsonl", [record(1)])
    options = diff.Options(**{"files": [name], "output": str(tmp_path / "out"), "quiet": True, **changes})
    return jobs("diff", options, pieces.cut([name]))[0]


@pytest.mark.usefixtures("_fresh")
def test_what_other_options_made_is_refused_by_the_option(tmp_path):
    job = one_job(tmp_path)
    assert pieces.done(job.piece, job.targets, job.made) is None
    attempt(job)
    other = one_job(tmp_path, context=2)
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(UsageError, match=r"a\.jsonl: was made with context 0, not 2; give another --output"):
        pieces.done(other.piece, other.targets, other.made | {"input": job.made["input"]})
    write(tmp_path / "a.jsonl", [record(1), record(2)])
    again = one_job(tmp_path, files=[str(tmp_path / "a.jsonl")])
    with pytest.raises(UsageError, match="was made with input"):
        pieces.done(again.piece, again.targets, pieces.made_by("diff", again.options, again.piece) | {"input": [0]})
    (tmp_path / "out" / ".fgit" / "counts" / "a.jsonl.json").unlink()
    with pytest.raises(UsageError, match="fgit did not make it from this input"):
        pieces.done(job.piece, job.targets, job.made)


@pytest.mark.usefixtures("_fresh")
def test_rejects_that_are_asked_for_later_are_made(tmp_path):
    job = one_job(tmp_path)
    attempt(job)
    targets = dataclasses.replace(job.targets, rejects=str(tmp_path / "rejects"))
    assert pieces.done(job.piece, targets, job.made) is None
    attempt(dataclasses.replace(job, targets=targets))
    assert pieces.done(job.piece, targets, job.made)


@pytest.mark.usefixtures("_fresh")
def test_an_attempt_that_fails_leaves_nothing_and_says_why(tmp_path):
    job = one_job(tmp_path)
    (tmp_path / "a.jsonl").write_text("{oops\n")
    assert attempt(job) == {"failed": {"exit_code": 3, "message": f"{tmp_path}/a.jsonl:1: {_said()}"}}
    assert [p for p in (tmp_path / "out").rglob("*") if p.is_file()] == []
    assert attempt(dataclasses.replace(job, made=job.made | {"fgit": "0.0"}))["failed"]["exit_code"] == 4


def _said():
    try:
        jsonl.loads("{oops\n")
    except ValueError as error:
        return str(error)


@pytest.mark.usefixtures("_fresh")
def test_two_attempts_at_once_share_no_file(tmp_path, monkeypatch):
    """A machine that was given up may be alive, and end after the one that took its piece over."""
    job = one_job(tmp_path)
    inside = []
    move = attempts._move

    def moved_late(job, options, counted):
        if not inside:
            inside.append(1)
            assert "failed" not in attempt(job)  # the replacement, from its beginning to its end
        move(job, options, counted)

    monkeypatch.setattr(attempts, "_move", moved_late)
    counted = attempt(job)
    assert pieces.done(job.piece, job.targets, job.made) == counted
    assert (tmp_path / "out" / "a.jsonl").read_bytes().count(b"\n") == 1


@pytest.mark.usefixtures("_fresh")
def test_pieces_are_made_behind_an_address_too():
    fsspec = pytest.importorskip("fsspec")
    writer = jsonl.Writer("memory://lake/in/a.jsonl.gz")
    writer.write(record(1))
    writer.close()
    files = ["memory://lake/in/*.jsonl.gz"]
    options = diff.Options(files=files, output="memory://lake/out/", rejects="memory://lake/left", quiet=True)
    [job] = jobs("diff", options, pieces.cut(files))
    counted = attempt(job)
    assert pieces.done(job.piece, job.targets, job.made) == counted
    assert [one["n"] for one in jsonl.read(["memory://lake/out/a.jsonl.gz"])] == [1]
    assert list(jsonl.read(["memory://lake/left/a.jsonl.gz"])) == []
    found = fsspec.filesystem("memory").find("/lake")
    assert sorted(found) == [
        "/lake/in/a.jsonl.gz", "/lake/left/a.jsonl.gz", "/lake/out/.fgit/counts/a.jsonl.gz.json",
        "/lake/out/a.jsonl.gz",
    ]  # fmt: skip
    fsspec.filesystem("memory").rm("/lake", recursive=True)
