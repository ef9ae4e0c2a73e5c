"""Looks for what a program left behind: files, connections, processes, a harmed parent."""

import os
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.attacks.table import answers_json

MARK = f"fgit-attack-{os.getpid()}"
_SHARED = ("/tmp", "/var/tmp", "/dev/shm", "/run", str(Path.home()), "/")


class Witness:
    """A directory and sockets that invite abuse, a process to be killed, and the means to tell that it happened."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="witness-"))
        os.chmod(self.folder, 0o777)
        self.answers = self.folder / "answers.json"
        self.answers.write_text(answers_json())
        os.chmod(self.answers, 0o666)
        self.victim = subprocess.Popen(["sleep", "600"])
        self.tcp = socket.create_server(("127.0.0.1", 0))
        port = self.tcp.getsockname()[1]
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", port))
        self.named = socket.socket(socket.AF_UNIX)
        self.named.bind(str(self.folder / "socket"))
        os.chmod(self.folder / "socket", 0o777)
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0{MARK}")
        self.datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.datagram.bind(f"\0{MARK}.datagram")
        for s in (self.named, self.abstract):
            s.listen()
        self.places = {
            "folder": self.folder, "parent": self.victim.pid, "port": port, "abstract": MARK, "mark": MARK,
        }  # fmt: skip
        self._state = self._look()

    def _look(self) -> dict[str, object]:
        status = self.answers.stat() if self.answers.exists() else None
        return {
            "files": sorted(p.name for p in self.folder.iterdir()),
            "answers": (self.answers.read_text(), status.st_mode, status.st_mtime, status.st_nlink) if status else None,
            "marks": [f"{d}/{n}" for d in _SHARED if os.path.isdir(d) for n in os.listdir(d) if n.startswith(MARK)],
            "victim": self.victim.poll(),
            "stopped": Path(f"/proc/{self.victim.pid}/stat").read_text().split()[2] == "T",
            "limits": Path(f"/proc/{self.victim.pid}/limits").read_text(),
            "priority": os.getpriority(os.PRIO_PROCESS, self.victim.pid),
            "cores": os.sched_getaffinity(self.victim.pid),
        }

    def complaints(self) -> list[str]:
        """What changed since the last look, one line each."""
        now = self._look()
        found = [f"{what}: {self._state[what]} became {now[what]}" for what in now if now[what] != self._state[what]]
        self._state = now
        for name in ("tcp", "udp", "named", "abstract", "datagram"):
            s: socket.socket = getattr(self, name)
            s.setblocking(False)
            try:
                s.recv(1) if s.type == socket.SOCK_DGRAM else s.accept()
                found.append(f"{name}: somebody came")
            except BlockingIOError:
                pass
        return found

    def close(self) -> None:
        self.victim.kill()
        self.victim.wait()
        for s in (self.tcp, self.udp, self.named, self.abstract, self.datagram):
            s.close()
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


def running(users: set[int]) -> dict[int, str]:
    """Processes (no zombies) of the users, or sleeping as the attacks sleep: number and command."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            owner = os.stat(f"/proc/{pid}").st_uid
            real = int(
                next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x[:4] == "Uid:").split()[1]
            )
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, StopIteration):
            continue
        if state != "Z" and ({owner, real} & users or "sleep 987654" in command):
            found[int(pid)] = command
    return found
