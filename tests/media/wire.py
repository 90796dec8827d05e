"""Peers on the wire: a UDP socket that speaks STUN, SRTP and SRTCP to an SFU in this process, without DTLS."""

import asyncio
import secrets
import socket
import struct
from typing import Any

from aioice import stun
from pylibsrtp import Error, Policy

from mediaserver.media import messages as m
from mediaserver.media.core.packets import rtcp, rtp
from mediaserver.media.net import srtp
from mediaserver.media.net.route import Route
from mediaserver.media.net.stun import Credentials
from tests.media.conftest import LocalWorker
from tests.media.peers import HOST, until

PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
VP8 = m.Codec(name="VP8", payload_type=96, clock_rate=90_000, rtx_payload_type=97)
VP8_THERE = m.Codec(name="VP8", payload_type=101, clock_rate=90_000, rtx_payload_type=102)
VP8_BARE = m.Codec(name="VP8", payload_type=101, clock_rate=90_000)
OPUS = m.Codec(name="opus", payload_type=111, clock_rate=48_000, channels=2, nack=False)
EXTENSIONS = {rtp.MID: 1, rtp.TRANSPORT_CC: 3, rtp.AUDIO_LEVEL: 4, rtp.RID: 5, rtp.REPAIRED_RID: 6}
KEYFRAME = b"\x90\x80\x80\x01" + b"\x10\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00"
"""A VP8 descriptor with picture id 1, and the start of a 320×180 keyframe."""
DELTA = b"\x90\x80\x80\x02" + b"\x11" * 10


def stun_credentials(ice: m.IceParameters) -> Credentials:
    return Credentials(ice.ufrag, ice.pwd)


class WirePeer:
    """One end of a transport whose keys were handed to both sides."""

    def __init__(self, sfu: LocalWorker, name: str, asked: str = HOST) -> None:
        self.sfu, self.name, self.asked = sfu, name, asked
        self.sock = self._open()
        self.rtp: list[bytes] = []
        self.rtcp: list[rtcp.Packet] = []
        self._lengths = secrets.token_bytes(28), secrets.token_bytes(28)
        self.keys = srtp.make_keys(PROFILE, *self._lengths)
        self.sequence = self.transport_sequence = 0
        self.ice: m.IceParameters | None = None
        self.own = m.IceParameters(ufrag=f"{name[:4]:x<4}", pwd=f"{name[:4]:x<4}" * 6)
        self.silent = False
        """Do not answer the server's requests, as somebody who forged their address cannot."""

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((HOST, 0))
        sock.setblocking(False)
        return sock

    async def connect(self, room: str = "room") -> None:
        self.ice = await self.sfu.open_transport(m.OpenTransport(room=room, transport=self.name))
        self.sfu._agents.connect(self.transport.agent, stun_credentials(self.own))
        await self.check(nominate=True)
        self.transport._connected(srtp.make_keys(PROFILE, *reversed(self._lengths)))

    @property
    def transport(self) -> Any:
        return self.sfu._transports[self.name]

    async def check(self, nominate: bool = False) -> stun.Message:
        """Make one connectivity check; returns its answer, after the server has taken ours to its own request."""
        assert self.ice is not None
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{self.ice.ufrag}:{self.own.ufrag}"
        message.attributes["PRIORITY"] = 0x6E7F1EFF
        message.attributes["ICE-CONTROLLING"] = 7
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(self.ice.pwd.encode())
        self.send(bytes(message))
        while True:
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.sock, 2048), 5)
            if data[:2] == b"\x01\x01":
                break
            self._take(data)
        if not self.silent:
            route = Route(self.asked, self.sock.getsockname())
            await until(lambda: self.sfu._agents.owners.get(route) is self.transport, 5)
        return stun.parse_message(data)

    def _answer(self, request: bytes) -> None:
        """Show the server that we are here."""
        message = stun.parse_message(request)
        assert message.attributes["USERNAME"] == f"{self.own.ufrag}:{self.ice and self.ice.ufrag}"
        assert message.check_message_integrity(self.own.pwd.encode())
        answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
        answer.attributes["XOR-MAPPED-ADDRESS"] = (self.asked, self.sfu.port)
        answer.add_message_integrity(self.own.pwd.encode())
        self.send(bytes(answer))

    def move(self) -> None:
        """Continue from another address."""
        self.sock.close()
        self.sock = self._open()

    def close(self) -> None:
        self.sock.close()

    def send(self, datagram: bytes) -> None:
        self.sock.sendto(datagram, (self.asked, self.sfu.port))

    def send_rtcp(self, packet: bytes) -> None:
        self.send(self.keys.sessions[1].protect_rtcp(packet))

    def packet(
        self, ssrc: int, payload: bytes, payload_type: int = 96, *, mid: str = "0", sequence: int | None = None,
        timestamp: int = 3000, marker: bool = False, extra: tuple[tuple[int, bytes], ...] = (),
    ) -> bytes:  # fmt: skip
        """A plain packet with mid and transport-wide number; `extra` adds extension elements."""
        if sequence is None:
            self.sequence = sequence = self.sequence + 1 & 0xFFFF
        self.transport_sequence += 1
        elements = ((1, mid.encode()), (3, struct.pack("!H", self.transport_sequence)), *extra)
        block = b"".join(bytes([number << 4 | len(data) - 1]) + data for number, data in elements)
        block += bytes(-len(block) % 4)
        header = struct.pack("!BBHII", 0x90, marker << 7 | payload_type, sequence, timestamp, ssrc)
        return header + struct.pack("!HH", 0xBEDE, len(block) // 4) + block + payload

    def send_rtp(self, ssrc: int, payload: bytes, payload_type: int = 96, **more: Any) -> None:
        self.send(self.keys.sessions[1].protect(self.packet(ssrc, payload, payload_type, **more)))

    def receive(self) -> None:
        """Take all that is there into `rtp` and `rtcp`."""
        while True:
            try:
                self._take(self.sock.recv(2048))
            except BlockingIOError:
                return

    def _take(self, data: bytes) -> None:
        try:
            if data[0] < 4:
                if data[:2] == b"\x00\x01" and not self.silent:
                    self._answer(data)
            elif 192 <= data[1] <= 223:
                self.rtcp += rtcp.parse(self.keys.sessions[0].unprotect_rtcp(data))
            elif data[0] > 127:
                self.rtp.append(self.keys.sessions[0].unprotect(data))
        except Error:
            self.rtp.append(data)  # a resent datagram: libsrtp knows it already

    async def got_rtp(self, count: int) -> list[rtp.RtpHeader]:
        """Wait for `count` packets; their headers in order of arrival."""

        def there() -> bool:
            self.receive()
            return len(self.rtp) >= count

        await until(there, 5)
        headers = [rtp.parse(one, len(one)) for one in self.rtp]
        return [one for one in headers if one is not None]

    async def got_rtcp(self, kind: type) -> Any:
        """Wait for an RTCP packet of a kind; the first one."""

        def there() -> bool:
            self.receive()
            return any(isinstance(one, kind) for one in self.rtcp)

        await until(there, 5)
        return next(one for one in self.rtcp if isinstance(one, kind))


async def publish(peer: WirePeer, **more: Any) -> str:
    """A VP8 camera under mid 0."""
    told: dict[str, Any] = {"kind": "video", "source": "camera", "codecs": [VP8], "mid": "0"} | more
    track = f"{peer.name}-{told['mid']}"
    await peer.sfu.set_track(m.SetTrack(transport=peer.name, track=track, extensions=EXTENSIONS, **told))
    return track


async def subscribe(peer: WirePeer, track: str, ssrc: int = 0x5000, revision: int = 1, **more: Any) -> None:
    """A slot under mid 9 that carries `track` from now on."""
    told: dict[str, Any] = {"kind": "video", "codecs": [VP8_THERE], "rtx_ssrc": ssrc + 1} | more
    await peer.sfu.set_slot(
        m.SetSlot(transport=peer.name, mid="9", ssrc=ssrc, cname="room", extensions={rtp.MID: 2}, **told)
    )
    await peer.sfu.bind_slot(m.BindSlot(transport=peer.name, mid="9", track=track, revision=revision))
    await peer.sfu.resume_slot(m.ResumeSlot(transport=peer.name, mid="9", revision=revision))
