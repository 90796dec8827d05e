"""Shares a few costly workers between people: next is the waiting person who used least lately.

`Turns` decides; `FairQueue` waits. One person never holds all workers, and how many pieces of work somebody has
waiting does not matter to others.
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Final

_HALF_LIFE_S: Final = 60.0
_MAX_REMEMBERED: Final = 1000


class Turns:
    """Who runs, and how much work-time each person used lately (it halves every minute)."""

    def __init__(self, at_once: int, at_once_per_owner: int) -> None:
        self._at_once, self._at_once_per_owner = at_once, at_once_per_owner
        self._running: Counter[str] = Counter()
        self._used: dict[str, tuple[float, float]] = {}

    def next(self, waiting: Iterable[str], now: float) -> str | None:
        """Return the owner whose work begins now; None when all must wait. Ties: who waits longest."""
        if self._running.total() >= self._at_once:
            return None
        able = [owner for owner in waiting if self._running[owner] < self._at_once_per_owner]
        return min(able, key=lambda owner: (self._running[owner], self.used_s(owner, now)), default=None)

    def used_s(self, owner: str, now: float) -> float:
        used, at = self._used.get(owner, (0.0, now))
        return used * math.pow(0.5, (now - at) / _HALF_LIFE_S)

    def began(self, owner: str) -> None:
        self._running[owner] += 1

    def ended(self, owner: str, took_s: float, now: float) -> None:
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]
        used = self.used_s(owner, now) + took_s
        self._used.pop(owner, None)  # moves it to the end: the front was longest idle
        self._used[owner] = (used, now)
        while len(self._used) > _MAX_REMEMBERED:
            del self._used[next(iter(self._used))]


class FairQueue:
    """Runs blocks of work by turns. Belongs to one event loop."""

    def __init__(self, at_once: int, at_once_per_owner: int) -> None:
        self._turns = Turns(at_once, at_once_per_owner)
        self._waiting: dict[asyncio.Future[None], str] = {}

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Wait for a turn of `owner`; it lasts as long as the block."""
        loop = asyncio.get_running_loop()
        await self._wait(owner)
        began_s = loop.time()
        try:
            yield
        finally:
            self._end(owner, loop.time() - began_s)

    async def _wait(self, owner: str) -> None:
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[None] = loop.create_future()
        self._waiting[mine] = owner
        self._start_next()
        try:
            await mine
        except asyncio.CancelledError:
            if self._waiting.pop(mine, None) is None:  # the turn came at the same moment
                self._end(owner, 0.0)
            raise

    def _end(self, owner: str, took_s: float) -> None:
        self._turns.ended(owner, took_s, asyncio.get_running_loop().time())
        self._start_next()

    def _start_next(self) -> None:
        now = asyncio.get_running_loop().time()
        while (owner := self._turns.next(self._waiting.values(), now)) is not None:
            chosen = next(future for future, whose in self._waiting.items() if whose == owner)
            del self._waiting[chosen]
            self._turns.began(owner)
            chosen.set_result(None)
