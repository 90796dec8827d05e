"""Hits are counted and limited, in memory and in a real Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.store.counters import Counters, MemoryCounters, RedisCounters
from tests.store.redis_server import redis_server, redis_url

__all__ = ["redis_server", "redis_url"]


@pytest.fixture(params=["memory", "redis"])
async def counters(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Counters]:
    if request.param == "memory":
        yield MemoryCounters()
    else:
        made = RedisCounters(redis_url)
        yield made
        await made.close()


async def test_no_redis_is_unavailable() -> None:
    counters = RedisCounters("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        await counters.hit("k", 3, 60)
    await counters.close()


async def test_hits_are_counted_up_to_the_limit(counters: Counters) -> None:
    assert [(await counters.hit("k", 3, 60)).allowed for _ in range(5)] == [True, True, True, False, False]
    assert 0 < (await counters.hit("k", 3, 60)).retry_after_s <= 60
    assert not (await counters.peek("k", 3, 60)).allowed
    assert (await counters.peek("other", 3, 60)).allowed
    await counters.reset("k")
    assert (await counters.hit("k", 3, 60)).allowed


async def test_a_verdict_says_how_much_is_left_and_for_how_long(counters: Counters) -> None:
    assert await counters.peek("k", 3, 60) == (True, 0.0, 3, 60.0)
    first, second = await counters.hit("k", 3, 60), await counters.hit("k", 3, 60)
    assert (first.remaining, second.remaining) == (2, 1)
    assert 59 < second.reset_s <= first.reset_s <= 60
    assert (await counters.peek("k", 3, 60)).remaining == 1, "a look counts nothing"
    await counters.hit("k", 3, 60)
    refused = await counters.hit("k", 3, 60)
    assert not refused.allowed and refused.remaining == 0
    assert 59 < refused.retry_after_s == refused.reset_s <= 60
    assert await counters.hit("never", 0, 60) == (False, 60.0, 0, 60.0)


async def test_a_window_of_redis_ends_too(redis_url: str) -> None:
    counters = RedisCounters(redis_url)
    assert (await counters.hit("k", 1, 0.05)).allowed
    async with asyncio.timeout(5):
        while not (await counters.hit("k", 1, 0.05)).allowed:
            await asyncio.sleep(0.01)
    await counters.close()


async def test_a_window_ends() -> None:
    now = [0.0]
    counters = MemoryCounters(clock=lambda: now[0], max_keys=2)
    assert (await counters.hit("k", 1, 10)).allowed
    assert await counters.hit("k", 1, 10) == (False, 10.0, 0, 10.0)
    now[0] = 10.0
    assert (await counters.hit("k", 1, 10)).allowed
    for key in "abcd":
        await counters.hit(key, 1, 10)
    assert len(counters._windows) == 2
