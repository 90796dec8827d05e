"""DTLS records of an unfinished handshake: reassembles the client's messages before OpenSSL sees them (RFC 6347).

OpenSSL drops fragments of a ClientHello that arrive before its first one, so a large ClientHello whose fragments
come in another order never succeeds, and it reserves memory for whatever length a fragment claims. Here fragments
may come in any order, overlap and repeat, and the memory that they hold is bounded. What leaves is a record for
each complete message, in order; epoch 0 is not authenticated, so these records can be numbered anew.
"""

import contextlib
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

CHANGE_CIPHER_SPEC: Final = 20
ALERT: Final = 21
HANDSHAKE: Final = 22

MAX_MESSAGE: Final = 16_000
"""Bytes of one handshake message. A ClientHello with post-quantum key shares takes about 2,000."""
MAX_AHEAD_BYTES: Final = 32_000
"""Bytes reserved for messages that come before their turn."""
MAX_AHEAD: Final = 8
"""Messages that may come before their turn; a client's longest flight has four."""
MAX_GAPS: Final = 64
"""Holes in one message; fragments that would make more are dropped."""
MAX_ENCRYPTED: Final = 32
"""Records of epoch 1 before the handshake is complete: one for each transmission of the client's last flight.
OpenSSL keeps those that come early."""

_RECORD: Final = struct.Struct("!BHHHIH")
"""Type, version, epoch, sequence number (16 and 32 bits), length (section 4.1)."""
_FRAGMENT: Final = struct.Struct("!B3sH3s3s")
"""Type, length, message number, offset of the fragment, its length (section 4.2.2)."""


class Malformed(ValueError):
    """Not a datagram of well-formed DTLS records, or one with a message that is too long."""


class Record(NamedTuple):
    """One record; `raw` is the whole of it, header included."""

    kind: int
    version: int
    epoch: int
    body: bytes
    raw: bytes


def records(datagram: bytes) -> Iterator[Record]:
    """Yield the records of a datagram; raises `Malformed`."""
    at = 0
    while at < len(datagram):
        if len(datagram) - at < _RECORD.size:
            raise Malformed("record header")
        kind, version, epoch, _, _, length = _RECORD.unpack_from(datagram, at)
        start, at = at, at + _RECORD.size + length
        if version >> 8 != 0xFE or at > len(datagram):
            raise Malformed("record")
        yield Record(kind, version, epoch, datagram[start + _RECORD.size : at], datagram[start:at])


class _Message:
    """One handshake message of which fragments have come."""

    __slots__ = ("body", "gaps", "kind")

    def __init__(self, kind: int, length: int) -> None:
        self.kind, self.body = kind, bytearray(length)
        self.gaps = [(0, length)] if length else []
        """Missing ranges, in order."""

    def add(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        gaps = []
        for first, last in self.gaps:
            if end <= first or last <= offset:
                gaps.append((first, last))
                continue
            if first < offset:
                gaps.append((first, offset))
            if end < last:
                gaps.append((end, last))
        if len(gaps) <= MAX_GAPS:
            self.gaps = gaps
            self.body[offset:end] = data


class HandshakeReader:
    """Turns the client's datagrams into what OpenSSL is given, until the handshake is complete."""

    def __init__(self) -> None:
        self._messages: dict[int, _Message] = {}
        self._next = 0
        """The number of the next message that OpenSSL is given."""
        self._sequence = 0
        self._encrypted = 0

    @property
    def held_bytes(self) -> int:
        """Memory reserved for incomplete messages and for those that came before their turn."""
        return sum(len(message.body) for message in self._messages.values())

    def read(self, datagram: bytes) -> bytes:
        """Return the records to hand to OpenSSL, possibly none. What follows a malformed part is ignored."""
        out: list[bytes] = []
        with contextlib.suppress(Malformed):
            for record in records(datagram):
                self._take(record, out)
        return b"".join(out)

    def _take(self, record: Record, out: list[bytes]) -> None:
        if record.epoch == 1 and self._encrypted < MAX_ENCRYPTED:
            self._encrypted += 1
            out.append(record.raw)
        elif record.epoch:
            return
        elif record.kind == HANDSHAKE:
            try:
                self._take_fragments(record.body)
            finally:
                out += [self._record(HANDSHAKE, record.version, body) for body in self._complete()]
        elif record.kind in (CHANGE_CIPHER_SPEC, ALERT):
            out.append(self._record(record.kind, record.version, record.body))

    def _take_fragments(self, body: bytes) -> None:
        """Take a record's fragments; it may hold several."""
        at = 0
        while at < len(body):
            if len(body) - at < _FRAGMENT.size:
                raise Malformed("fragment header")
            kind, *packed = _FRAGMENT.unpack_from(body, at)
            number = packed[1]
            length, offset, size = (int.from_bytes(packed[index], "big") for index in (0, 2, 3))
            start, at = at + _FRAGMENT.size, at + _FRAGMENT.size + size
            if length > MAX_MESSAGE or offset + size > length or at > len(body):
                raise Malformed("fragment")
            message = self._message(number, kind, length)
            if message is not None:
                message.add(offset, body[start:at])

    def _message(self, number: int, kind: int, length: int) -> _Message | None:
        """The message that a fragment belongs to; None for an old one, and for one that is not taken yet."""
        message = self._messages.get(number)
        if message is not None:
            return message if (message.kind, len(message.body)) == (kind, length) else None
        if not self._next <= number < self._next + MAX_AHEAD:
            return None
        if number != self._next and self.held_bytes + length > MAX_AHEAD_BYTES:
            return None
        message = self._messages[number] = _Message(kind, length)
        return message

    def _complete(self) -> Iterator[bytes]:
        """Yield the messages whose turn it is, as single fragments."""
        while (message := self._messages.get(self._next)) is not None and not message.gaps:
            length = len(message.body).to_bytes(3, "big")
            yield _FRAGMENT.pack(message.kind, length, self._next, bytes(3), length) + message.body
            del self._messages[self._next]
            self._next += 1

    def _record(self, kind: int, version: int, body: bytes) -> bytes:
        self._sequence += 1
        return _RECORD.pack(kind, version, 0, 0, self._sequence, len(body)) + body


def packed(flight: bytes, limit: int) -> list[bytes]:
    """Split what OpenSSL wrote into datagrams of whole records, of at most `limit` bytes if the records allow."""
    datagrams = [b""]
    for record in records(flight):
        if datagrams[-1] and len(datagrams[-1]) + len(record.raw) > limit:
            datagrams.append(b"")
        datagrams[-1] += record.raw
    return [datagram for datagram in datagrams if datagram]
