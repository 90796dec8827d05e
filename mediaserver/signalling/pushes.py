"""Pushes to users on all nodes: python-socketio's Redis manager over a channel that never blocks.

It uses the protocol of `AsyncRedisManager`, so that other Socket.IO emitters on the same channel can push, too.
Emitted and received events are passed to `deliver`, which knows the sockets of this node and their limits.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

import socketio

from mediaserver.store.bus import Numbers
from mediaserver.store.redis_channel import RedisChannel

log = logging.getLogger(__name__)

Deliver = Callable[[list[str], str, dict[str, Any]], None]
"""Delivers an event to rooms of this node: rooms, event name, data."""

USER = "user:"
"""Prefix of a user's id in the name of the room of all the user's sockets."""
PERSONAL = "personal:"
"""Prefix of a user's id in the name of the room in which each socket gets links signed for its own login."""


class RedisPushes(socketio.AsyncRedisManager):  # type: ignore[misc]  # socketio has no types
    """The manager; `run` must be running. Messages are numbered, so that repeated ones are delivered once."""

    def __init__(self, url: str, channel: str, deliver: Deliver) -> None:
        super().__init__(url, channel=channel)
        self._deliver = deliver
        self._numbered = 0
        self._others = Numbers()
        self._redis = RedisChannel(url, channel, self._received, self._others.resume, lambda: None)
        self.check, self.drain = self._redis.check, self._redis.drain

    @property
    def dropped(self) -> int:
        """Number of messages that were never sent."""
        return self._redis.dropped

    def initialize(self) -> None:
        """Do not start the listening task of the base class: `run` listens."""

    async def run(self) -> None:
        """Send and receive until canceled."""
        await self._redis.run()

    async def _publish(self, data: dict[str, Any]) -> None:
        self._numbered += 1
        self._redis.send(json.dumps(data | {"n": self._numbered}, separators=(",", ":")).encode())

    async def _handle_emit(self, message: dict[str, Any]) -> None:
        self._hand_over(message)

    def _received(self, data: bytes) -> None:
        try:
            message = json.loads(data)
            if message["method"] != "emit" or message.get("namespace") not in (None, "/"):
                return  # no other methods are used between nodes
            node, number = message.get("host_id"), message.get("n")
            if node == self.host_id:
                return
            if isinstance(number, int) and not self._others.count(str(node), number)[0]:
                return
            self._hand_over(message)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            log.warning("received a malformed push", extra={"error": str(error)[:200], "size": len(data)})

    def _hand_over(self, message: dict[str, Any]) -> None:
        rooms, name, data = message.get("room"), message.get("event"), message.get("data")
        rooms = [rooms] if isinstance(rooms, str) else rooms
        if not (
            isinstance(rooms, list) and all(isinstance(room, str) for room in rooms) and isinstance(name, str)
        ):
            raise ValueError("a push must have rooms and an event name")
        if not (isinstance(data, list) and len(data) == 1 and isinstance(data[0], dict)):
            raise ValueError("the data of a push must be an object")
        self._deliver([room for room in rooms if room.startswith((USER, PERSONAL))], name, data[0])
