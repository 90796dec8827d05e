"""Rate limits: how often something happened under a key within a window of time.

The window begins with the first hit and ends for all its hits at once; a refused hit is not counted. The text
before a key's first colon is its kind: kinds come from the code, what follows may come from strangers.
"""

import math
import time
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import redis.asyncio
from redis.exceptions import RedisError

from mediaserver.base.errors import Unavailable
from mediaserver.store.counting_windows import WindowTable

_MAX_KEYS: Final = 50_000
"""Of each kind. A window takes about 300 bytes, so a kind takes up to 15 MB."""
_NO_LIMIT: Final = 2**31 - 1


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

    async def count(self, key: str, window_s: float) -> int:
        """Count one more without a limit; return how many the present window holds."""

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        """What `hit` would say, counting nothing: so that only failures can be counted."""

    async def reset(self, key: str) -> None:
        """Forget a key's hits."""


class MemoryCounters:
    """For one process. Each kind of key has a bounded table of its own, so that no flood of one kind displaces
    another; in a full table, keys with the fewest hits make room, and those that refuse hits go last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, max_keys: int = _MAX_KEYS) -> None:
        """`max_keys` bounds each kind."""
        self._clock, self._max_keys = clock, max_keys
        self._tables: dict[str, WindowTable] = {}

    async def hit(self, key: str, limit: int, window_s: float) -> Verdict:
        now, table = self._clock(), self._table(key)
        window = table.find(key, now)
        if limit <= 0 or (window is not None and window.count >= limit):
            return _verdict(False, 0, window.end_s - now if window else window_s)
        window = table.hit(key, window_s, limit, now)
        return _verdict(True, limit - window.count, window.end_s - now)

    async def count(self, key: str, window_s: float) -> int:
        return self._table(key).hit(key, window_s, math.inf, self._clock()).count

    async def peek(self, key: str, limit: int, window_s: float) -> Verdict:
        now = self._clock()
        window = self._table(key).find(key, now)
        if window is None:
            return _verdict(limit > 0, max(0, limit), window_s)
        return _verdict(window.count < limit, max(0, limit - window.count), window.end_s - now)

    async def reset(self, key: str) -> None:
        self._table(key).forget(key)

    def _table(self, key: str) -> WindowTable:
        kind = key[: key.find(":") + 1]
        table = self._tables.get(kind)
        if table is None:
            table = self._tables[kind] = WindowTable(self._max_keys)
        return table


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

    async def count(self, key: str, window_s: float) -> int:
        return _NO_LIMIT - (await self._ask(key, _NO_LIMIT, window_s, count=True)).remaining

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
