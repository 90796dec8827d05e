"""The framing of tapped media between a media worker and the egress process on a Unix stream socket.

A batch is a 4-byte length and records; a record is a header and its bytes. `split` raises `Malformed` for
everything that a worker would not write.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

BATCH_HEADER: Final = struct.Struct("!I")
"""Length in bytes of the records that follow."""
RECORD_HEADER: Final = struct.Struct("!IBQH")
"""Tap number, kind, arrival (CLOCK_REALTIME, ns), size of the bytes that follow."""
OVERFLOW_COUNT: Final = struct.Struct("!Q")

RTP: Final = 0
"""A decrypted packet with the publisher's numbers; retransmissions are unwrapped (RFC 4588)."""
SENDER_REPORT: Final = 1
"""An RTCP compound packet with a sender report of the track."""
OVERFLOW: Final = 2
"""Records were dropped because egress read too slowly; the bytes are their number (`OVERFLOW_COUNT`)."""

MAX_BATCH: Final = 1 << 20
MAX_RECORD: Final = 0xFFFF


class Malformed(ValueError):
    """Bytes that no worker writes: the rest of the stream cannot be used."""


@dataclass(slots=True, frozen=True)
class Record:
    tap: int
    kind: int
    arrival_ns: int
    data: bytes


def encode_record(tap: int, kind: int, arrival_ns: int, data: bytes | bytearray | memoryview) -> bytes:
    """Encode a record, without a batch."""
    return RECORD_HEADER.pack(tap, kind, arrival_ns, len(data)) + data


def encode_overflow(tap: int, arrival_ns: int, count: int) -> bytes:
    return encode_record(tap, OVERFLOW, arrival_ns, OVERFLOW_COUNT.pack(count))


def encode_batch(records: list[bytes]) -> bytes:
    """Return a batch of encoded records."""
    body = b"".join(records)
    return BATCH_HEADER.pack(len(body)) + body


def batch_length(header: bytes) -> int:
    """Return the length in a batch's first four bytes. Raises: Malformed."""
    (length,) = BATCH_HEADER.unpack(header)
    if length > MAX_BATCH:
        raise Malformed(f"a batch of {length} bytes")
    return int(length)


def split(batch: bytes) -> Iterator[Record]:
    """Return the records of a batch (the bytes after its length). Raises: Malformed."""
    offset, end = 0, len(batch)
    while offset < end:
        if end - offset < RECORD_HEADER.size:
            raise Malformed("a batch ends within a record's header")
        tap, kind, arrival_ns, size = RECORD_HEADER.unpack_from(batch, offset)
        offset += RECORD_HEADER.size
        if kind not in (RTP, SENDER_REPORT, OVERFLOW):
            raise Malformed(f"a record of unknown kind {kind}")
        if kind == OVERFLOW and size != OVERFLOW_COUNT.size:
            raise Malformed("an overflow mark without its count")
        if end - offset < size:
            raise Malformed("a batch ends within a record")
        yield Record(tap, kind, arrival_ns, batch[offset : offset + size])
        offset += size
