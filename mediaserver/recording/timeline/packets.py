"""Reads the packets of a track from its journals: unwrapped in arrival order, then sorted into sending order.

Both passes over a journal (survey and composition) use this module, so they number packets alike. Packets that
wait for a missing one are bounded in time and number; memory does not grow with the length of a track.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.packets.sequence import MAX_DROPOUT, SequenceUnwrapper
from mediaserver.recording.capture import journal
from mediaserver.recording.capture.journal import Header, Record

_WAIT_NS: Final = 2_000_000_000
"""How long after its successor a retransmission may arrive and still be sorted in."""
_MAX_WAITING: Final = 4096


class Packet(NamedTuple):
    """An RTP packet. `sequence` and `timestamp` do not wrap within an SSRC."""

    ssrc: int
    sequence: int
    timestamp: int
    marker: bool
    payload: bytes
    """Payload without padding; empty for a bandwidth probe."""
    arrival_ns: int
    level: int | None
    """RFC 6464: 0 (loudest) to 127 (silence), in −dBov."""


class Report(NamedTuple):
    """A sender report: at `ntp_ns` of the sender's clock the media clock was `timestamp`."""

    ssrc: int
    timestamp: int
    ntp_ns: int
    cname: bytes
    """Empty when the report had none."""
    arrival_ns: int


class Mark(NamedTuple):
    arrival_ns: int
    what: dict[str, object]


Item = Packet | Report | Mark


class Reader:
    """Converts the records of a track's journals, in the order of their start, to typed items."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._sequences: dict[int, SequenceUnwrapper] = {}
        self._timestamps: dict[int, SequenceUnwrapper] = {}

    def read(self, records: Iterable[Record]) -> Iterator[Item]:
        """Yield the items of a journal; invalid records are skipped."""
        for record in records:
            if record.kind == journal.RTP:
                if packet := self._packet(record):
                    yield packet
            elif record.kind == journal.SENDER_REPORT:
                yield from self._reports(record)
            elif record.kind == journal.MARK:
                yield Mark(record.arrival_ns, journal.mark_of(record))

    def _packet(self, record: Record) -> Packet | None:
        data = record.data
        header = rtp.parse(data, len(data))
        if header is None or header.payload_type != self._header.payload_type:
            return None
        start = header.header_length
        return Packet(
            header.ssrc,
            self._sequences.setdefault(header.ssrc, SequenceUnwrapper(16)).unwrap(header.sequence),
            self._timestamp(header.ssrc, header.timestamp),
            header.marker,
            data[start : start + header.payload_length],
            record.arrival_ns,
            self._level(data, header),
        )

    def _level(self, data: bytes, header: rtp.RtpHeader) -> int | None:
        number = self._header.audio_level_id
        found = rtp.extension(data, header, number) if number is not None and header.ext_start else None
        return data[found[0]] & 0x7F if found and found[1] else None

    def _reports(self, record: Record) -> Iterator[Report]:
        try:
            packets = rtcp.parse(record.data)
        except rtcp.Malformed:
            return
        cnames = dict(
            item for packet in packets if isinstance(packet, rtcp.SourceDescription) for item in packet.cnames
        )
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport) and packet.ntp:
                timestamp = self._timestamp(packet.ssrc, packet.timestamp)
                ntp_ns = packet.ntp * 1_000_000_000 >> 32
                yield Report(packet.ssrc, timestamp, ntp_ns, cnames.get(packet.ssrc, b""), record.arrival_ns)

    def _timestamp(self, ssrc: int, timestamp: int) -> int:
        return self._timestamps.setdefault(ssrc, SequenceUnwrapper(32)).unwrap(timestamp)


def ordered(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Yield the packets of each SSRC in sequence, without duplicates; gaps are given up after some time."""
    streams: dict[int, _Stream] = {}
    for packet in packets:
        yield from streams.setdefault(packet.ssrc, _Stream()).push(packet)
    for stream in streams.values():
        yield from stream.rest()


class _Stream:
    """The order of one SSRC. `_waiting` holds packets after a gap."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, Packet] = {}
        self._since_ns = 0
        """Arrival of the oldest waiting packet, as far as known."""

    def push(self, packet: Packet) -> Iterator[Packet]:
        if self._next is None or abs(packet.sequence - self._next) > MAX_DROPOUT:
            yield from self.rest()
            self._next = packet.sequence
        if packet.sequence < self._next:
            return
        if not self._waiting:
            self._since_ns = packet.arrival_ns
        self._waiting.setdefault(packet.sequence, packet)
        yield from self._due()
        while self._waiting and (
            packet.arrival_ns - self._since_ns > _WAIT_NS or len(self._waiting) > _MAX_WAITING
        ):
            self._next = min(self._waiting)
            yield from self._due()

    def rest(self) -> Iterator[Packet]:
        for sequence in sorted(self._waiting):
            yield self._waiting[sequence]
        self._waiting.clear()

    def _due(self) -> Iterator[Packet]:
        assert self._next is not None
        found = False
        while packet := self._waiting.pop(self._next, None):
            self._next += 1
            found = True
            yield packet
        if found and self._waiting:
            self._since_ns = min(packet.arrival_ns for packet in self._waiting.values())
