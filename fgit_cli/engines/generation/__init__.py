"""An engine has a language model write text: on a server, or in this process by transformers or vLLM.

An engine has two methods, see `Engine`. `mutate` and `refine` ask teachers through it, `eval` the model under test:

    engine = TransformersEngine("my-model")
    for request, answer in engine.generate(requests, Sampling(temperature=0.0, max_tokens=512)):
        if isinstance(answer, RequestFailed): ...   # this request alone; the others go on
        else: text = answer[0].text                 # request.n completions

Results come in the order of the requests, whatever the order in which they finish. An engine reads `requests` only a
bounded window ahead, so that memory does not grow with the input.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from fgit_cli.core import thinking
from fgit_cli.errors import EngineError


@dataclasses.dataclass(frozen=True)
class Sampling:
    """How tokens are drawn; sent whole, because servers fill what is not sent from the model's generation config.

    `temperature` 0 is greedy. `top_k` and `repetition_penalty` are no fields of the OpenAI format: None leaves them
    out. `seed` counts up with the index of the answer. `stop` ends the text before any of these strings. `extra_body`
    holds further fields of a server's request, null for one that is not to be sent.
    """

    temperature: float = 0.8
    top_p: float = 1.0
    top_k: int | None = None
    repetition_penalty: float | None = 1.0
    max_tokens: int = 1024
    seed: int | None = 0
    stop: tuple[str, ...] = ()
    extra_body: dict[str, Any] = dataclasses.field(default_factory=dict)

    def describe(self) -> dict[str, Any]:
        """The fields as a record keeps them; `extra_body` where there is one."""
        made = {**dataclasses.asdict(self), "stop": list(self.stop)}
        if not self.extra_body:
            del made["extra_body"]
        return made


@dataclasses.dataclass(frozen=True)
class Completion:
    """One answer: its text (without the prefill), why it ended (`stop`, `length`, ...), lengths in tokens.

    Lengths are there to be summed: of several answers made together the first carries the prompt's (and, from a
    server, which reports no more, everybody's), the others 0. A server that reports no usage leaves None.
    """

    text: str
    finish_reason: str | None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @property
    def answer(self) -> str:
        """The text behind the model's thinking."""
        return thinking.answer(self.text)

    def why_empty(self, longest: int) -> str | None:
        """What to do about an answer that says nothing; None where it says something. `longest`: tokens allowed."""
        if self.answer.strip():
            return None
        tokens = longest if self.finish_reason == "length" else self.completion_tokens or 0
        if tokens <= 2 and not self.text.strip():
            return "empty answer"
        return f"empty: {tokens} tokens of reasoning; raise --max-new-tokens"


@dataclasses.dataclass(frozen=True)
class Request:
    """One prompt and how many answers to it are wanted.

    Either `messages` (chat turns `{"role", "content"}`; a last assistant turn is continued, not answered) or `prompt`
    (raw text to be completed). `key` is the caller's own name for it. `known` are the first answers where they exist
    already (from a store): they are part of the result, and only the rest is made. Answer i is drawn with seed
    `sampling.seed + i`.
    """

    key: str
    messages: list[dict[str, str]] | None = None
    prompt: str | None = None
    n: int = 1
    known: tuple[Completion, ...] = ()

    def __post_init__(self) -> None:
        if (self.messages is None) == (self.prompt is None):
            raise ValueError("a Request has either `messages` or `prompt`")
        if self.n < max(1, len(self.known)):
            raise ValueError("a Request asks for at least one answer, and for no fewer than are known")

    @property
    def prefilled(self) -> bool:
        """Whether the last turn is the beginning of the answer."""
        return bool(self.messages) and self.messages[-1]["role"] == "assistant"  # type: ignore[index]


class RequestFailed(EngineError):
    """One request that cannot be answered (too long, refused); the others go on.

    `reason` is the same for all failures of a kind, so that they can be counted; `detail` is what was said this time.
    `again` says that the engine failed, not the request: the same request may be answered another time.
    """

    def __init__(self, reason: str, detail: str = "", again: bool = False) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail, self.again = reason, detail, again


Answer = list[Completion] | RequestFailed
Finished = Callable[[Request, int, list[Completion]], None]


class Engine(Protocol):
    """What writes text."""

    def generate(
        self, requests: Iterable[Request], sampling: Sampling, finished: Finished | None = None
    ) -> Iterator[tuple[Request, Answer]]:
        """Each request with its `n` completions, in input order, or with the reason why it has none.

        `finished(request, index, completions)` is called as soon as answers exist, in any order and before they are
        yielded, with the index of the first of them: the place to make them durable. Raises EngineError when the
        engine itself is gone; UsageError when the model cannot be had or cannot do what is asked.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """What made the text: engine, model, revision where known, versions."""
        ...

    def close(self) -> None:
        """Give back what the engine holds (connections, memory)."""
        ...
