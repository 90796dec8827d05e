"""The capture journal of a track: an append-only file that is valid up to its first damaged record.

Layout: eight bytes of magic and version, then records of `length, kind, arrival ns, CRC-32` and bytes. The
first record is the header, as JSON. The CRC also covers the fields of the record, so a record is either exactly
as written, or it ends the valid part.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

MAGIC: Final = b"MSTRACK\x01"
"""The last byte is the version."""
_FIELDS: Final = struct.Struct("!IBQ")
_CRC: Final = struct.Struct("!I")
OVERHEAD: Final = _FIELDS.size + _CRC.size
"""Bytes of a record in addition to its data."""
MAX_RECORD: Final = 1 << 20

HEADER: Final = 0
RTP: Final = 1
"""A decrypted packet with the publisher's numbers."""
SENDER_REPORT: Final = 2
"""An RTCP compound packet with a sender report (RFC 3550 section 6.4.1)."""
MARK: Final = 3
"""JSON: a change of `enabled` or `username`, or an `overflow`, at this time."""
END: Final = 4
"""The track ended. A journal without this record was cut off."""

Source = Literal["microphone", "camera", "screen", "screenAudio"]


class Header(BaseModel):
    """Description of the track, sufficient to process a journal without a database."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    recording: str
    session: str
    track: str
    participant: str
    user: str
    username: str
    source: Source
    kind: Literal["audio", "video"]
    codec: Literal["opus", "VP8", "H264"]
    clock_rate: int
    channels: int | None = None
    payload_type: int
    parameters: str = ""
    """The fmtp parameters of the codec."""
    audio_level_id: int | None = None
    """Header extension id of the client-to-mixer audio level (RFC 6464)."""
    enabled: bool = True
    """Whether the track was neither muted nor hidden when the journal started."""
    started_ns: int
    """CLOCK_REALTIME."""


@dataclass(slots=True, frozen=True)
class Record:
    kind: int
    arrival_ns: int
    data: bytes


def encode(kind: int, arrival_ns: int, data: bytes) -> bytes:
    """Return a record in the form of the file."""
    fields = _FIELDS.pack(len(data), kind, arrival_ns)
    return b"".join((fields, _CRC.pack(zlib.crc32(data, zlib.crc32(fields))), data))


def encode_header(header: Header) -> bytes:
    """Return the start of a file: magic, version and header record."""
    return MAGIC + encode(HEADER, header.started_ns, header.model_dump_json(exclude_none=True).encode())


def encode_mark(arrival_ns: int, **what: bool | int | str) -> bytes:
    return encode(MARK, arrival_ns, json.dumps(what, separators=(",", ":")).encode())


def mark_of(record: Record) -> dict[str, Any]:
    """Return the content of a MARK record; empty when it is not a JSON object."""
    try:
        what = json.loads(record.data)
    except ValueError:
        return {}
    return what if isinstance(what, dict) else {}


class Journal:
    """Reads a journal. It never raises for the content of the file.

    Iteration yields the valid records after the header and can be repeated. Afterwards `damage` says why
    reading stopped before the end of the file (None if it did not), and `end` is the size of the valid part.
    `header` is None when not even that is valid; then there are no records.
    """

    def __init__(self, buffer: bytes | mmap) -> None:
        self._buffer = buffer
        self.damage: str | None = None
        self.end = 0
        self.header = self._read_header()
        self._first = self.end

    def __iter__(self) -> Iterator[Record]:
        if self.header is None:
            return
        self.end, self.damage = self._first, None
        while record := self._next():
            yield record

    def _read_header(self) -> Header | None:
        if self._buffer[: len(MAGIC)] != MAGIC:
            self.damage = "not a journal of this version"
            return None
        self.end = len(MAGIC)
        record = self._next()
        if record is None or record.kind != HEADER:
            self.damage = self.damage or "no header"
            return None
        try:
            return Header.model_validate_json(record.data)
        except ValidationError as error:
            self.damage = f"a bad header: {error.error_count()} errors"
            return None

    def _next(self) -> Record | None:
        start, size = self.end, len(self._buffer)
        if start == size:
            return None
        if size - start < OVERHEAD:
            return self._stop("torn within a record's header")
        length, kind, arrival_ns = _FIELDS.unpack_from(self._buffer, start)
        if length > MAX_RECORD:
            return self._stop("a record too long")
        end = start + OVERHEAD + length
        if end > size:
            return self._stop("torn within a record")
        data = bytes(self._buffer[start + OVERHEAD : end])
        (crc,) = _CRC.unpack_from(self._buffer, start + _FIELDS.size)
        if zlib.crc32(data, zlib.crc32(self._buffer[start : start + _FIELDS.size])) != crc:
            return self._stop("a record whose checksum is wrong")
        self.end = end
        return Record(kind, arrival_ns, data)

    def _stop(self, why: str) -> Record | None:
        self.damage = f"{why}, at byte {self.end} of {len(self._buffer)}"
        return None
