"""Stands for the papers' teachers when a recipe runs in small: a server that answers by a script, and no model.

It knows the tasks of the mini family that a small run tunes on. Asked for a wrong version it makes one of the mistakes
that the task allows, another one for each answer; asked for a program with tests it gives up to four failing versions
before the right one; asked whether two versions differ it says yes. What it does depends on model, task and seed alone,
so that one teacher differs from another and a run from none.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fgit_cli.benches.mini import family

# Edits of one line; the first match from the end of the program is made.
_EDITS = (
    (r" > ", " >= "), (r" < ", " <= "), (r" >= ", " > "), (r" <= ", " < "), (r" == ", " != "), (r" != ", " == "),
    (r" \+ ", " - "), (r" - ", " + "), (r" \+= ", " -= "), (r" \* ", " + "), (r" % ", " // "), (r"\bmax\b", "min"),
    (r"\bmin\b", "max"), (r" and ", " or "), (r" or ", " and "), (r"\bnot ", ""), (r"\[1:\]", "[2:]"),
    (r"\b1\b", "2"), (r"\b0\b", "1"), (r"\bTrue\b", "False"), (r"\bNone\b", "0"),
)  # fmt: skip


class Script:
    """The answers to prompts about some tasks."""

    def __init__(self, tasks: list[family.Task]) -> None:
        self._tasks = {task.instruction: task for task in tasks}

    def answers(self, model: str, turns: list[dict[str, str]], count: int, seed: int) -> list[str]:
        """`count` answers to a dialogue. Raises KeyError for one about no task that is known."""
        asked = turns[-1]["content"]
        if "yes or no" in asked:
            return ["yes"] * count
        task = self._task(turns[0]["content"])
        wrong = mistakes(task)
        start = _draw(model, task.instruction)
        if "does not pass these tests" in asked:
            return [_fenced(self._version(task, wrong, start, sum(t["role"] == "assistant" for t in turns)))] * count
        if "write tests" in asked:
            first = start if count == 1 else _draw(model, task.instruction, "several at once")
            codes = [self._version(task, wrong, first, i) for i in range(count)]
            return [f"{_fenced(code)}\n\n{_fenced(task.tests)}" for code in codes]
        return [_fenced(wrong[(start + seed + i) % len(wrong)]) for i in range(count)]

    def _task(self, text: str) -> family.Task:
        return next(task for instruction, task in self._tasks.items() if instruction in text)

    def _version(self, task: family.Task, wrong: list[str], start: int, number: int) -> str:
        """Version `number` of a program under repair: wrong ones, one to four of them, then the right one."""
        many = 1 + start // 7 % min(4, len(wrong))
        return wrong[(start + number) % len(wrong)] if number < many else task.solution


def mistakes(task: family.Task) -> list[str]:
    """Wrong versions of the task's program, all different: the family's own mistakes, then edits of single lines."""
    found = [task.draft.solution(frozenset({construct})) for construct in task.draft.constructs]
    for pattern, new in _EDITS:
        places = list(re.finditer(pattern, task.solution))
        if places:
            found.append(task.solution[: places[-1].start()] + new + task.solution[places[-1].end() :])
    if len(found) > 1:  # two mistakes in one program: as two lines, or as all between them, by how they are looked for
        lines = task.solution.split("\n")
        changed = {
            i: line for code in found for i, line in enumerate(code.split("\n")) if i < len(lines) and line != lines[i]
        }
        if len(changed) > 1 and all(code.count("\n") == len(lines) - 1 for code in found):
            ends = {min(changed), max(changed)}
            found.insert(0, "\n".join(changed[i] if i in ends else line for i, line in enumerate(lines)))
    found.append(re.sub(r"return (?!.*return)[^\n]*", "return None", task.solution, flags=re.S))
    return [code for code in dict.fromkeys(found) if code != task.solution]


def _draw(*words: str) -> int:
    return int.from_bytes(hashlib.sha256("\0".join(words).encode()).digest()[:4])


def _fenced(code: str) -> str:
    return f"```python\n{code.rstrip()}\n```"


@contextmanager
def served(tasks: list[family.Task]) -> Iterator[str]:
    """The base URL of a server that answers so, until the end of the `with`."""
    script = Script(tasks)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                texts = script.answers(asked["model"], asked["messages"], asked.get("n", 1), asked.get("seed") or 0)
            except StopIteration:
                self._send(400, {"error": {"message": "a task that this teacher does not know"}})
                return
            choices = [
                {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
                for i, text in enumerate(texts)
            ]
            self._send(200, {"choices": choices})

        def _send(self, status: int, content: dict[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
