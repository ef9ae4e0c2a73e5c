"""The pieces of an input, what each becomes, and which of them an earlier run has done.

In the folder of --output the file of a piece has its name only when the piece is done: its counts are there before, in
`.fgit/counts`, with what made it, so that the same command passes over it and another command is refused.
"""

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any, BinaryIO

from fgit_cli import __version__
from fgit_cli.errors import InputError, UsageError
from fgit_cli.formats import packing, places, reading
from fgit_cli.formats.reading import Block
from fgit_cli.options import FilterOptions, resolved

BLOCK = 64 << 20  # bytes; a larger file of plain lines is cut
KEPT = ".fgit"  # in the output folder: counts, attempts, work of a teacher
# Options that are not in a result's record and still decide what comes out.
DECIDING = ("skip_bad_lines", "longest_line")


@dataclasses.dataclass(frozen=True)
class Piece:
    """A file of the input, or a block of one; `name` is that of the file which it becomes."""

    file: str  # a Block where it is one
    name: str


@dataclasses.dataclass(frozen=True)
class Targets:
    """Where the files of a run are: records and rejects of a piece under its name, and what fgit keeps."""

    output: str
    rejects: str | None

    @classmethod
    def of(cls, options: FilterOptions) -> "Targets":
        rejects = places.absolute(options.rejects) if options.rejects else None
        return cls(places.absolute(str(options.output)), rejects)

    def records(self, piece: Piece) -> str:
        return places.join(self.output, piece.name)

    def left_out(self, piece: Piece) -> str | None:
        return places.join(self.rejects, piece.name) if self.rejects else None

    def counts(self, piece: Piece) -> str:
        return places.join(self.output, KEPT, "counts", f"{piece.name}.json")

    @property
    def attempts(self) -> str:
        return places.join(self.output, KEPT, "attempts")


def cut(files: list[str], block: int = BLOCK) -> list[Piece]:
    """The pieces of the files, in the order of their names. Raises UsageError for two that would have one name."""
    found = [piece for file in places.expanded(files) for piece in _of_file(places.absolute(file), block)]
    names: dict[str, Piece] = {}
    for piece in found:
        if piece.name in names:
            both = f"{names[piece.name].file} and {piece.file}"
            raise UsageError(f"{both} would both become {piece.name}; give them other names, or another --output each")
        names[piece.name] = piece
    return [names[name] for name in sorted(names)]


def _of_file(file: str, block: int) -> list[Piece]:
    stem = places.stem(file)
    ending = ".jsonl" + packing.ending(file)
    if file.startswith("hf://"):
        stem, ending = file.removeprefix("hf://").replace("/", "-").replace(":", "-"), ".jsonl"
    size = places.size(file) if reading.holds_lines(file) else 0
    if size <= block:
        return [Piece(file, f"{stem}{ending}")]
    return [Piece(part, f"{stem}.{number:05}.jsonl") for number, part in enumerate(_blocks(file, size, block))]


def _blocks(file: str, size: int, block: int) -> list[Block]:
    """The file cut at line ends, each part as small as lines let it be and no smaller than `block` but for the last.

    Lines are counted in a file of this machine; of one behind an address little more is read than the ends.
    """
    parts = []
    start, first = 0, 0 if places.is_remote(file) else 1
    with contextlib.closing(places.open_read(file)) as stream:
        while start < size:
            end = _line_end(stream, start + block, size)
            parts.append(Block.of(file, start, end, first))
            if first:
                first += _line_feeds(stream, start, end)
            start = end
    return parts


def _line_end(stream: BinaryIO, least: int, size: int) -> int:
    """The first offset from `least` on at which a line has just ended, or the file."""
    stream.seek(max(least - 1, 0))
    at = least - 1
    while at < size and (chunk := stream.read(1 << 16)):
        if found := chunk.find(b"\n") + 1:
            return at + found
        at += len(chunk)
    return size


def _line_feeds(stream: BinaryIO, start: int, end: int) -> int:
    count = 0
    stream.seek(start)
    while start < end and (chunk := stream.read(min(end - start, 1 << 20))):
        count += chunk.count(b"\n")
        start += len(chunk)
    return count


def made_by(command: str, options: FilterOptions, piece: Piece) -> dict[str, Any]:
    """What decides the records of a piece: command, version, options, and the input's size and time."""
    decided = resolved(options) | {name: getattr(options, name) for name in DECIDING}
    where = [piece.file.start, piece.file.end] if isinstance(piece.file, Block) else None
    return {
        "command": command,
        "fgit": __version__,
        **{name.replace("_", "-"): value for name, value in decided.items()},
        "input": [str(piece.file), where, places.stamp(piece.file)],
    }


def done(piece: Piece, targets: Targets, made: dict[str, Any]) -> dict[str, Any] | None:
    """The counts of a piece that an earlier run of the same command has done; None for one that is to be done.

    Raises UsageError for a file of that name which something else made.
    """
    name = targets.records(piece)
    if not places.exists(name):
        return None
    how = "give another --output, or remove it"
    try:
        with reading.opened(targets.counts(piece)) as stream:
            counts: dict[str, Any] = json.load(stream)
        before = counts["made"]
    except (InputError, ValueError, KeyError, TypeError):
        raise UsageError(f"{name}: is there, and fgit did not make it from this input; {how}") from None
    for key in {**made, **before}:
        if before.get(key) != made.get(key):
            was, now = (json.dumps(one.get(key), ensure_ascii=False) for one in (before, made))
            raise UsageError(f"{name}: was made with {key} {was}, not {now}; {how}")
    left_out = targets.left_out(piece)
    if left_out and not places.exists(left_out):
        return None
    return counts


def refuse(options: FilterOptions) -> None:
    """Raises UsageError for an input that has no pieces, an output that has no room for them, and Ray's client."""
    if str(options.ray).startswith("ray://"):
        where = "type the command on a node of the cluster, with --ray auto or the address HOST:PORT of its head"
        raise UsageError(f"--ray {options.ray}: Ray's client is not used; {where}")
    if not options.files or "-" in options.files:
        raise UsageError("--ray reads files, whose pieces are its tasks; name them: 'shards/*.jsonl.gz'")
    if not options.output:
        raise UsageError("--ray writes a file for each piece of the input; name a folder: --output DIR")
    for name in (options.output, options.rejects):
        folders = "with --ray --output and --rejects are folders, of JSON lines"
        if name and places.exists(name) and not places.is_folder(name):
            raise UsageError(f"{name} is a file; {folders}")
        if name and not places.exists(name) and places.stem(name) != Path(name).name:
            raise UsageError(f"{name} is the name of a file; {folders}")
    if options.rejects and places.absolute(options.rejects) == places.absolute(options.output):
        raise UsageError("--rejects and --output name the same folder")
