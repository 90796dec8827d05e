"""Routes packets from tracks to slots: counts them, caches them for repair and forwards them.

Bindings change at keyframes: `core/quality/keyframe_delivery.py` decides where a slot or tap begins and whether
it received a whole keyframe. Only the router decides which slots a stream feeds, so a slot is fed by one stream
at a time.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from mediaserver.media.core.codecs import h264, vp8
from mediaserver.media.core.codecs.keyframe_parts import SOUND, h264_part, part_of, vp8_part
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.quality.keyframe_delivery import Part, Progress
from mediaserver.media.forwarding.forward import Forwarder
from mediaserver.media.forwarding.header_rewrite import HeaderRewrites
from mediaserver.media.forwarding.streams import Packet, Slot, Stream, Tap, Track
from mediaserver.media.forwarding.tap_router import TapRouter
from mediaserver.media.tapping import framing
from mediaserver.media.tapping.egress_tap import Taps

FORGET_MISSING: Final = 50
"""From this number on, packets missing before a keyframe are not requested. Fewer are, as some receivers wait
for them."""
SENDER_SSRC: Final = 1
"""The server's SSRC in feedback; it sends no media."""


class Router:
    """All tracks of a worker by id, and the routing of their packets."""

    def __init__(
        self,
        forwarder: Forwarder,
        taps: Taps,
        dropped: Counter[str],
        clock: Callable[[], float],
        realtime_ns: Callable[[], int],
        on_unsupported: Callable[[Slot, Track], None],
        on_level: Callable[[Track, int, float], None],
    ) -> None:
        self.tracks: dict[str, Track] = {}
        self._forwarder, self._dropped, self._clock = forwarder, dropped, clock
        self.taps = TapRouter(taps, realtime_ns, self.repeat_keyframe_wish)
        self._on_unsupported, self._on_level = on_unsupported, on_level
        self._header_rewrites = HeaderRewrites()
        self._pending: list[Stream] = []
        self.packets_in = self.bytes_in = 0

    # ------------------------------------------------------------------------------------------ packets

    def arrived(self, stream: Stream, data: bytes, header: rtp.RtpHeader) -> None:
        """Count an authenticated packet; the next `flush` forwards it."""
        now = self._clock()
        track = stream.track
        self.packets_in += 1
        self.bytes_in += len(data)
        stream.stats.packet(header.sequence, header.timestamp, len(data), now)
        abs_send_time = self._read_extensions(track, data, header, now) if header.ext_start else None
        if not track.transport.has_transport_cc:
            track.transport.bandwidth.packet(len(data), abs_send_time, now)
        if stream.primary is not None:
            unwrapped = self._unwrap(stream, data, header)
            if unwrapped is None:
                return
            stream, data, header = unwrapped
        stream.losses.received(header.sequence, now)
        stream.meter.packet(len(data), now)
        if stream.is_new:
            stream.is_new = False
            for slot in track.slots:
                self.aim(slot, now)
            self.taps.aim(track, now)
        if not track.enabled:
            self._dropped["disabled"] += 1
        elif header.payload_type not in track.by_payload_type:
            self._dropped["payload_type"] += 1
        elif rtp.is_padding_only(header):
            stream.cache.insert(
                header.sequence, data, now
            )  # a keyframe that contains it is complete nevertheless
            self._skip(stream, header, now)
            if track.taps:  # a recorder uses the publisher's numbers and would count a gap as loss
                self.taps.write(stream, framing.RTP, data)
            if stream.delivery.is_open:
                self._deliver(stream, header.sequence, part_of("", data, header), now)
        elif stream.cache.insert(header.sequence, data, now):
            self._accept(stream, data, header, now)

    def _read_extensions(self, track: Track, data: bytes, header: rtp.RtpHeader, now: float) -> int | None:
        """Record transport-wide number and audio level; return the absolute sending time, if present."""
        abs_send_time = None
        for number, _, offset, length in rtp.elements(data, header):
            if number == track.transport_cc_extension and length == 2:
                track.transport.has_transport_cc = True
                track.transport.arrivals.record(int.from_bytes(data[offset : offset + 2], "big"), now)
            elif number == track.level_extension and length == 1:
                if track.enabled:
                    self._on_level(track, data[offset] & 0x7F, now)
            elif number == track.abs_send_time_extension and length == 3:
                abs_send_time = int.from_bytes(data[offset : offset + 3], "big")
        return abs_send_time

    def _unwrap(
        self, stream: Stream, data: bytes, header: rtp.RtpHeader
    ) -> tuple[Stream, bytes, rtp.RtpHeader] | None:
        """Return the original packet of a retransmission (RFC 4588); None for a probe."""
        primary = stream.primary
        codec = stream.track.by_rtx_payload_type.get(header.payload_type)
        if codec is None or primary is None:
            self._dropped["payload_type"] += 1
            return None
        packet = bytearray(data)
        original = rtp.rtx_unwrap(packet, header, codec.payload_type, primary.ssrc)
        if original is None:
            return None
        return primary, bytes(packet[: original.length]), original

    def _skip(self, stream: Stream, header: rtp.RtpHeader, now: float) -> None:
        """Drop a packet of padding only, which serves our bandwidth estimate, without leaving a gap."""
        self.flush_stream(stream, now)
        stream.leave_fast_path()
        for slots in stream.groups.values():
            for slot in slots:
                slot.rewriter.skip(header.sequence)

    def _accept(self, stream: Stream, data: bytes, header: rtp.RtpHeader, now: float) -> None:
        track = stream.track
        descriptor: vp8.Vp8Descriptor | None = None
        part: Part | None = None
        if track.kind == "video":
            descriptor, part = self._read_picture(stream, data, header)
        elif stream.delivery.is_open:
            part = SOUND
        if not stream.pending:
            self._pending.append(stream)
        stream.pending.append((data, header, descriptor))
        if track.taps:
            self.taps.write(stream, framing.RTP, data)
        if part is not None:
            self._deliver(stream, header.sequence, part, now)

    def _read_picture(
        self, stream: Stream, data: bytes, header: rtp.RtpHeader
    ) -> tuple[vp8.Vp8Descriptor | None, Part | None]:
        """Return the packet's VP8 descriptor, if any, and its part in a keyframe, if that is needed now."""
        descriptor = None
        at, size = header.header_length, header.payload_length
        if stream.track.by_payload_type[header.payload_type].name == "VP8":
            descriptor = stream.last_vp8 = vp8.parse(data, at, size)
            if descriptor is None or not descriptor.keyframe:
                return descriptor, vp8_part(header, descriptor) if stream.delivery.is_open else None
            dimensions = vp8.dimensions(data, at, size, descriptor)
            part = vp8_part(header, descriptor)
        else:
            units = h264.keyframe_units(data, at, size)
            if not any(units):
                return None, h264_part(header, units) if stream.delivery.is_open else None
            dimensions = h264.dimensions(data, at, size)
            part = h264_part(header, units)
        if stream.losses.missing > FORGET_MISSING:
            stream.losses.forget_before(header.sequence)
        if dimensions is not None:
            stream.meter.width, stream.meter.height = dimensions
        return descriptor, part

    def flush(self, now: float) -> None:
        """Forward all pending packets."""
        for stream in self._pending:
            if stream.pending:
                self._forwarder.forward(stream, now)
        self._pending.clear()

    def flush_stream(self, stream: Stream, now: float) -> None:
        if stream.pending:
            self._forwarder.forward(stream, now)

    # ------------------------------------------------------------------------------------------ keyframes

    def _deliver(self, stream: Stream, sequence: int, part: Part, now: float) -> None:
        """Attach waiting subscribers if the packet belongs to a keyframe."""
        progress = stream.delivery.arrived(sequence, part, now)
        if progress.begun:
            self.flush(now)
            self._begin(stream, progress, now)
        if progress.whole_since_s is not None:
            stream.keyframes.arrived(progress.whole_since_s)

    def _begin(self, stream: Stream, progress: "Progress[Slot | Tap]", now: float) -> None:
        """Attach subscribers and send them the cached packets of the keyframe and those after it."""
        held = stream.held_since(progress.first, now)
        packets: list[Packet] | None = None
        for subscriber in progress.begun:
            if isinstance(subscriber, Tap):
                self.taps.begin(subscriber, stream, held, now)
                continue
            if packets is None:
                packets = [one for _, data in held if (one := self._reread(stream, data)) is not None]
            self._attach(subscriber, stream)
            self._forwarder.replay(packets, subscriber, now)

    def _reread(self, stream: Stream, data: bytes) -> Packet | None:
        header = rtp.parse(data, len(data))
        codec = None if header is None else stream.track.by_payload_type.get(header.payload_type)
        if header is None or codec is None:
            return None
        descriptor = None
        if codec.name == "VP8":
            descriptor = vp8.parse(data, header.header_length, header.payload_length)
        return data, header, descriptor

    def want_keyframe(self, stream: Stream) -> None:
        """Request a keyframe of the publisher as soon as the throttle allows, and again until one arrives."""
        if stream.track.kind == "video" and stream.keyframes.ask(self._clock()):
            self._send_pli(stream)

    def keyframe_requested(self, slot: Slot) -> None:
        """Handle a subscriber's keyframe request (PLI, FIR) for what its slot carries, within its own limit."""
        stream = slot.stream
        if stream is None or stream.track.kind != "video":
            return
        now = self._clock()
        arriving_since_s = stream.delivery.arriving_since(now, stream.track.transport.rtt.seconds)
        if stream.keyframes.ask_for(slot.transport.id, now, arriving_since_s):
            self._send_pli(stream)

    def repeat_keyframe_wish(self, stream: Stream, now: float) -> None:
        """Request a keyframe, within the throttle, if one is needed or a subscriber has no whole one yet."""
        if stream.track.kind != "video" or not stream.track.enabled:
            return
        arriving_since_s = stream.delivery.arriving_since(now, stream.track.transport.rtt.seconds)
        is_lacking = stream.delivery.is_lacking
        if stream.keyframes.due(now, lacking=is_lacking, arriving_since_s=arriving_since_s):
            self._send_pli(stream)

    def _send_pli(self, stream: Stream) -> None:
        stream.track.transport.send_rtcp(rtcp.build_pli(SENDER_SSRC, stream.ssrc))

    # ------------------------------------------------------------------------------------------ bindings

    def bind(self, slot: Slot, track: Track | None, revision: int) -> None:
        """Bind a track to a slot, which stops sending. After `resume` it carries the track."""
        self._detach(slot)
        if slot.track is not None:
            slot.track.slots.discard(slot)
        slot.track, slot.revision, slot.resumed = track, revision, False
        if track is not None:
            track.slots.add(slot)

    def resume(self, slot: Slot, revision: int) -> None:
        """Let a slot carry its track, unless the binding has changed since `revision`."""
        if revision != slot.revision or slot.track is None or slot.resumed:
            return  # the binding has changed since
        slot.resumed = True
        rewrite = self._header_rewrites.between(
            slot.track.codecs, slot.track.extensions, slot.codecs, slot.extensions
        )
        if not rewrite.codecs:
            self._on_unsupported(slot, slot.track)
            return
        slot.header_rewrite = rewrite
        self.aim(slot, self._clock())

    def pause(self, slot: Slot) -> None:
        """Stop sending on a slot until `resume`."""
        slot.resumed = False
        self._detach(slot)

    def limit(self, slot: Slot, steps_down: int | None, now: float, *, at_once: bool = False) -> None:
        """Give the slot a layer some steps below the one for its tile; None suspends the slot.

        With `at_once` a better layer stops immediately instead of at the keyframe of the smaller one.
        """
        lowered = steps_down is None or (at_once and steps_down > slot.steps_down)
        if lowered and not slot.suspended:
            self._detach(slot)
        slot.steps_down, slot.suspended = steps_down or 0, steps_down is None
        self.aim(slot, now)

    def rewire(self, slot: Slot) -> None:
        """Start again with the next keyframe, after the numbers of the slot or its track were renegotiated."""
        if slot.resumed:
            self.pause(slot)
            self.resume(slot, slot.revision)

    def aim(self, slot: Slot, now: float) -> None:
        """Choose the layer that the slot should carry and, if it is another one, wait for its keyframe."""
        track = slot.track
        if (
            track is None
            or not track.enabled
            or not slot.resumed
            or slot.suspended
            or slot.header_rewrite is None
            or not slot.header_rewrite.codecs
        ):
            return
        fitting = track.fitting(slot.max_width, slot.max_height, now)
        wanted = fitting[min(slot.steps_down, len(fitting) - 1)] if fitting else None
        if wanted is None or wanted in (slot.target, slot.stream):
            if wanted is slot.stream and slot.target is not None:
                self._stop_waiting(slot)
            return
        self._stop_waiting(slot)
        slot.target = wanted
        wanted.delivery.wait(slot)
        self.repeat_keyframe_wish(wanted, now)

    def _attach(self, slot: Slot, stream: Stream) -> None:
        rewrite = slot.header_rewrite
        assert rewrite is not None
        slot.target = None
        self._detach(slot)
        slot.begin(stream)
        stream.groups.setdefault(rewrite, []).append(slot)

    def _detach(self, slot: Slot) -> None:
        self._stop_waiting(slot)
        stream = slot.end()
        if stream is None:
            return
        stream.delivery.forget(slot)
        for rewrite, slots in list(stream.groups.items()):
            if slot in slots:
                slots.remove(slot)
            if not slots:
                del stream.groups[rewrite]

    def _stop_waiting(self, slot: Slot) -> None:
        if slot.target is not None:
            slot.target.delivery.forget(slot)
            slot.target = None

    # ------------------------------------------------------------------------------------------ tracks

    def enable(self, track: Track, enabled: bool) -> None:
        """Forward a track's packets, or drop them on arrival. Its slots continue with the next keyframe, as
        after a rebinding: dropped packets leave no gap in their sequence numbers."""
        if track.enabled == enabled:
            return
        self.flush(self._clock())
        track.enabled = enabled
        for slot in track.slots:
            self._detach(slot)
            self.aim(slot, self._clock())
        self.taps.restart(track, self._clock())

    def close_track(self, track: Track) -> None:
        """Remove a track, its streams and its taps."""
        for slot in list(track.slots):
            self.bind(slot, None, slot.revision)
        for number in list(track.taps):
            self.taps.close(track, number)
        track.transport.remove_track(track)
        self.tracks.pop(track.id, None)

    def close_slot(self, slot: Slot) -> None:
        """Detach a slot from its track."""
        self.bind(slot, None, slot.revision)
