"""A participant's transport: ICE, DTLS and SRTP for its tracks and slots.

Only packets that passed SRTP authentication leave this module; all others are counted by reason and dropped.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.base.net.networks import client_network
from mediaserver.media.core.feedback.retransmission import RetransmissionBudget
from mediaserver.media.core.feedback.round_trip import RoundTripTime
from mediaserver.media.core.feedback.rtcp_budget import RtcpBudget
from mediaserver.media.core.feedback.transport_feedback import ArrivalRecorder
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.core.quality.downlink_estimate import Downlink
from mediaserver.media.core.quality.policer import Policer, PolicingLimits
from mediaserver.media.core.quality.uplink_estimate import BandwidthEstimator
from mediaserver.media.forwarding.reception import Reception
from mediaserver.media.forwarding.streams import Slot, Stream, Track
from mediaserver.media.messages import Fingerprint, TransportState
from mediaserver.media.net import srtp
from mediaserver.media.net.dtls import Dtls, DtlsServer
from mediaserver.media.net.ice import CONSENT_S, SILENT_S, Agents
from mediaserver.media.net.port import Port
from mediaserver.media.net.send_socket import SendSocket

log = logging.getLogger(__name__)

FIRST_CHECK_S: Final = 60.0
"""How long a client may send no valid check after its offer was answered."""
MAX_RTCP_SSRCS: Final = 256
UNKNOWN_SSRCS_PER_S: Final = 200
"""Packets with an unknown SSRC that are decrypted to identify them. Anyone can send such packets with a spoofed
source address."""


class Listener(Protocol):
    """Receives the events of transports."""

    def transport_changed(self, transport: "Transport", state: TransportState, reason: str) -> None: ...
    def packet_arrived(self, stream: Stream, data: bytes, header: rtp.RtpHeader) -> None: ...
    def rtcp_arrived(self, transport: "Transport", packets: list[rtcp.Packet], data: bytes) -> None: ...


class Transport:
    """A transport from its opening to its end. `listener` receives its state changes and packets."""

    def __init__(
        self,
        name: str,
        room: str,
        port: Port,
        agents: "Agents[Transport]",
        dtls: DtlsServer,
        listener: Listener,
        clock: Callable[[], float],
        limits: PolicingLimits,
    ) -> None:
        self.id, self.room = name, room
        self._port, self._agents, self._listener, self._clock = port, agents, listener, clock
        self._memory, self._length = port.memory, srtp.length_cell()
        self._dropped = port.dropped
        self.agent = agents.open(self, self._route_changed)
        self._dtls = Dtls(dtls, self._send_dtls, self._connected, self._ended)
        self.keys: srtp.Keys | None = None
        self._send_socket: SendSocket | None = None
        self.path: tuple[Any, SendSocket, int] | None = None
        """SRTP session, send socket and tag length, in one tuple for the hot path. None until connected, and
        while the client's consent is expired."""
        self.state: TransportState = "connecting"
        self.reception = Reception(self._dropped)
        self.arrivals = ArrivalRecorder()
        self.slots: dict[str, Slot] = {}
        """Slots by mid."""
        self.slots_by_ssrc: dict[int, Slot] = {}
        self.last_sign = clock()
        """When the client last sent a valid check or an authenticated packet."""
        self.has_transport_cc = False
        """Whether the client numbers its packets transport-wide, and so estimates its uplink itself."""
        self.limits = limits
        self.policer = Policer(limits.publisher, limits.patience_s, clock())
        """Polices all tracks together; each track also has a policer of its own."""
        self._unknown_ssrcs = TokenBucket(UNKNOWN_SSRCS_PER_S, UNKNOWN_SSRCS_PER_S, clock())
        self.bandwidth = BandwidthEstimator(maximum_bps=limits.max_bitrate_bps)
        self.last_feedback = 0.0
        self.reported_s = clock()
        """When the work of every second was last done."""
        self.rtt = RoundTripTime()
        self.retransmissions = RetransmissionBudget(clock())
        self.downlink = Downlink()
        self.allocated: list[tuple[str, int, int]] = []
        """Video slots of the last layer allocation: mid, revision and number of layers."""
        self._rtcp_budget = RtcpBudget(clock())
        self._opened = clock()
        self._rtcp_ssrcs: set[int] = set()
        self._transport_sequence = 0

    # ------------------------------------------------------------------------------------------ control

    def connect(self, fingerprints: list[Fingerprint]) -> None:
        """Expect the client's handshake. Later calls, by renegotiations, change nothing."""
        if not self._dtls.started:
            self._opened = self._clock()
            self._dtls.start(fingerprints)

    @property
    def streams(self) -> dict[int, Stream]:
        """All incoming streams by SSRC."""
        return self.reception.streams

    def remove_track(self, track: Track) -> None:
        """Forget a track that was closed, and its streams."""
        self.reception.remove_track(track)

    async def close(self) -> None:
        """Close the transport and release its resources."""
        self.state = "closed"
        self._dtls.close()
        self._agents.close(self.agent)
        self._set_path(None)
        self._leave()
        self.keys = None

    def check_signs(self, now: float) -> None:
        """Detect clients that stopped responding; called a few times per second."""
        last_check = self.agent.last_check
        if self.state == "closed":
            return
        if last_check is None:
            if self._dtls.started and now - self._opened > FIRST_CHECK_S:
                self._ended("ice_timeout")
            return
        self._judge_path()
        if self.keys is None:
            if now - last_check > CONSENT_S:
                self._ended("ice_timeout")
            else:
                self._dtls.check(now)
            return
        silent = now - max(last_check, self.last_sign) > SILENT_S
        if silent and self.state == "connected":
            self._change("disconnected", "silent")
        elif not silent and self.state == "disconnected":
            self._change("connected", "")

    def _route_changed(self) -> None:
        route = self.agent.selected
        if self._send_socket is not None and self._send_socket.route != route:
            self._set_path(None)
            self._leave()
        if self._send_socket is None and route is not None:
            self._send_socket = self._port.open_send_socket(route)
        self._judge_path()

    def _leave(self) -> None:
        if self._send_socket is not None:
            self._port.close_send_socket(self._send_socket)
            self._send_socket = None

    def _judge_path(self) -> None:
        consent_s = self.agent.consent_s
        consent = consent_s is not None and self._clock() - consent_s < CONSENT_S
        keys, send_socket = self.keys, self._send_socket
        self._set_path(
            (keys.tx, send_socket, keys.tag) if keys is not None and send_socket is not None and consent else None
        )

    def _set_path(self, path: tuple[Any, SendSocket, int] | None) -> None:
        if path != self.path:
            for slot in self.slots.values():  # the fast path keeps copies of the path
                if slot.stream is not None:
                    slot.stream.leave_fast_path()
            self.path = path

    def _connected(self, keys: srtp.Keys) -> None:
        self.keys = keys
        self.last_sign = self._clock()
        self._judge_path()
        self._change("connected", "")

    def _ended(self, reason: str) -> None:
        if self.state != "closed":
            self._change("closed", reason)

    def _change(self, state: TransportState, reason: str) -> None:
        self.state = state
        self._listener.transport_changed(self, state, reason)

    # ------------------------------------------------------------------------------------------ receiving

    def receive_dtls(self, data: bytes) -> None:
        route = self.agent.selected
        if route is None or not self._dtls.receive(data, client_network(route.remote[0])):
            self._dropped["dtls_flood"] += 1

    def receive_media(self, offset: int, size: int) -> None:
        """Process an SRTP or SRTCP packet in the port's memory (distinguished by RFC 5761 section 4)."""
        keys = self.keys
        if keys is None:
            self._dropped["not_connected"] += 1
            return
        view = self._memory.view
        if 192 <= view[offset + 1] <= 223:
            self._receive_rtcp(keys, offset, size)
            return
        ssrc = int.from_bytes(view[offset + 8 : offset + 12], "big")
        reception = self.reception
        stream = reception.streams.get(ssrc)
        now = self._clock()
        if stream is not None:
            if stream.track.policer.refuses_unseen(now):
                self._dropped["policed"] += 1
                return
        elif not reception.may_learn(ssrc) or not self._unknown_ssrcs.take(1, now):
            self._dropped["unknown_ssrc"] += 1
            return
        length = self._length
        length[0] = size
        if srtp.unprotect(keys.rx, self._memory.pointer(offset), length):
            self._dropped["srtp"] += 1
            return
        data = bytes(view[offset : offset + length[0]])
        header = rtp.parse(data, len(data))
        if header is None:
            self._dropped["rtp_malformed"] += 1
            return
        self.last_sign = now
        if stream is None:
            stream = reception.learn(data, header)
            if stream is None:
                return
        if not stream.track.policer.admit(size, now):
            self._dropped["policed"] += 1
            return
        self._listener.packet_arrived(stream, data, header)

    def _receive_rtcp(self, keys: srtp.Keys, offset: int, size: int) -> None:
        view = self._memory.view
        ssrc = int.from_bytes(view[offset + 4 : offset + 8], "big")
        # libsrtp remembers every SSRC that it has seen, and no client needs hundreds
        if ssrc not in self._rtcp_ssrcs and len(self._rtcp_ssrcs) >= MAX_RTCP_SSRCS:
            self._dropped["unknown_ssrc"] += 1
            return
        length = self._length
        length[0] = size
        if srtp.unprotect_rtcp(keys.rx, self._memory.pointer(offset), length):
            self._dropped["srtcp"] += 1
            return
        self._rtcp_ssrcs.add(ssrc)
        now = self.last_sign = self._clock()
        # Only authenticated datagrams are charged, so that others cannot use up the client's budget.
        if not self._rtcp_budget.admit(length[0], now):
            self._dropped["rtcp_flood"] += 1
            return
        data = bytes(view[offset : offset + length[0]])
        try:
            packets = rtcp.parse(data)
        except rtcp.Excessive:
            self._dropped["rtcp_excessive"] += 1
            return
        except rtcp.Malformed:
            self._dropped["rtcp_malformed"] += 1
            return
        self._rtcp_budget.charge(packets, now)
        self._listener.rtcp_arrived(self, packets, data)

    # ------------------------------------------------------------------------------------------ sending

    def next_transport_sequence(self) -> int:
        """Return the next transport-wide sequence number (of the extension, not of RTP)."""
        self._transport_sequence = self._transport_sequence + 1 & 0xFFFF
        return self._transport_sequence

    def send_rtcp(self, packet: bytes) -> None:
        self._protect_and_send(srtp.protect_rtcp, packet)

    def send_rtp(self, packet: bytearray) -> None:
        """Send a packet outside of the hot path, such as a retransmission."""
        self._protect_and_send(srtp.protect, packet)

    def _protect_and_send(self, protect: Callable[[Any, Any, Any], int], packet: bytes | bytearray) -> None:
        if self.path is None:
            return
        (tx, send_socket, _), scratch, length = self.path, self._port.scratch, self._length
        scratch.view[: len(packet)] = packet
        length[0] = len(packet)
        if protect(tx, scratch.pointer(0), length):
            self._dropped["protect"] += 1
            return
        send_socket.send(scratch.view[: length[0]])

    def send_protected(self, datagram: bytes) -> None:
        if self.path is not None:
            self.path[1].send(datagram)

    def _send_dtls(self, data: bytes) -> None:
        if self._send_socket is not None:
            self._send_socket.send(data)


async def close_all(transports: list[Transport]) -> None:
    await asyncio.gather(*(one.close() for one in transports))
