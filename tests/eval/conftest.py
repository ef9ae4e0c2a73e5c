"""A small benchmark in EvalPlus's format, and a sandbox without walls for programs that the tests wrote themselves."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fgit_cli.executor import Call, Calls, Check, decode, encode
from tests.helpers.served_teacher import served  # noqa: F401
from tests.helpers.small_bench import TASKS


@pytest.fixture
def small(tmp_path):
    """The path of a benchmark of two tasks."""
    path = tmp_path / "small.jsonl"
    path.write_text("".join(json.dumps(t) + "\n" for t in TASKS))
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's ground truths."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class OpenBox:
    """Stands for the executor: runs in this process and compares by ==. For harmless programs alone."""

    def __init__(self):
        self.references = 0

    def imap(self, function, items, ahead=2):
        with ThreadPoolExecutor(2) as threads:
            yield from threads.map(function, items)

    def run_calls(self, job):
        self.references += 1
        names = {}
        exec(job.code, names)
        outputs = [encode(names[job.entry_point](*decode(i))) for i in job.inputs]
        return Calls(Call("ok"), tuple(Call("ok", output, 0.01) for output in outputs), 0.01)

    def check(self, job, expected):
        if "infra" in job.code:
            return Check("infra", None, (), "OSError: no room", 0.0)
        if "slow" in job.code:
            time.sleep(0.2)
        try:
            names = {}
            exec(job.code, names)
            for number, (given, right) in enumerate(zip(job.inputs, expected.outputs, strict=True)):
                if names[job.entry_point](*decode(given)) != decode(right):
                    return Check("fail", number, (), "WrongOutput: no", 0.5)
        except Exception as error:
            return Check("error", -1, (), f"{type(error).__name__}: {error}", 0.5)
        return Check("pass", None, (), None, 0.5)


@pytest.fixture
def box():
    return OpenBox()
