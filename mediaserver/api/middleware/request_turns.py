"""Starts requests round-robin by client address, so that a flood from one address mostly delays itself.

Even a refused request costs a fraction of a millisecond. Hundreds of connections that send request after
request would fill each iteration of the event loop, while other clients' requests, events and timers need many
iterations. So only a few requests start per iteration, one of each address in turn. None is refused, and under
light load none waits.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from mediaserver.api.runtime import authentication
from mediaserver.base.net.networks import client_network

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PER_PASS: Final = 4
"""Requests that start in one iteration of the event loop: about a millisecond of work."""


class RequestTurns:
    """The turns of one event loop. The number of waiting requests is bounded by that of connections."""

    def __init__(self, per_pass: int = PER_PASS) -> None:
        self._per_pass = self._left = per_pass
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Waiting requests by address, in the order of the addresses' turns."""
        self._scheduled = False

    async def turn(self, source: str) -> None:
        """Wait until a request of `source` may start."""
        loop = asyncio.get_running_loop()
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._next_pass)
        if self._left and not self._waiting:
            self._left -= 1
            return
        waiter = loop.create_future()
        self._waiting.setdefault(source, deque()).append(waiter)
        await waiter

    def _next_pass(self) -> None:
        self._left = self._per_pass
        while self._left and self._waiting:
            source, queue = self._waiting.popitem(last=False)
            waiter = queue.popleft()
            if queue:
                self._waiting[source] = queue
            if not waiter.done():  # otherwise its client disconnected
                waiter.set_result(None)
                self._left -= 1
        self._scheduled = self._left < self._per_pass
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._next_pass)


def request_turns(turns: RequestTurns) -> Middleware:
    """Return a middleware in which each request waits for its turn."""

    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        await turns.turn(client_network(authentication.client_address(request)))
        return await handler(request)

    return wait
