"""Handles the RTCP of clients about slots and tracks, and sends reports to them.

A client's RTCP affects only its own tracks and slots; reports about other SSRCs are ignored.
"""

from collections.abc import Callable
from typing import Any, Final

from mediaserver.media.core.packets import rtcp
from mediaserver.media.forwarding.resending import resend
from mediaserver.media.forwarding.router import SENDER_SSRC, Router
from mediaserver.media.forwarding.streams import Slot, Stream
from mediaserver.media.forwarding.transport import Transport
from mediaserver.media.tapping import framing

FEEDBACK_S: Final = 0.06
REPORT_S: Final = 1.0
TAPPED_REPORT_S: Final = 0.1
"""Minimum interval of sender reports in a recording: a flood of them must not fill its journal."""


class Reports:
    """Handles incoming RTCP and sends feedback and reports at intervals."""

    def __init__(self, router: Router, clock: Callable[[], float], max_bitrate_bps: int) -> None:
        self._router, self._clock, self._max_bitrate_bps = router, clock, max_bitrate_bps
        self._nacked: set[Slot] = set()
        self._handlers: dict[type, Callable[[Transport, Any, float], None]] = {
            rtcp.SenderReport: self._sender_report,
            rtcp.ReceiverReport: self._receiver_report,
            rtcp.Nack: self._nack,
            rtcp.Pli: self._pli,
            rtcp.Fir: self._fir,
            rtcp.Remb: self._remb,
        }

    # ------------------------------------------------------------------------------------------ from clients

    def arrived(self, transport: Transport, packets: list[rtcp.Packet], data: bytes) -> None:
        now = self._clock()
        for packet in packets:
            handler = self._handlers.get(type(packet))
            if handler is not None:
                handler(transport, packet, now)
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                stream = transport.reception.streams.get(packet.ssrc)
                if stream is None or stream.primary is not None or not stream.track.taps:
                    continue
                if now - stream.tapped_report_s >= TAPPED_REPORT_S:
                    stream.tapped_report_s = now
                    self._router.taps.write(stream, framing.SENDER_REPORT, data)

    def _sender_report(self, transport: Transport, packet: rtcp.SenderReport, now: float) -> None:
        stream = transport.reception.streams.get(packet.ssrc)
        if stream is not None:
            stream.stats.sender_report(packet.ntp, now)
            stream.clock.update(packet, now)
        self._blocks(transport, packet.reports, now)

    def _receiver_report(self, transport: Transport, packet: rtcp.ReceiverReport, now: float) -> None:
        self._blocks(transport, packet.reports, now)

    def _blocks(self, transport: Transport, blocks: tuple[rtcp.ReportBlock, ...], now: float) -> None:
        for block in blocks:
            slot = transport.slots_by_ssrc.get(block.ssrc)
            if slot is not None and slot.ssrc == block.ssrc:
                transport.downlink.reported(*slot.report(block))
                round_trip_s = slot.reports_sent.round_trip_s(block, now)
                if round_trip_s is not None:
                    transport.rtt.sample(round_trip_s)

    def _nack(self, transport: Transport, packet: rtcp.Nack, now: float) -> None:
        slot = transport.slots_by_ssrc.get(packet.media_ssrc)
        if slot is not None and slot.ssrc == packet.media_ssrc:
            slot.nack(packet.sequences)
            transport.downlink.nacked(len(packet.sequences))
            self._nacked.add(slot)

    def answer_nacks(self) -> int:
        """Resend what was requested since the last call, audio first; return how many packets were refused.

        Called after arrived packets were forwarded, because first transmissions take precedence.
        """
        if not self._nacked:
            return 0
        now = self._clock()
        slots = sorted(self._nacked, key=lambda slot: slot.kind)  # "audio" sorts before "video"
        self._nacked.clear()
        return sum(resend(slot, now) for slot in slots)

    def _pli(self, transport: Transport, packet: rtcp.Pli, now: float) -> None:
        self._keyframe_for(transport, packet.media_ssrc)

    def _fir(self, transport: Transport, packet: rtcp.Fir, now: float) -> None:
        for ssrc in {ssrc for ssrc, _ in packet.requests}:
            self._keyframe_for(transport, ssrc)

    def _remb(self, transport: Transport, packet: rtcp.Remb, now: float) -> None:
        # An estimate that names none of our streams applies to all of them.
        known = [ssrc for ssrc in packet.ssrcs if ssrc in transport.slots_by_ssrc]
        transport.downlink.remb(packet.bitrate_bps, known or list(transport.slots_by_ssrc), now)

    def _keyframe_for(self, transport: Transport, ssrc: int) -> None:
        slot = transport.slots_by_ssrc.get(ssrc)
        if slot is not None:
            self._router.keyframe_requested(slot)

    # ------------------------------------------------------------------------------------------ to clients

    def repair(self, transport: Transport, now: float) -> None:
        """Request lost packets and missing keyframes again and send transport feedback; called every 20 to 30
        ms."""
        for stream in list(transport.reception.streams.values()):
            if stream.primary is None:
                self._repair_stream(transport, stream, now)
        if transport.has_transport_cc and now - transport.last_feedback >= FEEDBACK_S:
            transport.last_feedback = now
            for packet in transport.arrivals.build(now, SENDER_SSRC, self._any_ssrc(transport)):
                transport.send_rtcp(packet)

    def _repair_stream(self, transport: Transport, stream: Stream, now: float) -> None:
        track = stream.track
        if track.enabled and track.nack and not track.policer.is_refusing(now):
            missing = stream.losses.due(now, transport.rtt.seconds)
            if missing:
                transport.send_rtcp(rtcp.build_nack(SENDER_SSRC, stream.ssrc, missing))
        if stream.losses.take_keyframe_wish() and stream.is_wanted:
            self._router.want_keyframe(stream)
        if stream.keyframes.wanted or stream.delivery.is_open:
            self._router.repeat_keyframe_wish(stream, now)

    def report(self, transport: Transport, now: float) -> None:
        """Send receiver reports about the client's streams and sender reports of its slots; called every
        second."""
        blocks = [
            stream.stats.report(ssrc, now)
            for ssrc, stream in transport.reception.streams.items()
            if stream.stats.packets
        ]
        for start in range(0, len(blocks), 31):
            transport.send_rtcp(rtcp.build_rr(SENDER_SSRC, blocks[start : start + 31]))
        if blocks:
            self._limit_bitrate(transport, max(block.fraction_lost for block in blocks) / 256, now)
        for slot in transport.slots.values():
            report = slot.sender_report(now)
            if report is not None:
                transport.send_rtcp(report)

    def _limit_bitrate(self, transport: Transport, loss: float, now: float) -> None:
        """Send the client a REMB: our estimate, or only the upper bound if the client estimates by itself."""
        ssrcs = [ssrc for ssrc, stream in transport.reception.streams.items() if stream.track.kind == "video"]
        if not ssrcs:
            return
        limit_bps = self._max_bitrate_bps
        if not transport.has_transport_cc:
            limit_bps = transport.bandwidth.update(loss, now)
        transport.send_rtcp(rtcp.build_remb(SENDER_SSRC, limit_bps, ssrcs[:255]))

    @staticmethod
    def _any_ssrc(transport: Transport) -> int:
        return next(iter(transport.reception.streams), 0)
