"""A publisher whose pictures show their numbers, behind a network that delays, reorders and loses packets."""

import asyncio
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final, Literal

import aiohttp
import av
import numpy as np
from aiortc import RTCCertificate

from mediaserver.loadtest.bot import Bot
from mediaserver.loadtest.endpoint import Endpoint
from mediaserver.loadtest.sdp import OPUS, VP8, Section, make_offer, read_answer
from mediaserver.media.core.packets import rtcp
from mediaserver.media.net import srtp
from tests.recording.studio import h264_payloads, numbered_picture, vp8_payloads
from tests.scenarios.room import Room

FPS: Final = 15
PAYLOAD: Final = 20
"""Bytes; so small that each keyframe has several packets."""
MICROPHONE: Final = 0x2000
BEEP_EVERY_S: Final = 1.0
BEEP_S: Final = 0.1

Codec = Literal["VP8", "H264"]
Fault = Literal["whole", "first late", "reversed", "doubled", "last late", "repaired", "torn"]


class Network(Endpoint):
    """An endpoint whose datagrams can be held back, to be sent in another order, later, twice or never."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._held: list[bytes] | None = None

    def hold(self) -> None:
        self._held = []

    def release(self) -> list[bytes]:
        held, self._held = self._held or [], None
        return held

    def send(self, datagrams: Sequence[bytes]) -> None:
        for one in datagrams:
            self._send(one)

    def send_rtcp(self, packet: bytes) -> None:
        assert self._keys is not None
        memory, length = srtp.Memory(512), srtp.length_cell()
        memory.view[: len(packet)] = packet
        length[0] = len(packet)
        assert not srtp.protect_rtcp(self._keys.tx, memory.pointer(0), length)
        self._send(memory.view[: length[0]])

    def _send(self, data: Any) -> None:
        if self._held is None:
            super()._send(data)
        else:
            self._held.append(bytes(data))


class Layer:
    """One encoding of the camera, with a stream of its own."""

    def __init__(self, codec: Codec, rid: str, ssrc: int, width: int, height: int) -> None:
        self.codec, self.rid, self.ssrc, self.size = codec, rid, ssrc, (width, height)
        self._payload = PAYLOAD if width > 160 else PAYLOAD // 2
        self.asked = True
        self.sequence, self.pictures = 65_500, 0
        self.keyframes: list[int] = []
        self.lost: dict[int, bytes] = {}
        """Datagrams by sequence number that are sent again when they are asked for."""
        encoder: Any = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
        encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, FPS), FPS
        encoder.bit_rate, encoder.gop_size, encoder.thread_count = 300_000, 10_000, 1
        encoder.options = (
            {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
            if codec == "VP8"
            else {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline", "forced-idr": "1"}
        )
        self._encoder = encoder

    def encode(self, number: int) -> tuple[list[bytes], bool]:
        """Payloads of the picture, and whether it is a keyframe."""
        frame = numbered_picture(*self.size, number).reformat(format="yuv420p")
        frame.pts, self.pictures = self.pictures, self.pictures + 1
        if self.asked:
            self.asked, frame.pict_type = False, av.video.frame.PictureType.I
        (packet,) = self._encoder.encode(frame)
        if self.codec == "VP8":
            return vp8_payloads(bytes(packet), self.pictures, self._payload), packet.is_keyframe
        return h264_payloads(bytes(packet), self._payload), packet.is_keyframe


class Filmed(Bot):
    """Call `sign_in`, `join` and `open`, then `film` while others do what they do."""

    def __init__(self, http: aiohttp.ClientSession, url: str, name: str) -> None:
        super().__init__(http, url, name)
        self.layers: list[Layer] = []
        self.faults: list[Fault] = ["whole"]
        """What happens to the keyframes of each layer, one after the other; the last one to all that follow."""
        self.network: Network | None = None
        self.number = 0
        """Of the next picture."""
        self._microphone_sequence = 0
        self._late: set[asyncio.Task[None]] = set()

    @classmethod
    async def enter(cls, room: Room) -> "Filmed":
        someone = cls(room.http, room.url, f"filmed-{len(room.bots)}")
        room.bots.append(someone)
        await someone.sign_in()
        await someone.join("video", room.session_id)
        return someone

    async def open(self, certificate: RTCCertificate, codec: Codec, *, simulcast: bool, sound: bool) -> None:
        """Publish a camera, in two layers if `simulcast`, and a microphone if `sound`."""
        self.layers = [Layer(codec, "f", 0x1000, 320, 180)]
        if simulcast:
            self.layers.append(Layer(codec, "q_0", 0x1001, 160, 90))
        self.network = Network(certificate, lambda *_: None, self._on_rtcp)
        sections = [Section("video", "cam", 0x1000)] + ([Section("audio", "mic", MICROPHONE)] if sound else [])
        digest = certificate.getFingerprints()[0]
        offer = make_offer(sections, self.network.ufrag, self.network.pwd, (digest.algorithm, digest.value))
        if codec == "H264":
            parameters = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
            h264 = f"a=rtpmap:{VP8} H264/90000\r\na=fmtp:{VP8} {parameters}"
            offer = offer.replace(f"a=rtpmap:{VP8} VP8/90000", h264)
        if simulcast:
            offer = offer.replace(
                f"a=ssrc:{0x1000} cname:bot\r\n",
                "a=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n"
                "a=rid:f send\r\na=rid:q_0 send\r\na=simulcast:send f;q_0\r\n",
            )
        tracks = {"cam": {"source": "camera"}} | ({"mic": {"source": "microphone"}} if sound else {})
        told = {"generation": 1, "sdp": offer, "tracks": tracks}
        await self.network.connect(read_answer((await self.call("media.negotiate", told))["sdp"]))

    async def close(self) -> None:
        for late in self._late:
            late.cancel()
        await super().close()
        if self.network is not None:
            await self.network.close()

    # ------------------------------------------------------------------------------------------ pictures

    async def film(self, seconds: float, without: Sequence[str] = ()) -> None:
        """Film in real time; the layers `without` are switched off, as encoders do when bandwidth is short."""
        loop = asyncio.get_running_loop()
        began_s, first = loop.time(), self.number
        for number in range(first, first + round(seconds * FPS)):
            await asyncio.sleep(max(0.0, began_s + (number - first) / FPS - loop.time()))
            self.number = number + 1
            for layer in self.layers:
                if layer.rid not in without:
                    self.send_picture(layer, number, number * 90_000 // FPS)

    def send_picture(self, layer: Layer, number: int, timestamp: int) -> None:
        """Encode and send picture `number`."""
        assert self.network is not None
        payloads, is_keyframe = layer.encode(number)
        self.network.hold()
        first = layer.sequence
        for at, payload in enumerate(payloads):
            self.network.send_rtp(self._packet(layer, timestamp, payload, at == len(payloads) - 1))
        datagrams = self.network.release()
        if is_keyframe:
            assert len(datagrams) > 3
            layer.keyframes.append(number)
            fault = self.faults[min(len(layer.keyframes), len(self.faults)) - 1]
            datagrams = self._spoil(layer, fault, first, datagrams)
        self.network.send(datagrams)

    def _spoil(self, layer: Layer, fault: Fault, first: int, datagrams: list[bytes]) -> list[bytes]:
        """Put a keyframe into the order in which it arrives; what comes late is sent by itself."""
        if fault == "first late":
            self._send_later(0.02, datagrams[0])
            return datagrams[1:]
        if fault == "last late":
            self._send_later(0.1, datagrams[-1])  # after the first packet of the next picture
            return datagrams[:-1]
        if fault == "repaired":
            layer.lost = {first + at & 0xFFFF: datagrams[at] for at in (0, 2)}
            return [datagrams[1], *datagrams[3:]]
        if fault == "torn":
            return [datagrams[0], *datagrams[2:]]
        if fault == "doubled":
            return [datagrams[1], datagrams[0], *datagrams[1:], *datagrams]
        return datagrams[::-1] if fault == "reversed" else datagrams

    def _send_later(self, delay_s: float, datagram: bytes) -> None:
        async def send() -> None:
            assert self.network is not None
            await asyncio.sleep(delay_s)
            self.network.send([datagram])

        task = asyncio.create_task(send())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    def _packet(self, layer: Layer, timestamp: int, payload: bytes, marker: bool) -> bytes:
        extension = b""
        if len(self.layers) > 1:
            items = b"\x22cam" + bytes([0x30 | len(layer.rid) - 1]) + layer.rid.encode()
            items += bytes(-len(items) % 4)
            extension = b"\xbe\xde" + (len(items) // 4).to_bytes(2, "big") + items
        packet = header(VP8, layer.sequence, timestamp, layer.ssrc, marker, extended=bool(extension))
        layer.sequence = layer.sequence + 1 & 0xFFFF
        return packet + extension + payload

    def _on_rtcp(self, packets: list[rtcp.Packet]) -> None:
        for packet in packets:
            for layer in self.layers:
                if isinstance(packet, rtcp.Pli) and packet.media_ssrc == layer.ssrc:
                    layer.asked = True
                elif isinstance(packet, rtcp.Nack) and packet.media_ssrc == layer.ssrc:
                    assert self.network is not None
                    self.network.send([layer.lost.pop(one) for one in packet.sequences if one in layer.lost])

    # ------------------------------------------------------------------------------------------ sound

    async def film_with_sound(self, seconds: float, stall: tuple[float, float], clock: bool) -> None:
        """Film and send sound in real time; nothing is captured for `stall[1]` seconds when `stall[0]` are done.

        The microphone's timestamps know nothing of the stall; those of the camera neither, unless they follow the
        `clock`.
        """
        loop = asyncio.get_running_loop()
        (layer,) = self.layers
        packets = await asyncio.to_thread(beeping, seconds)
        began_s = loop.time()
        for at, packet in enumerate(packets):
            media_s = at / 50
            late_s = stall[1] if media_s >= stall[0] else 0.0
            await asyncio.sleep(max(0.0, began_s + media_s + late_s - loop.time()))
            self.send_sound(packet, at * 960)
            camera_s = media_s + (late_s if clock else 0.0)
            if at * FPS // 50 != (at - 1) * FPS // 50:
                self.number = at * FPS // 50
                self.send_picture(layer, self.number, round(camera_s * 90_000))
            if at % 50 == 5:
                behind_s = loop.time() - began_s - media_s - late_s  # reports say what is captured now
                self.report(MICROPHONE, round((media_s + behind_s) * 48_000))
                self.report(layer.ssrc, round((camera_s + behind_s) * 90_000))

    def send_sound(self, payload: bytes, timestamp: int) -> None:
        assert self.network is not None
        self.network.send_rtp(header(OPUS, self._microphone_sequence, timestamp, MICROPHONE, False) + payload)
        self._microphone_sequence = self._microphone_sequence + 1 & 0xFFFF

    def report(self, ssrc: int, timestamp: int) -> None:
        """A sender report: `timestamp` is now."""
        assert self.network is not None
        ntp = (time.time_ns() + 2_208_988_800 * 10**9 << 32) // 10**9
        self.network.send_rtcp(
            rtcp.build_sr(ssrc, ntp, timestamp & 0xFFFFFFFF, 0, 0) + rtcp.build_sdes(ssrc, "bot")
        )


def header(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, marker: bool, extended: bool = False
) -> bytes:
    start = bytes([0x90 if extended else 0x80, payload_type | (0x80 if marker else 0)])
    return (
        start
        + sequence.to_bytes(2, "big")
        + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
    )


def beeping(seconds: float) -> list[bytes]:
    """Opus packets of 20 ms with a beep at each whole `BEEP_EVERY_S`."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.format, context.layout, context.sample_rate, context.bit_rate = "s16", "mono", 48000, 48000
    packets = []
    for number in range(round(seconds * 50)):
        times = number / 50 + np.arange(960) / 48000
        samples = np.where(times % BEEP_EVERY_S < BEEP_S, np.sin(2 * np.pi * 1000 * times) * 0.4 * 32767, 0)
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, number * 960
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets
