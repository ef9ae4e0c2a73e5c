"""No attack gets a pass that it must not get, leaves anything behind, takes longer than its limit, or harms the next.

Each program runs at both levels. It must be in a PID-limited unprivileged sandbox that it is tried first: this is one.
"""

import os
import time
from types import SimpleNamespace

import pytest

from fgit_cli.errors import UsageError
from fgit_cli.executor import CallJob, Executor, Expected, encode, probe
from tests.attacks import table
from tests.attacks.witness import Witness, running

ATTACKS = table.load()
LEVELS = ("namespaces", "landlock+seccomp")
LIMIT = 0.7  # seconds, for the loading and for each input
SLACK = 1.0
INPUTS = tuple(encode([numbers]) for numbers in table.INPUTS)
EXPECTED = Expected(tuple(encode(answer) for answer in table.ANSWERS))
HONEST = next(a for a in ATTACKS if (a.kind, a.name) == ("honest", "plain"))


@pytest.fixture(scope="module", params=LEVELS)
def bench(request):
    """An executor at the level, the witness beside it; skipped, saying why, where the machine has no such level."""
    try:
        probe(request.param)
    except UsageError as error:
        pytest.skip(str(error))
    os.environ[table.SECRET] = table.answers_json()
    witness = Witness()
    with Executor(request.param, workers=1, memory=512 << 20) as executor:
        made = SimpleNamespace(level=request.param, executor=executor, witness=witness)
        assert check(made, HONEST).status == "pass"
        made.sandbox = executor._workers[0]._sandbox
        made.known = users_processes(made)
        yield made
    witness.close()
    del os.environ[table.SECRET]


def users_processes(bench):
    sandbox = bench.executor._workers[0]._sandbox
    return running({sandbox.user} if sandbox.user else set())


def check(bench, attack):
    job = CallJob(
        attack.program(**bench.witness.places), table.ENTRY_POINT, INPUTS,
        time_limits=LIMIT, load_limit=LIMIT, total_limit=4 * LIMIT,
    )  # fmt: skip
    return bench.executor.check(job, EXPECTED)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda a: f"{a.kind}/{a.name}")
def test_attack(bench, attack):
    for _ in range(3):  # a loaded machine may be late once; what stalls is late each time
        began = time.monotonic()
        result = check(bench, attack)
        took = time.monotonic() - began - result.starved
        assert result.status in attack.must, f"{attack.trick} -> {result.status}: {result.error}"
        if took <= LIMIT + SLACK:
            break
    else:
        pytest.fail(f"took {took:.1f} s each time, with a limit of {LIMIT} s")
    assert bench.witness.complaints() == []
    sandbox = bench.executor._workers[0]._sandbox
    assert sandbox is bench.sandbox, "the sandbox did not survive"
    left = {p: c for p, c in users_processes(bench).items() if p not in bench.known}
    assert left == {}
    assert check(bench, HONEST).status == "pass", "the next sample was harmed"


def test_there_are_enough():
    assert sum(not a.honest for a in ATTACKS) >= 60
    assert sum(a.honest for a in ATTACKS) >= 10
