"""Events between the parts of a node and between nodes: published to a topic, given to whoever subscribed.

Delivery is at most once, and in order per publisher. Topics are dotted words; a pattern is a topic, or ends in
`*` for all topics that begin so. Every subscription has a bounded queue: when its reader is too slow, the oldest
event is dropped and counted, the first time with a warning. What must not be lost belongs in the database.
"""

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Protocol, Self

import redis.asyncio
from redis.exceptions import RedisError

from mediaserver.base.errors import Unavailable

log = logging.getLogger(__name__)

Payload = dict[str, Any]
QUEUE_LIMIT = 1000
_BACKOFF_S = (0.1, 0.3, 1.0, 3.0)


class Event(NamedTuple):
    topic: str
    payload: Payload


class Subscription:
    """An async iterator of events; `close` ends it. Use it in `async with` or close it."""

    def __init__(self, pattern: str, forget: Callable[["Subscription"], None], limit: int = QUEUE_LIMIT) -> None:
        self.pattern = pattern
        self.dropped = 0
        self._forget, self._limit = forget, limit
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._closed = False

    def takes(self, topic: str) -> bool:
        return topic.startswith(self.pattern[:-1]) if self.pattern.endswith("*") else topic == self.pattern

    def put(self, event: Event) -> None:
        if len(self._events) >= self._limit:
            self._events.popleft()
            if not self.dropped:
                log.warning("a subscriber is too slow, dropping events", extra={"pattern": self.pattern})
            self.dropped += 1
        self._events.append(event)
        self._arrived.set()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._forget(self)
            self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class Bus(Protocol):
    async def publish(self, topic: str, payload: Payload) -> None:
        """Give an event to all present subscribers; raises `Unavailable` when it cannot leave this process."""

    def subscribe(self, pattern: str) -> Subscription: ...

    async def close(self) -> None: ...


class MemoryBus:
    """For one process. Payloads are handed over as they are: publishers do not change them afterwards."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    async def publish(self, topic: str, payload: Payload) -> None:
        self.deliver(Event(topic, payload))

    def deliver(self, event: Event) -> None:
        for subscription in self._subscriptions:
            if subscription.takes(event.topic):
                subscription.put(event)

    def subscribe(self, pattern: str) -> Subscription:
        subscription = Subscription(pattern, self._subscriptions.remove)
        self._subscriptions.append(subscription)
        return subscription

    async def close(self) -> None:
        for subscription in list(self._subscriptions):
            subscription.close()


class RedisBus:
    """Through Redis, for all nodes that share a prefix; publishers hear their own events too.

    One connection listens to everything under the prefix. When it breaks, it is made again with growing pauses;
    what was published meanwhile is lost, which `reconnects` tells.
    """

    def __init__(self, url: str, prefix: str = "mediaserver:bus:") -> None:
        self._redis = redis.asyncio.Redis.from_url(url, socket_connect_timeout=5)
        self._prefix = prefix
        self._local = MemoryBus()
        self._listening = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.reconnects = 0

    async def open(self, timeout_s: float = 5.0) -> Self:
        """Start listening; raises `Unavailable` when Redis does not answer in time."""
        self._task = asyncio.create_task(self._listen(), name="bus")
        try:
            await asyncio.wait_for(self._listening.wait(), timeout_s)
        except TimeoutError as error:
            await self.close()
            raise _away() from error
        return self

    async def publish(self, topic: str, payload: Payload) -> None:
        try:
            await self._redis.publish(self._prefix + topic, json.dumps(payload, separators=(",", ":")))
        except (RedisError, OSError) as error:
            raise _away() from error

    def subscribe(self, pattern: str) -> Subscription:
        return self._local.subscribe(pattern)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._local.close()
        await self._redis.aclose()

    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with self._redis.pubsub() as pubsub:
                    await pubsub.psubscribe(self._prefix + "*")
                    async for message in pubsub.listen():
                        failures = 0
                        self._take(message)
            except (RedisError, OSError) as error:
                log.warning("the bus lost Redis", extra={"error": str(error)})
            self._listening.clear()
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1
            self.reconnects += 1

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "psubscribe":
            self._listening.set()
        elif message["type"] == "pmessage":
            topic = message["channel"].decode().removeprefix(self._prefix)
            try:
                payload = json.loads(message["data"])
            except ValueError:
                log.warning("the bus carries what is not JSON", extra={"topic": topic})
                return
            self._local.deliver(Event(topic, payload))


def _away() -> Unavailable:
    return Unavailable("bus_unavailable", "Redis does not answer")
