"""RTCP packets: compound and reduced-size ones read into tuples, and built from numbers.

Bytes that are not RTCP raise `Malformed` and nothing else; packet types that we do not use are skipped. What one
datagram may make its reader do is bounded (`Excessive`).
Sources: RFC 3550 section 6, RFC 4585 section 6, RFC 5104 section 4.3, RFC 5506, draft-alvestrand-rmcat-remb-03.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from mediaserver.media.core.packets.buffers import Readable

SR, RR, SDES, BYE, APP, RTPFB, PSFB = 200, 201, 202, 203, 204, 205, 206
_NACK, _TRANSPORT_CC = 1, 15
_PLI, _FIR, _AFB = 1, 4, 15
_CNAME = 1

_HEADER = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IQIII")
_REPORT = struct.Struct("!IB3sIIII")
_TWO_SSRCS = struct.Struct("!II")
_ONE_SSRC = struct.Struct("!I")
_NACK_ITEM = struct.Struct("!HH")
_FIR_ITEM = struct.Struct("!IB3x")
_REMB = struct.Struct("!4sI")


MAX_PACKETS: Final = 32
"""Packets in one datagram; senders of dozens of streams put fewer into one."""
MAX_NACKED: Final = 1000
"""Sequence numbers that the NACKs of one datagram may ask for; Chromium's list of losses holds as many."""


class Malformed(ValueError):
    """The bytes are no RTCP; the message says where."""


class Excessive(Malformed):
    """A datagram exceeds `MAX_PACKETS` or `MAX_NACKED`; nothing of it was used."""


class ReportBlock(NamedTuple):
    """What a receiver tells about one stream (RFC 3550 section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Of 256, since the last report."""
    lost: int
    """Cumulative; negative when duplicates outnumber losses."""
    highest_sequence: int
    """Extended by the count of wraps in the upper 16 bits."""
    jitter: int
    """In timestamp units."""
    lsr: int
    """Middle 32 bits of the NTP time of the last sender report, 0 for none."""
    dlsr: int
    """Since then, in 1/65536 s."""


class SenderReport(NamedTuple):
    ssrc: int
    ntp: int
    """64 bits: seconds since 1900 and fraction."""
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...]


class ReceiverReport(NamedTuple):
    ssrc: int
    reports: tuple[ReportBlock, ...]


class SourceDescription(NamedTuple):
    cnames: tuple[tuple[int, bytes], ...]
    """(SSRC, CNAME) of each chunk that has one."""


class Bye(NamedTuple):
    ssrcs: tuple[int, ...]


class Nack(NamedTuple):
    sender_ssrc: int
    media_ssrc: int
    sequences: tuple[int, ...]
    """Each number once, in the order of the packet."""


class TransportFeedback(NamedTuple):
    """Transport-wide congestion feedback, undecoded: `data` is the packet's part after both SSRCs."""

    sender_ssrc: int
    media_ssrc: int
    data: bytes


class Pli(NamedTuple):
    sender_ssrc: int
    media_ssrc: int


class Fir(NamedTuple):
    sender_ssrc: int
    requests: tuple[tuple[int, int], ...]
    """(media SSRC, command number)."""


class Remb(NamedTuple):
    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]


Packet = SenderReport | ReceiverReport | SourceDescription | Bye | Nack | TransportFeedback | Pli | Fir | Remb

# ------------------------------------------------------------------------------------------ reading


def parse(buf: Readable, length: int | None = None) -> list[Packet]:
    """The packets in the first `length` bytes of `buf` (all by default), in order; raises `Malformed`."""
    data = bytes(buf if length is None else buf[:length])
    packets: list[Packet] = []
    position = count = nacked = 0
    try:
        while position < len(data):
            count += 1
            if count > MAX_PACKETS or nacked > MAX_NACKED:
                break
            first, kind, words = _HEADER.unpack_from(data, position)
            end = position + 4 + 4 * words
            if first >> 6 != 2 or end > len(data):
                raise Malformed(f"bad header at {position}")
            read = _READERS.get(kind)
            if read is not None:
                body = data[position + 4 : end - _padding(data, end) if first & 0x20 else end]
                packet = read(first & 31, body)
                if packet is not None:
                    packets.append(packet)
                if isinstance(packet, Nack):
                    nacked += len(packet.sequences)
            position = end
    except struct.error as error:
        raise Malformed(f"too short at {position}") from error
    if count > MAX_PACKETS:
        raise Excessive(f"more than {MAX_PACKETS} packets in one datagram")
    if nacked > MAX_NACKED:
        raise Excessive(f"more than {MAX_NACKED} sequence numbers in one datagram")
    return packets


def _padding(data: bytes, end: int) -> int:
    count = data[end - 1]
    if not count:
        raise Malformed(f"no padding before {end}")
    return count  # one beyond the packet leaves an empty body, which every reader refuses


def _reports(body: bytes, offset: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for position in range(offset, offset + 24 * count, 24):
        ssrc, fraction, lost, highest, jitter, lsr, dlsr = _REPORT.unpack_from(body, position)
        blocks.append(
            ReportBlock(ssrc, fraction, int.from_bytes(lost, "big", signed=True), highest, jitter, lsr, dlsr)
        )
    return tuple(blocks)  # what follows the blocks is a profile's extension (RFC 3550 section 6.4.3)


def _read_sr(count: int, body: bytes) -> SenderReport:
    ssrc, ntp, timestamp, packets, octets = _SENDER_INFO.unpack_from(body)
    return SenderReport(ssrc, ntp, timestamp, packets, octets, _reports(body, _SENDER_INFO.size, count))


def _read_rr(count: int, body: bytes) -> ReceiverReport:
    return ReceiverReport(_ONE_SSRC.unpack_from(body)[0], _reports(body, 4, count))


def _read_sdes(count: int, body: bytes) -> SourceDescription:
    cnames = []
    position = 0
    for _ in range(count):
        (ssrc,) = _ONE_SSRC.unpack_from(body, position)
        position += 4
        while position < len(body) and body[position]:
            if position + 2 > len(body) or (after := position + 2 + body[position + 1]) > len(body):
                raise Malformed("SDES item beyond its packet")
            if body[position] == _CNAME:
                cnames.append((ssrc, body[position + 2 : after]))
            position = after
        position = position // 4 * 4 + 4  # at least one null byte ends the items
    return SourceDescription(tuple(cnames))


def _read_bye(count: int, body: bytes) -> Bye:
    return Bye(struct.unpack_from(f"!{count}I", body))


def _read_rtpfb(form: int, body: bytes) -> Nack | TransportFeedback | None:
    if form == _NACK:
        sender, media = _TWO_SSRCS.unpack_from(body)
        return Nack(sender, media, _nack_sequences(body))
    if form == _TRANSPORT_CC:
        sender, media = _TWO_SSRCS.unpack_from(body)
        return TransportFeedback(sender, media, body[8:])
    return None


def _nack_sequences(body: bytes) -> tuple[int, ...]:
    found: dict[int, None] = {}
    items = set()
    for position in range(8, len(body), 4):
        item = _NACK_ITEM.unpack_from(body, position)
        if item in items:
            continue
        items.add(item)
        packet_id, mask = item
        found[packet_id] = None
        while mask:
            lowest = mask & -mask
            found[(packet_id + lowest.bit_length()) & 0xFFFF] = None
            mask ^= lowest
        if len(found) > MAX_NACKED:
            break  # `parse` refuses the datagram
    return tuple(found)


def _read_psfb(form: int, body: bytes) -> Pli | Fir | Remb | None:
    if form not in (_PLI, _FIR, _AFB):
        return None
    sender, media = _TWO_SSRCS.unpack_from(body)
    if form == _PLI:
        return Pli(sender, media)
    if form == _FIR:
        return Fir(sender, tuple(_FIR_ITEM.unpack_from(body, at) for at in range(8, len(body), 8)))
    if body[8:12] != b"REMB":
        return None
    _, rate = _REMB.unpack_from(body, 8)
    ssrcs = struct.unpack_from(f"!{rate >> 24}I", body, 16)
    return Remb(sender, (rate & 0x3FFFF) << (rate >> 18 & 63), ssrcs)


_READERS: dict[int, Callable[[int, bytes], Packet | None]] = {
    SR: _read_sr,
    RR: _read_rr,
    SDES: _read_sdes,
    BYE: _read_bye,
    RTPFB: _read_rtpfb,
    PSFB: _read_psfb,
}

# ------------------------------------------------------------------------------------------ building


def _packet(kind: int, count: int, body: bytes) -> bytes:
    assert len(body) % 4 == 0, "RTCP bodies are whole words"
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _pack_reports(reports: Sequence[ReportBlock]) -> bytes:
    assert len(reports) <= 31, "a report carries at most 31 blocks"
    return b"".join(
        _REPORT.pack(
            one.ssrc,
            one.fraction_lost,
            max(-0x800000, min(0x7FFFFF, one.lost)).to_bytes(3, "big", signed=True),
            one.highest_sequence & 0xFFFFFFFF,
            min(one.jitter, 0xFFFFFFFF),
            one.lsr,
            min(one.dlsr, 0xFFFFFFFF),
        )
        for one in reports
    )


def build_sr(
    ssrc: int, ntp: int, timestamp: int, packets: int, octets: int, reports: Sequence[ReportBlock] = ()
) -> bytes:
    """A sender report; the counters are cut to 32 bits."""
    info = _SENDER_INFO.pack(ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
    return _packet(SR, len(reports), info + _pack_reports(reports))


def build_rr(ssrc: int, reports: Sequence[ReportBlock] = ()) -> bytes:
    """A receiver report with at most 31 blocks."""
    return _packet(RR, len(reports), _ONE_SSRC.pack(ssrc) + _pack_reports(reports))


def build_sdes(ssrc: int, cname: str) -> bytes:
    """A source description with the CNAME alone (at most 255 bytes)."""
    name = cname.encode()
    chunk = _ONE_SSRC.pack(ssrc) + bytes((_CNAME, len(name))) + name
    return _packet(SDES, 1, chunk + bytes(4 - len(chunk) % 4))


def build_bye(ssrcs: Sequence[int]) -> bytes:
    return _packet(BYE, len(ssrcs), b"".join(map(_ONE_SSRC.pack, ssrcs)))


def build_nack(sender_ssrc: int, media_ssrc: int, sequences: Iterable[int]) -> bytes:
    """A generic NACK; best given in sending order, so that neighbours share an item (RFC 4585 section 6.2.1)."""
    items: list[list[int]] = []
    for sequence in sequences:
        ahead = (sequence - items[-1][0]) & 0xFFFF if items else 0
        if 1 <= ahead <= 16:
            items[-1][1] |= 1 << ahead - 1
        elif not items or ahead:  # 0 repeats the item's own
            items.append([sequence, 0])
    body = b"".join(_NACK_ITEM.pack(*item) for item in items)
    return _packet(RTPFB, _NACK, _TWO_SSRCS.pack(sender_ssrc, media_ssrc) + body)


def build_transport_feedback(sender_ssrc: int, media_ssrc: int, data: bytes) -> bytes:
    """Transport-wide feedback from its part after the SSRCs, padded to whole words (see `feedback`)."""
    body = _TWO_SSRCS.pack(sender_ssrc, media_ssrc) + data
    short = -len(body) % 4
    if not short:
        return _packet(RTPFB, _TRANSPORT_CC, body)
    body += bytes(short - 1) + bytes((short,))
    return _packet(RTPFB, 0x20 | _TRANSPORT_CC, body)


def build_pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    return _packet(PSFB, _PLI, _TWO_SSRCS.pack(sender_ssrc, media_ssrc))


def build_fir(sender_ssrc: int, media_ssrc: int, command: int) -> bytes:
    """A full intra request; `command` counts the requests modulo 256 (RFC 5104 section 4.3.1)."""
    return _packet(PSFB, _FIR, _TWO_SSRCS.pack(sender_ssrc, 0) + _FIR_ITEM.pack(media_ssrc, command & 0xFF))


def build_remb(sender_ssrc: int, bitrate_bps: int, ssrcs: Sequence[int]) -> bytes:
    """A receiver's estimate of the bitrate that all of `ssrcs` together may use, rounded down to 18 bits."""
    exponent = max(0, bitrate_bps.bit_length() - 18)
    rate = len(ssrcs) << 24 | exponent << 18 | bitrate_bps >> exponent
    body = _TWO_SSRCS.pack(sender_ssrc, 0) + _REMB.pack(b"REMB", rate)
    return _packet(PSFB, _AFB, body + b"".join(map(_ONE_SSRC.pack, ssrcs)))
