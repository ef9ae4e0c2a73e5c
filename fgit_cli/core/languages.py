"""The programming language of a piece of code: fence names to one canonical name each, and a guess for bare code.

A wrong guess would mutate prose, or judge code by the wrong grammar, so "unknown" is the answer where the signs are not
plain.
"""

import ast
import re
import textwrap
import warnings
from functools import lru_cache

from fgit_cli.core.python_parse import parse

CANONICAL = {
    "py": "python", "python3": "python", "py3": "python", "pycon": "pycon", "ipython": "python",
    "js": "javascript", "jsx": "javascript", "node": "javascript", "mjs": "javascript",
    "ts": "typescript", "c++": "cpp", "cc": "cpp", "cxx": "cpp", "h": "c",
    "cs": "csharp", "c#": "csharp", "c_sharp": "csharp", "rs": "rust", "rb": "ruby",
    "sh": "bash", "shell": "bash", "zsh": "bash", "kt": "kotlin",
    "golang": "go", "python2": "python", "tsx": "typescript", "hpp": "cpp", "pl": "perl", "f90": "fortran",
    "py2": "python", "python-repl": "pycon", "tool_code": "python", "sage": "python", "starlark": "python",
    "ecmascript": "javascript", "cjs": "javascript", "javascriptreact": "javascript", "typescriptreact": "typescript",
    "mts": "typescript", "cplusplus": "cpp", "hh": "cpp", "csx": "csharp", "php3": "php", "kts": "kotlin",
    "rscript": "r", "ksh": "bash", "md": "markdown", "patch": "diff", "udiff": "diff", "shell-session": "text",
    "shellsession": "text", "sh-session": "text", "plain": "text", "stdout": "text", "log": "text", "jsonc": "json",
    "json5": "json", "jsonl": "json", "svg": "xml", "less": "css", "sass": "css", "xhtml": "html", "psql": "sql",
    "tsql": "sql", "vbnet": "vb", "visualbasic": "vb", "objc": "objective-c", "ex": "elixir", "exs": "elixir",
    "erl": "erlang", "jl": "julia", "ps1": "powershell", "pwsh": "powershell", "clj": "clojure", "fs": "fsharp",
    "f#": "fsharp", "ml": "ocaml", "dockerfile": "docker", "makefile": "make", "asm": "assembly", "nasm": "assembly",
    "commonlisp": "lisp", "elisp": "lisp", "sol": "solidity", "yml": "yaml", "plaintext": "text", "txt": "text",
    "output": "text", "none": "text", "console": "text", "scss": "css", "hs": "haskell", "plsql": "sql",
    "mysql": "sql", "postgresql": "sql", "sqlite": "sql", "htm": "html", "objectivec": "objective-c",
    "vb.net": "vb", "vba": "vb",
}  # fmt: skip


# Signs that no other language of the list shows; the first hit wins, so the order matters (C++ before C, which shares
# its `#include`; TypeScript before JavaScript).
_SIGNS = {
    "r": r"(?m)^\s*[\w.]+ <- |<- function\(",
    "php": r"<\?php|(?m:^\s*\$\w+\s*=[^=])|\bfunction \w+\(\s*\$",
    "html": r"(?i)<!doctype html|<html[\s>]|\A\s*<\w+[^>]*>",
    "css": r"\A(?!.*\b(?:interface|class|struct|enum)\b)\s*[.#@*]?[\w-]+[^{}()=;]*\{\s*[\w-]+\s*:[^{}]*;\s*\}",
    "cpp": r"#include\s*<(iostream|vector|string|algorithm|map|set|bits/stdc\+\+\.h)>|\busing namespace std\b|\bstd::",
    "c": r"#include\s*<\w+\.h>",
    "vb": r"(?m)^\s*(Imports \w|Module \w+$|Sub \w+\(|Dim \w+ As |End (Sub|Function|If))",
    "csharp": r"(?m)^\s*using System\b|\bConsole\.Write|\bpublic static (async )?(void|int|Task) Main\(",
    "java": r"\bpublic static void main\s*\(|\bSystem\.out\.|(?m:^\s*import javax?\.)|(?m:^\s*package [\w.]+;)",
    "swift": r"\bfunc \w+(<[^>]*>)?\([^)]*:[^)]*\)|\bguard \w.* else \{|(?m:^import (Foundation|UIKit|SwiftUI)$)",
    "go": r"(?m)^package \w+\s*$|^func (\(\w+ \*?\w+\) )?\w+\([^:)]*\)[^:]*\{",
    "rust": r"\bfn \w+(<[^>]*>)?\([^)]*\)( -> [^{]+)?\s*\{",
    "kotlin": r"\bfun \w+\([^)]*\)(: \S+)?\s*[={]",
    "haskell": r"(?m)\bputStrLn\b|^main = do$|^\w+ :: ",
    "typescript": r"\b(function|const|let)\b[^\n]*\w\s*:\s*(string|number|boolean|any)\b"
    r"|(?m:^(export )?interface \w+ \{)",
    "javascript": (
        r"\bfunction\s*\w*\s*\([^)$]*\)\s*\{|(?m:\b(const|let) \w+ = .*[;({\[]\s*$)|\bconsole\.log\(|=> \{"
        r"|\brequire\(['\"]|\bdocument\.(get|query|create)"
    ),
    "sql": r"(?im)^\s*(SELECT\b[\s\S]+\bFROM\b|CREATE TABLE\b|INSERT INTO\b|UPDATE \w+ SET\b|DELETE FROM\b)",
    "solidity": r"\bpragma solidity\b",
    "bash": r"\A#!/bin/(ba)?sh",
}
_R = re.compile(_SIGNS["r"])  # `x <- c(1)` parses as Python: x less than minus c(1)
_COMPILED = [(name, re.compile(pattern)) for name, pattern in _SIGNS.items()]

# No other language writes these as Python does, semicolons or not.
_COMPOUND = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.With, ast.Try,
)  # fmt: skip
_STATEMENTS = (
    ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Assert, ast.Raise, ast.Delete,
)  # fmt: skip


# Names that stand for themselves, beside the values above.
KNOWN = {
    *CANONICAL.values(), "ada", "assembly", "awk", "batch", "clojure", "cobol", "crystal", "csv", "cuda", "d", "dart",
    "docker", "elixir", "erlang", "fsharp", "glsl", "go", "graphql", "groovy", "hcl", "http", "ini", "java", "jinja",
    "json", "julia", "latex", "lua", "make", "matlab", "mermaid", "nim", "ocaml", "pascal", "perl", "php", "powershell",
    "prolog", "protobuf", "r", "racket", "regex", "scala", "scheme", "sed", "svelte", "swift", "terraform", "tex",
    "toml", "verilog", "vhdl", "vim", "vue", "xml", "zig",
}  # fmt: skip
_VERSION = re.compile(r"(?:[-_ ]?v?\d[\d.]*x?|:latest)$")
_FIELD = re.compile(r"(?:^|[\s{,;])(?:language|lang|class|type|code)\s*=\s*[\"']?(?:language-|lang-)?([\w+#.-]+)", re.I)


def canonical(name: str) -> str:
    """The usual name of a language: `py` is `python`, `c#` is `csharp`; an unknown name stays, in lower case."""
    name = name.strip().strip("{}.").lower()
    return CANONICAL.get(name, name)


def of_info(info: str) -> str:
    """The language that a fence's info string names, as people write it; empty where it names none that is known.

    `python=`, `{.python}`, `python3.11`, `python,editable`, `language=python`, `python:main.py`, `src/main.py`.
    """
    field = _FIELD.search(info)
    words = [field[1]] if field else []
    words += [w for w in re.split(r"[\s,;:={}()\[\]<>\"'|]+", info.strip()) if w][:2]
    for word in words:
        plain = word.strip(".!*").lower().removeprefix("language-").removeprefix("lang-")
        tail = plain.rpartition("/")[2]
        for name in (plain, _VERSION.sub("", plain), tail.rpartition(".")[2] if "." in tail else "", tail):
            if name in CANONICAL or name in KNOWN:
                return canonical(name)
        if not (word in ("code", "title") or "." in word or "=" in info):
            break  # the first word names the language, or none is named
    return ""


@lru_cache(maxsize=32)
def python_tree(code: str) -> ast.Module | None:
    """The syntax tree of Python code, or None where it does not parse. Not to be changed: it is shared."""
    return parse_python(code)


def parse_python(code: str) -> ast.Module | None:
    """The same, the caller's own. Code that is indented as a whole (a fence inside a list) is read without that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # invalid escapes and `is 1` are warnings of the code, not of fgit
        try:
            return parse(textwrap.dedent(code) if code[:1].isspace() else code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def as_python_counts(code: str) -> str:
    """The code with `\\n` for each `\\r` that stands alone: Python ends a line there, and nothing else here does.

    As long as the code, so that places in it stay; lines that `ast` and `tokenize` number are lines of this text.
    """
    return re.sub(r"\r(?!\n)", "\n", code) if "\r" in code else code


def guess(code: str, name: str = "") -> str:
    """The canonical language of `code`, whose fence names it `name`; without a name guessed, empty for unknown."""
    return canonical(name) if name else _guess(code)


@lru_cache(maxsize=256)
def _guess(code: str) -> str:
    if is_python(code) and not _R.search(code):
        return "python"
    return next((name for name, pattern in _COMPILED if pattern.search(code)), "")


def is_python(code: str) -> bool:
    """Whether the text parses as Python, indented or not, and does something that prose, data or C would not."""
    tree = python_tree(textwrap.dedent(code))
    if tree is None:
        return False
    if any(isinstance(s, _COMPOUND) for s in tree.body):
        return True
    lines = [line.rstrip() for line in code.split("\n") if line.strip()]
    if sum(line.endswith(";") for line in lines) * 2 > len(lines):
        return False  # `a = b;` parses as Python, and is C, JavaScript, ...
    called = (s.value.func for s in tree.body if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call))
    return any(isinstance(s, _STATEMENTS) for s in tree.body) or any(isinstance(f, ast.Name) for f in called)
