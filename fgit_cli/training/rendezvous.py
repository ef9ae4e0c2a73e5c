"""Ranks that nobody has brought together yet wait for each other here, in Python: signals get through, the wait ends,
and it is said who is missing. torch's own wait has none of these.

Rank 0 listens at MASTER_ADDR:MASTER_PORT, each other rank says its number there and is told to go on when all have
come. Then the port is free for torch.
"""

import os
import socket
import time
from collections.abc import Callable

from fgit_cli.errors import EngineError, UsageError

SECONDS = 600.0  # nodes of one job start within minutes of each other
SAID_AFTER = 10.0  # seconds of silence
PAUSE = 0.2
GO = b"go"


def needed() -> bool:
    """Whether the ranks have to find each other by address: torchrun (and so accelerate) has done that already."""
    elastic = "TORCHELASTIC_RUN_ID" in os.environ or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return not elastic and int(os.environ.get("WORLD_SIZE", "1")) > 1 and "MASTER_ADDR" in os.environ


def meet(say: Callable[[str], None], seconds: float | None = None) -> None:
    """Return when all ranks of the environment have come. Raises EngineError when they have not after `seconds`, and
    UsageError for a port in use and for two ranks of one number."""
    env = os.environ
    rank, ranks = int(env["RANK"]), int(env["WORLD_SIZE"])
    where = (env["MASTER_ADDR"], int(env["MASTER_PORT"]))
    until = time.monotonic() + (SECONDS if seconds is None else seconds)
    if rank == 0:
        _gather(where, ranks, until, say)
    else:
        _report(where, rank, ranks, until, say)


def check_port(port: int) -> None:
    """Refuse a port of this machine that is in use. Raises UsageError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise UsageError(
                f"port {port} of this machine cannot be taken ({error.strerror}); choose another by "
                "--main-process-port, or MASTER_PORT"
            ) from None


def _gather(where: tuple[str, int], ranks: int, until: float, say: Callable[[str], None]) -> None:
    check_port(where[1])
    come: dict[int, socket.socket] = {}
    server = socket.create_server(("", where[1]), backlog=ranks)
    said = _Said(say)
    try:
        server.settimeout(PAUSE)
        while len(come) < ranks - 1:
            missing = [r for r in range(1, ranks) if r not in come]
            what = f"{len(missing)} of {ranks} ranks ({_listed(missing)}) at {where[0]}:{where[1]}"
            said.now_and_then(f"waiting for {what}")
            if time.monotonic() > until:
                raise EngineError(
                    f"gave up waiting for {what}: start the same command for each of them, with srun or by hand, "
                    "and see that they reach this address"
                )
            try:
                connection, _ = server.accept()
            except TimeoutError:
                continue
            _welcome(connection, come, ranks)
        for connection in come.values():
            connection.sendall(GO)
    finally:
        for connection in come.values():
            connection.close()
        server.close()


def _welcome(connection: socket.socket, come: dict[int, socket.socket], ranks: int) -> None:
    """Note the rank that has come; whatever else knocks at the port is sent away."""
    connection.settimeout(PAUSE * 10)
    try:
        rank = int(connection.recv(16).decode("ascii").removeprefix("fgit "))
    except (OSError, ValueError):
        connection.close()
        return
    if not 0 < rank < ranks or (rank in come and _is_there(come[rank])):
        connection.close()
        raise UsageError(f"two ranks say that they are number {rank} of {ranks}; each needs its own RANK")
    come[rank] = connection


def _is_there(connection: socket.socket) -> bool:
    """Whether the other end has not hung up."""
    connection.settimeout(0.01)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def _report(where: tuple[str, int], rank: int, ranks: int, until: float, say: Callable[[str], None]) -> None:
    said, why = _Said(say), "it does not answer"
    while time.monotonic() < until:
        said.now_and_then(f"rank {rank} of {ranks} waits for rank 0 at {where[0]}:{where[1]} ({why})")
        try:
            with socket.create_connection(where, timeout=PAUSE * 10) as connection:
                connection.sendall(b"fgit %d" % rank)
                connection.settimeout(PAUSE)
                why = "it waits for others"
                while time.monotonic() < until:
                    said.now_and_then(f"rank {rank} of {ranks} has found rank 0 and waits for the others")
                    try:
                        answer = connection.recv(len(GO))
                    except TimeoutError:
                        continue
                    if answer == GO:
                        return
                    why = "it hung up" if not answer else "what listens there is no rank 0 of fgit"
                    break
        except OSError as error:
            why = str(error.strerror or error)
        time.sleep(PAUSE)
    raise EngineError(
        f"rank {rank} of {ranks} gave up waiting for rank 0 at {where[0]}:{where[1]} ({why}): see MASTER_ADDR and "
        "MASTER_PORT, and that rank 0 was started"
    )


class _Said:
    """Says something after a silence, and again after each that is as long."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say, self.last = say, time.monotonic()

    def now_and_then(self, message: str) -> None:
        if time.monotonic() - self.last >= SAID_AFTER:
            self.say(message)
            self.last = time.monotonic()


def _listed(ranks: list[int]) -> str:
    some = ", ".join(map(str, ranks[:5]))
    return some if len(ranks) <= 5 else f"{some}, ..."
