"""How fast `fgit mask` is beside two usual ways, per core and on all cores, and whether its memory stays flat.

    python -m benchmarks.mask [--tokenizer FOLDER] [--records evol.jsonl.gz]
    python -m benchmarks.mask --memory [100000]
    python -m benchmarks.mask --workers [500 1000 2000 4000 20000]

(a) finds token positions as Target-DPO's published code does: for every line of both texts it encodes the prefix before
and after the line. (b) is the straightforward way: one record at a time, difflib, python-Levenshtein, a tokenizer call
with offsets. Each side reads JSON lines and writes JSON lines with ids and masks; loading the tokenizer is not counted.
The wrong variants are made by one edit to a response of the records. CPU seconds, interleaved, medians.
`--workers` runs the command with one worker and with two, in turn, and prints the processor time of its own process and
of its workers, wall time and the machine's load: on a machine that does other things only the first two say something.
"""

import argparse
import difflib
import gzip
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import test_data

os.environ["TOKENIZERS_PARALLELISM"] = "false"
SWAPS = [("==", "!="), ("<=", "<"), (" + ", " - "), (" < ", " <= "), (" and ", " or "), ("True", "False"), ("0", "1")]


SIZES = (500, 1_000, 2_000, 4_000, 20_000)  # pairs, of --workers


def pairs(path: str, count: int) -> list[bytes]:
    """Lines of records with an incorrect response: an operator swapped, or a line lost."""
    draw = random.Random(0)
    out: list[bytes] = []
    with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as lines:
        for line in lines:
            record = json.loads(line)
            text = record["output"]
            swaps = [(text.index(old), old, new) for old, new in SWAPS if old in text]
            rows = text.split("\n")
            if swaps and draw.random() < 0.8:
                at, old, new = draw.choice(swaps)
                record["incorrect"] = text[:at] + new + text[at + len(old) :]
            elif len(rows) > 3:
                del rows[draw.randrange(1, len(rows))]
                record["incorrect"] = "\n".join(rows)
            else:
                continue
            out.append(json.dumps(record, ensure_ascii=False).encode() + b"\n")
            if len(out) == count:
                break
    return out


class Peer:
    """What both other ways share: transformers' tokenizer with the chat template, ids of prompt and responses."""

    def __init__(self, folder: str) -> None:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast

        if (Path(folder) / "tokenizer.json").exists():  # AutoTokenizer would rebuild some with other ids
            config = json.loads((Path(folder) / "tokenizer_config.json").read_text())
            self.tokenizer: Any = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json")
            self.tokenizer.chat_template = config.get("chat_template")
            for name in ("bos_token", "eos_token"):
                token = config.get(name)
                setattr(self.tokenizer, name, token["content"] if isinstance(token, dict) else token)
        else:
            self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.end = [self.tokenizer.eos_token_id]

    def prompt(self, record: dict[str, Any]) -> list[int]:
        asked = record["instruction"] + ("\n\n" + record["input"] if record.get("input") else "")
        text = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": asked}], tokenize=False, add_generation_prompt=True
        )
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


class Prefixes(Peer):
    """(a): for every line the prefixes before and after it are encoded, and the ids counted."""

    def positions(self, text: str) -> list[tuple[int, int]]:
        out, at = [], 0
        for line in text.splitlines(keepends=True):
            before = len(self.tokenizer.encode(text[:at], add_special_tokens=False))
            at += len(line)
            out.append((before, len(self.tokenizer.encode(text[:at], add_special_tokens=False))))
        return out

    def __call__(self, line: bytes) -> bytes:
        record = json.loads(line)
        correct, incorrect = record["output"], record["incorrect"]
        record["prompt_ids"] = self.prompt(record)
        sides = {}
        for name, text in (("correct", correct), ("incorrect", incorrect)):
            ids = self.tokenizer(text, add_special_tokens=False)["input_ids"] + self.end
            sides[name] = (ids, [0] * len(ids), self.positions(text))
        numbers = {"correct": 0, "incorrect": 0}
        for entry in difflib.ndiff(incorrect.splitlines(), correct.splitlines()):
            side = {"+ ": "correct", "- ": "incorrect"}.get(entry[:2])
            if side:
                _, mask, positions = sides[side]
                start, end = positions[numbers[side]]
                mask[start:end] = [1] * (end - start)
                numbers[side] += 1
            elif entry[:2] == "  ":
                numbers = {k: v + 1 for k, v in numbers.items()}
        for name, (ids, mask, _) in sides.items():
            record[f"{name}_ids"], record[f"{name}_mask"] = ids[:1024], mask[:1024]
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"


class PerRecord(Peer):
    """(b): difflib and python-Levenshtein into a value for each character, then a value for each token by offsets."""

    def __call__(self, line: bytes) -> bytes:
        import Levenshtein

        record = json.loads(line)
        texts = {"incorrect": record["incorrect"], "correct": record["output"]}
        lines = {name: text.splitlines(keepends=True) for name, text in texts.items()}
        values = {name: [0] * len(text) for name, text in texts.items()}
        matcher = difflib.SequenceMatcher(None, lines["incorrect"], lines["correct"], autojunk=False)
        for tag, i1, i2, j1, j2 in matcher.get_opcodes():
            if tag == "equal":
                continue
            old, new = "".join(lines["incorrect"][i1:i2]), "".join(lines["correct"][j1:j2])
            a, c = len("".join(lines["incorrect"][:i1])), len("".join(lines["correct"][:j1]))
            for i in range(a, a + len(old)):
                values["incorrect"][i] = 1
            for j in range(c, c + len(new)):
                values["correct"][j] = 1
            for op, i, j in Levenshtein.editops(old, new):
                if op != "insert":
                    values["incorrect"][a + i] = 2
                if op != "delete":
                    values["correct"][c + j] = 2
        record["prompt_ids"] = self.prompt(record)
        for name, text in texts.items():
            encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            mask = [max(values[name][s:e], default=0) for s, e in encoded["offset_mapping"]]
            record[f"{name}_ids"] = (encoded["input_ids"] + self.end)[:1024]
            record[f"{name}_mask"] = [*mask, 0][:1024]
        return json.dumps(record, ensure_ascii=False).encode() + b"\n"


class Ours:
    """`fgit mask` in this process, as the command runs it, without loading the tokenizer."""

    def __init__(self, folder: str) -> None:
        from fgit_cli.commands.mask import Options
        from fgit_cli.core.diff_field import Comparison
        from fgit_cli.engines.tokenizing import templates, tokenizers
        from fgit_cli.stages.mask import Masker, Settings

        tokenizer = tokenizers.load(folder)
        settings = Settings(Comparison(ignore=("space",)), "hybrid", "anchor", 1024)
        self.masker = Masker(tokenizer, templates.load(None, tokenizer), settings)
        self.options = Options

    def run(self, source: str, target: str) -> None:
        from contextlib import nullcontext

        from fgit_cli.stages.diff import read_pair
        from fgit_cli.stages.filter import Filter
        from fgit_cli.stages.mask import mask, read_job
        from fgit_cli.stages.run import run_filter

        def prepare(record: Any) -> Any:
            return read_job(read_pair(record, {}, False), self.masker.settings, ())

        options = self.options(files=[source], output=target, quiet=True)
        ready = Filter(prepare, lambda i, t: mask(i, t, self.masker, 1, options.files))
        run_filter("mask", options, lambda options: nullcontext(ready))

    def encode_share(self, source: str, target: str) -> float:
        """The share of a run's CPU time that passes inside the tokenizer's own encode."""
        tokenizer = self.masker.tokenizer
        encoders = {name: getattr(tokenizer, name) for name in ("_whole", "_later", "_bare")}
        timed = {id(e): Timed(e) for e in encoders.values()}
        for name, encoder in encoders.items():
            setattr(tokenizer, name, timed[id(encoder)])
        started = time.process_time()
        self.run(source, target)
        whole = time.process_time() - started
        for name, encoder in encoders.items():
            setattr(tokenizer, name, encoder)
        return sum(t.seconds for t in timed.values()) / whole


class Timed:
    """An encoder that adds up the CPU seconds of its batches."""

    def __init__(self, encoder: Any) -> None:
        self.encoder, self.seconds = encoder, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.encoder, name)

    def encode_batch_fast(self, *words: Any, **named: Any) -> Any:
        started = time.process_time()
        try:
            return self.encoder.encode_batch_fast(*words, **named)
        finally:
            self.seconds += time.process_time() - started


def each(work: Callable[[bytes], bytes], source: str, target: str) -> None:
    with open(source, "rb") as lines, open(target, "wb") as out:
        for line in lines:
            out.write(work(line))


def one_core(folder: str, lines: list[bytes], share_a: int, repeat: int) -> dict[str, float]:
    """CPU milliseconds a pair of each way, medians; (a), which is slow, on one pair in `share_a`."""
    ways: dict[str, Any] = {"a": Prefixes(folder), "b": PerRecord(folder), "ours": Ours(folder)}
    times: dict[str, list[float]] = {"a": [], "b": [], "ours": [], "share": []}
    with tempfile.TemporaryDirectory() as place:
        source, some, target = f"{place}/in", f"{place}/some", f"{place}/out"
        Path(source).write_bytes(b"".join(lines))
        Path(some).write_bytes(b"".join(lines[::share_a]))
        for _ in range(repeat):
            for name, way in ways.items():
                file, count = (some, len(lines[::share_a])) if name == "a" else (source, len(lines))
                started = time.process_time()
                way.run(file, target) if name == "ours" else each(way, file, target)
                times[name].append((time.process_time() - started) / count * 1000)
            times["share"].append(ways["ours"].encode_share(source, target))
    return {name: statistics.median(values) for name, values in times.items()}


_way: Any = None


def _begin(kind: type[Peer], folder: str) -> None:
    global _way
    _way = kind(folder)


def _step(line: bytes) -> bytes:
    return _way(line)


def all_cores(folder: str, lines: list[bytes], share_a: int) -> dict[str, float]:
    """Pairs a wall second on all cores, counted while the processes of each way are at work."""
    cores = len(os.sched_getaffinity(0))
    out = {}
    for name, kind, some in (("a", Prefixes, lines[::share_a]), ("b", PerRecord, lines)):
        with multiprocessing.get_context("spawn").Pool(cores, _begin, (kind, folder)) as pool:
            pool.map(_step, some[: 2 * cores])
            started = time.perf_counter()
            for _ in pool.imap(_step, some, chunksize=16):
                pass
            out[name] = len(some) / (time.perf_counter() - started)
    with tempfile.TemporaryDirectory() as place:
        Path(f"{place}/in").write_bytes(b"".join(lines * 8))
        command = [sys.executable, "-m", "fgit_cli", "mask", "-q", "--tokenizer", folder, f"{place}/in"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
        assert process.stdout
        warm = len(lines)  # by then the worker processes are at work
        for count, _ in enumerate(process.stdout, 1):
            if count == warm:
                started = time.perf_counter()
        out["ours"] = (count - warm) / (time.perf_counter() - started)
    return out


RUN = """
import multiprocessing, resource, sys, time
from fgit_cli.app import main
if __name__ == "__main__":
    began = time.perf_counter()
    main(["mask", "-q", *sys.argv[1:], "-o", "/dev/null"])
    wall = time.perf_counter() - began
    for process in multiprocessing.active_children():
        process.join()
    own, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(wall, own.ru_utime + own.ru_stime, theirs.ru_utime + theirs.ru_stime)
"""


def workers(folder: str, lines: list[bytes], count: int, rounds: int) -> None:
    """Print processor and wall seconds of the command over `count` pairs with one worker and with two, in turn.

    At the end the medians, and how much wall time two take of what one does.
    """
    seconds: dict[int, list[tuple[float, ...]]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as place:
        Path(f"{place}/in").write_bytes(b"".join(lines[n % len(lines)] for n in range(count)))
        Path(f"{place}/run.py").write_text(RUN)
        for _ in range(rounds):
            for number in (1, 2):
                command = [
                    sys.executable,
                    f"{place}/run.py",
                    "--tokenizer",
                    folder,
                    "--workers",
                    str(number),
                    f"{place}/in",
                ]
                environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
                wall, own, theirs = map(float, done.stdout.split())
                seconds[number].append((wall, own + theirs))
                print(
                    f"{count} pairs, {number} worker{'s' * (number > 1)}: {own:.1f} s of its own, {theirs:.1f} s of "
                    f"workers, {wall:.1f} s wall, load {os.getloadavg()[0]:.1f}", flush=True,
                )  # fmt: skip
    one, two = ([statistics.median(column) for column in zip(*seconds[number], strict=True)] for number in (1, 2))
    print(f"{count} pairs: two workers take {two[0] / one[0]:.2f} of one's wall time and {two[1] / one[1]:.2f} of its "
          "processor time, medians", flush=True)  # fmt: skip


def memory(folder: str, lines: list[bytes], count: int) -> list[tuple[int, float]]:
    """(records out, MiB resident in all processes) at every tenth of `count` records streamed through the command."""
    command = [sys.executable, "-m", "fgit_cli", "mask", "-q", "--tokenizer", folder]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    assert process.stdin
    assert process.stdout

    def feed(stream: Any) -> None:
        for n in range(count):
            stream.write(lines[n % len(lines)])
        stream.close()

    threading.Thread(target=feed, args=(process.stdin,), daemon=True).start()
    out = []
    for n, _ in enumerate(process.stdout, 1):
        if n % (count // 10) == 0:
            out.append((n, sum(_resident(pid) for pid in _family(process.pid))))
    process.wait()
    return out


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _resident(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tokenizer", help="folder; default: the test data's deepseek-coder")
    parser.add_argument(
        "--records", help="JSON lines with instruction and output; default: the test data's Evol-Instruct"
    )
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument(
        "--memory", type=int, default=0, nargs="?", const=100_000, help="stream so many records, watch the memory alone"
    )
    parser.add_argument("--workers", type=int, nargs="*", help="one worker beside two on so many pairs, only that")
    options = parser.parse_args()
    options.tokenizer = options.tokenizer or str(test_data.folder("tok", "deepseek-coder"))
    options.records = options.records or str(test_data.folder("instruct", "evol.jsonl.gz"))
    lines = pairs(options.records, options.pairs)
    if options.memory:
        lines = [line for line in lines if len(line) < 1500]  # many records, in little time
        for records, size in memory(options.tokenizer, lines, options.memory):
            print(f"{records:>8} records out: {size:7.1f} MiB resident in all processes")
        return
    if options.workers is not None:
        for count in options.workers or SIZES:
            workers(options.tokenizer, lines, count, options.repeat)
        return
    cost = one_core(options.tokenizer, lines, 10, options.repeat)
    print(f"{len(lines)} pairs, {Path(options.tokenizer).name}; one core, CPU time, medians of {options.repeat}")
    for name, label in (("a", "prefixes encoded again"), ("b", "one record at a time"), ("ours", "fgit mask")):
        ratio = "" if name == "ours" else f"   fgit is {cost[name] / cost['ours']:.2f} times as fast"
        print(f"  {label:<24} {cost[name]:8.3f} ms a pair {1000 / cost[name]:8.0f} pairs/s{ratio}")
    print(f"  the tokenizer's own encode takes {cost['share']:.0%} of fgit mask's time")
    rate = all_cores(options.tokenizer, lines, 10)
    print(f"all {len(os.sched_getaffinity(0))} cores, wall time")
    for name, label in (("a", "prefixes encoded again"), ("b", "one record at a time"), ("ours", "fgit mask")):
        print(f"  {label:<24} {rate[name]:8.0f} pairs/s")


if __name__ == "__main__":
    main()
