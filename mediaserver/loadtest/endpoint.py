"""The WebRTC end of a bot: one UDP socket, ICE as controlling agent, DTLS as client, SRTP; nothing is decoded.

It knows only what the answer's SDP says, as any client does.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
import socket
import struct
from collections.abc import Callable
from typing import Any, Final
from zlib import crc32

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from mediaserver.loadtest.sdp import Answer
from mediaserver.media.core.packets import rtcp
from mediaserver.media.core.packets.demux import Kind, classify
from mediaserver.media.net import srtp, stun

_COOKIE: Final = 0x2112A442
_CHECK_S: Final = 1.0
_FIRST_CHECK_S: Final = 0.1
_BUFFER: Final = 2048
_DRAIN: Final = 64

OnRtp = Callable[[memoryview, int], None]
OnRtcp = Callable[[list[rtcp.Packet]], None]


class Endpoint:
    """`on_rtp(view, size)` gets each SRTP packet still protected (its header is in the clear), `on_rtcp` what the
    server's RTCP says. The view is reused: copy what must live."""

    def __init__(self, certificate: RTCCertificate, on_rtp: OnRtp, on_rtcp: OnRtcp) -> None:
        self._on_rtp, self._on_rtcp = on_rtp, on_rtcp
        self.ufrag, self.pwd = secrets.token_hex(4), secrets.token_hex(12)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._buffer = memoryview(bytearray(_BUFFER))
        self._dtls_path = _DtlsPath(self._send)
        self._dtls = RTCDtlsTransport(self._dtls_path, [certificate])
        self._memory, self._length = srtp.Memory(_BUFFER), srtp.length_cell()
        self._keys: srtp.Keys | None = None
        self._checks: asyncio.Task[None] | None = None
        self._answered = asyncio.Event()
        self._remote: Answer | None = None

    async def connect(self, answer: Answer) -> None:
        """Check, shake hands; returns when media can flow. Raises TimeoutError or ConnectionError."""
        async with asyncio.timeout(20):
            await self.reach(answer)
            fingerprints = [RTCDtlsFingerprint(*answer.fingerprint)]
            await self._dtls.start(RTCDtlsParameters(fingerprints, role="server"))
        if self._dtls.state != "connected":
            raise ConnectionError("the DTLS handshake failed")
        self._keys = srtp.take_keys(self._dtls)

    async def reach(self, answer: Answer) -> None:
        """Go on checking until the end; returns when the server has answered a check."""
        self._remote = answer
        self._socket.connect(answer.address)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
        self._checks = asyncio.create_task(self._check(), name="ice checks")
        await self._answered.wait()

    async def close(self) -> None:
        if self._checks is not None:
            self._checks.cancel()
            await asyncio.gather(self._checks, return_exceptions=True)
        await self._dtls.stop()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()

    def send_rtp(self, packet: bytes | bytearray) -> None:
        """Protect and send one RTP packet; dropped when the socket is full, as a network would."""
        assert self._keys is not None
        size = len(packet)
        self._memory.view[:size] = packet
        self._length[0] = size
        srtp.protect(self._keys.tx, self._memory.pointer(0), self._length)
        self._send(self._memory.view[: self._length[0]])

    def unprotect(self, view: memoryview, size: int) -> bytes | None:
        """The plain RTP packet, or None when it does not authenticate."""
        assert self._keys is not None
        self._memory.view[:size] = view[:size]
        self._length[0] = size
        if srtp.unprotect(self._keys.rx, self._memory.pointer(0), self._length):
            return None
        return bytes(self._memory.view[: self._length[0]])

    def _send(self, data: Any) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._socket.send(data)

    def _readable(self) -> None:
        receive, buffer = self._socket.recv_into, self._buffer
        try:
            for _ in range(_DRAIN):
                size = receive(buffer)
                kind = classify(buffer, size)
                if kind is Kind.RTP:
                    self._on_rtp(buffer, size)
                else:
                    self._other(kind, size)
        except (BlockingIOError, ConnectionRefusedError):
            pass

    def _other(self, kind: Kind, size: int) -> None:
        if kind is Kind.DTLS:
            self._dtls_path.received.put_nowait(bytes(self._buffer[:size]))
        elif kind is Kind.STUN:
            self._take_stun(bytes(self._buffer[:size]))
        elif kind is Kind.RTCP and self._keys is not None:
            self._memory.view[:size] = self._buffer[:size]
            self._length[0] = size
            if not srtp.unprotect_rtcp(self._keys.rx, self._memory.pointer(0), self._length):
                self._on_rtcp(rtcp.parse(self._memory.view, self._length[0]))

    def _take_stun(self, data: bytes) -> None:
        """Note the response to a check of ours, or answer the server's request (RFC 8445 section 7.3)."""
        if stun.is_response(data):
            self._answered.set()
            return
        assert self._remote is not None
        with contextlib.suppress(stun.Malformed):
            request = stun.parse_request(data)
            if request.local_ufrag == self.ufrag and request.has_integrity(self.pwd.encode()):
                self._send(stun.success(request.transaction, self._remote.address, self.pwd.encode()))

    async def _check(self) -> None:
        while True:
            self._send(self._binding_request())
            await asyncio.sleep(_CHECK_S if self._answered.is_set() else _FIRST_CHECK_S)

    def _binding_request(self) -> bytes:
        """A check that nominates at once (RFC 8445 section 7.1)."""
        assert self._remote is not None
        username = f"{self._remote.ufrag}:{self.ufrag}".encode()
        body = struct.pack("!HH", 0x0006, len(username)) + username + bytes(-len(username) % 4)
        body += struct.pack("!HHI", 0x0024, 4, 0x6E7F1EFF)  # PRIORITY
        body += struct.pack("!HH8s", 0x802A, 8, os.urandom(8))  # ICE-CONTROLLING
        body += struct.pack("!HH", 0x0025, 0)  # USE-CANDIDATE
        transaction = os.urandom(12)

        def header(length: int) -> bytes:
            return struct.pack("!HHI12s", 0x0001, length, _COOKIE, transaction)

        signature = hmac.digest(self._remote.pwd.encode(), header(len(body) + 24) + body, "sha1")
        body += struct.pack("!HH", 0x0008, 20) + signature
        checksum = crc32(header(len(body) + 8) + body) ^ 0x5354554E
        return header(len(body) + 8) + body + struct.pack("!HHI", 0x8028, 4, checksum)


class _DtlsPath:
    """What aiortc takes for the ICE transport; being controlled makes it the DTLS client."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send_datagram = send
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

    async def _recv(self) -> bytes:
        return await self.received.get()

    async def _send(self, data: bytes) -> None:
        self._send_datagram(data)
