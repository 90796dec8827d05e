"""The SFU of a worker: its transports, tracks and slots, and the requests and timers that change them.

Everything runs in one event loop without awaiting in between, so each request sees and leaves a consistent state.
"""

import asyncio
import logging
import math
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mediaserver.base.errors import Conflict, Invalid, NotFound
from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.forwarding.forward import Forwarder
from mediaserver.media.forwarding.reports import REPORT_S, Reports
from mediaserver.media.forwarding.router import Router
from mediaserver.media.forwarding.speakers import Speakers
from mediaserver.media.forwarding.streams import Slot, Stream, Track
from mediaserver.media.forwarding.subscriptions import Subscriptions
from mediaserver.media.forwarding.transport import Transport, close_all
from mediaserver.media.net.certificate import load_certificate
from mediaserver.media.net.dtls import DtlsServer
from mediaserver.media.net.ice import Agents
from mediaserver.media.net.port import Port
from mediaserver.media.net.route import Route
from mediaserver.media.net.stun import Credentials
from mediaserver.media.tapping.egress_tap import Taps

log = logging.getLogger(__name__)

TICK_S: Final = 0.02
"""Interval at which losses, feedback and keyframe requests are processed."""
GRACE_S: Final = 0.01
"""How long a due tick waits for the next packet: waking up costs more than the tick."""
IDLE_S: Final = 0.25
"""Interval while the worker has no transports."""
REPORTED_SHARE: Final = 1 / 25
"""Most transports whose reports are built in one tick; a second has at least 33 ticks."""


class Sfu:
    """The state of a configured worker. Each request has a method named like its `op`; `emit` sends an event."""

    def __init__(self, told: m.Configure, emit: Callable[[m.Event], None]) -> None:
        self._emit = emit
        self._limits = told.policing_limits()
        self._loop = asyncio.get_running_loop()
        self._certificate = load_certificate(Path(told.certificate))
        self._dtls = DtlsServer(self._certificate, self._loop)
        self._clock = self._loop.time
        self._agents: Agents[Transport] = Agents()
        self._port = Port(told.ip, told.port, self._agents.owners, self._stun, self._drained, told.gso)
        self._agents.dropped = self._port.dropped
        self._forwarder = Forwarder(self._port)
        self._taps = Taps(self._tap_lost)
        self._speakers = Speakers(lambda room, tracks: emit(m.SpeakersChanged(room=room, tracks=tracks)))
        self._router = Router(
            self._forwarder, self._taps, self._port.dropped, self._clock, time.time_ns,
            on_unsupported=self._unsupported, on_level=self._speakers.heard,
        )  # fmt: skip
        self._reports = Reports(self._router, self._clock, told.max_bitrate_bps)
        self._subscriptions = Subscriptions(self._router, self._suspended)
        self._transports: dict[str, Transport] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._tick_due_s = self._clock()
        self._timer = self._loop.call_soon(self._tick_now)
        self._port.start()

    def configured(self) -> m.Configured:
        digest = next(one for one in self._certificate.getFingerprints() if one.algorithm == "sha-256")
        return m.Configured(
            port=self._port.port, fingerprint=m.Fingerprint(algorithm=digest.algorithm, value=digest.value)
        )

    async def close(self) -> None:
        """Close all transports (DTLS close_notify) and the port."""
        self._timer.cancel()
        self._tick_due_s = math.inf
        await asyncio.gather(*self._closing, return_exceptions=True)
        await close_all(list(self._transports.values()))
        self._taps.flush(time.monotonic())
        self._taps.close_all()
        self._dtls.close()
        self._port.close()

    # ------------------------------------------------------------------------------------------ requests

    async def open_transport(self, told: m.OpenTransport) -> m.IceParameters:
        if told.transport in self._transports:
            raise Conflict("transport_exists", f"there is a transport {told.transport} already")
        transport = Transport(
            told.transport, told.room, self._port, self._agents, self._dtls, self, self._clock,
            self._limits,
        )  # fmt: skip
        self._transports[told.transport] = transport
        return _ice_parameters(transport)

    async def connect_transport(self, told: m.ConnectTransport) -> m.Empty:
        if not told.fingerprints:
            raise Invalid("no_fingerprint", "a client needs a certificate fingerprint")
        transport = self._transport(told.transport)
        self._agents.connect(transport.agent, Credentials(told.ice.ufrag, told.ice.pwd))
        transport.connect(told.fingerprints)
        return m.Empty()

    async def restart_ice(self, told: m.RestartIce) -> m.IceParameters:
        transport = self._transport(told.transport)
        self._agents.restart(transport.agent, Credentials(told.ice.ufrag, told.ice.pwd))
        return _ice_parameters(transport)

    async def close_transport(self, told: m.CloseTransport) -> m.Empty:
        transport = self._transports.get(told.transport)
        if transport is not None:
            await self._remove(transport)
        return m.Empty()

    async def set_track(self, told: m.SetTrack) -> m.Empty:
        transport = self._transport(told.transport)
        track = self._router.tracks.get(told.track)
        if track is None:
            holder = transport.reception.tracks.get(told.mid)
            if holder is not None:  # the m-line is reused
                self._close_track(holder)
            track = self._router.tracks[told.track] = Track(transport, told, self._clock())
        elif track.transport is not transport or track.mid != told.mid:
            raise Conflict("track_elsewhere", f"track {told.track} belongs to another transport or mid")
        else:
            self._router.enable(track, told.enabled)
            track.change(told)
            for slot in list(track.slots):
                self._router.rewire(slot)
        transport.reception.add_track(track, told.ssrcs, told.rtx_ssrcs)
        return m.Empty()

    async def enable_track(self, told: m.EnableTrack) -> m.Empty:
        self._router.enable(self._track(told.track), told.enabled)
        return m.Empty()

    async def close_track(self, told: m.CloseTrack) -> m.Empty:
        track = self._router.tracks.get(told.track)
        if track is not None:
            self._close_track(track)
        return m.Empty()

    async def set_slot(self, told: m.SetSlot) -> m.Empty:
        transport = self._transport(told.transport)
        slot = transport.slots.get(told.mid)
        for ssrc in {told.ssrc, told.rtx_ssrc} - {None}:
            assert ssrc is not None
            if transport.slots_by_ssrc.get(ssrc, slot) is not slot:
                raise Conflict("ssrc_taken", f"SSRC {ssrc} belongs to another slot")
        if slot is None:
            slot = transport.slots[told.mid] = Slot(transport, told)
        elif slot.ssrc != told.ssrc or slot.kind != told.kind:
            raise Conflict("slot_fixed", f"slot {told.mid} keeps its SSRC and kind")
        else:
            slot.change(told)
            self._router.rewire(slot)
        transport.slots_by_ssrc[told.ssrc] = slot
        if told.rtx_ssrc is not None:
            transport.slots_by_ssrc[told.rtx_ssrc] = slot
        return m.Empty()

    async def bind_slot(self, told: m.BindSlot) -> m.Empty:
        slot = self._slot(told.transport, told.mid)
        track = None if told.track is None else self._track(told.track)
        if track is not None and track.kind != slot.kind:
            raise Conflict("wrong_kind", f"slot {told.mid} carries {slot.kind}")
        slot.max_width, slot.max_height = told.max_width, told.max_height
        self._router.bind(slot, track, told.revision)
        return m.Empty()

    async def resume_slot(self, told: m.ResumeSlot) -> m.Empty:
        self._router.resume(self._slot(told.transport, told.mid), told.revision)
        return m.Empty()

    async def pause_slot(self, told: m.PauseSlot) -> m.Empty:
        self._router.pause(self._slot(told.transport, told.mid))
        return m.Empty()

    async def tap_track(self, told: m.TapTrack) -> m.Empty:
        self._router.taps.open(self._track(told.track), told.tap, told.path, self._clock())
        return m.Empty()

    async def untap_track(self, told: m.UntapTrack) -> m.Empty:
        track = self._router.tracks.get(told.track)
        if track is not None:
            self._router.taps.close(track, told.tap)
        return m.Empty()

    async def get_stats(self, _told: m.GetStats) -> m.Stats:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return m.Stats(
            packets_in=self._router.packets_in,
            packets_out=self._forwarder.packets,
            bytes_in=self._router.bytes_in,
            bytes_out=self._forwarder.bytes,
            dropped={**self._port.dropped, "tap_overflow": self._taps.overflowed},
            transports=len(self._transports),
            tracks=[_track_stats(track) for track in self._router.tracks.values()],
            slots=[_slot_stats(slot) for one in self._transports.values() for slot in one.slots.values()],
            cpu_s=used.ru_utime + used.ru_stime,
        )

    # ------------------------------------------------------------------------------------------ events

    def transport_changed(self, transport: Transport, state: m.TransportState, reason: str) -> None:
        self._emit(m.TransportChanged(transport=transport.id, state=state, reason=reason))
        if state == "closed":
            closing = self._loop.create_task(self._remove(transport))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def packet_arrived(self, stream: Stream, data: bytes, header: rtp.RtpHeader) -> None:
        self._router.arrived(stream, data, header)

    def rtcp_arrived(self, transport: Transport, packets: list[rtcp.Packet], data: bytes) -> None:
        self._reports.arrived(transport, packets, data)

    def _stun(self, data: bytes, route: Route) -> list[bytes]:
        return self._agents.receive(data, route, self._clock())

    def _drained(self) -> None:
        now = self._clock()
        self._router.flush(now)
        refused = self._reports.answer_nacks()
        if refused:
            self._port.dropped["retransmission_budget"] += refused
        if now >= self._tick_due_s:
            self._tick_now()

    def _tap_lost(self, number: int) -> None:
        for track in self._router.tracks.values():
            self._router.taps.lost(track, number, self._clock())

    def _suspended(self, slot: Slot) -> None:
        track = None if slot.track is None else slot.track.id
        self._emit(
            m.SlotSuspended(transport=slot.transport.id, mid=slot.mid, track=track, suspended=slot.suspended)
        )

    def _unsupported(self, slot: Slot, track: Track) -> None:
        self._emit(m.SlotUnsupported(transport=slot.transport.id, mid=slot.mid, track=track.id))

    def _tick_now(self) -> None:
        now = self._clock()
        self._timer.cancel()
        self._tick_due_s = now + TICK_S
        at = self._tick_due_s + GRACE_S if self._transports else now + IDLE_S
        self._timer = self._loop.call_at(at, self._tick_now)
        try:
            self._tick(now)
        except Exception:  # an error of one transport must not stop the timers of others
            log.exception("tick failed")

    def _tick(self, now: float) -> None:
        for request, route in self._agents.due(now):
            self._port.send(request, route)
        transports = list(self._transports.values())
        for transport in transports:
            if transport.reception.streams:
                self._reports.repair(transport, now)
            if transport.downlink.is_due(now):
                self._subscriptions.adapt(transport, now)
        self._taps.flush(time.monotonic())
        self._speakers.tick(now)
        due = [one for one in transports if now - one.reported_s >= REPORT_S]
        for transport in due[
            : int(len(transports) * REPORTED_SHARE) + 1
        ]:  # forwarding must not wait for all of them
            self._report(transport, now)

    def _report(self, transport: Transport, now: float) -> None:
        """Do the work of a transport that is due every second."""
        elapsed_s, transport.reported_s = now - transport.reported_s, now
        transport.check_signs(now)
        self._reports.report(transport, now)
        self._report_excess(transport, now)
        for stream in transport.reception.streams.values():
            stream.measure(elapsed_s)
        for track in transport.reception.tracks.values():
            self._router.taps.aim(track, now)
        self._subscriptions.adapt(transport, now)
        for slot in transport.slots.values():
            self._router.aim(slot, now)

    def _report_excess(self, transport: Transport, now: float) -> None:
        """Report tracks whose packets are dropped; if several exceed a limit together, the largest one."""
        tracks = transport.reception.tracks.values()
        found = [(track, news) for track in tracks if (news := track.policer.own.news(now)) is not None]
        if (shared := transport.policer.news(now)) is not None:
            largest = max((t for t in tracks if t.kind == "video"), key=_bitrate_bps, default=None)
            if largest is not None:
                found.append((largest, shared))
        for track, news in found:
            self._emit(
                m.TrackLimited(transport=transport.id, track=track.id, reason=news.reason, is_over=news.is_over)
            )

    async def _remove(self, transport: Transport) -> None:
        if self._transports.pop(transport.id, None) is None:
            return
        for track in list(transport.reception.tracks.values()):
            self._close_track(track)
        for slot in transport.slots.values():
            self._router.close_slot(slot)
        if all(one.room != transport.room for one in self._transports.values()):
            self._speakers.forget(transport.room)
        await transport.close()

    def _close_track(self, track: Track) -> None:
        self._speakers.remove(track)
        self._router.close_track(track)

    def _transport(self, name: str) -> Transport:
        transport = self._transports.get(name)
        if transport is None:
            raise NotFound("no_transport", f"there is no transport {name}")
        return transport

    def _track(self, name: str) -> Track:
        track = self._router.tracks.get(name)
        if track is None:
            raise NotFound("no_track", f"there is no track {name}")
        return track

    def _slot(self, transport: str, mid: str) -> Slot:
        slot = self._transport(transport).slots.get(mid)
        if slot is None:
            raise NotFound("no_slot", f"there is no slot {mid} in transport {transport}")
        return slot


def _ice_parameters(transport: Transport) -> m.IceParameters:
    credentials = transport.agent.credentials
    return m.IceParameters(ufrag=credentials.ufrag, pwd=credentials.password)


def _bitrate_bps(track: Track) -> int:
    """Return the incoming bitrate of a track, including retransmissions."""
    streams = track.transport.streams.values()
    return sum(stream.bitrate_bps for stream in streams if stream.track is track)


def _track_stats(track: Track) -> m.TrackStats:
    streams = list(track.streams.values())
    return m.TrackStats(
        track=track.id,
        packets=sum(one.stats.packets for one in streams),
        bytes=sum(one.stats.bytes for one in streams),
        lost=sum(max(0, one.stats.lost) for one in streams),
        bitrate_bps=sum(one.bitrate_bps for one in streams),
    )


def _slot_stats(slot: Slot) -> m.SlotStats:
    slot.book()
    return m.SlotStats(
        transport=slot.transport.id,
        mid=slot.mid,
        packets=slot.packets,
        bytes=slot.octets,
        retransmitted=slot.retransmitted,
        fraction_lost=slot.fraction_lost,
    )
