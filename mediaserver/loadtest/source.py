"""What bots send: streams of encoded media, cut into RTP packets and paced; encoded once, replayed for ever."""

import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
import numpy as np

from mediaserver.media.core.packets import rtp

_HEADER: Final = struct.Struct("!BBHII")
_STAMP: Final = struct.Struct("!Q")
_DESCRIPTOR: Final = struct.Struct("!BBH")
"""The VP8 payload descriptor with a 15-bit picture id (RFC 7741 section 4.2)."""
_PAYLOAD: Final = 1100


@dataclass(slots=True)
class Packet:
    """One RTP payload, to be sent `offset_s` after its frame's time."""

    payload: bytes
    marker: bool
    offset_s: float


Frame = list[Packet]


class SyntheticVideo:
    """Frames of `per_frame` packets of exactly `size` bytes (RTP header included), spread over a share of the
    frame time. VP8 in form (RFC 7741), filled with nothing; the last 8 bytes are the time of sending in ns."""

    clock_rate: Final = 90000

    def __init__(self, fps: float = 30.0, per_frame: int = 8, size: int = 1100, spread: float = 0.4) -> None:
        self.frame_s = 1 / fps
        self._per_frame, self._size, self._spread = per_frame, size, spread
        self._picture = 0

    def frame(self, keyframe: bool) -> Frame:
        self._picture = self._picture + 1 & 0x7FFF
        packets = []
        for i in range(self._per_frame):
            descriptor = _DESCRIPTOR.pack(0x80 | (0x10 if i == 0 else 0), 0x80, 0x8000 | self._picture)
            start = _vp8_start(keyframe) if i == 0 else b""
            body = descriptor + start
            payload = body + bytes(self._size - _HEADER.size - len(body))
            offset = self._spread * self.frame_s * i / self._per_frame
            packets.append(Packet(payload, i == self._per_frame - 1, offset))
        return packets


class Vp8Clip:
    """A real moving picture, encoded once: a keyframe and what follows, begun again whenever one is asked for."""

    clock_rate: Final = 90000

    def __init__(
        self, hue: int = 0, width: int = 320, height: int = 180, fps: int = 15, frames: int = 150
    ) -> None:
        self.frame_s = 1 / fps
        self._frames = list(_encode_vp8(hue, width, height, fps, frames))
        self._next, self._picture = 0, 0

    def frame(self, keyframe: bool) -> Frame:
        if keyframe or self._next >= len(self._frames):
            self._next = 0
        data = self._frames[self._next]
        self._next += 1
        self._picture = self._picture + 1 & 0x7FFF
        chunks = [data[at : at + _PAYLOAD] for at in range(0, len(data), _PAYLOAD)]
        return [
            Packet(
                _DESCRIPTOR.pack(0x80 | (0x10 if i == 0 else 0), 0x80, 0x8000 | self._picture) + chunk,
                i == len(chunks) - 1,
                0.3 * self.frame_s * i / len(chunks),
            )
            for i, chunk in enumerate(chunks)
        ]


class OpusClip:
    """A tone, encoded once, 20 ms a packet."""

    clock_rate: Final = 48000
    frame_s: Final = 0.02

    def __init__(self, hz: float = 440.0) -> None:
        self._packets = list(_encode_opus(hz))
        self._next = 0

    def frame(self, keyframe: bool) -> Frame:
        self._next = (self._next + 1) % len(self._packets)
        return [Packet(self._packets[self._next], False, 0.0)]


Source = SyntheticVideo | Vp8Clip | OpusClip


class RtpStream:
    """Numbers and stamps a source's packets under one SSRC."""

    def __init__(self, source: Source, ssrc: int, payload_type: int, extension: bytes = b"") -> None:
        self.source, self.ssrc = source, ssrc
        self._payload_type, self._extension = payload_type, extension
        self._sequence, self._timestamp = 1000, 90000
        self.wants_keyframe = True
        self.sent = 0

    def next_frame(self) -> Iterator[tuple[float, bytearray]]:
        """(offset in the frame's time, packet) for each packet of the next frame."""
        keyframe, self.wants_keyframe = self.wants_keyframe, False
        first = 0x90 if self._extension else 0x80
        for packet in self.source.frame(keyframe):
            second = self._payload_type | (0x80 if packet.marker else 0)
            header = _HEADER.pack(first, second, self._sequence, self._timestamp, self.ssrc)
            self._sequence = self._sequence + 1 & 0xFFFF
            self.sent += 1
            yield packet.offset_s, bytearray(header + self._extension + packet.payload)
        step = round(self.source.frame_s * self.source.clock_rate)
        self._timestamp = self._timestamp + step & 0xFFFFFFFF


def stamp(packet: bytearray) -> None:
    """Write the time into a synthetic packet's last 8 bytes."""
    _STAMP.pack_into(packet, len(packet) - _STAMP.size, time.monotonic_ns())


def age_s(packet: bytes) -> float:
    """How long ago a stamped packet was sent."""
    sent: int = _STAMP.unpack_from(packet, len(packet) - _STAMP.size)[0]
    return (time.monotonic_ns() - sent) / 1e9


class SendTimes:
    """When the packets of real pictures were last sent, by what the server does not change: the VP8 data.

    Their sender and receiver are in one process. Only the latest packets are remembered.
    """

    _LATEST: Final = 20_000

    def __init__(self) -> None:
        self._sent_ns: OrderedDict[bytes, int] = OrderedDict()

    def note(self, packet: bytes | bytearray) -> None:
        """Remember that `packet` is sent now."""
        data = _vp8_data(packet)
        if data is None:
            return
        self._sent_ns.pop(data, None)
        self._sent_ns[data] = time.monotonic_ns()
        if len(self._sent_ns) > self._LATEST:
            self._sent_ns.popitem(last=False)

    def age_s(self, packet: bytes) -> float | None:
        """How long ago a received packet was sent; None for one that is not known."""
        data = _vp8_data(packet)
        sent = None if data is None else self._sent_ns.get(data)
        return None if sent is None else (time.monotonic_ns() - sent) / 1e9


def _vp8_data(packet: bytes | bytearray) -> bytes | None:
    """What follows the payload descriptor, whose picture id the server may rewrite."""
    header = rtp.parse(packet, len(packet))
    start = header.header_length + _DESCRIPTOR.size if header else len(packet)
    return bytes(packet[start:]) or None


def _vp8_start(keyframe: bool) -> bytes:
    """The start of a VP8 frame: tag, and for keyframes start code and size 640×360 (RFC 6386 section 9.1)."""
    return b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", 640, 360) if keyframe else b"\x11\x02\x00"


def _encode_vp8(hue: int, width: int, height: int, fps: int, frames: int) -> Iterator[bytes]:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, fps), Fraction(fps)
    encoder.gop_size, encoder.bit_rate = frames, 200_000
    encoder.options = {"deadline": "realtime", "lag-in-frames": "0", "cpu-used": "8"}
    for number in range(frames):
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:, : (number * 4) % width, hue % 3] = 200
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts = number
        for packet in encoder.encode(frame):
            yield bytes(packet)


def _encode_opus(hz: float, seconds: float = 2.0) -> Iterator[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.format, encoder.layout, encoder.sample_rate, encoder.bit_rate = "s16", "mono", 48000, 32000
    for number in range(round(seconds / 0.02)):
        moment = (np.arange(960) + number * 960) / 48000
        samples = (np.sin(2 * np.pi * hz * moment) * 8000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, number * 960
        for packet in encoder.encode(frame):
            yield bytes(packet)
