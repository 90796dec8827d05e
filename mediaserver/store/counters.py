"""Rate limits: how often something happened under a key within a window of time.

The window begins with the first hit and ends for all its hits at once; a refused hit is not counted.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import redis.asyncio
from redis.exceptions import RedisError

from mediaserver.base.errors import Unavailable

_MAX_KEYS = 100_000


class Verdict(NamedTuple):
    """`retry_after_s` is 0 when allowed."""

    allowed: bool
    retry_after_s: float


class Counters(Protocol):
    async def hit(self, key: str, limit: int, window_s: float) -> Verdict:
        """Count one more, if fewer than `limit` were counted in the present window."""

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        """What `hit` would say, counting nothing: so that only failures can be counted."""

    async def reset(self, key: str) -> None:
        """Forget a key's hits."""


class MemoryCounters:
    """For one process. Windows that are over are swept when there are many keys."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_keys: int = _MAX_KEYS) -> None:
        self._clock, self._max_keys = clock, max_keys
        self._windows: dict[str, tuple[float, int]] = {}
        """The end of each key's window and the hits in it."""

    async def hit(self, key: str, limit: int, window_s: float) -> Verdict:
        now = self._clock()
        end, count = self._current(key, now, window_s)
        if count >= limit:
            return Verdict(False, end - now)
        if key not in self._windows and len(self._windows) >= self._max_keys:
            self._sweep(now)
        self._windows[key] = (end, count + 1)
        return Verdict(True, 0.0)

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        now = self._clock()
        end, count = self._current(key, now, window_s)
        return Verdict(True, 0.0) if count < limit else Verdict(False, end - now)

    async def reset(self, key: str) -> None:
        self._windows.pop(key, None)

    def _current(self, key: str, now: float, window_s: float) -> tuple[float, int]:
        end, count = self._windows.get(key, (0.0, 0))
        return (end, count) if end > now else (now + window_s, 0)

    def _sweep(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > now}
        while len(self._windows) >= self._max_keys:  # a flood of keys: the oldest windows go
            del self._windows[next(iter(self._windows))]


_HIT = """
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if count >= tonumber(ARGV[1]) then return redis.call('PTTL', KEYS[1]) end
if ARGV[3] == '1' then
  redis.call('INCR', KEYS[1])
  if count == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return -1000
"""


class RedisCounters:
    """Shared by all nodes. Counting and expiring is one script, so that no key stays without an end."""

    def __init__(self, url: str, prefix: str = "mediaserver:count:") -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
        self._prefix = prefix
        self._script = self._redis.register_script(_HIT)

    async def hit(self, key: str, limit: int, window_s: float) -> Verdict:
        return await self._ask(key, limit, window_s, count=True)

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        return await self._ask(key, limit, window_s, count=False)

    async def reset(self, key: str) -> None:
        try:
            await self._redis.delete(self._prefix + key)
        except (RedisError, OSError) as error:
            raise _away() from error

    async def close(self) -> None:
        await self._redis.aclose()

    async def _ask(self, key: str, limit: int, window_s: float, count: bool) -> Verdict:
        if limit <= 0:
            return Verdict(False, window_s)
        try:
            wait_ms = await self._script([self._prefix + key], [limit, math.ceil(window_s * 1000), int(count)])
        except (RedisError, OSError) as error:
            raise _away() from error
        return Verdict(True, 0.0) if wait_ms == -1000 else Verdict(False, max(0, int(wait_ms)) / 1000)


def _away() -> Unavailable:
    return Unavailable("counters_unavailable", "Redis does not answer")
