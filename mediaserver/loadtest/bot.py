"""One bot: an account, a Socket.IO connection, and one media endpoint that sends streams and counts others'."""

import asyncio
import contextlib
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import socketio
from aiortc import RTCCertificate

from mediaserver.loadtest.account import Account, Refused
from mediaserver.loadtest.endpoint import Endpoint
from mediaserver.loadtest.sdp import OPUS, VP8, Section, make_offer, read_answer
from mediaserver.loadtest.source import (
    OpusClip,
    RtpStream,
    SendTimes,
    Source,
    SyntheticVideo,
    Vp8Clip,
    age_s,
    stamp,
)
from mediaserver.media.core.packets import rtcp

_SAMPLE: Final = 16
"""One synthetic packet in so many is decrypted to learn its age."""
_NUMBER: Final = struct.Struct("!HII")
_AUDIO_LEVEL: Final = bytes((0xBE, 0xDE, 0, 1, 0x10, 0x80 | 20, 0, 0))
"""A one-byte header extension: voice at −20 dBov (RFC 6464)."""


@dataclass(slots=True)
class Reception:
    """What came in on one SSRC."""

    packets: int = 0
    first: int = -1
    highest: int = -1
    ages_s: list[float] = field(default_factory=list)

    @property
    def lost(self) -> int:
        return max(0, self.highest - self.first + 1 - self.packets) if self.packets else 0


class Bot(Account):
    """Call `sign_in`, `join`, `negotiate`, then `play` in a task of its own.

    `sent_at` is shared by all bots of a run whose latency is measured from real pictures.
    """

    def __init__(
        self, http: aiohttp.ClientSession, url: str, name: str, sent_at: SendTimes | None = None
    ) -> None:
        super().__init__(http, url, name)
        self._sent_at = sent_at
        self.participant_id = ""
        self.tracks: dict[str, dict[str, Any]] = {}
        self.events: list[tuple[str, Any]] = []
        self.received: dict[int, Reception] = {}
        self.streams: dict[int, RtpStream] = {}
        self._measured: set[int] = set()
        self._slots: dict[str, int] = {}
        self._endpoint: Endpoint | None = None
        self.socket = socketio.AsyncClient(reconnection=False, http_session=http, handle_sigint=False)
        self.socket.on("*", self._event)

    async def join(self, kind: str, session_id: str) -> None:
        try:
            await self.socket.connect(self._url, auth={"token": self.token}, transports=["websocket"])
        except socketio.exceptions.ConnectionError as error:
            raise Refused(f"connect: {error}") from error
        answer = await self.call("session.join", {"kind": kind, "sessionId": session_id})
        self.participant_id = answer["participantId"]
        self.tracks = {track["id"]: track for track in answer["snapshot"]["tracks"]}

    async def negotiate(
        self,
        certificate: RTCCertificate,
        sources: Sequence[tuple[str, Source]],
        audio_slots: int,
        video_slots: int,
        generation: int = 1,
    ) -> None:
        """Publish (source name, media) pairs and open receive slots; a higher generation replaces the former."""
        if self._endpoint is not None:
            await self._endpoint.close()
            self.streams.clear()
        self._endpoint = Endpoint(certificate, self._on_rtp, self._on_rtcp)
        sections, named = [], {}
        for index, (name, source) in enumerate(sources):
            kind = "audio" if isinstance(source, OpusClip) else "video"
            mid, ssrc = f"s{index}", 0x1000_0000 + index
            sections.append(Section(kind, mid, ssrc))
            named[mid] = {"source": name}
            extension = _AUDIO_LEVEL if kind == "audio" else b""
            self.streams[ssrc] = RtpStream(source, ssrc, OPUS if kind == "audio" else VP8, extension)
        sections += [Section("audio", f"a{i}") for i in range(audio_slots)]
        sections += [Section("video", f"v{i}") for i in range(video_slots)]
        digest = certificate.getFingerprints()[0]
        fingerprint = (digest.algorithm, digest.value)
        offer = make_offer(sections, self._endpoint.ufrag, self._endpoint.pwd, fingerprint)
        answer = read_answer(
            (await self.call("media.negotiate", {"generation": generation, "sdp": offer, "tracks": named}))["sdp"]
        )
        self._slots = answer.slots
        await self._endpoint.connect(answer)

    async def subscribe(self, bindings: dict[str, str]) -> None:
        """Slot (mid) to track id or "auto"."""
        self._measured = {self._slots[mid] for mid in bindings if mid.startswith("v")}
        slots = [{"mid": mid, "trackId": track} for mid, track in bindings.items()]
        await self.call("media.subscribe", {"slots": slots})

    async def play(self) -> None:
        """Send all streams in their own time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for stream in self.streams.values():
                group.create_task(self._play(stream))

    async def call(self, event: str, data: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self.socket.call(event, data, timeout=20)
        if not answer.get("ok"):
            raise Refused(f"{event}: {answer.get('error')}")
        return answer

    async def close(self) -> None:
        with contextlib.suppress(Exception):  # it may be gone already
            await self.socket.disconnect()
        if self._endpoint is not None:
            await self._endpoint.close()

    async def _play(self, stream: RtpStream) -> None:
        assert self._endpoint is not None
        send, stamped = self._endpoint.send_rtp, isinstance(stream.source, SyntheticVideo)
        sent_at = self._sent_at if isinstance(stream.source, Vp8Clip) else None
        due = time.monotonic()
        while True:
            for offset, packet in stream.next_frame():
                if (wait := due + offset - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                if stamped:
                    stamp(packet)
                elif sent_at is not None:
                    sent_at.note(packet)
                send(packet)
            due += stream.source.frame_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def _on_rtp(self, view: memoryview, size: int) -> None:
        sequence, _, ssrc = _NUMBER.unpack_from(view, 2)
        got = self.received.get(ssrc)
        if got is None:
            got = self.received[ssrc] = Reception(first=sequence, highest=sequence)
        highest = got.highest
        got.packets += 1
        ahead = sequence - highest & 0xFFFF
        if ahead < 0x8000:
            got.highest = highest + ahead
        every = _SAMPLE if self._sent_at is None else 1  # real pictures are few packets
        if got.packets % every == 0 and ssrc in self._measured and self._endpoint is not None:
            packet = self._endpoint.unprotect(view, size)
            if packet is not None:
                self._measure(got, packet)

    def _measure(self, got: Reception, packet: bytes) -> None:
        age = age_s(packet) if self._sent_at is None else self._sent_at.age_s(packet)
        if age is not None:
            got.ages_s.append(age)

    def _on_rtcp(self, packets: list[rtcp.Packet]) -> None:
        for packet in packets:
            if isinstance(packet, rtcp.Pli) and (stream := self.streams.get(packet.media_ssrc)):
                stream.wants_keyframe = True

    async def _event(self, event: str, data: Any = None) -> dict[str, Any]:
        self.events.append((event, data))
        if event == "track.published":
            self.tracks[data["track"]["id"]] = data["track"]
        elif event == "track.unpublished":
            self.tracks.pop(data["trackId"], None)
        return {}
