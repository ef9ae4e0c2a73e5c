"""Asks the compilers of C, C++ and Java, where they are installed, whether code compiles; nothing is linked or run."""

import functools
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

Verdict = Literal["compiles", "breaks", "untold", "fragment"]

SECONDS = 20.0  # for one compilation
MEMORY = 4 << 30  # bytes of address space for gcc
_GNU = ("-fsyntax-only", "-w", "-x")
_AT_A_LINE = re.compile(
    r"^.+:\d+: (?:fatal )?error: "
    r"(?!.*(?:error while writing|Cannot allocate memory|No space left on device|Too many open files))",
    re.M,
)
# What a snippet may leave out, tried in turn: nothing, the usual headers or imports, and for Java the class around it.
_C = "".join(f"#include <{name}.h>\n" for name in ("stdio", "stdlib", "string", "math", "ctype", "limits", "stdbool"))
_STL = "iostream", "vector", "string", "map", "set", "algorithm", "queue", "stack", "sstream", "cmath", "unordered_map"
_CPP = "".join(f"#include <{name}>\n" for name in _STL) + "using namespace std;\n"
_JAVA = "import java.util.*;\nimport java.util.function.*;\nimport java.util.stream.*;\nimport java.io.*;\n"
_SURROUNDINGS = {
    "c": ("{}", _C + "{}"),
    "cpp": ("{}", _CPP + "{}"),
    "java": ("{}", _JAVA + "{}", _JAVA + "class Snippet {{\n{}\n}}\n"),
}
_COMMANDS = {  # nothing is written
    "c": ["gcc", "-std=gnu11", *_GNU, "c"],
    "cpp": ["g++", "-std=gnu++17", *_GNU, "c++"],
    "java": [
        "javac",
        "-proc:none",
        "-nowarn",
        "-XDuseUnsharedTable",
        "-XDshould-stop.ifNoError=FLOW",
        "-J-Xshare:auto",
        "-J-XX:TieredStopAtLevel=1",
    ],
}


def installed(language: str) -> bool:
    """Whether there is a compiler for the language here."""
    return language in _COMMANDS and shutil.which(_COMMANDS[language][0]) is not None


def verdict(correct: str, variant: str, language: str) -> Verdict:
    """What the compiler says of a variant: whether it `compiles` or `breaks` where the correct code compiles.

    `fragment`: there is no compiler for it, or it does not take the correct code, either. `untold`: it gave no answer.
    """
    around = _surroundings(correct, language) if installed(language) else None
    if around is None:
        return "fragment"
    taken = compiles(around.format(variant), language)
    return "untold" if taken is None else "compiles" if taken else "breaks"


@functools.lru_cache(maxsize=64)
def _surroundings(correct: str, language: str) -> str | None:
    """What has to stand around the code for it to compile; None where it does not."""
    return next((a for a in _SURROUNDINGS[language] if compiles(a.format(correct), language)), None)


def compiles(code: str, language: str) -> bool | None:
    """Whether the compiler takes the code; None where it gave no answer: out of time, memory or disk, killed, broken.

    A refusal is one that names a line. A compiler that ends with an error and names none has a trouble of its own.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="fgit-compile-") as folder:
            public = re.search(r"\bpublic\s+(?:\w+\s+)*(?:class|interface|enum|record)\s+(\w+)", code)
            name = f"{public[1] if public else 'Snippet'}.java" if language == "java" else "snippet"
            file = Path(folder) / name
            file.write_text(code, encoding="utf-8", errors="replace")
            status, said = _run([*_COMMANDS[language], str(file)], folder, None if language == "java" else _limit)
    except (OSError, subprocess.SubprocessError):
        return None
    if status == 0:
        return True
    return False if status == 1 and _AT_A_LINE.search(said) else None


def _run(command: list[str], folder: str, limit: Callable[[], None] | None) -> tuple[int, str]:
    """Exit status and messages, in English. Raises TimeoutExpired, and ends what the compiler has started, too."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
        env={**os.environ, "LC_ALL": "C", "TMPDIR": folder}, start_new_session=True, preexec_fn=limit,
    ) as running:  # fmt: skip
        try:
            said, _ = running.communicate(timeout=SECONDS)
        except BaseException:
            os.killpg(running.pid, signal.SIGKILL)
            raise
    return running.returncode, said.decode(errors="replace")


def _limit() -> None:
    """Of gcc alone: the JVM reserves far more than it uses."""
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
