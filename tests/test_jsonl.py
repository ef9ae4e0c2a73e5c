"""Reading lines: numbers that orjson would change go to the standard library."""

import gzip
import json
import os
import re
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fgit_cli import jsonl
from fgit_cli.errors import InputError, UsageError
from fgit_cli.formats import values


@given(st.text("0123456789eE+.- é{}", max_size=40))
@example("1" * 19)
@example("1e999")
def test_big_numbers_are_noticed(text):
    assert values._maybe_big(text) == bool(re.search(r"[0-9]{19}|[0-9][eE]\+?[0-9]{3}", text))


@pytest.mark.parametrize("number", ["123456789012345678901234567890", "-9223372036854775809", "1", "1.5", "2e5"])
def test_numbers_are_read_exactly(number):
    assert jsonl.loads(f'{{"n": {number}}}')["n"] == json.loads(number)


def test_a_number_beyond_a_float_is_refused():
    with pytest.raises(ValueError, match="too large"):
        jsonl.loads('{"n": 1e999}')


def test_a_device_or_a_pipe_is_written_as_it_is(tmp_path):
    """A run as root with `--rejects /dev/null` must not put a plain file in its place."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = jsonl.Writer(str(pipe))
    writer.write({"a": 1})
    writer.close()
    assert os.read(reader, 100) == b'{"a":1}\n'
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pipe"]
    os.close(reader)


def test_a_line_that_is_too_long_is_refused_and_bounds_the_memory(tmp_path):
    """A small .gz may unpack to one line of gigabytes."""
    import resource

    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(b'{"a":1}\n{"b":"')
        for _ in range(300):
            stream.write(b"x" * (1 << 20))
        stream.write(b'"}\n{"c":2}\n')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said = []
    assert list(jsonl.read([str(path)], said.append, 8 << 20)) == [{"a": 1}, {"c": 2}]
    assert [str(e) for e in said] == [f"{path}:2: longer than 8 MB (--longest-line)"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60 << 10  # kB
    with pytest.raises(InputError, match=r":2: longer than 64 MB"):
        list(jsonl.read([str(path)]))


@pytest.mark.parametrize("length", [8, 9, 10, 11])
def test_the_longest_line_counts_without_its_end(tmp_path, length):
    path = tmp_path / "a.jsonl"
    line = b'{"a":"' + b"x" * (length - 8) + b'"}'
    assert len(line) == length
    for end in (b"\n", b"\n{}", b""):
        path.write_bytes(line + end)
        said = []
        list(jsonl.read([str(path)], said.append, 10))
        assert len(said) == (length > 10), end


@pytest.mark.parametrize("writing", ["records", "text"])
def test_a_link_under_the_name_of_the_unfinished_file_is_not_followed(tmp_path, writing):
    precious = tmp_path / "precious"
    precious.write_text("keep")
    out = tmp_path / "out.jsonl"
    (tmp_path / "out.jsonl.partial").symlink_to(precious)
    write = {"records": jsonl.Writer, "text": lambda name: jsonl.write_text_whole(out, "new")}[writing]
    with pytest.raises((UsageError, OSError), match="is a link, which is not followed"):
        write(str(out))
    assert precious.read_text() == "keep"


def test_what_is_written_in_a_private_folder_is_private(tmp_path):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for folder, mode in ((private, 0o600), (tmp_path, 0o644)):
        folder.chmod(0o700 if folder is private else 0o755)
        writer = jsonl.Writer(str(folder / "a.jsonl"))
        writer.close()
        jsonl.write_text_whole(folder / "b", "text")
        assert {(folder / name).stat().st_mode & 0o777 for name in ("a.jsonl", "b")} == {mode}
