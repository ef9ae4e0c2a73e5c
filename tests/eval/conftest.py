"""A small benchmark in EvalPlus's format, and a sandbox without walls for programs that the tests wrote themselves."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from fgit_cli.executor.values import decode, encode
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
    """Runs in this process and compares by ==. For harmless programs alone."""

    def __init__(self):
        self.references = 0

    encoding = "test"
    encode = staticmethod(encode)
    decode = staticmethod(decode)

    def imap(self, function, items, ahead=2):
        with ThreadPoolExecutor(2) as threads:
            yield from threads.map(function, items)

    def reference(self, code, entry_point, inputs):
        self.references += 1
        names = {}
        exec(code, names)
        return tuple(encode(names[entry_point](*decode(i))) for i in inputs), (0.01,) * len(inputs)

    def calls(self, code, entry_point, inputs, outputs, *, kind="equal", atol=0.0, time_limits, total_limit=None):
        answer = SimpleNamespace(status="pass", failed_input=None, error=None, seconds=0.5)
        if "infra" in code:
            return SimpleNamespace(status="infra", failed_input=None, error="OSError: no room", seconds=0.0)
        if "slow" in code:
            time.sleep(0.2)
        try:
            names = {}
            exec(code, names)
            for number, (given, right) in enumerate(zip(inputs, outputs, strict=True)):
                if names[entry_point](*decode(given)) != decode(right):
                    return SimpleNamespace(status="fail", failed_input=number, error="WrongOutput: no", seconds=0.5)
        except Exception as error:
            message = f"{type(error).__name__}: {error}"
            return SimpleNamespace(status="error", failed_input=-1, error=message, seconds=0.5)
        return answer


@pytest.fixture
def box():
    return OpenBox()
