"""Requests begin in turns between addresses, so that a flood from one address delays above all its own.

Even a request that is refused takes a fraction of a millisecond. Hundreds of connections that send one after the
other would fill each pass of the event loop, and everybody else's requests, events and timers need many passes.
Therefore only a few requests begin in a pass, one of each address in turn. Nothing is refused, and while few
requests come, none of them waits.
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
"""Requests that begin in one pass of the event loop: about a millisecond of work."""


class RequestTurns:
    """Turns of one event loop. The number that waits is bounded by that of the connections."""

    def __init__(self, per_pass: int = PER_PASS) -> None:
        self._per_pass = self._left = per_pass
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """By address, in the order of their turns."""
        self._scheduled = False

    async def turn(self, source: str) -> None:
        """Return when a request of `source` may begin."""
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
            if not waiter.done():  # else its client has gone
                waiter.set_result(None)
                self._left -= 1
        self._scheduled = self._left < self._per_pass
        if self._scheduled:
            asyncio.get_running_loop().call_soon(self._next_pass)


def request_turns(turns: RequestTurns) -> Middleware:
    """Let each request wait for its turn."""

    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        await turns.turn(client_network(authentication.client_address(request)))
        return await handler(request)

    return wait
