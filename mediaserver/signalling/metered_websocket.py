"""An aiohttp WebSocket that inspects incoming bytes before they are buffered, and that can be cut off.

It uses private names of aiohttp, which `self_test` in `socket_server` checks at start.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

_LAST_WORDS_S: Final = 1.0
"""Time for a client to read why it is cut off before the connection is reset."""
_MOST_BUFFERED_BYTES: Final = 1 << 20

POLICY_VIOLATION: Final = 1008
TOO_LARGE: Final = 1009
"""Close codes (RFC 6455 section 7.4.1)."""


class MeteredWebSocket(web.WebSocketResponse):
    """`admit` gets all bytes as they arrive. Once it returns False, these and all later bytes are dropped."""

    def __init__(self, admit: Callable[[bytes], bool], max_message_bytes: int) -> None:
        # aiohttp refuses messages that are not smaller than its limit; our limit is the largest allowed size.
        super().__init__(max_msg_size=max_message_bytes + 1, compress=False)
        self._admit = admit

    def _post_start(self, request: Any, protocol: Any, writer: Any) -> None:
        connection = request.protocol
        # Bytes that arrived together with the upgrade request must be metered, too.
        early, connection._message_tail = connection._message_tail, b""
        super()._post_start(request, protocol, writer)
        connection._payload_parser = None
        meter = _Meter(self._admit, self._parser, connection)
        connection.set_parser(meter)
        if early:
            meter.feed_data(early)

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport to which frames can be written directly; None once the connection is closing."""
        writer = self._writer
        return None if writer is None or self.closed or writer._closing else writer.transport

    def cut(self, last: bytes, code: int) -> None:
        """Write `last` and a close frame, stop reading, and reset the connection shortly after."""
        if (transport := self.transport) is None or transport.is_closing():
            return
        if transport.get_write_buffer_size() < _MOST_BUFFERED_BYTES:
            transport.write(last + b"\x88\x02" + code.to_bytes(2, "big"))
        transport.pause_reading()
        asyncio.get_running_loop().call_later(_LAST_WORDS_S, transport.abort)


class _Meter:
    """Wraps aiohttp's reader."""

    def __init__(self, admit: Callable[[bytes], bool], reader: Any, connection: Any) -> None:
        self._admit, self._reader, self._connection = admit, reader, connection
        self._over = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        if not self._over and self._admit(data):
            eof: tuple[bool, bytes] = self._reader.feed_data(data)
            return eof
        self._over = True
        # Also when aiohttp resumed reading after its queue was emptied.
        if (transport := self._connection.transport) is not None:
            transport.pause_reading()
        return False, b""

    def feed_eof(self) -> None:
        self._reader.feed_eof()
