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
    """Whether there is room, and what the window looks like after this hit."""

    allowed: bool
    retry_after_s: float
    """0 when allowed."""
    remaining: int
    """How many more hits the present window takes."""
    reset_s: float
    """Until the window ends; the whole window when none has begun."""


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
            return _verdict(False, 0, end - now)
        if key not in self._windows and len(self._windows) >= self._max_keys:
            self._sweep(now)
        self._windows[key] = (end, count + 1)
        return _verdict(True, limit - count - 1, end - now)

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        now = self._clock()
        end, count = self._current(key, now, window_s)
        return _verdict(count < limit, max(0, limit - count), end - now)

    async def reset(self, key: str) -> None:
        self._windows.pop(key, None)

    def _current(self, key: str, now: float, window_s: float) -> tuple[float, int]:
        end, count = self._windows.get(key, (0.0, 0))
        return (end, count) if end > now else (now + window_s, 0)

    def _sweep(self, now: float) -> None:
        self._windows = {key: window for key, window in self._windows.items() if window[0] > now}
        while len(self._windows) >= self._max_keys:  # a flood of keys: the oldest windows go
            del self._windows[next(iter(self._windows))]


def _verdict(allowed: bool, remaining: int, reset_s: float) -> Verdict:
    return Verdict(allowed, 0.0 if allowed else reset_s, remaining, reset_s)


_HIT = """
local limit, window_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
local allowed = count < limit
if allowed and ARGV[3] == '1' then
  count = redis.call('INCR', KEYS[1])
  if count == 1 then redis.call('PEXPIRE', KEYS[1], window_ms) end
end
local left_ms = redis.call('PTTL', KEYS[1])
if left_ms < 0 then left_ms = window_ms end
return {allowed and 1 or 0, math.max(0, limit - count), left_ms}
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
            return _verdict(False, 0, window_s)
        try:
            allowed, remaining, left_ms = await self._script(
                [self._prefix + key], [limit, math.ceil(window_s * 1000), int(count)]
            )
        except (RedisError, OSError) as error:
            raise _away() from error
        return _verdict(bool(allowed), int(remaining), int(left_ms) / 1000)


def _away() -> Unavailable:
    return Unavailable("counters_unavailable", "Redis does not answer")
