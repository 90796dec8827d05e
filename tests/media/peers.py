"""Clients of a media worker made of aiortc, with just enough SDP of our own to answer their offers."""

import asyncio
import fractions
import itertools
import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
    sdp,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceCandidate, RTCIceParameters
from aiortc.rtcrtpparameters import RTCRtpParameters

from mediaserver.media import messages as m

HOST = "127.0.0.1"
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
_ssrcs = itertools.count(0x20000000)


class ColourTrack(VideoStreamTrack):
    """320×180 pictures of one colour with a moving grey bar, so that no two are alike."""

    def __init__(self, colour: str, fps: int = 15) -> None:
        super().__init__()
        self._rgb, self._fps, self._count = COLOURS[colour], fps, 0
        self._start: float | None = None

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        self._start = self._start or time.monotonic()
        await asyncio.sleep(max(0.0, self._start + self._count / self._fps - time.monotonic()))
        picture = np.zeros((180, 320, 3), np.uint8)
        picture[:] = self._rgb
        at = self._count * 8 % 300
        picture[:, at : at + 20] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count * 90_000 // self._fps, fractions.Fraction(1, 90_000)
        self._count += 1
        return frame


class ToneTrack(AudioStreamTrack):
    """A 440 Hz tone."""

    async def recv(self) -> av.AudioFrame:
        silence = await super().recv()
        at = (np.arange(silence.samples) + silence.pts) / silence.sample_rate
        tone = (np.sin(2 * np.pi * 440 * at) * 8000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(tone, layout="mono")
        frame.pts, frame.sample_rate, frame.time_base = silence.pts, silence.sample_rate, silence.time_base
        return frame


def colour_of(frame: av.VideoFrame) -> str:
    """The nearest of the named colours."""
    mean = frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    return min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))


class Received:
    """What one receive slot has decoded."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.frames = 0
        self.loudest = 0
        self.colours: list[str] = []
        self._track = track
        self.task = asyncio.create_task(self._pump())

    async def _pump(self) -> None:
        while True:
            try:
                frame = await self._track.recv()
            except MediaStreamError:
                return
            self.frames += 1
            if isinstance(frame, av.VideoFrame):
                self.colours.append(colour_of(frame))
            else:
                self.loudest = max(self.loudest, int(np.abs(frame.to_ndarray()).max()))


async def until(condition: Callable[[], Any], timeout_s: float = 10.0) -> None:
    """Wait until `condition()` is true; fail after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"still waiting after {timeout_s} s"
        await asyncio.sleep(0.02)


class Peer:
    """One participant: `send` and `receive` name its tracks; `join` negotiates once with the worker."""

    def __init__(
        self, worker: Any, name: str, room: str = "room", video_codec: str = "VP8", rtx: bool = True
    ) -> None:
        self.worker, self.name, self.room = worker, name, room
        self.port: int = worker.port
        self._video_codec, self._rtx = video_codec, rtx
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.pc.on("track", self._track_arrived)
        self.received: dict[str, Received] = {}
        """By mid."""
        self.tracks: dict[str, str] = {}
        """Kind to track id."""
        self.slots: dict[str, list[str]] = {"audio": [], "video": []}
        """Kind to mids."""
        self._senders: list[MediaStreamTrack] = []

    async def join(self, send: tuple[MediaStreamTrack, ...] = (), receive: tuple[str, ...] = ()) -> None:
        for track in send:
            self.pc.addTransceiver(track, direction="sendonly")
            self._senders.append(track)
        for kind in receive:
            self.pc.addTransceiver(kind, direction="recvonly")
        ice = await self.worker.open_transport(m.OpenTransport(room=self.room, transport=self.name))
        await self.pc.setLocalDescription(await self.pc.createOffer())
        offer = sdp.SessionDescription.parse(self.pc.localDescription.sdp)
        fingerprints = [
            m.Fingerprint(algorithm=one.algorithm, value=one.value) for one in offer.media[0].dtls.fingerprints
        ]
        own = offer.media[0].ice
        await self.worker.connect_transport(
            m.ConnectTransport(
                transport=self.name, fingerprints=fingerprints,
                ice=m.IceParameters(ufrag=own.usernameFragment, pwd=own.password),
            )
        )  # fmt: skip
        answer = sdp.SessionDescription()
        answer.type, answer.origin = "answer", "- 1 1 IN IP4 0.0.0.0"
        for offered in offer.media:
            answer.media.append(await self._answer(offered, ice))
        answer.group.append(sdp.GroupDescription("BUNDLE", [one.rtp.muxId for one in answer.media]))
        await self.pc.setRemoteDescription(RTCSessionDescription(sdp=str(answer), type="answer"))

    async def connected(self) -> None:
        await until(lambda: self.pc.connectionState == "connected")

    async def close(self) -> None:
        for track in self._senders:
            track.stop()
        await self.pc.close()
        for one in self.received.values():
            one.task.cancel()
        await asyncio.gather(*(one.task for one in self.received.values()), return_exceptions=True)

    async def see(self, track: str, mid: str, revision: int = 1) -> None:
        """Bind a track to a slot and let it flow."""
        await self.worker.bind_slot(m.BindSlot(transport=self.name, mid=mid, track=track, revision=revision))
        await self.worker.resume_slot(m.ResumeSlot(transport=self.name, mid=mid, revision=revision))

    def _track_arrived(self, track: MediaStreamTrack) -> None:
        transceiver = next(one for one in self.pc.getTransceivers() if one.receiver.track is track)
        self.received[transceiver.mid] = Received(track)

    async def _answer(self, offered: Any, ice: m.IceParameters) -> Any:
        told = sdp.MediaDescription(offered.kind, self.port, offered.profile, offered.fmt)
        told.host = HOST
        wanted = "audio/opus" if offered.kind == "audio" else f"video/{self._video_codec}"
        codecs, chosen = self._codecs(offered.rtp.codecs, wanted)
        extensions = {one.uri: one.id for one in offered.rtp.headerExtensions}
        told.fmt = [codec.payloadType for codec in chosen]
        told.rtp = RTCRtpParameters(
            codecs=chosen, headerExtensions=offered.rtp.headerExtensions, muxId=offered.rtp.muxId
        )
        told.rtcp_mux, told.rtcp_host, told.rtcp_port = True, "0.0.0.0", 9
        told.ice = RTCIceParameters(ice.ufrag, ice.pwd, iceLite=True)
        told.ice_candidates = [RTCIceCandidate(1, "1", HOST, self.port, 2130706431, "udp", "host")]
        told.ice_candidates_complete = True
        fingerprint = self.worker.fingerprint
        told.dtls = RTCDtlsParameters(
            [RTCDtlsFingerprint(fingerprint.algorithm, fingerprint.value)], role="server"
        )
        if offered.direction == "sendonly":
            told.direction = "recvonly"
            await self._set_track(offered, codecs, extensions)
        else:
            told.direction = "sendonly"
            await self._set_slot(offered, told, codecs, extensions)
        return told

    def _codecs(self, offered: list[Any], wanted: str) -> tuple[list[m.Codec], list[Any]]:
        """The codecs as the worker is told of them, and as the answer lists them."""
        told, chosen = [], []
        for codec in offered:
            if codec.mimeType.lower() != wanted.lower():
                continue
            rtx = next((one for one in offered if one.parameters.get("apt") == codec.payloadType), None)
            chosen += [codec, rtx] if rtx and self._rtx else [codec]
            told.append(
                m.Codec(
                    name=codec.name, payload_type=codec.payloadType, clock_rate=codec.clockRate,
                    channels=codec.channels, rtx_payload_type=rtx.payloadType if rtx and self._rtx else None,
                    parameters=sdp.parameters_to_sdp(codec.parameters), nack=codec.name != "opus",
                )
            )  # fmt: skip
        return told, chosen

    async def _set_track(self, offered: Any, codecs: list[m.Codec], extensions: dict[str, int]) -> None:
        kind, mid = offered.kind, offered.rtp.muxId
        self.tracks[kind] = f"{self.name}-{kind}"
        await self.worker.set_track(
            m.SetTrack(
                transport=self.name, track=self.tracks[kind], mid=mid, kind=kind, codecs=codecs,
                source="microphone" if kind == "audio" else "camera", extensions=extensions,
            )
        )  # fmt: skip

    async def _set_slot(self, offered: Any, told: Any, codecs: list[m.Codec], extensions: dict[str, int]) -> None:
        kind, mid = offered.kind, offered.rtp.muxId
        self.slots[kind].append(mid)
        ssrc, rtx_ssrc = next(_ssrcs), next(_ssrcs)
        told.msid = f"room {kind}{mid}"
        told.ssrc = [sdp.SsrcDescription(ssrc=ssrc, cname="room")]
        has_rtx = any(codec.rtx_payload_type for codec in codecs)
        if has_rtx:
            told.ssrc.append(sdp.SsrcDescription(ssrc=rtx_ssrc, cname="room"))
            told.ssrc_group = [sdp.GroupDescription("FID", [ssrc, rtx_ssrc])]
        await self.worker.set_slot(
            m.SetSlot(
                transport=self.name, mid=mid, kind=kind, ssrc=ssrc, rtx_ssrc=rtx_ssrc if has_rtx else None,
                cname="room", codecs=codecs, extensions=extensions,
            )
        )  # fmt: skip
