"""Reads the size of each WebSocket frame from its header, before the frame is buffered (RFC 6455 section 5.2).

aiohttp also checks sizes, but only against a fixed limit, and it hides pings, pongs and empty fragments, which
cost time, too. Pure: bytes in, sizes out.
"""

from collections.abc import Iterator

_CONTROL = 0x8
_FIN, _MASKED = 0x80, 0x80
_MASK_BYTES = 4


class MessageTooLarge(Exception):
    """A message, including all its fragments, is larger than the limit."""


class FrameMeter:
    """Parses the frames of one direction of a connection. `limit` may be changed at any time."""

    __slots__ = ("_message_bytes", "_rest", "_skip", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._rest = b""
        """Start of a header that has not arrived completely."""
        self._skip = 0
        """Remaining bytes of the current frame's mask and payload."""
        self._message_bytes = 0
        """Payload bytes of the current message so far."""

    def frames(self, data: bytes) -> Iterator[int]:
        """Yield the payload size of each frame whose header ends in `data`. Raises: MessageTooLarge.

        The caller may stop at any frame if it then closes the connection.
        """
        if self._rest:
            data, self._rest = self._rest + data, b""
        position, end = self._skip, len(data)
        while position < end:
            if (header := _header(data, position)) is None:
                self._rest, position = data[position:], end
                break
            first, size, length = header
            if first & 0x0F < _CONTROL:  # control frames may occur between the fragments of a message
                self._message_bytes += size
                if self._message_bytes > self.limit:
                    raise MessageTooLarge
                if first & _FIN:
                    self._message_bytes = 0
            yield size
            position += length + size
        self._skip = position - end


def _header(data: bytes, at: int) -> tuple[int, int, int] | None:
    """`(first byte, payload size, length of header and mask)`; None while the size has not arrived."""
    available = len(data) - at
    if available < 2:
        return None
    second = data[at + 1]
    size, length = second & 0x7F, 2
    if size >= 126:
        length = 4 if size == 126 else 10
        if available < length:
            return None
        size = int.from_bytes(data[at + 2 : at + length], "big")
    return data[at], size, length + (_MASK_BYTES if second & _MASKED else 0)
