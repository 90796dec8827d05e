"""Hits are counted and limited, in memory and in a real Redis."""

import asyncio
import gc
import itertools
import time
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
    assert not (await counters.peek("d", 1, 10)).allowed
    assert (await counters.peek("a", 1, 10)).allowed, "the oldest of equal ones made room"


async def test_hits_are_counted_without_a_limit(counters: Counters) -> None:
    assert [await counters.count("k", 60) for _ in range(3)] == [1, 2, 3]
    assert not (await counters.peek("k", 3, 60)).allowed and (await counters.peek("k", 4, 60)).allowed


async def test_a_flood_of_keys_does_not_forget_a_lockout() -> None:
    counters = MemoryCounters(clock=lambda: 0.0, max_keys=100)
    for _ in range(3):
        await counters.hit("login:victim", 3, 60)
    for number in range(1000):
        await counters.hit(f"login:junk{number}", 3, 60)
        await counters.count(f"login:more{number}", 60)
    assert not (await counters.hit("login:victim", 3, 60)).allowed


async def test_a_flood_of_one_kind_of_key_displaces_no_other_kind() -> None:
    counters = MemoryCounters(clock=lambda: 0.0, max_keys=100)
    await counters.hit("login:once", 3, 60)
    for number in range(1000):
        await counters.hit(f"rest:{number}", 1, 60)
    assert (await counters.peek("login:once", 3, 60)).remaining == 2


async def test_a_new_key_among_100_000_costs_as_much_as_among_few(request: pytest.FixtureRequest) -> None:
    """Compares CPU time of this thread, with full tables in which every new key displaces another one."""
    gc.collect()
    gc.disable()  # its pauses depend on everything that other tests left in memory
    request.addfinalizer(gc.enable)
    now = [0.0]
    many, few = (MemoryCounters(clock=lambda: now[0], max_keys=size) for size in (100_000, 100))
    for counters, size in ((many, 100_000), (few, 100)):
        await _hit_new(counters, size)
    assert min([await _hit_new(many, 5_000) / await _hit_new(few, 5_000) for _ in range(4)]) < 3

    now[0] = 61.0
    usual = min([await _hit_new(few, 1_000) for _ in range(3)])
    assert await _hit_new(many, 1) < 2 * usual, "there is no pause to sweep the 100,000 keys that are over"


_names = itertools.count()


async def _hit_new(counters: MemoryCounters, number: int) -> float:
    """Count some keys for the first time; return the CPU time in seconds."""
    began = time.thread_time()
    for _ in range(number):
        await counters.hit(f"k:{next(_names)}", 3, 60)
    return time.thread_time() - began
