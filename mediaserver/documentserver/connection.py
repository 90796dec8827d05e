"""One client's connection in the storage thread: bytes in, requests to the engine, replies out in the same order.

Bytes that are not the protocol end their own connection. Who does not read the replies is not read from.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from mediaserver.documentserver.errors import CommandError
from mediaserver.documentserver.wire import ProtocolError, Request, read_request, take_frame

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Waiting:
    """A request that waits to be performed."""

    connection: "Connection"
    request: Request

    def answer(self, reply: bytes) -> None:
        self.connection.answer(reply if self.request.reply_wanted else b"")


class Connection(asyncio.Protocol):
    """`received` is what somebody else has read already. It is in `connections` as long as it lives."""

    def __init__(
        self, received: bytes, enqueue: Callable[[Waiting], None], connections: set["Connection"]
    ) -> None:
        self._received, self._enqueue, self._connections = bytearray(received), enqueue, connections
        self._unanswered, self._ended = 0, False
        self.attaching: object = None
        """The task that makes the transport; kept, as the event loop forgets tasks that nobody holds."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self.data_received(b"")

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            while frame := take_frame(self._received):
                self._unanswered += 1
                self._enqueue(Waiting(self, _request(*frame)))
        except ProtocolError as error:
            log.warning("closing a connection", extra={"reason": str(error)})
            self.end()

    def eof_received(self) -> bool:
        """Nothing more comes; what came is still answered."""
        self._ended = True
        return self._unanswered > 0

    def answer(self, reply: bytes) -> None:
        self._unanswered -= 1
        if reply:
            self._transport.write(reply)
        if self._ended and not self._unanswered:
            self.end()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, _: Exception | None) -> None:
        self._connections.discard(self)

    def end(self) -> None:
        """Close it once what was written is sent."""
        self._transport.close()


def _request(id: int, operation: int, payload: bytes) -> Request:
    """The request of a frame; one whose content is at fault is refused in its turn."""
    try:
        return read_request(id, operation, payload)
    except CommandError as error:
        return Request(id, {}, refused=error)
