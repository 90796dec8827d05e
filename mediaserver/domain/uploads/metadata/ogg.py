"""Ogg (RFC 3533): the comments of each stream, its second packet, are emptied where they are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source

MAGIC = b"OggS"

_HEAD = 27
_BEGINS = 0x02
_MAX_COMMENTS = 16 << 20
_EMPTY: Final = bytes(8)  # no vendor, no comments
_COMMENTS: Final = {
    b"OpusHead": b"OpusTags" + _EMPTY,
    b"\x01vorbis": b"\x03vorbis" + _EMPTY + b"\x01",
    b"\x80theora": b"\x81theora" + _EMPTY,
    b"Speex   ": _EMPTY,
    b"OVP80\x01": b"OVP80\x02 " + _EMPTY,
}
"""By how the first packet begins, what becomes the second."""
_FLAC: Final = b"\x7fFLAC"


@dataclass(slots=True)
class _Stream:
    first: bytes
    left: int = 0
    """Bytes of the empty comments that are written already."""
    comments: bytes = b""
    done: bool = False
    seen: int = 0
    pages: list[Edit] = field(default_factory=list)


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `MAGIC`. Raises `Damaged`."""
    result: list[Edit] = []
    streams: dict[bytes, _Stream] = {}
    at = 0
    while source.size - at >= _HEAD:
        head = source.read(at, _HEAD + 255)
        if head[:4] != MAGIC or len(head) < _HEAD:
            raise Damaged("there is no valid page", at)
        table = head[_HEAD : _HEAD + head[26]]
        body = at + _HEAD + head[26]
        end = min(body + sum(table), source.size)
        serial = head[14:18]
        if head[5] & _BEGINS:
            streams[serial] = _Stream(source.read(body, min(8, end - body)))
        elif (stream := streams.get(serial)) is None:
            raise Damaged("a page belongs to no stream", at)
        elif not stream.done:
            result += _page(source, stream, at, table, body, end)
        at = end
    if at < source.size:
        result.append(Edit(at, source.size))
    return result


def _page(source: Source, stream: _Stream, at: int, table: bytes, body: int, end: int) -> Iterator[Edit]:
    """Empty the part of the comments that is on this page."""
    length, ends = 0, False
    for segment in table:
        length += segment
        if segment < 255:
            ends = True
            break
    stop = min(body + length, end)
    stream.seen += stop - body
    if stream.seen > _MAX_COMMENTS:
        raise Damaged("comments are too long", at)
    empty = _empty(source, stream, body)
    if not empty:
        stream.done = True
        return
    part = empty[stream.left : stream.left + stop - body]
    stream.left += len(part)
    stream.done = ends
    page = bytearray(source.read(at, end - at))
    page[body - at : stop - at] = part.ljust(stop - body, b"\0")
    page[22:26] = bytes(4)
    page[22:26] = _crc(page).to_bytes(4, "little")
    if bytes(page) != source.read(at, end - at):
        yield Edit(at, end, bytes(page))


def _empty(source: Source, stream: _Stream, body: int) -> bytes:
    """What takes the place of the comments; nothing when the codec is not known."""
    if stream.first.startswith(_FLAC):
        # A block header of four bytes stays: it says that this is not the last one, and its size.
        if not stream.comments:
            stream.comments = source.read(body, 4) + _EMPTY
        return stream.comments
    return next((empty for start, empty in _COMMENTS.items() if stream.first.startswith(start)), b"")


def _table_of_crcs() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


_CRCS: Final = _table_of_crcs()


def _crc(page: bytearray) -> int:
    value = 0
    for byte in page:
        value = (value << 8 & 0xFFFFFFFF) ^ _CRCS[value >> 24 ^ byte]
    return value
