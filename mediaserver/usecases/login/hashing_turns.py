"""Schedule password hashing, which is expensive and available to unauthenticated clients.

Requests wait in two queues that are fair between client addresses. Known devices and signed-in users are served
first, but every fourth turn goes to the others. Both queues are bounded and waiting has a deadline.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mediaserver.base.errors import Unavailable
from mediaserver.base.limits.round_robin import RoundRobinQueue

Waiter = asyncio.Future[None]

_MAX_WAITING: Final = 2000
_MAX_PER_SOURCE: Final = 500
"""A school class of this size may sign in at once from one address."""
_KNOWN_IN_A_ROW: Final = 3
_RETRY_AFTER_S: Final = 5.0


class HashingTurns:
    """Grants at most `slots` turns at once; refuses requests that waited longer than `max_wait_s`."""

    def __init__(self, slots: int, max_wait_s: float) -> None:
        self._free, self._max_wait_s = slots, max_wait_s
        self._known = RoundRobinQueue[Waiter](_MAX_WAITING, _MAX_PER_SOURCE)
        self._unknown = RoundRobinQueue[Waiter](_MAX_WAITING, _MAX_PER_SOURCE)
        self._known_in_a_row = 0
        self.refused = 0
        """Number of requests refused because the queue was full or the wait was too long."""

    @property
    def waiting(self) -> int:
        return len(self._known) + len(self._unknown)

    @asynccontextmanager
    async def turn(self, source: str, known: bool) -> AsyncIterator[None]:
        """Hold a turn for the block. Raises: Unavailable("busy") when the queue is full or a wait times out."""
        if self._free and not self._known and not self._unknown:
            self._free -= 1
        else:
            await self._wait(source, self._known if known else self._unknown)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, source: str, queue: RoundRobinQueue[Waiter]) -> None:
        waiter: Waiter = asyncio.get_running_loop().create_future()
        displaced = queue.push(source, waiter)
        if displaced is waiter:
            raise self._busy()
        if displaced is not None and not displaced.done():
            displaced.set_exception(self._busy())
        try:
            async with asyncio.timeout(self._max_wait_s):
                await waiter
        except TimeoutError:
            self._give_up(source, queue, waiter)
            raise self._busy() from None
        except asyncio.CancelledError:
            self._give_up(source, queue, waiter)
            raise

    def _give_up(self, source: str, queue: RoundRobinQueue[Waiter], waiter: Waiter) -> None:
        waits = queue.remove(source, waiter)
        if not waits and not waiter.cancelled() and waiter.exception() is None:
            self._pass_on()  # the turn was granted at the same moment

    def _pass_on(self) -> None:
        """Pass a finished turn to the next waiting request."""
        while (waiter := self._next()) is not None:
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _next(self) -> Waiter | None:
        if self._known and (self._known_in_a_row < _KNOWN_IN_A_ROW or not self._unknown):
            self._known_in_a_row += 1
            return self._known.pop()
        self._known_in_a_row = 0
        return self._unknown.pop()

    def _busy(self) -> Unavailable:
        self.refused += 1
        return Unavailable(
            "busy", "Too many people are signing in at once. Try again in a moment.", _RETRY_AFTER_S
        )
