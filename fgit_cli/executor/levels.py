"""Finds out which isolation this machine can give, by trying it."""

import os
import sys
import tempfile
from pathlib import Path

from fgit_cli.errors import UsageError
from fgit_cli.executor.jobs import CallJob, Isolation, Profile
from fgit_cli.executor.sandbox import START_SECONDS, Sandbox, SandboxFailed, unprivileged_user
from fgit_cli.executor.values import decode, encode
from fgit_cli.executor.worker import Worker

_WAYS_OUT = "run it in the container image, or take the risk with --isolation none"
_MEMORY = 1 << 30

# Runs in the sandbox: what it could do that it should not have been able to. Each attempt is harmless where it
# succeeds, for that is what it is there to find out.
_SELF_TEST = """
def escapes(pure, secret, target, boss):
    import ctypes, os, socket
    found = []
    def attempt(name, action):
        try:
            action()
        except Exception:
            return
        found.append(name)
    attempt("read a file of the user", lambda: open(secret).read())
    attempt("write a file of the user", lambda: open(target, "w").close())
    attempt("signal the parent", lambda: os.kill(boss, 0))
    attempt("connect to the network", lambda: socket.create_connection(("192.0.2.1", 9), 0.05).close())
    held = (ctypes.c_uint32 * 6)()
    ctypes.CDLL(None).capget((ctypes.c_uint32 * 2)(0x20080522, 0), held)
    if held[0] or held[3]:
        found.append("use capabilities")
    if pure:
        attempt("make a socket", lambda: socket.socket().close())
        def fork():
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        attempt("make a process", fork)
    return found
"""


def probe(isolation: Isolation = "auto", profile: Profile = "pure") -> tuple[str, str]:
    """(level, reason): the strongest level that works here, tried by a self-test of under a second.

    With `isolation` given, only that level is tried; where it does not work, UsageError names what failed and both ways
    out (the image, `--isolation none`). `reason` says why no stronger level was taken ("" for `namespaces`).
    """
    _check_temporary_folder()
    if isolation == "none":
        if os.name != "posix":
            raise UsageError(
                "untrusted code can be run on Linux (or, unprotected, on macOS); run it in the container image"
            )
        return "none", "chosen by the user"
    if sys.platform != "linux":
        raise UsageError(f"there is no sandbox on {sys.platform}; {_WAYS_OUT}")
    if isolation == "container":
        return "container", "stated by the user"
    candidates = ["namespaces", "landlock+seccomp"] if isolation == "auto" else [isolation]
    failures: list[str] = []
    for level in candidates:
        failure = self_test(level, profile)
        if not failure:
            return level, "; ".join(failures)
        failures.append(f"{level}: {failure}")
    raise UsageError(f"no isolation for untrusted code: {'; '.join(failures)}; {_WAYS_OUT}")


def _check_temporary_folder() -> None:
    """Refuse to begin where there is no folder for temporary files (a read-only system, say). Raises UsageError."""
    try:
        tempfile.gettempdir()
    except OSError:
        raise UsageError("no folder for temporary files can be written here; name one by TMPDIR") from None


def self_test(level: str, profile: Profile) -> str:
    """Try a level on a small program that tries to get out; "" when it holds, else what is wrong."""
    if level == "landlock+seccomp" and profile == "open":
        return "gives the profile `pure` only"
    worker = Worker(lambda: Sandbox(level, profile, unprivileged_user(), None), _MEMORY)
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            secret = Path(folder) / "secret"
            secret.write_text("secret")
            target = str(Path(folder) / "made")
            question = encode([profile == "pure", str(secret), target, os.getpid()])
            # of plenty of time, for a machine under load reads the interpreter slowly, and that is no failure
            done = worker.outputs(
                CallJob(_SELF_TEST, "escapes", (question,), time_limits=START_SECONDS, load_limit=START_SECONDS)
            )
        escapes = decode(done.outputs()[0])
    except (SandboxFailed, ValueError) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        worker.close()
    return f"code inside could {', '.join(escapes)}" if escapes else ""
