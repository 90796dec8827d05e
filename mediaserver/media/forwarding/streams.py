"""The streams of a worker as passive state: what arrives (`Track`, `Stream`, `Tap`) and what leaves (`Slot`).

A track has a stream for each simulcast layer, each perhaps with an RTX stream. A slot is one outgoing stream
with fixed SSRCs that carries one track after another to one subscriber; its sequence numbers, timestamps and
VP8 picture ids only ever continue, whatever is bound to it (`SlotRewriter`). Only `router` decides which slots
a stream feeds.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mediaserver.media.core.codecs.keyframe_parts import SOUND, part_of
from mediaserver.media.core.codecs.vp8 import Vp8Descriptor, Vp8Rewriter
from mediaserver.media.core.feedback.nack import LossTracker
from mediaserver.media.core.feedback.retransmission import RetransmissionBudget, RetransmissionHistory
from mediaserver.media.core.feedback.round_trip import RoundTripTime, SentReports
from mediaserver.media.core.feedback.sender_report import SenderClock
from mediaserver.media.core.feedback.statistics import ReceiverStats
from mediaserver.media.core.feedback.transport_feedback import ArrivalRecorder
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.packets.packet_cache import AUDIO_SLOTS, VIDEO_SLOTS, PacketCache
from mediaserver.media.core.packets.rtcp import MAX_NACKED
from mediaserver.media.core.packets.sequence import SlotRewriter
from mediaserver.media.core.quality.keyframe_delivery import KeyframeDelivery, Part
from mediaserver.media.core.quality.keyframe_requests import KeyframeRequests
from mediaserver.media.core.quality.layers import Layer, LayerMeter, choose_layer
from mediaserver.media.core.quality.policer import Policer, PolicingLimits, TrackPolicer
from mediaserver.media.core.quality.uplink_estimate import BandwidthEstimator
from mediaserver.media.forwarding.fast_path import FastPath
from mediaserver.media.forwarding.header_rewrite import HeaderRewrite
from mediaserver.media.messages import Codec, SetSlot, SetTrack
from mediaserver.media.net.send_socket import SendSocket
from mediaserver.media.tapping.egress_tap import TapSocket

_ABSENT: Final = Layer(0, 0, 0, active=False)
_CIPHERTEXTS: Final = 256
MAX_REPORTED: Final = 50_000
"""Reports of more packets than this since the last one are ignored as invalid."""

Packet = tuple[bytes, rtp.RtpHeader, Vp8Descriptor | None]


class PublisherTransport(Protocol):
    """What a track needs of the transport on which it arrives."""

    has_transport_cc: bool
    """Whether the client numbers its packets transport-wide, and so estimates its uplink itself."""

    @property
    def room(self) -> str: ...
    @property
    def limits(self) -> PolicingLimits: ...
    @property
    def policer(self) -> Policer: ...
    @property
    def bandwidth(self) -> BandwidthEstimator: ...
    @property
    def arrivals(self) -> ArrivalRecorder: ...
    @property
    def rtt(self) -> RoundTripTime: ...
    @property
    def streams(self) -> "dict[int, Stream]":
        """All streams of the transport by SSRC."""

    def send_rtcp(self, packet: bytes) -> None: ...
    def remove_track(self, track: "Track") -> None: ...


class SubscriberTransport(Protocol):
    """What a slot needs of the transport on which it leaves."""

    @property
    def id(self) -> str: ...
    @property
    def path(self) -> tuple[Any, SendSocket, int] | None:
        """SRTP session, send socket and tag length; None while nothing can be sent."""

    @property
    def rtt(self) -> RoundTripTime: ...
    @property
    def retransmissions(self) -> RetransmissionBudget: ...
    def next_transport_sequence(self) -> int: ...
    def send_rtp(self, packet: bytearray) -> None: ...
    def send_protected(self, datagram: bytes) -> None: ...


class Stream:
    """An incoming SSRC of a track. `layer` 0 is the best. An RTX stream has a `primary` and only keeps
    statistics."""

    __slots__ = (
        "bitrate_bps",
        "bytes_before",
        "cache",
        "clock",
        "delivery",
        "fast_paths",
        "groups",
        "is_new",
        "keyframes",
        "last_vp8",
        "layer",
        "losses",
        "meter",
        "pending",
        "primary",
        "ssrc",
        "stats",
        "tapped_report_s",
        "track",
    )  # fmt: skip

    def __init__(self, ssrc: int, track: "Track", layer: int, primary: "Stream | None" = None) -> None:
        self.ssrc, self.track, self.layer, self.primary = ssrc, track, layer, primary
        self.stats = ReceiverStats(track.clock_rate)
        self.clock = SenderClock(track.clock_rate)
        self.meter = LayerMeter()
        self.losses = LossTracker()
        self.cache = PacketCache(VIDEO_SLOTS if track.kind == "video" else AUDIO_SLOTS)
        self.keyframes = KeyframeRequests()
        self.groups: dict[HeaderRewrite, list[Slot]] = {}
        """The slots that this stream feeds, by their header rewrite."""
        self.fast_paths: dict[HeaderRewrite, FastPath[Slot]] = {}
        """The fast paths of these groups; created by `forward`."""
        self.delivery: KeyframeDelivery[Slot | Tap] = KeyframeDelivery(self._part)
        """Slots and taps that start with the next keyframe (audio: the next packet) or lack part of it."""
        self.is_new = True
        """True until the first packet: slots of the track may wait for the stream to appear."""
        self.pending: list[Packet] = []
        """Packets that have arrived but were not forwarded yet."""
        self.last_vp8: Vp8Descriptor | None = None
        """Descriptor of the newest packet, from which a slot continues numbering after a rebinding."""
        self.bitrate_bps = 0
        self.bytes_before = 0
        self.tapped_report_s = float("-inf")
        """When a sender report was last written to the taps."""

    @property
    def is_wanted(self) -> bool:
        """Whether a slot or a tap receives its packets."""
        return bool(self.groups) or any(tap.stream is self for tap in self.track.taps.values())

    def held_since(self, first: int, now: float) -> list[tuple[int, bytes]]:
        """Return the cached packets from sequence number `first` to the newest, in order."""
        count = (self.losses.newest - first & 0xFFFF) + 1
        numbers = (first + ahead & 0xFFFF for ahead in range(min(count, VIDEO_SLOTS)))
        return [(number, data) for number in numbers if (data := self.cache.get(number, now)) is not None]

    def _part(self, sequence: int, now: float) -> Part | None:
        data = self.cache.get(sequence, now)
        header = None if data is None else rtp.parse(data, len(data))
        if data is None or header is None:
            return None
        if self.track.kind == "audio":
            return SOUND
        codec = self.track.by_payload_type.get(header.payload_type)
        return part_of("" if codec is None else codec.name, data, header)

    def book(self) -> None:
        """Bring the numbering and counters of the slots up to date, before they are read."""
        for fast_path in self.fast_paths.values():
            fast_path.book()

    def leave_fast_path(self) -> None:
        """Do the same before a slot's numbering, path or feeding changes, and leave the fast path."""
        self.book()
        self.fast_paths.clear()

    def measure(self, elapsed_s: float) -> None:
        """Update the bitrate; called about once per second."""
        self.bitrate_bps = int((self.stats.bytes - self.bytes_before) * 8 / elapsed_s)
        self.bytes_before = self.stats.bytes


@dataclass(slots=True, eq=False)
class Tap:
    """A copy of a track for egress. It follows the best layer and changes layers at keyframes."""

    number: int
    path: str
    socket: TapSocket
    stream: Stream | None = None

    @property
    def is_ready(self) -> bool:
        return True


class Track:
    """What a participant publishes under one mid."""

    def __init__(self, transport: PublisherTransport, request: SetTrack, now: float) -> None:
        self.transport = transport
        self.id, self.mid, self.kind, self.source = request.track, request.mid, request.kind, request.source
        self.policer = TrackPolicer(request.kind == "audio", transport.limits, transport.policer, now)
        self.streams: dict[int, Stream] = {}
        """Streams by layer."""
        self.slots: set[Slot] = set()
        self.taps: dict[int, Tap] = {}
        self.change(request)

    def change(self, request: SetTrack) -> None:
        """Apply a later `set_track` request; streams stay."""
        self.codecs: list[Codec] = request.codecs
        self.extensions = request.extensions
        self.rids = request.rids
        self.enabled = request.enabled
        self.by_payload_type = {codec.payload_type: codec for codec in request.codecs}
        self.by_rtx_payload_type = {
            codec.rtx_payload_type: codec for codec in request.codecs if codec.rtx_payload_type is not None
        }
        self.clock_rate = request.codecs[0].clock_rate if request.codecs else 90_000
        self.nack = any(codec.nack for codec in request.codecs)
        self.transport_cc_extension = request.extensions.get(rtp.TRANSPORT_CC, 0)
        self.abs_send_time_extension = request.extensions.get(rtp.ABS_SEND_TIME, 0)
        self.level_extension = request.extensions.get(rtp.AUDIO_LEVEL, 0) if request.kind == "audio" else 0

    def choose(self, max_width: int | None, max_height: int | None, now: float) -> Stream | None:
        """Return the stream for a tile of this size among the layers being sent, else any known one."""
        fitting = self.fitting(max_width, max_height, now)
        return fitting[0] if fitting else None

    def fitting(self, max_width: int | None, max_height: int | None, now: float) -> list[Stream]:
        """Return the stream for a tile of this size and then the smaller ones being sent, best first."""
        if not self.streams:
            return []
        layers = [
            self.streams[index].meter.measured(now) if index in self.streams else _ABSENT
            for index in range(max(self.streams) + 1)
        ]
        chosen = choose_layer(layers, max_width, max_height)
        if chosen is None:
            return [self.streams[min(self.streams)]]
        return [self.streams[index] for index in range(chosen, len(layers)) if layers[index].active]


class Slot:
    """An outgoing stream to one subscriber. `track` is bound to it, `stream` is what it carries now, and
    `target` is what it will carry from a keyframe on."""

    __slots__ = (
        "_last_vp8",
        "cname",
        "codecs",
        "extensions",
        "fraction_lost",
        "header_rewrite",
        "highest_reported",
        "kind",
        "max_height",
        "max_width",
        "mid",
        "nacked",
        "octets",
        "packets",
        "reports_sent",
        "resent",
        "resumed",
        "retransmitted",
        "revision",
        "rewriter",
        "rtx_sequence",
        "rtx_ssrc",
        "sent",
        "special",
        "ssrc",
        "steps_down",
        "stream",
        "suspended",
        "target",
        "track",
        "transport",
        "vp8",
    )  # fmt: skip

    def __init__(self, transport: SubscriberTransport, request: SetSlot) -> None:
        self.transport = transport
        self.mid, self.kind, self.ssrc = request.mid, request.kind, request.ssrc
        self.track: Track | None = None
        self.stream: Stream | None = None
        self.target: Stream | None = None
        self.header_rewrite: HeaderRewrite | None = None
        self.revision = 0
        self.resumed = False
        self.max_width: int | None = None
        self.max_height: int | None = None
        self.steps_down = 0
        """By how many layers it stays below the one for its tile, because the subscriber's link is narrow."""
        self.suspended = False
        """Whether it carries nothing because the subscriber's link is too narrow."""
        self.rewriter: SlotRewriter[Stream | None] = SlotRewriter(
            48_000 if request.kind == "audio" else 90_000, None, secrets.randbits(15), secrets.randbits(31)
        )
        self.vp8: Vp8Rewriter | None = None
        """None until a second VP8 stream is bound: the numbers of the first one are not changed."""
        self.special = False
        """Whether its packets differ from others' in more than the header."""
        self.rtx_sequence = secrets.randbits(15)
        self.sent: dict[int, bytes] | None = None
        """Without RTX: the encrypted datagrams by sequence number. Encrypting a number again with other bytes,
        such as a new TWCC number, would reuse a GCM nonce."""
        self._last_vp8: Vp8Descriptor | None = None
        self.nacked: dict[int, None] = {}
        """Sequence numbers that the subscriber requested; answered after new packets were forwarded."""
        self.resent = RetransmissionHistory()
        self.reports_sent = SentReports()
        self.packets = self.octets = self.retransmitted = 0
        self.fraction_lost = 0.0
        self.highest_reported: int | None = None
        self.change(request)

    @property
    def is_ready(self) -> bool:
        """Whether the subscriber's client is connected."""
        return self.transport.path is not None

    def change(self, request: SetSlot) -> None:
        """Apply a later `set_slot` request; SSRCs never change."""
        self.cname = request.cname
        self.rtx_ssrc = request.rtx_ssrc
        self.codecs = request.codecs
        self.extensions = request.extensions
        if request.rtx_ssrc is not None:
            self.sent = None
        elif self.sent is None and any(codec.nack for codec in request.codecs):
            self.sent = {}
        self.special = self.vp8 is not None or self.sent is not None

    def begin(self, stream: Stream) -> None:
        """Carry `stream` from its next packet on, which starts a keyframe. Numbering continues."""
        stream.leave_fast_path()
        if self.vp8 is not None:
            self.vp8.rebind()
        elif self._last_vp8 is not None:
            self.vp8 = Vp8Rewriter()
            self.vp8.patch(bytearray(self._last_vp8.length + 1), 0, self._last_vp8)
            self.vp8.rebind()
        self.special = self.vp8 is not None or self.sent is not None
        self.rewriter.rebind(stream)
        self.stream = stream

    def end(self) -> Stream | None:
        """Carry nothing; return what was carried."""
        if self.stream is not None:
            self.stream.leave_fast_path()
        stream, self.stream = self.stream, None
        if stream is not None and stream.last_vp8 is not None:
            self._last_vp8 = stream.last_vp8
        return stream

    def book(self) -> None:
        """Bring numbering and counters up to date, before they are read."""
        if self.stream is not None:
            self.stream.book()

    def keep(self, sequence: int, protected: bytes) -> None:
        """Cache a sent datagram, for a subscriber without RTX."""
        sent = self.sent
        if sent is not None:
            sent[sequence] = protected
            if len(sent) > _CIPHERTEXTS:
                del sent[next(iter(sent))]

    def nack(self, sequences: Iterable[int]) -> None:
        """Note what the subscriber requests; `resending.resend` answers it."""
        if len(self.nacked) < MAX_NACKED:
            self.nacked.update(dict.fromkeys(sequences))

    def report(self, block: rtcp.ReportBlock) -> tuple[int, int]:
        """Process a report on this slot; return the packets (expected, lost) since the last one."""
        self.fraction_lost = block.fraction_lost / 256
        before, self.highest_reported = self.highest_reported, block.highest_sequence
        expected = 0 if before is None else block.highest_sequence - before
        if not 0 < expected <= MAX_REPORTED:
            return 0, 0
        return expected, round(expected * self.fraction_lost)

    def sender_report(self, now: float) -> bytes | None:
        """Return a sender report by the publisher's clock, which keeps its tracks in sync at the subscriber."""
        self.book()
        stream, offset = self.stream, self.rewriter.timestamp_offset
        if stream is None or offset is None or not self.packets:
            return None
        report = stream.clock.build(self.ssrc, offset, self.packets, self.octets, now)
        if report is None:
            return None
        self.reports_sent.sent(int.from_bytes(report[10:14], "big"), now)
        return report + rtcp.build_sdes(self.ssrc, self.cname)
