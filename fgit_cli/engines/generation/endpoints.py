"""Chooses which server gets the next request and how many run at a time.

Several base URLs are balanced. Each endpoint has its own limit, raised by one for every limit's worth of successes and
halved when the server says that it is overloaded (additive increase, multiplicative decrease, as TCP does). An endpoint
that failed rests for a while; a request that failed there may go to another. All of it runs inside one event loop;
nothing here is thread-safe.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

REST_SECONDS = (0.5, 30.0)  # first and longest rest of an endpoint after failures in a row, our choice
CUT_SECONDS = 1.0  # a storm of refusals halves the limit once in this time, not once per refusal


@dataclass(eq=False)
class Endpoint:
    """One server: its address, and how it has been doing.

    Every place in flight has an HTTP client, and so a connection, of its own: the bookkeeping of one shared pool grows
    with its connections (at 256 of them: 8 ms a request instead of 1).
    """

    url: str
    open_client: Callable[[], Any]
    limit: float
    idle: list[Any] = field(default_factory=list)
    running: int = 0
    threshold: float = 0.0  # up to here the limit grows by one per success, above by one per limit's worth
    rests: int = 0  # in a row, without a success between
    resting_until: float = 0.0
    cut_at: float = -CUT_SECONDS

    def client(self) -> Any:
        """A client that nobody uses. The caller puts it back into `idle`."""
        return self.idle.pop() if self.idle else self.open_client()


class Balancer:
    """Hands out places at endpoints, the least loaded first, in the order in which they are asked for."""

    def __init__(self, endpoints: list[Endpoint], concurrency: int) -> None:
        """`concurrency` is the most requests in flight over all endpoints."""
        self.endpoints = endpoints
        self.most = concurrency
        self._queue: deque[asyncio.Future[Endpoint]] = deque()
        self.last_success: float = 0.0

    @property
    def running(self) -> int:
        return sum(e.running for e in self.endpoints)

    async def acquire(self, again: bool = False) -> Endpoint:
        """A place at an endpoint; a request that is sent `again` goes before those that wait for their first try."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Endpoint] = loop.create_future()
        if again:
            self._queue.appendleft(future)
        else:
            self._queue.append(future)
        self._serve()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.left(future.result())
            raise

    def succeeded(self, endpoint: Endpoint) -> None:
        endpoint.rests = 0
        step = 1.0 if endpoint.limit < endpoint.threshold else 1 / endpoint.limit
        endpoint.limit = min(self.most, endpoint.limit + step)
        self.last_success = asyncio.get_running_loop().time()
        self.left(endpoint)

    def overloaded(self, endpoint: Endpoint, retry_after: float | None, longest: float) -> None:
        """Leave an endpoint that refused for now (429, 503, no connection): fewer at a time, and none for a while.

        It rests no longer than `longest` seconds, when its user's patience ends.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - endpoint.cut_at >= CUT_SECONDS:
            endpoint.threshold = endpoint.limit = max(1.0, endpoint.limit / 2)
            endpoint.cut_at = now
        if retry_after is not None:
            endpoint.resting_until = max(endpoint.resting_until, now + min(retry_after, longest))
        elif endpoint.resting_until <= now:  # one rest per storm, not one per refusal
            first, most = REST_SECONDS
            rest = min(most, first * 2**endpoint.rests) * random.uniform(0.5, 1.5)
            endpoint.rests = min(endpoint.rests + 1, 16)
            endpoint.resting_until = now + min(rest, longest)
        loop.call_later(endpoint.resting_until - now + 0.001, self._serve)
        self.left(endpoint)

    def left(self, endpoint: Endpoint) -> None:
        """Leave the endpoint without a judgement of it (the request was itself at fault, or was cancelled)."""
        endpoint.running -= 1
        self._serve()

    def _serve(self) -> None:
        while self._queue:
            if self._queue[0].done():  # cancelled
                self._queue.popleft()
                continue
            endpoint = self._free()
            if endpoint is None:
                return
            endpoint.running += 1
            self._queue.popleft().set_result(endpoint)

    def _free(self) -> Endpoint | None:
        if self.running >= self.most:
            return None
        now = asyncio.get_running_loop().time()
        free = [e for e in self.endpoints if e.running < int(e.limit) and e.resting_until <= now]
        return min(free, key=lambda e: e.running / e.limit, default=None)
