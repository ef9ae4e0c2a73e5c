"""A teacher's server as a process of its own, and records for it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

SERVER = Path(__file__).parent / "teacher_server.py"


class Served:
    """A running test server; `log` gives (seed, tag) of every answer that it wrote whole."""

    def __init__(self, folder: Path, how: dict, port: int = 0) -> None:
        self.folder, self.how, self.port = folder, how, port
        self.start()

    def start(self) -> None:
        """Start it, or start it again on the same port after it died."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        words = [port_file, self.folder / "served.log", json.dumps(self.how), str(self.port)]
        self.process = subprocess.Popen([sys.executable, SERVER, *words])
        deadline = time.monotonic() + 20
        while not port_file.exists():
            assert self.process.poll() is None, "the test server did not start"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    @property
    def log(self) -> list[tuple[int, str]]:
        lines = (self.folder / "served.log").read_text().splitlines()
        return [(int(seed), tag) for seed, tag in (line.split() for line in lines)]

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def served(tmp_path):
    """Start a test server with the named misbehaviour; stopped at the end."""
    running = []

    def start(port: int = 0, **how) -> Served:
        folder = tmp_path / f"server{len(running)}"
        folder.mkdir()
        running.append(Served(folder, how, port))
        return running[-1]

    yield start
    for server in running:
        server.stop()


def records(number: int, first: int = 0) -> list[dict]:
    """Records whose code the test server can make wrong; the function's name tells them apart."""
    return [
        {"id": f"r{i}", "instruction": f"Add {i} to a number.", "response": f"def add_{i}(x):\n    return x + {i}\n"}
        for i in range(first, first + number)
    ]


def lines(made: list[dict]) -> str:
    return "".join(json.dumps(r) + "\n" for r in made)
