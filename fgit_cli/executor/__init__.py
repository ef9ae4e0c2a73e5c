"""The executor runs code that a model wrote and says what it computes, without trusting it.

It is a library of its own: nothing here knows a benchmark. *The untrusted process produces outputs, never a verdict,
and never holds an expected value*; the parent compares. In use:

    from fgit_cli.executor import CallJob, Executor, Expected, Rules, encode

    with Executor(isolation="auto", workers=2) as executor:
        print(executor.level)                                  # "namespaces" or "landlock+seccomp"
        inputs = tuple(encode([x]) for x in (1, 2, 3))         # each input: the list of positional arguments
        truth = executor.run_calls(CallJob("def f(x): return x + 1", "f", inputs))
        expected = Expected(truth.outputs(), Rules())
        checked = executor.check(CallJob("def f(x): return 1 + x", "f", inputs), expected)
        assert checked.status == "pass"
        outcome = executor.run_script("def f(x): return x", tests="assert f(1) == 2", limit=5.0)
        assert outcome.status == "fail" and outcome.error_type == "AssertionError"

| level | what it is | for |
|---|---|---|
| `namespaces` | user, PID, mount, IPC and network namespaces, seccomp, rlimits, no capabilities | `pure`, `open` |
| `landlock+seccomp` | Landlock, seccomp, rlimits; needs no privilege, leaves no file writable | `pure` |
| `container` | the user states that this machine may be lost: rlimits and an unprivileged user only | `pure`, `open` |
| `none` | rlimits only; must be typed | `pure`, `open` |
"""

from fgit_cli.executor.jobs import (
    Call,
    CallJob,
    Calls,
    Check,
    Expected,
    Isolation,
    Kind,
    Outcome,
    Profile,
    Rules,
    Status,
)
from fgit_cli.executor.levels import probe
from fgit_cli.executor.pool import Executor
from fgit_cli.executor.values import Unrepresentable, decode, decode_plain, encode, plain_report

__all__ = [
    "Call",
    "CallJob",
    "Calls",
    "Check",
    "Executor",
    "Expected",
    "Isolation",
    "Kind",
    "Outcome",
    "Profile",
    "Rules",
    "Status",
    "Unrepresentable",
    "decode",
    "decode_plain",
    "encode",
    "plain_report",
    "probe",
]
