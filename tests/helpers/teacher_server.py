"""An OpenAI-compatible server for tests: makes the code it is shown wrong, and misbehaves on purpose.

    python -m tests.helpers.teacher_server PORT_FILE LOG_FILE '{"http_500": 0.1, ...}'

Behaviour is drawn per request from the fractions of the JSON object: `http_429`, `http_500`, `cut`, `garbage`,
`wrong_n`, `slow`; `die` seconds after the start the process ends as a crash does. Other keys: `ignore_n`, `refuse`
(fields answered with 400), `want` (fields without which it is 400), `fail`, `too_long` (a marker: 500, 400 for prompts
with it), `equal` (the same answer always), `seconds` per request, `answer` (fixed text), `choice` (fields of each
choice of the reply), `usage` (the reply's), `seed`, `script` (a marker in the dialogue's text -> the answers of its
turns, one or a list each), `judge` (the answer to "yes or no"), `replies` (a marker in the prompt -> the answer, or a
whole choice with its reason to end).
The log has a line "SEED TAG" per answer that was written whole, where TAG is the name after the code's `def`.
"""

import asyncio
import json
import os
import random
import re
import sys

OPERATORS = ["-", "*", "//", "%", "**", "|", "^", "&", "<<", ">>"]


class Teacher:
    def __init__(self, how, log):
        self.how, self.log = how, log
        self.draw = random.Random(how.get("seed", 0))
        self.storm_until = 0.0
        self.active = self.most_active = self.served = 0

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET"):
                    await self.send(writer, 200, {"status": "ok"})
                    continue
                length = int(re.search(rb"content-length: *(\d+)", head, re.I)[1]) if b"ontent-" in head else 0
                body = json.loads(await reader.readexactly(length)) if length else {}
                self.active += 1
                self.most_active = max(self.most_active, self.active)
                try:
                    if not await self.reply(body, writer):
                        return
                finally:
                    self.active -= 1
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def reply(self, body, writer):
        """Whether the connection may be used again."""
        how = self.how
        if how.get("seconds"):
            await asyncio.sleep(how["seconds"])
        for field in how.get("refuse", []):
            if field in body:
                return await self.send(writer, 400, {"error": {"message": f"Unrecognized request argument: {field}"}})
        if "fail" in how and how["fail"] in json.dumps(body):
            return await self.send(writer, 500, {"error": {"message": "the server is out of sorts"}})
        if "too_long" in how and how["too_long"] in json.dumps(body):
            return await self.send(writer, 400, {"error": {"message": "the prompt is longer than the model takes"}})
        for field in how.get("want", []):
            if field not in body:
                return await self.send(writer, 400, {"error": {"message": f"{field} is missing"}})
        now = asyncio.get_running_loop().time()
        if now < self.storm_until or self.draw.random() < how.get("http_429", 0):
            if now >= self.storm_until:
                self.storm_until = now + 0.2  # a storm: everybody is refused for a while
            return await self.send(writer, 429, {"error": {"message": "too many"}}, "Retry-After: 0.1\r\n")
        if self.draw.random() < how.get("http_500", 0):
            return await self.send(writer, 500, {"error": {"message": "the server is out of sorts"}})
        if self.draw.random() < how.get("slow", 0):
            await asyncio.sleep(0.3)
        n = body.get("n", 1) if not how.get("ignore_n") else 1
        if self.draw.random() < how.get("wrong_n", 0):
            n = max(1, n - 1)
        answers = [self.answer(body, body.get("seed", 0) + i) for i in range(n)]
        payload = {
            "choices": [
                {"index": i, "finish_reason": "stop", "message": {"role": "assistant", "content": a}, "text": a}
                | how.get("choice", {})
                | (a if isinstance(a, dict) else {})
                for i, (a, _) in enumerate(answers)
            ],
            "usage": how.get("usage", {"prompt_tokens": 1000, "completion_tokens": 5 * n}),
        }
        if self.draw.random() < how.get("garbage", 0):
            return await self.send(writer, 200, raw=self.draw.choice([b"{}", b"<html>", b'{"choices": [{"text": 1}]}']))
        if self.draw.random() < how.get("cut", 0):
            data = json.dumps(payload).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data[: len(data) // 2])
            await writer.drain()
            return False
        alive = await self.send(writer, 200, payload)
        self.served += 1
        for i, (_, tag) in enumerate(answers):
            self.log.write(f"{body.get('seed', 0) + i} {tag}\n")
        self.log.flush()
        return alive

    def answer(self, body, seed):
        """The shown code with another operator, which one the seed says; and the name of its function."""
        if "replies" in self.how:
            said = body["messages"][-1]["content"]
            return next(reply for marker, reply in self.how["replies"].items() if marker in said), "reply"
        if "answer" in self.how:
            return self.how["answer"], "fixed"
        if "script" in self.how:
            said = "\n".join(m["content"] for m in body["messages"])
            marker, turns = next((m, turns) for m, turns in self.how["script"].items() if m in said)
            turn = sum(m["role"] == "assistant" for m in body["messages"])
            if "yes or no" in said:
                return self.how.get("judge", "yes"), f"{marker}-judge"
            answers = turns[turn] if isinstance(turns[turn], list) else [turns[turn]]
            return answers[seed % len(answers)], f"{marker}-{turn}"
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        code = re.findall(r"```\w*\n(.*?)```", prompt, re.S)[-1]
        operator = OPERATORS[0 if self.how.get("equal") else seed % len(OPERATORS)]
        return f"```python\n{code.replace('+', operator, 1)}```\n", re.search(r"def (\w+)", code)[1]

    async def send(self, writer, status, value=None, headers="", raw=None):
        data = raw if raw is not None else json.dumps(value).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}".encode())
        writer.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        await writer.drain()
        return True


async def main(port_file, log_file, how, port=0):
    with open(log_file, "a") as log:
        teacher = Teacher(how, log)
        server = await asyncio.start_server(teacher.serve, "127.0.0.1", port, limit=1 << 24, backlog=1024)
        with open(f"{port_file}.new", "w") as out:
            out.write(str(server.sockets[0].getsockname()[1]))
        os.replace(f"{port_file}.new", port_file)
        if "die" in how:
            await asyncio.sleep(how["die"])
            os._exit(1)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), port))
