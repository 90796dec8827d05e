"""A published track and the RTP streams that carry it: one per simulcast layer, each perhaps with an RTX stream.

A stream keeps what loss repair and reports need. Which slots it feeds is written into it by `router` alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mediaserver.media.core.codecs.keyframe_parts import SOUND, part_of
from mediaserver.media.core.codecs.vp8 import Vp8Descriptor
from mediaserver.media.core.feedback.nack import LossTracker
from mediaserver.media.core.feedback.sender_report import SenderClock
from mediaserver.media.core.feedback.statistics import ReceiverStats
from mediaserver.media.core.packets import rtp
from mediaserver.media.core.packets.packet_cache import AUDIO_SLOTS, VIDEO_SLOTS, PacketCache
from mediaserver.media.core.quality.keyframe_delivery import KeyframeDelivery, Part
from mediaserver.media.core.quality.keyframe_requests import KeyframeRequests
from mediaserver.media.core.quality.layers import Layer, LayerMeter, choose_layer
from mediaserver.media.core.quality.policer import TrackPolicer
from mediaserver.media.forwarding.fast_path import Steady
from mediaserver.media.messages import Codec, SetTrack

if TYPE_CHECKING:
    from mediaserver.media.forwarding.header_rewrite import Wiring
    from mediaserver.media.forwarding.slot import Slot
    from mediaserver.media.forwarding.transport import Transport
    from mediaserver.media.tapping.egress_tap import TapSocket

_ABSENT: Final = Layer(0, 0, 0, active=False)

Packet = tuple[bytes, rtp.RtpHeader, Vp8Descriptor | None]


class Stream:
    """One incoming SSRC of a track. `layer` 0 is the best; an RTX stream has a `primary` and only counts."""

    __slots__ = (
        "bitrate_bps", "bytes_before", "cache", "clock", "delivery", "groups", "is_new", "keyframes",
        "last_vp8", "layer", "losses", "meter", "pending", "primary", "ssrc", "stats", "steady",
        "tapped_report_s", "track",
    )  # fmt: skip

    def __init__(self, ssrc: int, track: "Track", layer: int, primary: "Stream | None" = None) -> None:
        self.ssrc, self.track, self.layer, self.primary = ssrc, track, layer, primary
        self.stats = ReceiverStats(track.clock_rate)
        self.clock = SenderClock(track.clock_rate)
        self.meter = LayerMeter()
        self.losses = LossTracker()
        self.cache = PacketCache(VIDEO_SLOTS if track.kind == "video" else AUDIO_SLOTS)
        self.keyframes = KeyframeRequests()
        self.groups: dict[Wiring, list[Slot]] = {}
        """The slots that this stream feeds, by how they number."""
        self.steady: dict[Wiring, Steady] = {}
        """Of these, the ones that merely follow; made by `forward`."""
        self.delivery: KeyframeDelivery[Slot | Tap] = KeyframeDelivery(self._part)
        """Slots and taps that begin with the next keyframe (audio: with the next packet), or lack part of it."""
        self.is_new = True
        """No packet has come yet: slots of the track may wait for the stream to appear."""
        self.pending: list[Packet] = []
        """Arrived, not yet forwarded."""
        self.last_vp8: Vp8Descriptor | None = None
        """The newest packet's descriptor, from which a slot's numbering goes on after a rebinding."""
        self.bitrate_bps = 0
        self.bytes_before = 0
        self.tapped_report_s = float("-inf")
        """When a sender report last went to the taps."""

    @property
    def is_wanted(self) -> bool:
        """Whether a slot or a tap gets its packets."""
        return bool(self.groups) or any(tap.stream is self for tap in self.track.taps.values())

    def held_since(self, first: int, now: float) -> list[tuple[int, bytes]]:
        """The packets from sequence number `first` to the newest that are still here, in order."""
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
        """Bring the numbering and counters of its slots up to date: before anyone reads them."""
        for steady in self.steady.values():
            steady.book()

    def settle(self) -> None:
        """The same before anything about a slot changes: how it numbers, where it sends, whether it is fed."""
        self.book()
        self.steady.clear()

    def measure(self, elapsed_s: float) -> None:
        """Update the bitrate; called about every second."""
        self.bitrate_bps = int((self.stats.bytes - self.bytes_before) * 8 / elapsed_s)
        self.bytes_before = self.stats.bytes


@dataclass(slots=True, eq=False)
class Tap:
    """One copy of the track on its way to egress; it follows the best layer, changing at keyframes."""

    number: int
    path: str
    socket: "TapSocket"
    stream: Stream | None = None

    @property
    def is_ready(self) -> bool:
        return True


class Track:
    """What one participant publishes under one mid."""

    def __init__(self, transport: "Transport", told: SetTrack, now: float) -> None:
        self.transport = transport
        self.id, self.mid, self.kind, self.source = told.track, told.mid, told.kind, told.source
        self.policer = TrackPolicer(told.kind == "audio", transport.limits, transport.policer, now)
        self.streams: dict[int, Stream] = {}
        """By layer."""
        self.slots: set[Slot] = set()
        self.taps: dict[int, Tap] = {}
        self.change(told)

    def change(self, told: SetTrack) -> None:
        """Take over what a later `set_track` says; streams stay."""
        self.codecs: list[Codec] = told.codecs
        self.extensions = told.extensions
        self.rids = told.rids
        self.enabled = told.enabled
        self.by_payload_type = {codec.payload_type: codec for codec in told.codecs}
        self.by_rtx_payload_type = {
            codec.rtx_payload_type: codec for codec in told.codecs if codec.rtx_payload_type is not None
        }
        self.clock_rate = told.codecs[0].clock_rate if told.codecs else 90_000
        self.nack = any(codec.nack for codec in told.codecs)
        self.transport_cc_extension = told.extensions.get(rtp.TRANSPORT_CC, 0)
        self.abs_send_time_extension = told.extensions.get(rtp.ABS_SEND_TIME, 0)
        self.level_extension = told.extensions.get(rtp.AUDIO_LEVEL, 0) if told.kind == "audio" else 0

    def choose(self, max_width: int | None, max_height: int | None, now: float) -> Stream | None:
        """The stream for a tile of this size: of the layers that are being sent, else any that was."""
        fitting = self.fitting(max_width, max_height, now)
        return fitting[0] if fitting else None

    def fitting(self, max_width: int | None, max_height: int | None, now: float) -> list[Stream]:
        """The stream for a tile of this size, then the smaller ones that are being sent, best first."""
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
