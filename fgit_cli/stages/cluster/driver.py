"""Gives the pieces of an input to the workers of a Ray cluster, and adds up what they counted.

Ray Core alone: a task for each piece. A task whose worker or node died is queued again, behind the others, because a
node that is lost takes some seconds to be known as lost. A piece that fails by fault of its records fails alone.
"""

import contextlib
import dataclasses
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import IO, Any

from fgit_cli import jsonl
from fgit_cli.errors import AnswerIsNo, EngineError, FgitError, InputError, MissingExtra, UsageError, one_line
from fgit_cli.formats import places
from fgit_cli.options import FilterOptions, cores
from fgit_cli.stages.cluster import pieces
from fgit_cli.stages.cluster.attempt import Job, add, attempt
from fgit_cli.stages.cluster.pieces import Piece, Targets
from fgit_cli.stages.filter import Numbered, Opened
from fgit_cli.stages.progress import Progress
from fgit_cli.stages.running import Tally

OBJECT_STORE = 100 << 20  # bytes, of a local cluster: no records pass through it
LOST = 5  # workers that may be lost over one piece
ANSWER = 20.0  # seconds for the head of a cluster to take a connection
PAUSE = 2.0  # seconds before a lost piece is given out again, times the losses
Counts = dict[Piece, dict[str, Any] | None]
_HOST = re.compile(r"(?P<host>[^:/]+):(?P<port>\d+)")
_PLACE = re.compile(r"^\S+:\d+: ")


def run_pieces(command: str, options: FilterOptions, opened: Opened, numbered: Numbered | None = None) -> Tally:
    """Do all pieces that are not done; the tally of all of them, those of earlier runs too.

    `numbered` names what a record is one of, where those are counted from the beginning of the whole input.
    Raises the error of the first piece that failed, by name, when all others are done.
    """
    pieces.refuse(options)
    targets = Targets.of(options)
    found = pieces.cut(options.files)
    made = {piece: pieces.made_by(command, options, piece) for piece in found}
    counts = {piece: pieces.done(piece, targets, made[piece]) for piece in found}
    worker = dataclasses.replace(options, ray=None, max_rejects=None, **_one_worker(options))
    on_gpu = bool(getattr(options, "ray_gpus", False))
    jobs = [
        Job(command, opened, worker, piece, targets, made[piece], os.getcwd(), on_gpu, before)
        for piece, before in zip(found, _before(found, numbered), strict=True)
        if counts[piece] is None
    ]
    tally = _tally(command, options, found, counts)
    places.remove(targets.attempts)  # of a run that was killed
    if len(jobs) < len(found):
        tally.note(f"{len(found) - len(jobs)} of {len(found)} pieces are done in {options.output}")
    failed = _do(jobs, options, tally, counts) if jobs else {}
    places.remove(targets.attempts)
    tally = _tally(command, options, found, counts)
    if failed:
        raise _failure(failed, len(found), tally)
    return tally


def _before(found: list[Piece], numbered: Numbered | None) -> Iterator[dict[str, int]]:
    """For each piece how many records of each name come before it."""
    seen: Counter[str] = Counter()
    for piece in found:
        yield dict(seen)
        if numbered:
            seen.update(name for record in jsonl.read([piece.file], lambda error: None) if (name := numbered(record)))


def _tally(command: str, options: FilterOptions, found: list[Piece], counts: Counts) -> Tally:
    """The counts of all pieces that are done, reasons in the order in which one process would meet them."""
    tally = Tally(command, dataclasses.replace(options, output=None, rejects=None))
    tally.expected = 0  # no reading of all files only to count their lines
    for piece in found:
        if counted := counts[piece]:
            add(tally, counted)
    return tally


def _one_worker(options: FilterOptions) -> dict[str, Any]:
    """A task has one processor core."""
    return {"workers": 1} if hasattr(options, "workers") else {}


def _failure(failed: dict[Piece, dict[str, Any]], of: int, tally: Tally) -> FgitError:
    """Say of each piece why it failed; the error that ends the run."""
    tally.sum_up()
    first = min(failed, key=lambda piece: piece.name)
    for piece in sorted(failed, key=lambda piece: piece.name):
        if piece is not first:
            tally.say(f"{piece.name}: {failed[piece]['message']}")
    classes = {error.exit_code: error for error in (AnswerIsNo, UsageError, InputError, EngineError)}
    counted = f"{len(failed)} of {of} pieces failed, the others are done; the same command does what is missing"
    return classes.get(failed[first]["exit_code"], EngineError)(f"{first.name}: {failed[first]['message']} ({counted})")


def _do(jobs: list[Job], options: FilterOptions, tally: Tally, counts: Counts) -> dict[Piece, dict[str, Any]]:
    """Give out the jobs and put what they counted into `counts`; the pieces that failed, with why."""
    progress = Progress(tally)
    said: set[str] = set()
    failed: dict[Piece, dict[str, Any]] = {}
    left = len(jobs)
    tally.detail = lambda: f"{left} pieces left"
    try:
        with cluster(options, jobs[0].on_gpu) as (ray, slots):
            for job, counted in _results(ray, jobs, slots, tally):
                left -= 1
                if "failed" in counted:
                    failed[job.piece] = counted["failed"]
                    continue
                counts[job.piece] = counted
                add(tally, counted)
                for message in counted["said"]:
                    what = _PLACE.sub("", message)
                    if what not in said:
                        said.add(what)
                        tally.note(message)
                progress.step()
    except KeyboardInterrupt:
        progress.clear()
        tally.say(f"{len(jobs) - left} pieces were done in this run; the same command does the other {left}")
        raise
    finally:
        progress.clear()
    return failed


def _results(ray: Any, jobs: list[Job], slots: int, tally: Tally) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job with what it counted, as they are done. No more than two for each slot are given out at a time."""
    task = ray.remote(max_calls=0)(attempt).options(
        num_cpus=1, num_gpus=int(jobs[0].on_gpu), max_retries=0, name=f"fgit {jobs[0].command}"
    )
    queue: deque[tuple[float, Job]] = deque((0.0, job) for job in jobs)
    running: dict[Any, Job] = {}
    losses: dict[Piece, int] = {}
    while queue or running:
        while queue and len(running) < 2 * slots and queue[0][0] <= time.monotonic():
            job = queue.popleft()[1]
            running[task.remote(job)] = job
        if not running:
            time.sleep(0.1)
            continue
        ready, _ = ray.wait(list(running), timeout=1.0)
        for reference in ready:
            job = running.pop(reference)
            try:
                yield job, ray.get(reference)
            except ray.exceptions.RayTaskError as error:
                yield job, {"failed": {"exit_code": EngineError.exit_code, "message": _cause(error)}}
            except ray.exceptions.RayError as error:
                lost = losses[job.piece] = losses.get(job.piece, 0) + 1
                why = one_line(error, 150)
                if lost >= LOST:
                    message = f"{lost} workers were lost over it, the last one so: {why}"
                    yield job, {"failed": {"exit_code": EngineError.exit_code, "message": message}}
                    continue
                tally.say(f"{job.piece.name}: its worker was lost ({type(error).__name__}); it is queued again")
                queue.append((time.monotonic() + PAUSE * lost, job))


def _cause(error: Any) -> str:
    """What a task met that no code foresaw, in a line."""
    cause = getattr(error, "cause", None) or error
    text = one_line(cause)
    if "fgit_cli" in text and "No module named" in text:
        return "fgit is not installed on the nodes of the cluster, or not for the Python of Ray's workers"
    return f"{type(cause).__name__}: {text[:300]}"


@contextlib.contextmanager
def cluster(options: FilterOptions, on_gpu: bool) -> Iterator[tuple[Any, int]]:
    """Ray, connected as `--ray` says, and how many tasks the cluster runs at a time.

    Whatever Ray prints is kept from stdout. Raises MissingExtra, and EngineError where no cluster answers.
    """
    try:
        os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"})
        import ray
    except ImportError:
        raise MissingExtra("--ray", "ray") from None
    with open(os.devnull, "wb") as nowhere, _leading(1, nowhere):
        before = signal.getsignal(signal.SIGTERM)
        try:
            _connect(ray, options)
            signal.signal(signal.SIGTERM, before)
            yield ray, _slots(ray, options, on_gpu)
        finally:
            ray.shutdown()
            signal.signal(signal.SIGTERM, before)


def _connect(ray: Any, options: FilterOptions) -> None:
    how: dict[str, Any] = {"include_dashboard": False, "logging_level": "error", "log_to_driver": False}
    if options.ray == "local":
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's is 15: beside other work, code would run out of time
        how |= {"num_cpus": getattr(options, "workers", None) or cores(), "object_store_memory": OBJECT_STORE}
    address = str(options.ray)  # `local` is Ray's own word for a cluster that is started, whichever else runs here
    with tempfile.TemporaryFile() as said:
        try:
            if place := _HOST.fullmatch(address):  # Ray itself tries for minutes
                socket.create_connection((place["host"], int(place["port"])), timeout=ANSWER).close()
            with _leading(2, said):  # for a token that is refused Ray prints a warning each second
                ray.init(address=address, **how)
        except Exception as error:  # of the network, of authentication, of versions: many classes
            said.seek(0)
            refused = b"InvalidAuthToken" in said.read()
            raise EngineError(f"--ray {address}: {_why_not(address, one_line(error, 200), refused)}") from None


def _why_not(address: str, why: str, refused: bool) -> str:
    """What is to be done where no connection came about; `refused`: the cluster wants another token, or one at all."""
    token = "RAY_AUTH_MODE=token, with RAY_AUTH_TOKEN or ~/.ray/auth_token"
    if refused:
        return f"the cluster asks for a token, and its own is not known here; set {token}"
    if address == "local":
        return f"no cluster could be started on this machine ({why})"
    if address == "auto" and "Could not find any running Ray instance" in why:
        return "no Ray cluster runs here; start one (ray start --head), give its address, or --ray local"
    return f"no answer; does the cluster run, and is its token known here ({token})? ({why})"


def _slots(ray: Any, options: FilterOptions, on_gpu: bool) -> int:
    """How many tasks may run at a time. Raises EngineError for a cluster on which none can."""
    has = ray.cluster_resources()
    slots = int(min(has.get("CPU", 0), has.get("GPU", 0)) if on_gpu else has.get("CPU", 0))
    if not slots:
        what = "GPU with a processor core beside it (--ray-gpus)" if on_gpu else "processor core"
        raise EngineError(f"--ray {options.ray}: the cluster has no {what} for a task")
    return min(slots, getattr(options, "workers", None) or slots)


@contextlib.contextmanager
def _leading(descriptor: int, to: IO[bytes]) -> Iterator[None]:
    """Descriptor 1 or 2 leads elsewhere: Ray's libraries and processes write there, whatever they are told."""
    stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    stream.flush()
    kept = os.dup(descriptor)
    os.dup2(to.fileno(), descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            stream.flush()
        os.dup2(kept, descriptor)
        os.close(kept)
