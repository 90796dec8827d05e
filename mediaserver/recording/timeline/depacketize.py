"""Converts RTP payloads to access units: VP8 (RFC 7741), H.264 (RFC 6184) as Annex B, Opus (RFC 7587).

Only whole frames are returned. After a loss, frames are withheld until the next keyframe, because they would be
decoded against the wrong picture, but for at most `PATIENCE` ticks: a smeared picture is better than a frozen
one.
"""

import base64
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple, Protocol

from mediaserver.media.core.codecs import vp8
from mediaserver.recording.capture.journal import Header
from mediaserver.recording.timeline.packets import Packet

PATIENCE: Final = 3 * 90_000
"""Ticks of the video clock."""
_MAX_FRAME: Final = 8 << 20
_START_CODE: Final = b"\0\0\0\1"


class Unit(NamedTuple):
    """An access unit for a decoder. `timestamp` does not wrap within its SSRC."""

    ssrc: int
    timestamp: int
    arrival_ns: int
    data: bytes
    keyframe: bool


class Depacketizer(Protocol):
    """Processes the packets of an SSRC in sequence; never raises for their content."""

    def push(self, packet: Packet) -> Unit | None: ...


def units(header: Header, packets: Iterable[Packet]) -> Iterator[Unit]:
    """Yield the access units of a track from its ordered packets."""
    streams: dict[int, Depacketizer] = {}
    for packet in packets:
        stream = streams.get(packet.ssrc)
        if stream is None:
            stream = streams[packet.ssrc] = _make(header)
        if unit := stream.push(packet):
            yield unit


def _make(header: Header) -> Depacketizer:
    if header.codec == "opus":
        return Opus()
    return VP8() if header.codec == "VP8" else H264(header.parameters)


class Opus:
    """Opus: every packet is a unit."""

    def push(self, packet: Packet) -> Unit | None:
        if not packet.payload:
            return None
        return Unit(packet.ssrc, packet.timestamp, packet.arrival_ns, packet.payload, True)


class _Video:
    """The common part of both video codecs: a frame is a run of packets up to the one with the marker."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._frame_timestamp: int | None = None
        self._whole = False
        """Whether the current frame is complete so far."""
        self._last_sequence: int | None = None
        self._broken_since: int | None = None
        """Timestamp of the first withheld frame; None while none is withheld."""
        self._seen_keyframe = False

    def _lost_before(self, packet: Packet) -> bool:
        last, self._last_sequence = self._last_sequence, packet.sequence
        return last is not None and packet.sequence != last + 1

    def _begin(self, packet: Packet, whole: bool) -> None:
        self._parts, self._size = [], 0
        self._frame_timestamp, self._whole = packet.timestamp, whole

    def _break(self, timestamp: int) -> None:
        if self._broken_since is None:
            self._broken_since = timestamp

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        self._whole = self._whole and self._size <= _MAX_FRAME
        if self._whole:
            self._parts.append(part)

    def _end(self, packet: Packet, data: bytes, keyframe: bool) -> Unit | None:
        self._frame_timestamp = None
        if not self._whole or not data:
            self._break(packet.timestamp)
            return None
        if keyframe:
            self._seen_keyframe, self._broken_since = True, None
        elif not self._seen_keyframe:
            return None
        elif self._broken_since is not None:
            if packet.timestamp - self._broken_since <= PATIENCE:
                return None
            self._broken_since = None
        return Unit(packet.ssrc, packet.timestamp, packet.arrival_ns, data, keyframe)


class VP8(_Video):
    def __init__(self) -> None:
        super().__init__()
        self._picture: vp8.Vp8Descriptor | None = None

    def push(self, packet: Packet) -> Unit | None:
        lost = self._lost_before(packet)
        if not packet.payload:
            if lost:
                self._whole = False
            return None
        descriptor = vp8.parse(packet.payload, 0, len(packet.payload))
        if descriptor is None:
            self._whole = False
            return None
        begins = descriptor.start_of_partition and descriptor.partition == 0
        if begins and packet.timestamp != self._frame_timestamp:
            if self._frame_timestamp is not None or (lost and not self._follows(descriptor)):
                self._break(packet.timestamp)
            self._begin(packet, True)
            self._picture = descriptor
        elif self._frame_timestamp is None or packet.timestamp != self._frame_timestamp:
            self._begin(packet, False)
        elif lost:
            self._whole = False
        self._add(packet.payload[descriptor.length :])
        if not packet.marker:
            return None
        data = b"".join(self._parts)
        return self._end(packet, data, _is_vp8_keyframe(data))

    def _follows(self, picture: vp8.Vp8Descriptor) -> bool:
        """Return whether a gap contained no frame but only padding (RFC 7741 section 4.2)."""
        last = self._picture
        if last is None or not last.picture_id_at or not picture.picture_id_at:
            return False
        mask = 0x7FFF if picture.long_picture_id else 0x7F
        return (picture.picture_id - last.picture_id) & mask == 1


def _is_vp8_keyframe(data: bytes) -> bool:
    """RFC 6386 section 9.1."""
    return len(data) >= 10 and not data[0] & 1 and data[3:6] == b"\x9d\x01\x2a"


class H264(_Video):
    """H.264. Keyframes always contain their parameter sets, so that decoding and files may start at any of
    them."""

    def __init__(self, parameters: str) -> None:
        super().__init__()
        self._sets: dict[int, bytes] = {}
        for one in _sprop_parameter_sets(parameters):
            self._sets[one[0] & 31] = one
        self._fragments: list[bytes] = []

    def push(self, packet: Packet) -> Unit | None:
        lost = self._lost_before(packet)
        if packet.timestamp != self._frame_timestamp and packet.payload:
            if self._frame_timestamp is not None or lost:  # the end is missing, or frames are
                self._break(packet.timestamp)
            self._begin(packet, not lost or _begins_with_sets(packet.payload))
            self._fragments.clear()
        elif lost:
            self._whole = False
        if not packet.payload:
            return None
        for nal in self._nals(packet.payload):
            if nal[0] & 31 in (7, 8):
                self._sets[nal[0] & 31] = nal
            self._add(nal)
        if not packet.marker:
            return None
        return self._end(packet, *self._frame())

    def _frame(self) -> tuple[bytes, bool]:
        kinds = {nal[0] & 31 for nal in self._parts}
        missing = [nal for kind, nal in sorted(self._sets.items()) if kind not in kinds] if 5 in kinds else []
        return b"".join(_START_CODE + nal for nal in [*missing, *self._parts]), 5 in kinds

    def _nals(self, payload: bytes) -> Iterator[bytes]:
        kind = payload[0] & 31
        if 1 <= kind <= 23:
            yield payload
        elif kind == 24:  # STAP-A, RFC 6184 section 5.7.1
            yield from self._aggregated(payload)
        elif kind == 28:  # FU-A, section 5.8
            yield from self._fragmented(payload)
        else:
            self._whole = False

    def _aggregated(self, payload: bytes) -> Iterator[bytes]:
        at = 1
        while at + 2 < len(payload):
            end = at + 2 + int.from_bytes(payload[at : at + 2], "big")
            if end > len(payload) or end == at + 2:
                self._whole = False
                return
            yield payload[at + 2 : end]
            at = end

    def _fragmented(self, payload: bytes) -> Iterator[bytes]:
        if len(payload) < 3:
            self._whole = False
            return
        if payload[1] & 0x80:
            self._fragments = [bytes([payload[0] & 0xE0 | payload[1] & 31])]
        elif not self._fragments:
            self._whole = False
            return
        self._fragments.append(payload[2:])
        if payload[1] & 0x40:
            nal, self._fragments = b"".join(self._fragments), []
            yield nal


def _begins_with_sets(payload: bytes) -> bool:
    """Whether this is surely the first packet of its frame: an access unit delimiter or a parameter set."""
    kind = payload[3] & 31 if payload[0] & 31 == 24 and len(payload) > 3 else payload[0] & 31
    return kind in (7, 9)


def _sprop_parameter_sets(parameters: str) -> Iterator[bytes]:
    """RFC 6184 section 8.1."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name == "sprop-parameter-sets":
            for one in value.split(","):
                try:
                    nal = base64.b64decode(one, validate=True)
                except ValueError:  # also raised for characters that are not ASCII
                    continue
                if nal:
                    yield nal
