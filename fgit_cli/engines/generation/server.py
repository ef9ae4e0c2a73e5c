"""Asks any OpenAI-compatible server: vLLM, SGLang, llama.cpp, transformers serve, a hosted API.

Requests run in an event loop of their own thread. What a server may do wrong is expected here: it ignores `n`, refuses
a field, is overloaded, cuts a reply, answers garbage, dies and comes back. What is one request's own fault fails that
request alone; a server that gives nothing for `patience` seconds ends the run with EngineError.
"""

import asyncio
import math
import random
import re
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from fgit_cli import __version__
from fgit_cli.engines.generation import Answer, Completion, Finished, Request, RequestFailed, Sampling
from fgit_cli.engines.generation.endpoints import Balancer, Endpoint
from fgit_cli.engines.generation.openai_format import (
    TokenPrompt,
    Unreadable,
    body,
    completions,
    least_tokens,
    message,
    retry_after,
)
from fgit_cli.engines.tokenizing.templates import Refused
from fgit_cli.errors import EngineError, UsageError

if TYPE_CHECKING:
    from fgit_cli.engines.tokenizing.prompter import Prompter

OVERLOADED = frozenset({429, 503, 529})  # of the whole server
AGAIN = frozenset({408, 409, 425, 500, 502, 504})
OPTIONAL = (
    "top_k",
    "repetition_penalty",
    "seed",
    "stop",
    "top_p",
    "stop_token_ids",
)  # fields a server may refuse; the rest is essential
NOT_STANDARD = ("top_k", "repetition_penalty", "stop_token_ids")
ESSENTIAL = re.compile(r"\b(temperature|max_tokens|messages|prompt|model|context length|too long)\b", re.I)
IDS = re.compile(r"\bprompt\b|\btoken|\bstring\b|\bstr\b", re.I)  # what a server that takes no ids complains about
UNKNOWN = re.compile(
    r"max_completion_tokens|unsupported|unrecogni[sz]ed|unknown|unexpected|not (?:supported|permitted|allowed)|extra|"
    r"deprecated",
    re.I,
)
SHORT = 0.7  # of a prompt's words: a usage of fewer tokens means that the server cut the prompt
TOO_LONG = re.compile(r"context length|too long|maximum|exceed", re.I)
TRIES = 8  # of one request whose failures may be its own (500, no reply in time, a cut or unreadable reply)
BACKOFF_SECONDS = (0.2, 20.0)  # before the second try, and at most
GIVEN_UP = 20  # requests in a row, none answered between: then the server is to blame
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
WARN_SECONDS = (5.0, 60.0)  # of silence before it is said, and between two such warnings
WINDOW = 2  # requests held in order, per place in flight


class _Again(Exception):
    """This try failed, and another may not."""


class _Overloaded(_Again):
    """The endpoint refuses for now, for whatever request; `after` is its Retry-After in seconds."""

    def __init__(self, what: str, after: float | None = None) -> None:
        super().__init__(what)
        self.after = after


class _Absent(_Overloaded):
    """There is no connection to the endpoint."""


class _Refused(Exception):
    """HTTP 400 and its like: the request cannot be answered as it is."""


class _NoIds(Exception):
    """The server does not take a prompt as token ids."""


class ServerEngine:
    """Completions from one or several servers that serve the same model."""

    def __init__(
        self,
        model: str,
        base_urls: list[str],
        api_key: str | None = None,
        concurrency: int = 64,
        timeout: float = 600.0,
        patience: float = 300.0,
        warn: Callable[[str], None] = lambda message: None,
        ended: Callable[[], str | None] = lambda: None,
        absent: str = "",
        prompter: "Prompter | None" = None,
    ) -> None:
        """`timeout` and `patience` in seconds: of one request, and of a server that answers nothing at all.

        `warn` is told what a user should know; `ended` says how the server ended, where that can be known.
        `absent` is the UsageError for a server that cannot be reached at the first try; without it that is waited out.
        With a `prompter` prompts are sent as the token ids that it makes, so that the server's own template and
        tokenizer have no part in them; a server that takes no ids gets turns, and is asked how it would encode them.
        """
        for url in base_urls:
            if not url.startswith(("http://", "https://")):
                raise UsageError(f"--base-url {url}: not an http address; give one like http://localhost:8000/v1")
        self.model, self.base_urls, self.api_key = model, [u.rstrip("/") for u in base_urls], api_key
        self.concurrency, self.timeout, self.patience = concurrency, timeout, patience
        self.warn, self.ended, self.absent = warn, ended, absent
        self.prompter = prompter  # None once the server has shown that it takes no ids
        self.left_out: set[str] = set()  # optional fields that the server refused
        self.honours_n = True
        self.retries = 0
        self.cut_prompts = 0  # by the server, as far as its usage shows
        self._succeeded = False
        self._given_up = 0
        self._warned = -math.inf
        self._gone: Future[Answer] = Future()  # gets the exception that ends the engine
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def describe(self) -> dict[str, Any]:
        made = {"engine": "server", "model": self.model, "fgit": __version__}
        return {**made, "fields_left_out": sorted(self.left_out)} if self.left_out else made

    def status(self) -> str:
        """A few words for a line of progress."""
        return f"{self._balancer.running} in flight" if self._loop else ""

    def generate(
        self, requests: Iterable[Request], sampling: Sampling, finished: Finished | None = None
    ) -> Iterator[tuple[Request, Answer]]:
        """See `Engine.generate`; at most `2 * concurrency` requests are held."""
        self._start()
        window: deque[tuple[Request, Future[Answer]]] = deque()
        source = iter(requests)
        try:
            while True:
                while len(window) < WINDOW * self.concurrency and not (window and window[0][1].done()):
                    request = next(source, None)
                    if request is None:
                        break
                    window.append((request, self._submit(self._answer(request, sampling, finished))))
                if not window:
                    return
                request, future = window[0]
                answer = self._first(future)
                window.popleft()
                yield request, answer
        finally:
            for _, future in window:
                future.cancel()

    def close(self) -> None:
        if self.cut_prompts > 1:
            self.warn(f"{self.cut_prompts} prompts were cut by the server, as far as its usage shows")
            self.cut_prompts = 0
        if self._loop and self._thread:
            asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(timeout=10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
            self._loop = self._thread = None

    def _start(self) -> None:
        if self._loop is not None:
            return
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fgit-server-engine", daemon=True)
        self._thread.start()
        self._submit(self._open()).result()

    def _submit(self, work: Coroutine[Any, Any, Any]) -> Future:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _open(self) -> None:
        headers = {"Authorization": f"Bearer {self.api_key or 'none'}", "Content-Type": "application/json"}
        timeout = httpx.Timeout(self.timeout, connect=min(30.0, self.timeout))
        limits = httpx.Limits(max_connections=1, keepalive_expiry=60)
        tls = httpx.create_ssl_context()

        def opener(url: str) -> Callable[[], httpx.AsyncClient]:
            proxied = httpx.URL(url).host not in LOCAL  # a proxy of the environment is no way to this machine
            return lambda: httpx.AsyncClient(
                headers=headers, limits=limits, timeout=timeout, verify=tls, trust_env=proxied
            )

        share = max(1.0, self.concurrency / len(self.base_urls))
        self._balancer = Balancer([Endpoint(url, opener(url), share) for url in self.base_urls], self.concurrency)
        self._balancer.last_success = asyncio.get_running_loop().time()

    async def _shut(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for endpoint in self._balancer.endpoints:
            for client in endpoint.idle:
                await client.aclose()

    async def _answer(self, request: Request, sampling: Sampling, finished: Finished | None) -> Answer:
        """All answers of one request: in one reply where the server honours `n`, else in several at once."""
        made = list(request.known)
        try:
            if len(made) < request.n:
                many = request.n - len(made) if self.honours_n else 1
                made += await self._ask(request, sampling, len(made), many, finished)
                if len(made) - len(request.known) < many and self.honours_n:
                    self.honours_n = False
                    self.warn("the server ignores `n`; the answers are asked for one by one")
            if len(made) < request.n:
                rest = range(len(made), request.n)
                parts = await asyncio.gather(*(self._ask(request, sampling, i, 1, finished) for i in rest))
                made += [completion for part in parts for completion in part]
            return made
        except RequestFailed as error:
            return error
        except Exception as error:  # the server is given up: not only when the order comes to this request
            if not self._gone.done():
                self._gone.set_exception(error)
            raise

    def _first(self, future: Future[Answer]) -> Answer:
        """The request's answer, as soon as it is there. Raises what ended the engine, whichever request met it."""
        wait({future, self._gone}, return_when=FIRST_COMPLETED)
        return future.result() if future.done() else self._gone.result()

    async def _ask(
        self, request: Request, sampling: Sampling, index: int, n: int, finished: Finished | None
    ) -> list[Completion]:
        """Between 1 and `n` answers from index on; tried until the request or the server is given up."""
        started = asyncio.get_running_loop().time()
        attempts = failures = 0
        while True:
            endpoint = await self._balancer.acquire(again=attempts > 0)
            attempts += 1
            left_out = set(self.left_out)
            n = n if self.honours_n else 1
            try:
                made = await self._post(endpoint, request, sampling, index, n)
            except _Again as error:
                self.retries += 1
                left = self._patience_left(started)
                if isinstance(error, _Overloaded):
                    self._balancer.overloaded(endpoint, error.after, left)
                else:
                    self._balancer.left(endpoint)
                    failures += 1
                self._give_up(error, failures, started)
                if not isinstance(error, _Overloaded):
                    shortest, longest = BACKOFF_SECONDS
                    pause = min(longest, shortest * 2 ** (failures - 1)) * random.uniform(0.5, 1.5)
                    await asyncio.sleep(min(pause, left))
            except _NoIds as error:
                self._balancer.left(endpoint)
                await self._turns_from_now_on(endpoint, request, str(error))
            except _Refused as error:
                self._balancer.left(endpoint)
                if self.prompter and not self._succeeded and not TOO_LONG.search(str(error)) and IDS.search(str(error)):
                    await self._turns_from_now_on(endpoint, request, str(error))
                    continue
                meanwhile = left_out < self.left_out or (n > 1 and not self.honours_n)
                if not meanwhile and not self._leave_out(error, sampling, n):
                    self._refused_for_good(error)
            except BaseException:
                self._balancer.left(endpoint)
                raise
            else:
                self._balancer.succeeded(endpoint)
                self._succeeded, self._given_up = True, 0
                if finished:
                    finished(request, index, made)
                return made

    def _patience_left(self, started: float) -> float:
        """Seconds until a server that answers nothing is given up, and a moment more, so that one try follows."""
        silent = asyncio.get_running_loop().time() - max(self._balancer.last_success, started)
        return max(0.0, self.patience - silent) + 0.05

    def _give_up(self, error: _Again, failures: int, started: float) -> None:
        """Raise RequestFailed or EngineError when there is no point in trying again."""
        if self.absent and isinstance(error, _Absent) and not self._succeeded:
            raise UsageError(self.absent)
        if how := self.ended():
            raise EngineError(f"{how}; the same command goes on where this one stopped")
        if failures >= TRIES and self._succeeded:
            self._given_up += 1
            if self._given_up <= GIVEN_UP:
                raise RequestFailed(f"the server failed on it {failures} times", str(error), again=True)
        now = asyncio.get_running_loop().time()
        silent = now - max(self._balancer.last_success, started)
        if silent > WARN_SECONDS[0] and now - self._warned > WARN_SECONDS[1]:
            self._warned = now
            self.warn(f"nothing answered for {silent:.0f} s: {error}; given up after {self.patience:g} s")
        if silent > self.patience or self._given_up > GIVEN_UP:
            where = ", ".join(self.base_urls)
            raise EngineError(
                f"{where}: {error}; nothing was answered for {silent:.0f} s: "
                "start the server, or name another by --base-url, and run the same command again"
            )

    async def _post(
        self, endpoint: Endpoint, request: Request, sampling: Sampling, index: int, n: int
    ) -> list[Completion]:
        tokens = self._tokens(request)
        path = "/chat/completions" if request.messages is not None and tokens is None else "/completions"
        content = orjson.dumps(body(self.model, request, sampling, index, n, self.left_out, tokens))
        client = endpoint.client()
        try:
            reply = await client.post(endpoint.url + path, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _Absent(f"cannot connect ({error or type(error).__name__})") from None
        except httpx.TimeoutException:
            raise _Again(f"no reply within {self.timeout:g} s") from None
        except httpx.TransportError as error:
            raise _Again(f"the reply was cut ({error or type(error).__name__})") from None
        finally:
            endpoint.idle.append(client)
        if reply.status_code == 200:
            try:
                made = completions(reply.content, n)
            except Unreadable as error:
                raise _Again(str(error)) from None
            if tokens and made[0].prompt_tokens not in (None, 0, len(tokens.ids)):
                raise _NoIds(f"it read {made[0].prompt_tokens} tokens of {len(tokens.ids)}")
            self._look_for_a_cut(request, made[0].prompt_tokens)
            return made
        what = f"HTTP {reply.status_code} {message(reply.content)}".strip()
        if reply.status_code in OVERLOADED:
            raise _Overloaded(what, retry_after(reply.headers))
        if reply.status_code in AGAIN:
            raise _Again(what)
        if tokens and reply.status_code in (404, 405, 501):
            raise _NoIds(what)
        if reply.status_code in (400, 413, 422):
            raise _Refused(what)
        hint = {401: "set OPENAI_API_KEY", 403: "set OPENAI_API_KEY", 404: "check --base-url and --model"}
        advice = hint.get(reply.status_code, "is this an OpenAI-compatible server?")
        raise EngineError(f"{endpoint.url}{path}: {what}; {advice}")

    def _tokens(self, request: Request) -> TokenPrompt | None:
        """The prompt as ids, where a prompter is there. Raises RequestFailed for one that cannot be written."""
        if self.prompter is None:
            return None
        try:
            ids = self.prompter.ids(request.messages, request.prompt)
        except Refused as reason:
            raise RequestFailed("the prompt cannot be written", str(reason)) from None
        return TokenPrompt(ids, sorted(self.prompter.ends))

    async def _turns_from_now_on(self, endpoint: Endpoint, request: Request, why: str) -> None:
        """Give up sending ids, and say whether the server's own template makes the same of this request."""
        prompter, self.prompter = self.prompter, None
        if prompter is None:  # another request was first
            return
        theirs = await self._encoded_there(endpoint, request)
        if theirs is None:
            known = "how it encodes them cannot be checked, for it has no /tokenize"
        elif theirs == prompter.ids(request.messages, request.prompt):
            known = "its /tokenize makes the same ids of the first prompt"
        else:
            known = (
                "its /tokenize makes OTHER ids of the first prompt than the model's own tokenizer and template: the "
                "model is not asked as it was tuned; start the server with that tokenizer and chat template"
            )
        self.warn(f"the server takes no token ids ({why}); it is sent text, and {known}")

    async def _encoded_there(self, endpoint: Endpoint, request: Request) -> list[int] | None:
        """The ids that the server's /tokenize (vLLM's) makes of the request; None where it has none."""
        asked: dict[str, Any] = {"model": self.model, "prompt": request.prompt}
        if request.messages is not None:
            asked = {"model": self.model, "messages": request.messages, "add_generation_prompt": not request.prefilled}
            asked |= {"continue_final_message": True} if request.prefilled else {}
        client = endpoint.client()
        try:
            reply = await client.post(endpoint.url.removesuffix("/v1") + "/tokenize", content=orjson.dumps(asked))
            found = orjson.loads(reply.content).get("tokens") if reply.status_code == 200 else None
        except (httpx.HTTPError, ValueError, AttributeError):
            return None
        finally:
            endpoint.idle.append(client)
        return found if isinstance(found, list) and all(isinstance(i, int) for i in found) else None

    def _look_for_a_cut(self, request: Request, read: int | None) -> None:
        """Say once that the server reads less of the prompts than was sent, as one with a short context may."""
        least = least_tokens(request)
        if read and read < SHORT * least:
            self.cut_prompts += 1
            if self.cut_prompts == 1:
                self.warn(
                    f"the server read {read} tokens of a prompt of at least {least}: it cuts prompts, and answers to "
                    "what is left; raise its context (--max-model-len of vLLM, num_ctx of Ollama, -c of llama.cpp)"
                )

    def _leave_out(self, error: "_Refused", sampling: Sampling, n: int) -> bool:
        """Whether a field was dropped because of this refusal, so that the request should be sent again."""
        if n > 1 and re.search(r"\bn\b|choice", str(error)):
            self.honours_n = False
            self.warn(f"the server refuses n={n}: the answers are asked for one by one ({error})")
            return True
        unknown = re.search(r"\bmax_tokens\b", str(error)) and UNKNOWN.search(str(error))
        if unknown and "max_tokens" not in self.left_out:
            self.left_out.add("max_tokens")
            self.warn(f"the server refused max_tokens: max_completion_tokens is sent instead ({error})")
            return True
        fields = {**vars(sampling), "stop_token_ids": self.prompter and self.prompter.ends}
        sent = {f for f in OPTIONAL if f not in self.left_out and fields[f] not in (None, (), frozenset())}
        named = {f for f in sent if re.search(rf"\b{f}\b", str(error))}
        if not named and not self._succeeded and not ESSENTIAL.search(str(error)):
            named = sent & set(NOT_STANDARD)  # some servers refuse without naming the field
        if named:
            self.left_out |= named
            self.warn(f"the server refused {', '.join(sorted(named))}: left out from now on ({error})")
        return bool(named)

    def _refused_for_good(self, error: _Refused) -> None:
        """Fail the request; fail the run when no request at all is accepted."""
        self._given_up += 1
        if not self._succeeded and self._given_up > GIVEN_UP:
            raise EngineError(f"{', '.join(self.base_urls)}: refuses every request: {error}; check --model and options")
        raise RequestFailed("the server refused it", str(error))
