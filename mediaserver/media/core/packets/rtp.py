"""RTP packets as bytes and offsets: parsed without copying, patched in place, never re-serialised.

Every length is checked against the packet (RFC 3550 section 5.1), so a parsed header's offsets lie inside it.
"""

import struct
from typing import NamedTuple

from mediaserver.media.core.packets.buffers import Readable, Writable

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
DEPENDENCY_DESCRIPTOR = "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"

IDENTIFYING = frozenset((MID, RID, REPAIRED_RID))
"""What names the publisher's streams; passed on, it would override the subscriber's demultiplexing."""

FIXED_HEADER = struct.Struct("!BBHII")
"""First byte, marker and payload type, sequence, timestamp, SSRC: the 12 bytes that differ per subscriber."""

ONE_BYTE = 0xBEDE
_TWO_BYTE = 0x1000
_EXTENSION_HEADER = struct.Struct("!HH")
_SEQUENCE = struct.Struct("!H")
_ZEROS = bytes(65536 * 4)


class RtpHeader(NamedTuple):
    """A checked RTP header. The payload starts at `header_length`; padding follows the payload."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    header_length: int
    """Fixed header, CSRCs and extension."""
    payload_length: int
    """Without padding."""
    padding: int
    ext_profile: int
    """0xBEDE, 0x100x or something unknown; meaningless when `ext_start` is 0."""
    ext_start: int
    """Where the extension's elements start, after its own 4-byte header; 0 without extension."""
    ext_end: int

    @property
    def length(self) -> int:
        """The whole packet's."""
        return self.header_length + self.payload_length + self.padding


Element = tuple[int, int, int, int]
"""A header extension element: its id, where its own 1- or 2-byte header starts, its data's offset and length."""


def parse(buf: Readable, length: int) -> RtpHeader | None:
    """The header of the packet in the first `length` (at most len(buf)) bytes; None when it is no valid RTP."""
    if length < 12:
        return None
    first, second, sequence, timestamp, ssrc = FIXED_HEADER.unpack_from(buf)
    if first & 0xC0 != 0x80:
        return None
    start = 12 + 4 * (first & 15)
    profile = ext_start = ext_end = padding = 0
    if first & 0x10:
        ext_start = start + 4
        if ext_start > length:
            return None
        profile, words = _EXTENSION_HEADER.unpack_from(buf, start)
        start = ext_end = ext_start + 4 * words
    if start > length:
        return None
    if first & 0x20:
        padding = buf[length - 1]
        if not 0 < padding <= length - start:
            return None
    return RtpHeader(
        second > 127, second & 127, sequence, timestamp, ssrc,
        start, length - start - padding, padding, profile, ext_start, ext_end,
    )  # fmt: skip


def is_padding_only(header: RtpHeader) -> bool:
    """True for bandwidth probes, which carry nothing for a subscriber."""
    return header.payload_length == 0


# ------------------------------------------------------------------------------------------ header extensions


def elements(buf: Readable, header: RtpHeader) -> list[Element]:
    """The elements of a one- or two-byte header extension (RFC 8285 section 4), up to the first bad one."""
    if header.ext_start == header.ext_end:
        return []
    if header.ext_profile == ONE_BYTE:
        return _one_byte_elements(buf, header.ext_start, header.ext_end)
    if header.ext_profile & 0xFFF0 == _TWO_BYTE:
        return _two_byte_elements(buf, header.ext_start, header.ext_end)
    return []


def _one_byte_elements(buf: Readable, position: int, end: int) -> list[Element]:
    found: list[Element] = []
    while position < end:
        byte = buf[position]
        if not byte:
            position += 1
            continue
        number = byte >> 4
        after = position + 2 + (byte & 15)
        if number in (0, 15) or after > end:  # both ids end the processing (RFC 8285 section 4.2)
            break
        found.append((number, position, position + 1, after - position - 1))
        position = after
    return found


def _two_byte_elements(buf: Readable, position: int, end: int) -> list[Element]:
    found: list[Element] = []
    while position < end:
        number = buf[position]
        if not number:
            position += 1
            continue
        if position + 2 > end or (after := position + 2 + buf[position + 1]) > end:
            break
        found.append((number, position, position + 2, after - position - 2))
        position = after
    return found


def extension(buf: Readable, header: RtpHeader, number: int) -> tuple[int, int] | None:
    """(offset, length) of the data of element `number`, None when the packet has none.

    Whoever needs several elements of a packet walks `elements` once instead.
    """
    for found, _, offset, length in elements(buf, header):
        if found == number:
            return offset, length
    return None


def extension_map(publisher: dict[str, int], subscriber: dict[str, int]) -> bytes:
    """A table from the publisher's ids to the subscriber's for `rewrite_extensions`; 0 means: blank it.

    Both arguments map extension URIs to ids. What the subscriber does not know and what identifies the
    publisher's streams is blanked.
    """
    table = bytearray(256)
    for uri, number in publisher.items():
        if uri not in IDENTIFYING:
            table[number] = subscriber.get(uri, 0)
    return bytes(table)


def rewrite_extensions(buf: Writable, header: RtpHeader, table: bytes) -> None:
    """Renumber the header extension's elements in place by `table` (see `extension_map`).

    Unmapped elements and bytes that are no elements become padding, which RFC 8285 allows anywhere; so do
    extensions of an unknown profile.
    """
    one_byte = header.ext_profile == ONE_BYTE
    rest = header.ext_start
    for number, start, offset, length in elements(buf, header):
        mapped = table[number]
        rest = offset + length
        if not mapped or (one_byte and mapped > 14):
            buf[start:rest] = _ZEROS[: rest - start]
        elif one_byte:
            buf[start] = mapped << 4 | (length - 1)
        else:
            buf[start] = mapped
    if rest < header.ext_end:
        buf[rest : header.ext_end] = _ZEROS[: header.ext_end - rest]


# ------------------------------------------------------------------------------------------ retransmission


def rtx_unwrap(buf: Writable, header: RtpHeader, payload_type: int, ssrc: int) -> RtpHeader | None:
    """Turn a retransmission into the original packet in place (RFC 4588 section 4).

    Returns the original's header (its `length` is 2 less), or None when nothing was retransmitted: senders
    probe for bandwidth with empty RTX packets.
    """
    if header.payload_length < 2:
        return None
    start, length = header.header_length, header.length
    (sequence,) = _SEQUENCE.unpack_from(buf, start)
    buf[1] = header.marker << 7 | payload_type
    _SEQUENCE.pack_into(buf, 2, sequence)
    buf[8:12] = ssrc.to_bytes(4, "big")
    buf[start : length - 2] = buf[start + 2 : length]
    return header._replace(
        payload_type=payload_type,
        sequence=sequence,
        ssrc=ssrc,
        payload_length=header.payload_length - 2,
    )


def rtx_wrap(
    out: Writable,
    offset: int,
    packet: Readable,
    header: RtpHeader,
    *,
    payload_type: int,
    ssrc: int,
    sequence: int,
    timestamp: int,
    original_sequence: int,
) -> int:
    """Write `packet` as a retransmission at `out[offset:]`; returns its length (2 more than the packet's).

    `sequence`, `timestamp` and `original_sequence` are what the receiver of the retransmission counts in.
    """
    start, length = header.header_length, header.length
    second = header.marker << 7 | payload_type
    FIXED_HEADER.pack_into(out, offset, packet[0], second, sequence, timestamp, ssrc)
    out[offset + 12 : offset + start] = packet[12:start]
    _SEQUENCE.pack_into(out, offset + start, original_sequence)
    out[offset + start + 2 : offset + length + 2] = packet[start:length]
    return length + 2
