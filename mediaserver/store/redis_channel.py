"""One channel of Redis Pub/Sub (6.2 or later): what one sends, all that listen receive, in the sender's order.

Redis keeps nothing for who is not listening. So each new subscription is told, and resending what may have come
through already is left to the receivers to notice.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import Final

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mediaserver.base.errors import Unavailable

log = logging.getLogger(__name__)

MAX_QUEUED_BYTES: Final = 16 << 20
_OVERHEAD_BYTES: Final = 200
"""What a queued message costs beside its own bytes, about."""
_AT_ONCE: Final = 100
_SILENCE_S: Final = 5.0
"""After so long without a word Redis is asked for one, and after as long again the connection counts as lost."""
_BACKOFF_S: Final = (0.1, 0.3, 1.0, 2.0)
_REMINDER_S: Final = 30.0


class RedisChannel:
    """`run` must be running; everything is called on one event loop.

    `received` gets each message, own ones included. `listening` is called when a subscription was made: what was
    sent before may have been missed. `deaf` is called every 30 s while there is none.

    `send` never waits. What cannot leave yet is queued up to `MAX_QUEUED_BYTES`; then the oldest goes, is counted
    and logged. The newest always stays, so that numbered messages show the gap. A message whose sending failed is
    sent again and may come twice."""

    def __init__(
        self,
        url: str,
        name: str,
        received: Callable[[bytes], None],
        listening: Callable[[], None],
        deaf: Callable[[], None],
    ) -> None:
        self.name: Final = name
        self.dropped = 0
        """Messages that never left."""
        # Without its own retries: a connection that was quietly made again would hide a gap.
        self._redis = redis.asyncio.Redis.from_url(
            url, socket_timeout=5, socket_connect_timeout=5, retry=Retry(NoBackoff(), 0)
        )
        self._received, self._on_listening, self._on_deaf = received, listening, deaf
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0
        self._filled, self._empty = asyncio.Event(), asyncio.Event()
        self._listening, self._sending = False, True

    # --------------------------------------------------------------- for everyone

    def send(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued_bytes += len(data) + _OVERHEAD_BYTES
        while self._queued_bytes > MAX_QUEUED_BYTES and len(self._queue) > 1:
            self._taken(1)
            self.dropped += 1
            if self.dropped.bit_count() == 1:  # 1, 2, 4, 8…: a long outage fills no log
                log.error(
                    "a queue to Redis is full, its oldest messages are lost",
                    extra={"channel": self.name, "dropped": self.dropped},
                )
        self._empty.clear()
        self._filled.set()

    async def check(self) -> None:
        """Raises `Unavailable` when messages of others would be missed, or own ones do not get out."""
        if not self._listening:
            raise Unavailable("bus_unavailable", f"nothing is heard on Redis's channel {self.name}")
        if not self._sending:
            raise Unavailable("bus_unavailable", f"Redis takes no messages for channel {self.name}")

    async def drain(self, timeout_s: float) -> None:
        """Wait until all that was sent is out, not longer than `timeout_s`."""
        if not self._queue:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), timeout_s)
        if self._queue:
            log.warning(
                "messages for Redis are left behind",
                extra={"channel": self.name, "messages": len(self._queue)},
            )

    async def run(self) -> None:
        """Send and listen until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_all(), name=f"{self.name} sends")
                group.create_task(self._listen(), name=f"{self.name} listens")
        finally:
            self._listening = self._sending = False
            await self._redis.aclose()

    # --------------------------------------------------------------- sending

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
                        pipeline.publish(self.name, data)
                    await pipeline.execute()
            except (RedisError, OSError) as error:
                self._failed("nothing can be sent to Redis", not failures, error)
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
                            self._listening, failures = True, 0
                            self._on_listening()
                        else:
                            self._received(data)
            except (RedisError, OSError) as error:
                self._failed("nothing is heard from Redis", not failures, error)
                if self._listening:
                    self._listening, told = False, loop.time()
            await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
            failures += 1
            if loop.time() - told >= _REMINDER_S:
                told = loop.time()
                self._on_deaf()

    async def _heard(self) -> AsyncGenerator[bytes | None, None]:
        """None once the subscription holds, then each message; raises when the connection is lost."""
        pubsub: PubSub = self._redis.pubsub()
        try:
            await pubsub.subscribe(self.name)
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

    def _failed(self, what: str, first: bool, error: Exception) -> None:
        if first:
            log.warning(what, extra={"channel": self.name, "error": str(error)[:200]})
