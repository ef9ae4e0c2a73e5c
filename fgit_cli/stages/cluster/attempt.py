"""Does one piece of the input, on whatever machine: what a task of a cluster runs. It knows no Ray.

An attempt writes into a folder of its own, for a machine that was given up may still be alive. When the piece is whole,
rejects and counts are moved to their names, and the records last.
"""

import contextlib
import dataclasses
import json
import os
import secrets
from collections import Counter
from typing import Any

from fgit_cli import __version__
from fgit_cli.errors import EngineError, FgitError
from fgit_cli.formats import places
from fgit_cli.options import FilterOptions
from fgit_cli.stages.cluster.pieces import KEPT, Piece, Targets
from fgit_cli.stages.filter import Filter, Opened, write_all
from fgit_cli.stages.running import Tally

MOST_SAID = 20  # messages of a piece that are passed on
COUNTERS = ("rejects", "unpaired", "bugs", "counts", "totals")
NUMBERS = ("read", "written", "bad_lines", "passed_over")


@dataclasses.dataclass(frozen=True)
class Job:
    """A piece and how it is done. It is sent to a worker, so it holds no more than names and options."""

    command: str
    opened: Opened
    options: FilterOptions
    piece: Piece
    targets: Targets
    made: dict[str, Any]  # see pieces.made_by
    folder: str  # where the command was typed, which its relative names mean
    on_gpu: bool
    before: dict[str, int]  # how many records of each name come before this piece


class Held:
    """The filter that this process has open, kept from piece to piece: its tokenizer, its model."""

    def __init__(self) -> None:
        self.of: Any = None
        self.stack = contextlib.ExitStack()
        self.filter: Filter | None = None

    def get(self, job: Job) -> Filter:
        of = (job.command, job.made | {"input": None}, job.options.output)
        if self.filter is None or self.of != of:
            self.drop()
            self.filter, self.of = self.stack.enter_context(job.opened(job.options)), of
        return self.filter

    def drop(self) -> None:
        self.filter = None
        self.stack.close()


_held = Held()


def attempt(job: Job) -> dict[str, Any]:
    """Do the piece; what it counted, or `failed` with the exit code and the message of an error of fgit's."""
    if job.made["fgit"] != __version__:
        there = f"fgit {__version__} is installed on this node, and {job.made['fgit']} where the command was typed"
        return _failed(EngineError(f"{there}; install the same"))
    with contextlib.suppress(OSError):
        os.chdir(job.folder)
    if not job.on_gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU is one worker's, by --ray-gpus
    folder = places.join(job.targets.attempts, f"{job.piece.name}.{secrets.token_hex(4)}")
    own: dict[str, Any] = {
        "files": [job.piece.file],
        "output": places.join(folder, "records", job.piece.name),
        "rejects": places.join(folder, "rejects", job.piece.name) if job.targets.rejects else None,
    }
    if hasattr(job.options, "work_dir"):
        work = job.options.work_dir or places.join(job.targets.output, KEPT, "work")
        own["work_dir"] = places.join(work, job.piece.name)
    options = dataclasses.replace(job.options, **own)
    try:
        counted = _write(job, options)
    except FgitError as error:
        return _failed(error)
    except BaseException:
        _held.drop()  # its engine may be broken
        raise
    else:
        _move(job, options, counted)
        return counted
    finally:
        places.remove(folder)


def _write(job: Job, options: FilterOptions) -> dict[str, Any]:
    said: list[str] = []
    tally = Tally(job.command, options, said.append)
    tally.before = job.before
    write_all(_held.get(job), tally)
    more = [f"{job.piece.name}: and {len(said) - MOST_SAID} more such lines"] if len(said) > MOST_SAID else []
    numbers = {name: getattr(tally, name) for name in NUMBERS}
    counters = {name: dict(getattr(tally, name)) for name in COUNTERS}
    return {"made": job.made, **numbers, **counters, "said": said[:MOST_SAID] + more}


def _move(job: Job, options: FilterOptions, counted: dict[str, Any]) -> None:
    """Give the files of a whole piece their names; that of the records last, for it says that the piece is done."""
    left_out, records = job.targets.left_out(job.piece), job.targets.records(job.piece)
    counts = f"{options.output}.counts"
    with places.open_new(counts) as stream:
        stream.write(json.dumps(counted).encode())
    moves = [(options.rejects, left_out), (counts, job.targets.counts(job.piece)), (options.output, records)]
    for old, new in moves:
        if old and new:
            places.make_folder(new)
            places.rename(old, new)


def _failed(error: FgitError) -> dict[str, Any]:
    return {"failed": {"exit_code": error.exit_code, "message": str(error)}}


def add(tally: Tally, counted: dict[str, Any]) -> None:
    """Add what a piece counted to the tally of the run."""
    for name in NUMBERS:
        setattr(tally, name, getattr(tally, name) + counted[name])
    for name in COUNTERS:
        counter: Counter[str] = getattr(tally, name)
        counter.update(counted[name])
