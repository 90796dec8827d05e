"""The bus between nodes on a real Redis: in order, once, and no gap that goes unsaid."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import bson
import pytest
import redis.asyncio

from mediaserver.base.errors import Unavailable
from mediaserver.store import redis_channel
from mediaserver.store.bus import RedisBus
from tests.rooms.fakes import until
from tests.store.redis_server import RedisServer, redis_server

__all__ = ["redis_server"]

CHANNEL = "test:events"


class Node:
    def __init__(self, url: str, channel: str = CHANNEL) -> None:
        self.got: list[dict[str, Any]] = []
        self.interruptions = 0
        self.bus = RedisBus(url, channel, self.got.append, self._interrupted)

    def _interrupted(self) -> None:
        self.interruptions += 1

    @property
    def numbers(self) -> list[int]:
        return [message["x"] for message in self.got]

    async def fit(self) -> bool:
        try:
            await self.bus.check()
        except Unavailable:
            return False
        return True


@contextlib.asynccontextmanager
async def node(url: str, channel: str = CHANNEL) -> AsyncIterator[Node]:
    made = Node(url, channel)
    running = asyncio.create_task(made.bus.run())
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.wait([running])


@contextlib.asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[Node, Node]]:
    """Both connected, each having heard of the other."""
    async with node(url) as a, node(url) as b:
        await settled(a, b)
        yield a, b


async def settled(a: Node, b: Node) -> None:
    await ready(a, b)
    for sender, receiver in ((a, b), (b, a)):
        sender.bus.send({"x": -1})
        await until(lambda receiver=receiver: receiver.numbers[-1:] == [-1])
    for one in (a, b):
        one.got.clear()
        one.interruptions = 0


async def ready(*nodes: Node) -> None:
    async with asyncio.timeout(10):
        for one in nodes:
            while not await one.fit():
                await asyncio.sleep(0.01)


async def test_others_receive_in_order_and_who_sent_does_not(redis_server: RedisServer) -> None:
    async with two(redis_server.url) as (a, b):
        for number in range(1000):
            a.bus.send({"x": number})
        await until(lambda: len(b.got) == 1000)
        assert b.numbers == list(range(1000))
        assert a.got == [] and a.interruptions == b.interruptions == 0


async def test_it_takes_a_moment_only(redis_server: RedisServer) -> None:
    async with two(redis_server.url) as (a, b):
        began = time.monotonic()
        a.bus.send({"x": 1})
        await until(lambda: b.numbers == [1])
        assert time.monotonic() - began < 0.5


async def test_other_channels_hear_nothing(redis_server: RedisServer) -> None:
    async with two(redis_server.url) as (a, b), node(redis_server.url, "other") as stranger:
        await ready(stranger)
        a.bus.send({"x": 1})
        await until(lambda: b.numbers == [1])
        assert stranger.got == []


async def test_a_restart_of_redis_is_an_interruption_and_what_waited_comes_after_it(
    redis_server: RedisServer,
) -> None:
    async with two(redis_server.url) as (a, b):
        await redis_server.stop()
        async with asyncio.timeout(5):
            while await a.fit() or await b.fit():
                await asyncio.sleep(0.01)
        a.bus.send({"x": 1})
        a.bus.send({"x": 2})
        assert b.interruptions == 0
        await redis_server.start()
        await ready(a, b)
        assert b.interruptions == 1, "told once that something may be missing"
        # Whether the two were sent before b listened again is chance; that later ones come is not.
        a.bus.send({"x": 3})
        await until(lambda: b.numbers[-1:] == [3])
        assert b.numbers in ([1, 2, 3], [2, 3], [3])
        assert b.interruptions == 1, "the jump after the new subscription was known"


async def test_a_redis_that_hangs_is_noticed(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_channel, "_SILENCE_S", 0.1)
    async with two(redis_server.url) as (a, _):
        assert redis_server.process is not None
        redis_server.process.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(5):
            while await a.fit():
                await asyncio.sleep(0.01)
        redis_server.process.send_signal(signal.SIGCONT)
        await ready(a)
        assert a.interruptions >= 1


async def test_while_redis_is_away_the_interruption_is_repeated(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "_REMINDER_S", 0.2)
    async with node(redis_server.url) as a:
        await ready(a)
        a.interruptions = 0
        await redis_server.stop()
        await until(lambda: a.interruptions >= 2)


async def test_a_full_queue_drops_the_oldest_and_the_others_learn_of_the_gap(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(redis_server.url) as (a, b):
        monkeypatch.setattr(redis_channel, "MAX_QUEUED_BYTES", 10_000)
        for number in range(100):
            a.bus.send({"x": number})
        assert 0 < a.bus.dropped < 100 and "is full" in caplog.text
        await until(lambda: b.numbers[-1:] == [99])
        assert b.numbers == list(range(a.bus.dropped, 100))
        assert b.interruptions == 1


async def test_what_is_larger_than_the_queue_still_goes(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two(redis_server.url) as (a, b):
        monkeypatch.setattr(redis_channel, "MAX_QUEUED_BYTES", 10_000)
        a.bus.send({"x": 1, "text": "x" * 50_000})
        await until(lambda: b.numbers == [1])
        a.bus.send({"x": 2})
        await until(lambda: b.numbers == [1, 2])


async def test_a_node_that_comes_anew_is_an_interruption(redis_server: RedisServer) -> None:
    """Its former process may have died with something unsaid."""
    async with node(redis_server.url) as a:
        await ready(a)
        a.interruptions = 0
        async with node(redis_server.url) as b:
            await ready(b)
            await until(lambda: a.interruptions == 1)
            b.bus.send({"x": 1})
            await until(lambda: a.numbers == [1])
            assert a.interruptions == 1


async def test_what_comes_twice_is_taken_once_and_what_is_missing_is_noticed(redis_server: RedisServer) -> None:
    async with node(redis_server.url) as a, redis.asyncio.Redis.from_url(redis_server.url) as other:
        await ready(a)
        a.interruptions = 0
        for number in (0, 1, 1, 0, 2, 2, 5):
            message = {"x": number} if number else None
            await other.publish(CHANNEL, bson.encode({"node": "N", "n": number, "message": message}))
        await until(lambda: a.numbers[-1:] == [5])
        assert a.numbers == [1, 2, 5]
        assert a.interruptions == 2, "a new node, and the jump from 2 to 5"


def _deep() -> bytes:
    data = b"\x05\0\0\0\0"
    for _ in range(3000):
        inner = b"\x03m\0" + data
        data = (len(inner) + 5).to_bytes(4, "little") + inner + b"\0"
    return data


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"{}", b"\xff" * 50, bson.encode({}), bson.encode({"node": 3, "n": 1, "message": {}}),
        bson.encode({"node": "N", "n": "1", "message": {}}), bson.encode({"node": "N", "n": 1, "message": []}),
        _deep(),
    ],
)  # fmt: skip
async def test_malformed_messages_are_logged_and_the_next_ones_heard(
    redis_server: RedisServer, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(redis_server.url) as (a, b), redis.asyncio.Redis.from_url(redis_server.url) as other:
        await other.publish(CHANNEL, data)
        a.bus.send({"x": 1})
        await until(lambda: b.numbers == [1])
        assert "malformed" in caplog.text and b.interruptions == 0


async def test_a_receiver_that_fails_does_not_end_the_bus(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with two(redis_server.url) as (a, b):
        monkey = b.bus._received
        b.bus._received = lambda message: 1 / 0  # type: ignore[assignment, return-value]
        a.bus.send({"x": 1})
        await until(lambda: "was not taken" in caplog.text)
        b.bus._received = monkey
        a.bus.send({"x": 2})
        await until(lambda: b.numbers == [2])


async def test_draining_waits_until_all_is_out(redis_server: RedisServer) -> None:
    async with node(redis_server.url) as b:
        await ready(b)
        async with node(redis_server.url) as a:
            for number in range(500):
                a.bus.send({"x": number})
            await a.bus.drain(5)
        await until(lambda: b.numbers == list(range(500)))


async def test_without_redis_it_is_not_fit_and_nothing_waits(caplog: pytest.LogCaptureFixture) -> None:
    async with node("redis://127.0.0.1:1/0") as a:
        a.bus.send({"x": 1})
        await until(lambda: "can be sent" in caplog.text and "is heard" in caplog.text)
        assert not await a.fit()
        await a.bus.drain(0.05)
        assert "left behind" in caplog.text


async def test_it_ends_when_told_in_whatever_turn_of_the_loop(redis_server: RedisServer) -> None:
    for turns in range(60):
        bus = RedisBus(redis_server.url, CHANNEL, lambda message: None, lambda: None)
        running = asyncio.create_task(bus.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        bus.send({"x": 1})
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=5)
        assert done, f"it goes on though it was cancelled in turn {turns}"
