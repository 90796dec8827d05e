"""The bus between nodes: what one node sends, the others receive, over Redis Pub/Sub.

Every gap is made known instead of filled: after each new subscription, and wherever another node's numbers jump,
`interrupted` is called, and whoever relies on messages looks at the documents again. Between two gaps every
message comes once, in its node's order.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError

from mediaserver.base.ids import new_id
from mediaserver.store.redis_channel import RedisChannel

log = logging.getLogger(__name__)

Message = dict[str, Any]

_KNOWN_NODES: Final = 1000
_CODEC: Final = CodecOptions[Message](tz_aware=True)


class RedisBus:
    """One node's end of the bus. `run` must be running; everything is called on one event loop.

    `send` never waits. When Redis is away for long, the oldest messages are dropped. That is safe: their numbers
    are missing at the others, who are interrupted by the next one; and who hears nothing is interrupted every
    30 s, which is how long a verified token is believed without any bus."""

    def __init__(
        self, url: str, channel: str, received: Callable[[Message], None], interrupted: Callable[[], None]
    ) -> None:
        self.node: Final = new_id()
        self._channel = RedisChannel(url, channel, self._take, self._resume, interrupted)
        self._received, self._interrupted = received, interrupted
        self._numbered = 0
        self._others = Numbers()
        self.check, self.drain = self._channel.check, self._channel.drain

    @property
    def dropped(self) -> int:
        """Messages that never left."""
        return self._channel.dropped

    def send(self, message: Mapping[str, Any]) -> None:
        """Have the other nodes receive `message`, which BSON can hold."""
        data = bson.encode({"node": self.node, "n": self._numbered + 1, "message": message})
        self._numbered += 1
        self._channel.send(data)

    async def run(self) -> None:
        """Send and listen until cancelled."""
        self._channel.send(
            bson.encode({"node": self.node, "n": 0})
        )  # so that the others know from where to count
        await self._channel.run()

    def _resume(self) -> None:
        self._others.resume()
        self._interrupted()

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
class Numbers:
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
