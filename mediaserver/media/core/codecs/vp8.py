"""VP8 payload descriptors (RFC 7741 section 4): read them, find keyframes, renumber pictures in place.

A slot's picture ids, TL0PICIDX and KEYIDX only ever go on, whichever streams it carried before.
"""

from typing import NamedTuple

from mediaserver.media.core.packets.buffers import Readable, Writable


class Vp8Descriptor(NamedTuple):
    """A payload descriptor. Positions count from the payload's start; 0 means that the field is absent."""

    length: int
    start_of_partition: bool
    partition: int
    picture_id: int
    picture_id_at: int
    long_picture_id: bool
    """15 bits instead of 7."""
    tl0_index: int
    tl0_index_at: int
    temporal_id: int
    """-1 when absent."""
    key_index: int
    key_index_at: int
    keyframe: bool
    """The payload starts a keyframe."""


def parse(buf: Readable, offset: int, length: int) -> Vp8Descriptor | None:
    """The descriptor of the payload of `length` bytes at `offset`; None when it is cut short."""
    if length < 2:
        return None
    first = buf[offset]
    position = 1
    picture_id = picture_id_at = tl0_index = tl0_index_at = key_index = key_index_at = 0
    long_picture_id = False
    temporal_id = -1
    if first & 0x80:
        flags = buf[offset + 1]
        position = 2
        if flags & 0x80:
            if position + 1 >= length:
                return None
            picture_id_at = position
            picture_id = buf[offset + position]
            long_picture_id = picture_id > 127
            if long_picture_id:
                picture_id = (picture_id & 127) << 8 | buf[offset + position + 1]
            position += 1 + long_picture_id
        if flags & 0x40:
            if position >= length:
                return None
            tl0_index_at = position
            tl0_index = buf[offset + position]
            position += 1
        if flags & 0x30:
            if position >= length:
                return None
            byte = buf[offset + position]
            if flags & 0x20:
                temporal_id = byte >> 6
            if flags & 0x10:
                key_index_at = position
                key_index = byte & 31
            position += 1
    if position >= length:
        return None
    starts = bool(first & 0x10)
    keyframe = starts and not first & 7 and not buf[offset + position] & 1
    return Vp8Descriptor(
        position, starts, first & 7, picture_id, picture_id_at, long_picture_id, tl0_index, tl0_index_at,
        temporal_id, key_index, key_index_at, keyframe,
    )  # fmt: skip


def dimensions(buf: Readable, offset: int, length: int, descriptor: Vp8Descriptor) -> tuple[int, int] | None:
    """(width, height) from a keyframe's first packet (RFC 6386 section 9.1), None from others."""
    start = offset + descriptor.length
    if not descriptor.keyframe or length - descriptor.length < 10:
        return None
    if bytes(buf[start + 3 : start + 6]) != b"\x9d\x01\x2a":
        return None
    width = (buf[start + 6] | buf[start + 7] << 8) & 0x3FFF
    height = (buf[start + 8] | buf[start + 9] << 8) & 0x3FFF
    return (width, height) if width and height else None


class _Counter:
    """One wrapping field: what is added to it now, and the highest value that went out."""

    __slots__ = ("_highest", "_offset", "_started")

    def __init__(self) -> None:
        self._started = False
        self._offset = 0
        self._highest: int | None = None

    def rebind(self) -> None:
        self._started = False

    def map(self, value: int, mask: int) -> int:
        if not self._started:
            self._started = True
            self._offset = 0 if self._highest is None else self._highest + 1 - value
        out = value + self._offset & mask
        if self._highest is None or 0 < (out - self._highest) & mask <= mask >> 1:
            self._highest = out
        return out


class Vp8Rewriter:
    """Keeps one slot's VP8 numbering going; between two rebindings each field is moved by a constant."""

    __slots__ = ("_key_index", "_picture_id", "_tl0_index")

    def __init__(self) -> None:
        self._picture_id = _Counter()
        self._tl0_index = _Counter()
        self._key_index = _Counter()

    def rebind(self) -> None:
        """The next packet belongs to another stream and starts a keyframe."""
        self._picture_id.rebind()
        self._tl0_index.rebind()
        self._key_index.rebind()

    def patch(self, buf: Writable, offset: int, descriptor: Vp8Descriptor) -> None:
        """Renumber the payload at `offset`, which starts with `descriptor`, in place."""
        if descriptor.picture_id_at:
            at = offset + descriptor.picture_id_at
            if descriptor.long_picture_id:
                value = self._picture_id.map(descriptor.picture_id, 0x7FFF)
                buf[at] = 0x80 | value >> 8
                buf[at + 1] = value & 0xFF
            else:
                buf[at] = self._picture_id.map(descriptor.picture_id, 0x7F)
        if descriptor.tl0_index_at:
            buf[offset + descriptor.tl0_index_at] = self._tl0_index.map(descriptor.tl0_index, 0xFF)
        if descriptor.key_index_at:
            at = offset + descriptor.key_index_at
            buf[at] = buf[at] & 0xE0 | self._key_index.map(descriptor.key_index, 0x1F)
