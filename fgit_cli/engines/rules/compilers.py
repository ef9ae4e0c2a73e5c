"""Asks the compilers of C, C++ and Java, where they are installed, whether code compiles; nothing is linked or run."""

import functools
import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

SECONDS = 20.0  # for one compilation
MEMORY = 4 << 30  # bytes of address space for gcc; the JVM reserves more than it uses
_GNU = ("-fsyntax-only", "-w", "-x")
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
_COMMANDS = {
    "c": ["gcc", "-std=gnu11", *_GNU, "c"],
    "cpp": ["g++", "-std=gnu++17", *_GNU, "c++"],
    "java": ["javac", "-proc:none", "-nowarn", "-XDuseUnsharedTable", "-J-Xshare:auto", "-J-XX:TieredStopAtLevel=1"],
}


def installed(language: str) -> bool:
    """Whether there is a compiler for the language here."""
    return language in _COMMANDS and shutil.which(_COMMANDS[language][0]) is not None


def breaks(correct: str, variant: str, language: str) -> bool:
    """Whether the variant does not compile although the correct code does; False where that cannot be told."""
    if not installed(language):
        return False
    around = _surroundings(correct, language)
    return around is not None and not _compiles(around.format(variant), language)


@functools.lru_cache(maxsize=64)
def _surroundings(correct: str, language: str) -> str | None:
    """What has to stand around the code for it to compile; None where it does not."""
    return next((a for a in _SURROUNDINGS[language] if _compiles(a.format(correct), language)), None)


def _compiles(code: str, language: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="fgit-compile-") as folder:
        public = re.search(r"\bpublic\s+(?:\w+\s+)*(?:class|interface|enum|record)\s+(\w+)", code)
        name = f"{public[1] if public else 'Snippet'}.java" if language == "java" else "snippet"
        file = Path(folder) / name
        file.write_text(code, encoding="utf-8", errors="replace")
        command = [*_COMMANDS[language], *(["-d", folder] if language == "java" else []), str(file)]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False, cwd=folder,
                preexec_fn=None if language == "java" else _limit_memory,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
