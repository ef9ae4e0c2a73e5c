"""Writes requests in the OpenAI batch format, for somebody else's machine, and reads the answers back.

`vllm run-batch -i requests.jsonl -o answers.jsonl` and the batch services of hosted APIs take and give it. A request's
`custom_id` is its identity (model, prompt, sampling), so the answers may come in any order and in several files.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from fgit_cli import __version__, jsonl
from fgit_cli.engines.generation import Answer, Finished, Request, RequestFailed, Sampling
from fgit_cli.engines.generation.openai_format import Unreadable, body, completions, message
from fgit_cli.engines.generation.store import Store, answer_key, request_key
from fgit_cli.errors import InputError, UsageError

NO_LINES = (".json", ".parquet", ".arrow")  # endings of names to which jsonl.Writer writes something else than lines


def emit(path: str, model: str, requests: Iterable[Request], sampling: Sampling) -> tuple[int, int]:
    """Write the requests; return how many, and how many were left out because an equal one is there already.

    Raises UsageError for a name by which an array or a table would be written, which no batch service takes.
    """
    if path.endswith(NO_LINES):
        raise UsageError(f"--emit-batch {path}: a batch is JSON lines; give a name that ends with .jsonl")
    writer = jsonl.Writer(path)
    seen: set[bytes] = set()
    equal = 0
    whole = False
    try:
        for request in requests:
            key = request_key({"model": model}, request, sampling)
            if key in seen:
                equal += 1
                continue
            seen.add(key)
            chat = request.messages is not None
            writer.write(
                {
                    "custom_id": key.hex(),
                    "method": "POST",
                    "url": "/v1/chat/completions" if chat else "/v1/completions",
                    "body": body(model, request, sampling, 0, request.n, set()),
                }
            )
        whole = True
    finally:
        writer.close(whole)
    return len(seen), equal


class BatchAnswers:
    """An engine that knows the answers of batch files and makes none itself."""

    def __init__(self, model: str, files: list[str], store: Store) -> None:
        """Puts the answers of the files into the store. Raises InputError for a file that is no batch output."""
        self.model = model
        self.failed: dict[str, str] = {}
        for record in jsonl.read(files):
            self._take(record, store)

    def _take(self, record: jsonl.Record, store: Store) -> None:
        name = record.get("custom_id")
        response = record.get("response")
        if not isinstance(name, str) or ("response" not in record and "error" not in record):
            raise InputError("no line of a batch's output: `custom_id` and `response` are wanted", record.place)
        try:
            key = bytes.fromhex(name)
        except ValueError:
            raise InputError(f"custom_id {name!r} is none of `fgit mutate --emit-batch`", record.place) from None
        content = jsonl.dumps(response.get("body") if isinstance(response, dict) else record.get("error"))
        if not isinstance(response, dict) or response.get("status_code") != 200:
            self.failed[name] = message(content)
            return
        try:
            made = completions(content, 1 << 30)
        except Unreadable as error:
            self.failed[name] = str(error)
            return
        store.put((answer_key(key, index), completion) for index, completion in enumerate(made))

    def describe(self) -> dict[str, Any]:
        return {"engine": "batch", "model": self.model, "fgit": __version__}

    def close(self) -> None:
        """Do nothing: nothing is held."""

    def generate(
        self, requests: Iterable[Request], sampling: Sampling, finished: Finished | None = None
    ) -> Iterator[tuple[Request, Answer]]:
        """As `Engine.generate` says; a request that no file answers fails."""
        for request in requests:
            if request.known:
                yield request, list(request.known)
                continue
            name = request_key({"model": self.model}, request, sampling).hex()
            if name in self.failed:
                yield request, RequestFailed("the batch failed on it", self.failed[name])
            else:
                yield request, RequestFailed("no answer in the batch files")
