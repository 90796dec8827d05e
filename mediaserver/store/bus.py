"""The bus between nodes: what one node sends, the others receive, over Redis Pub/Sub (6.2 or later).

Redis keeps nothing for who is not listening, so every gap is made known instead of filled: after each new
subscription, and wherever another node's numbers jump, `interrupted` is called, and whoever relies on messages
looks at the documents again. Between two gaps every message comes once, in its node's order.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import bson
import redis.asyncio
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mediaserver.base.errors import Unavailable
from mediaserver.base.ids import new_id

log = logging.getLogger(__name__)

Message = dict[str, Any]

MAX_QUEUED_BYTES: Final = 16 << 20
_OVERHEAD_BYTES: Final = 200
"""What a queued message costs beside its own bytes, about."""
_AT_ONCE: Final = 100
_SILENCE_S: Final = 5.0
"""After so long without a word Redis is asked for one, and after as long again the connection counts as lost."""
_BACKOFF_S: Final = (0.1, 0.3, 1.0, 2.0)
_REMINDER_S: Final = 30.0
"""How often `interrupted` is repeated while nothing can be heard: as verified tokens are looked up again."""
_KNOWN_NODES: Final = 1000
_CODEC: Final = CodecOptions[Message](tz_aware=True)


class RedisBus:
    """One node's end of the bus. `run` must be running; everything is called on one event loop.

    `send` never waits. What cannot leave yet is queued up to `MAX_QUEUED_BYTES`; then the oldest goes, is counted
    and logged. That is safe: its number is missing at the others, who are interrupted by the next one. The newest
    is kept, so there always is a next one."""

    def __init__(
        self, url: str, channel: str, received: Callable[[Message], None], interrupted: Callable[[], None]
    ) -> None:
        self.node: Final = new_id()
        self.dropped = 0
        """Messages that never left."""
        # Without its own retries: a connection that was quietly made again would hide a gap.
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        self._channel = channel
        self._received, self._interrupted = received, interrupted
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._filled, self._empty = asyncio.Event(), asyncio.Event()
        self._numbered = 0
        self._others = _Others()
        self._listening = self._sending = False

    # --------------------------------------------------------------- for everyone

    def send(self, message: Mapping[str, Any]) -> None:
        """Have the other nodes receive `message`, which BSON can hold."""
        self._numbered += 1
        self._put(bson.encode({"node": self.node, "n": self._numbered, "message": message}))

    async def check(self) -> None:
        """Raises `Unavailable` when messages of others would be missed, or own ones do not get out."""
        if not self._listening:
            raise Unavailable("bus_unavailable", "the bus is not connected to Redis")
        if not self._sending:
            raise Unavailable("bus_unavailable", "Redis takes no messages of the bus")

    async def drain(self, timeout_s: float) -> None:
        """Wait until all that was sent is out, not longer than `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        if self._queue:
            log.warning("messages of the bus are left behind", extra={"messages": len(self._queue)})

    async def run(self) -> None:
        """Send and listen until cancelled."""
        self._put(bson.encode({"node": self.node, "n": 0}))  # so that the others know from where to count
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_all(), name="bus sends")
                group.create_task(self._listen(), name="bus listens")
        finally:
            self._listening = self._sending = False
            await self._redis.aclose()

    # --------------------------------------------------------------- sending

    def _put(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued_bytes += len(data) + _OVERHEAD_BYTES
        while self._queued_bytes > MAX_QUEUED_BYTES and len(self._queue) > 1:
            self._taken(1)
            self.dropped += 1
            if self.dropped.bit_count() == 1:  # 1, 2, 4, 8…: a long outage fills no log
                log.error("the bus is full, its oldest messages are lost", extra={"dropped": self.dropped})
        self._empty.clear()
        self._filled.set()

    def _taken(self, count: int) -> None:
        for _ in range(count):
            self._queued_bytes -= len(self._queue.popleft()) + _OVERHEAD_BYTES

    async def _send_all(self) -> None:
        failures = 0
        while True:
            await self._filled.wait()
            batch = [self._queue[at] for at in range(min(_AT_ONCE, len(self._queue)))]
            dropped = self.dropped
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for data in batch:
                        pipeline.publish(self._channel, data)
                    await pipeline.execute()
            except (RedisError, OSError) as error:
                if self._sending or not failures:
                    log.warning("the bus cannot send", extra={"error": str(error)[:200]})
                self._sending = False
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
                continue
            self._sending, failures = True, 0
            # Some of the batch may have been dropped meanwhile, to make room: those are gone already.
            self._taken(max(0, len(batch) - (self.dropped - dropped)))
            if not self._queue:
                self._filled.clear()
                self._empty.set()

    # --------------------------------------------------------------- listening

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        failures, told = 0, loop.time()
        while True:
            try:
                async with contextlib.aclosing(self._heard()) as heard:
                    async for data in heard:
                        if data is None:
                            if failures:
                                log.info("the bus is connected again")
                            self._listening, failures = True, 0
                            self._others.resume()
                            self._interrupted()
                        else:
                            self._take(data)
            except (RedisError, OSError) as error:
                if self._listening or not failures:
                    log.warning("the bus does not hear the other nodes", extra={"error": str(error)[:200]})
                    told = loop.time()
                self._listening = False
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1
            if loop.time() - told >= _REMINDER_S:
                told = loop.time()
                self._interrupted()

    async def _heard(self) -> AsyncGenerator[bytes | None, None]:
        """None once the subscription holds, then each message; raises when the connection is lost."""
        pubsub: PubSub = self._redis.pubsub()
        try:
            await pubsub.subscribe(self._channel)
            asked = False
            while True:
                got = await pubsub.get_message(timeout=_SILENCE_S)
                if got is None:
                    if asked:
                        raise TimeoutError("Redis is silent")
                    await pubsub.ping()
                asked = got is None
                if got is not None and got["type"] == "subscribe":
                    yield None
                elif got is not None and got["type"] == "message":
                    yield got["data"]
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]

    def _take(self, data: bytes) -> None:
        try:
            envelope = bson.decode(data, _CODEC)
            node, number, message = envelope["node"], envelope["n"], envelope.get("message")
            if not (isinstance(node, str) and isinstance(number, int) and isinstance(message, dict | None)):
                raise ValueError("not as expected")
        except (BSONError, KeyError, ValueError, RecursionError) as error:
            log.warning("a malformed message on the bus", extra={"error": str(error)[:200], "size": len(data)})
            return
        if node == self.node:
            return
        fresh, gap = self._others.count(node, number)
        try:
            if fresh and message is not None:
                self._received(message)
        except Exception:
            log.exception("a message of the bus was not taken")
        if gap:
            self._interrupted()


@dataclass(slots=True)
class _Others:
    """Up to which number each other node was heard. With each start a node is another, and counts from 0."""

    _heard: OrderedDict[str, int] = field(default_factory=OrderedDict)
    _jumping: set[str] = field(default_factory=set)
    """Not heard since the subscription was made: what is missing of them is known to be missing."""

    def resume(self) -> None:
        """Listening anew: everything may have been missed, and that has been said."""
        self._jumping = set(self._heard)

    def count(self, node: str, number: int) -> tuple[bool, bool]:
        """`(fresh, gap)`: whether this message is new, and whether some before it are missing."""
        last = self._heard.get(node)
        if last is not None and number <= last:
            return False, False  # sent twice, because its node did not hear that it had come through
        # Of an unknown node it is not known what it, or its process before the last start, could not say.
        gap = last is None or (number > last + 1 and node not in self._jumping)
        self._heard[node] = number
        self._heard.move_to_end(node)
        self._jumping.discard(node)
        if len(self._heard) > _KNOWN_NODES:
            self._jumping.discard(self._heard.popitem(last=False)[0])
        return True, gap
