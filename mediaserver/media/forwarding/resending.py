"""Answers a subscriber's NACKs: with RTX packets (RFC 4588), or without RTX with the lost datagrams."""

from typing import NamedTuple

from mediaserver.media.core.codecs import vp8 as vp8_payload
from mediaserver.media.core.packets import rtp
from mediaserver.media.forwarding.streams import Slot


class _Lost(NamedTuple):
    """A packet to send again: the publisher's packet, or without RTX (no offset) the lost datagram."""

    data: bytes
    timestamp_offset: int | None


def resend(slot: Slot, now: float) -> int:
    """Answer the NACKs of a slot; return how many packets the subscriber's retransmission budget refused."""
    if not slot.nacked:
        return 0
    slot.book()
    due = slot.resent.due(slot.nacked, slot.transport.rtt.seconds, now)
    slot.nacked.clear()
    for index, sequence in enumerate(due):
        lost = _find(slot, sequence, now)
        if lost is None:
            continue
        if not slot.transport.retransmissions.take(len(lost.data), now, audio=slot.kind == "audio"):
            return len(due) - index
        if _resend_one(slot, sequence, lost, now):
            slot.resent.sent(sequence, now)
            slot.retransmitted += 1
    return 0


def _find(slot: Slot, sequence: int, now: float) -> _Lost | None:
    """Return the packet that was sent as `sequence`, if it is still cached."""
    if slot.sent is not None:
        protected = slot.sent.get(sequence)
        return None if protected is None else _Lost(protected, None)
    origin = slot.rewriter.origin(sequence)
    if origin is None or origin.source is None or slot.rtx_ssrc is None or slot.header_rewrite is None:
        return None
    if slot.vp8 is not None and origin.generation != slot.rewriter.generation:
        return None  # its picture ids belong to an earlier binding
    original = origin.source.cache.get(origin.sequence, now)
    return None if original is None else _Lost(original, origin.timestamp_offset)


def _resend_one(slot: Slot, sequence: int, lost: _Lost, now: float) -> bool:
    if lost.timestamp_offset is None:
        slot.transport.send_protected(lost.data)
        return True
    packet = _wrapped(slot, lost.data, sequence, lost.timestamp_offset, now)
    if packet is not None:
        slot.transport.send_rtp(packet)
    return packet is not None


def _wrapped(slot: Slot, original: bytes, sequence: int, timestamp_offset: int, now: float) -> bytearray | None:
    header = rtp.parse(original, len(original))
    rewrite = slot.header_rewrite
    assert header is not None and rewrite is not None and slot.rtx_ssrc is not None
    codec = rewrite.codecs.get(header.payload_type)
    prepared = rewrite.prepare(original, header, None, now)
    if codec is None or codec.rtx_payload_type is None or prepared is None:
        return None
    plain = bytearray(12) + prepared.body
    plain[0] = prepared.first
    if prepared.transport_cc_at:
        number = slot.transport.next_transport_sequence()
        plain[prepared.transport_cc_at : prepared.transport_cc_at + 2] = number.to_bytes(2, "big")
    if slot.vp8 is not None and codec.name == "VP8":
        descriptor = vp8_payload.parse(plain, header.header_length, header.payload_length)
        if descriptor is not None:
            slot.vp8.patch(plain, header.header_length, descriptor)
    out = bytearray(prepared.size + 2)
    slot.rtx_sequence = slot.rtx_sequence + 1 & 0xFFFF
    rtp.rtx_wrap(
        out, 0, plain, header,
        payload_type=codec.rtx_payload_type, ssrc=slot.rtx_ssrc, sequence=slot.rtx_sequence,
        timestamp=header.timestamp + timestamp_offset & 0xFFFFFFFF, original_sequence=sequence,
    )  # fmt: skip
    return out
