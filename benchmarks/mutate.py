"""What `fgit mutate` costs beside the teacher's own time: per request, and per variant made by rules.

    python -m benchmarks.mutate [--requests 3000] [--records evol.jsonl.gz]

Client: CPU seconds of this process per request at concurrency 256 against a server in another process that answers at
once. `engine` is fgit's client alone, `durable` with its store on disk, `whole` with prompt, parsing and checks too
(the command as it runs). Beside them what a user would write: the official client of OpenAI (`openai`) and httpx
(`httpx`), each with 256 requests at a time and nothing kept. Rules: variants per second of one core, parsed, spliced
and checked, over the records that the rules have a language for. Interleaved rounds, medians.
"""

import argparse
import asyncio
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import test_data
from fgit_cli.commands.mutate import Options
from fgit_cli.engines.generation import Request, Sampling
from fgit_cli.engines.generation.server import ServerEngine
from fgit_cli.engines.generation.store import Durable, Store
from fgit_cli.engines.generation.teacher import Teacher
from fgit_cli.engines.rules import cosmic_ray, universalmutator
from fgit_cli.jsonl import Record
from fgit_cli.prompts import load
from fgit_cli.stages.by_rules import by_rules
from fgit_cli.stages.mutate import Asking, Original, by_teacher, mutate, read_original
from fgit_cli.stages.running import Tally

CONCURRENCY = 256
ANSWERS = 3
SAMPLING = Sampling(max_tokens=1024)

NULL_SERVER = """
import asyncio, json, sys
CODE = "```python\\n" + "def f(x):\\n" + "".join(f"    y{i} = x + {i}\\n" for i in range(30)) + "    return x - 1\\n```"
def reply(n):
    choices = [{"index": i, "finish_reason": "stop",
                "message": {"role": "assistant", "content": CODE + f"\\n<!-- {i} -->"}} for i in range(n)]
    body = json.dumps({"id": "0", "object": "chat.completion", "created": 0, "model": "m", "choices": choices,
                       "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()
    return b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body
REPLY = reply(3)
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\\r")[0])
            await reader.readexactly(length)
            writer.write(REPLY)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def items(number: int) -> list[Original]:
    """Records of some 40 lines of code each, all different."""
    body = "".join(f"    y{i} = x + {i}\n" for i in range(30))
    code = f"def f(x):\n{body}    return x + 1\n"
    rows = [
        {"id": str(i), "instruction": f"Task {i}. " + "Explain it well. " * 20, "response": code} for i in range(number)
    ]
    return [read_original(Record(row), Options().overrides) for row in rows]


def spent(work: Callable[[], int]) -> tuple[float, float]:
    """CPU milliseconds and wall milliseconds per unit of work."""
    cpu, wall = time.process_time(), time.perf_counter()
    done = work()
    return 1e3 * (time.process_time() - cpu) / done, 1e3 * (time.perf_counter() - wall) / done


def clients(url: str, number: int) -> dict[str, Callable[[], int]]:
    asking = Asking(load("mutate"), ANSWERS, "code", 2048)
    made = items(number)
    requests = [asking.request(item) for item in made]

    def engine() -> int:
        client = ServerEngine("m", [url], concurrency=CONCURRENCY)
        try:
            return sum(1 for _ in client.generate(requests, SAMPLING))
        finally:
            client.close()

    def durable() -> int:
        client = ServerEngine("m", [url], concurrency=CONCURRENCY)
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            try:
                return sum(1 for _ in Durable(client, store, {"model": "m"}).generate(requests, SAMPLING))
            finally:
                client.close()
                store.close()

    def whole() -> int:
        client = ServerEngine("m", [url], concurrency=CONCURRENCY)
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder))
            try:
                way = by_teacher(Teacher(client, SAMPLING, store), asking)
                return sum(1 for _ in mutate(made, Tally("mutate", Options(quiet=True)), way))
            finally:
                client.close()
                store.close()

    return {
        "engine": engine,
        "durable": durable,
        "whole": whole,
        "httpx": lambda: asyncio.run(by_httpx(url, requests)),
        "openai": lambda: asyncio.run(by_openai(url, requests)),
    }


async def by_httpx(url: str, requests: list[Request]) -> int:
    import httpx

    limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
    gate = asyncio.Semaphore(CONCURRENCY)
    async with httpx.AsyncClient(limits=limits, timeout=600) as client:

        async def one(request: Request) -> str:
            async with gate:
                body = {
                    "model": "m",
                    "messages": request.messages,
                    "n": ANSWERS,
                    "temperature": 0.8,
                    "max_tokens": 1024,
                }
                reply = await client.post(f"{url}/chat/completions", json=body)
                return reply.json()["choices"][0]["message"]["content"]

        return len(await asyncio.gather(*(one(r) for r in requests)))


async def by_openai(url: str, requests: list[Request]) -> int:
    from openai import AsyncOpenAI

    gate = asyncio.Semaphore(CONCURRENCY)
    async with AsyncOpenAI(base_url=url, api_key="none", timeout=600) as client:

        async def one(request: Request) -> str | None:
            async with gate:
                messages: Any = request.messages
                reply = await client.chat.completions.create(
                    model="m", messages=messages, n=ANSWERS, temperature=0.8, max_tokens=1024
                )
                return reply.choices[0].message.content

        return len(await asyncio.gather(*(one(r) for r in requests)))


def rules(path: str, number: int) -> None:
    with gzip.open(path, "rt") as stream:
        rows = [json.loads(line) for _, line in zip(range(number), stream, strict=False)]
    for backend, name in ((universalmutator, "universalmutator"), (cosmic_ray, "cosmic-ray")):
        chosen = [read_original(Record(row), Options().overrides) for row in rows]
        chosen = [i for i in chosen if any(b.language in backend.LANGUAGES for b in i.blocks)]
        rates = []
        for turn in range(3):
            way = by_rules(backend, name, 3, seed=turn)
            cpu = time.process_time()
            made = sum(len(r["variants"]) for r in mutate(chosen, Tally("mutate", Options(quiet=True)), way))
            rates.append(made / (time.process_time() - cpu))
        print(f"{name:18} {statistics.median(rates):8.0f} variants/s on one core ({len(chosen)} records)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records", help="Evol-Instruct records, for the rules; default: the test data's")
    options = parser.parse_args()
    server = subprocess.Popen([sys.executable, "-c", NULL_SERVER], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        ways = clients(url, options.requests)
        for way in ways.values():  # imports and connections once, uncounted
            way()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                found[name].append(spent(way))
    finally:
        server.kill()
    for name, times in found.items():
        cpu, wall = (statistics.median(t[i] for t in times) for i in (0, 1))
        print(f"{name:8} {cpu:6.2f} ms CPU, {wall:6.2f} ms wall per request at concurrency {CONCURRENCY}")
    rules(options.records or str(test_data.folder("instruct", "evol.jsonl.gz")), 300)


if __name__ == "__main__":
    main()
