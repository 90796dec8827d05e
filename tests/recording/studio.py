"""Makes captures as browsers and egress would: real VP8, H.264 and Opus in RTP, with clocks of their own."""

import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from mediaserver.media.core.packets import rtcp
from mediaserver.recording.capture import journal
from mediaserver.recording.capture.capture import Capture, Manifest
from mediaserver.recording.capture.journal import Header

START_NS = 1_790_000_000 * 1_000_000_000
"""When every recording made here begins."""
SECOND = 1_000_000_000
Color = tuple[int, int, int]


def at(seconds: float) -> int:
    return START_NS + round(seconds * SECOND)


@dataclass
class Sender:
    """One participant's browser: its clock and the way to us."""

    participant: str
    clock_ahead_s: float = 0.0
    delay_s: float = 0.02
    cname: str = "cname"


@dataclass
class RtpTrack:
    """Packets of one track on their way into a journal: (arrival ns, journal kind, bytes)."""

    header: Header
    ssrc: int
    sender: Sender
    records: list[tuple[int, int, bytes]] = field(default_factory=list)
    sequence: int = 65_500
    first_timestamp: int = 0xFFFF_0000

    def timestamp(self, seconds: float) -> int:
        return (self.first_timestamp + round(seconds * self.header.clock_rate)) & 0xFFFFFFFF

    def send(self, seconds: float, payload: bytes, marker: bool, level: int | None = None) -> None:
        first = 0x80 | (0x10 if level is not None else 0)
        second = self.header.payload_type | (0x80 if marker else 0)
        packet = struct.pack("!BBHII", first, second, self.sequence, self.timestamp(seconds), self.ssrc)
        if level is not None:
            packet += struct.pack("!HHBBH", 0xBEDE, 1, 0x10, 0x80 | level, 0)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self._arrives(seconds, journal.RTP, packet + payload)

    def report(self, seconds: float) -> None:
        """A sender report: the sender's own clock, with its SDES."""
        clock_ns = at(seconds) + round(self.sender.clock_ahead_s * SECOND)
        report = rtcp.build_sr(
            self.ssrc, (clock_ns << 32) // SECOND, self.timestamp(seconds), 0, 0
        ) + rtcp.build_sdes(self.ssrc, self.sender.cname)
        self._arrives(seconds, journal.SENDER_REPORT, report)

    def mark(self, seconds: float, **what: bool) -> None:
        record = journal.encode_mark(at(seconds), **what)
        self.records.append((at(seconds), journal.MARK, record[journal.OVERHEAD :]))

    def _arrives(self, seconds: float, kind: int, data: bytes) -> None:
        self.records.append((at(seconds + self.sender.delay_s), kind, data))

    def bytes(self) -> bytes:
        return journal.encode_header(self.header) + b"".join(
            journal.encode(kind, arrival_ns, data)
            for arrival_ns, kind, data in sorted(self.records, key=lambda record: record[0])
        )


def track(
    name: str, sender: Sender, source: str, codec: str, started_s: float = 0.0, ssrc: int | None = None
) -> RtpTrack:
    audio = codec == "opus"
    header = Header.model_validate(
        {
            "recording": "REC", "session": "S", "track": name, "participant": sender.participant,
            "user": f"user-{sender.participant}", "username": sender.participant, "source": source,
            "kind": "audio" if audio else "video", "codec": codec, "clock_rate": 48000 if audio else 90000,
            "channels": 2 if audio else None, "payload_type": 111 if audio else 96,
            "audio_level_id": 1 if audio else None, "started_ns": at(started_s),
        }
    )  # fmt: skip
    return RtpTrack(header, ssrc or abs(hash(name)) & 0xFFFFFFFF, sender)


# ------------------------------------------------------------------------------------------ pictures


def picture(width: int, height: int, color: Color, number: int) -> Any:
    """One colour, with a bar of its darker half moving through the lowest eighth."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = color
    x = number * 8 % width
    pixels[height * 7 // 8 :, x : x + width // 8] //= 2
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def encoded(
    codec: str, width: int, height: int, color: Color, frames: int, fps: int, keyframe_every: int = 10_000
) -> Iterator[tuple[bytes, bool]]:
    pictures = (picture(width, height, color, number) for number in range(frames))
    return encoded_pictures(codec, width, height, pictures, fps, keyframe_every)


def encoded_pictures(
    codec: str, width: int, height: int, pictures: Iterable[Any], fps: int, keyframe_every: int = 10_000
) -> Iterator[tuple[bytes, bool]]:
    context: Any = av.CodecContext.create("libvpx" if codec == "VP8" else "libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, fps), fps
    context.bit_rate, context.gop_size, context.thread_count = width * height * 4, keyframe_every, 1
    context.options = (
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        if codec == "VP8"
        else {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
    )
    for number, frame in enumerate(pictures):
        frame.pts = number
        for packet in context.encode(frame):
            yield bytes(packet), packet.is_keyframe


def vp8_payloads(frame: bytes, picture_id: int, size: int = 1100) -> list[bytes]:
    """RFC 7741: extended descriptor with a 15-bit picture id."""
    parts = [frame[start : start + size] for start in range(0, len(frame), size)]
    return [
        bytes([0x90 if not number else 0x80, 0x80]) + struct.pack("!H", 0x8000 | picture_id & 0x7FFF) + part
        for number, part in enumerate(parts)
    ]


def h264_payloads(frame: bytes, size: int = 1100) -> list[bytes]:
    """RFC 6184: the parameter sets in a STAP-A, large NAL units in FU-As."""
    nals = [nal.rstrip(b"\0") for nal in frame.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
    small = [nal for nal in nals if nal[0] & 31 in (6, 7, 8)]
    payloads = [b"\x78" + b"".join(struct.pack("!H", len(nal)) + nal for nal in small)] if small else []
    for nal in nals:
        if nal in small:
            continue
        if len(nal) <= size:
            payloads.append(nal)
            continue
        pieces = [nal[1:][start : start + size] for start in range(0, len(nal) - 1, size)]
        for number, piece in enumerate(pieces):
            flags = (0x80 if not number else 0) | (0x40 if number == len(pieces) - 1 else 0)
            payloads.append(bytes([nal[0] & 0xE0 | 28, flags | nal[0] & 31]) + piece)
    return payloads


def film(
    track: RtpTrack,
    start_s: float,
    end_s: float,
    color: Color,
    *,
    size: tuple[int, int] = (320, 180),
    fps: int = 15,
    keyframe_every: int = 10_000,
    keep: Iterable[int] | None = None,
) -> RtpTrack:
    """Send a moving picture; `keep` are the numbers of the frames that are sent at all."""
    frames = round((end_s - start_s) * fps)
    kept = None if keep is None else set(keep)
    codec = track.header.codec
    for number, (data, _) in enumerate(encoded(codec, *size, color, frames, fps, keyframe_every)):
        seconds = start_s + number / fps
        payloads = vp8_payloads(data, number) if codec == "VP8" else h264_payloads(data)
        for index, payload in enumerate(payloads):
            if kept is None or number in kept:
                track.send(seconds, payload, index == len(payloads) - 1)
            else:
                track.sequence = (track.sequence + 1) & 0xFFFF
        if number % fps == 0:
            track.report(seconds)
    return track


def numbered_picture(width: int, height: int, number: int) -> Any:
    """A picture that shows its number as eight bars side by side: white for a set bit, the highest first."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for bit in range(8):
        if number >> (7 - bit) & 1:
            pixels[:, width * bit // 8 : width * (bit + 1) // 8] = 255
    return av.VideoFrame.from_ndarray(pixels, format="rgb24")


def read_number(pixels: Any) -> int:
    """The number that a decoded rgb24 picture shows."""
    height, width, _ = pixels.shape
    middles = [pixels[height // 2, width * (2 * bit + 1) // 16].mean() > 127 for bit in range(8)]
    return sum(1 << (7 - bit) for bit, is_set in enumerate(middles) if is_set)


def numbered_film(
    track: RtpTrack, start_s: float, end_s: float, *, fps: int = 15, step: tuple[float, float] = (0.0, 0.0)
) -> RtpTrack:
    """Send VP8 pictures that show their numbers; `step`: when and by how much the sender's clock is set."""
    frames = round((end_s - start_s) * fps)
    pictures = (numbered_picture(320, 180, number) for number in range(frames))
    ahead_s = track.sender.clock_ahead_s
    for number, (data, _) in enumerate(encoded_pictures("VP8", 320, 180, pictures, fps)):
        seconds = start_s + number / fps
        payloads = vp8_payloads(data, number)
        for index, payload in enumerate(payloads):
            track.send(seconds, payload, index == len(payloads) - 1)
        if number % fps == 0:
            track.sender.clock_ahead_s = ahead_s + (step[1] if seconds >= step[0] else 0.0)
            track.report(seconds)
    return track


# ------------------------------------------------------------------------------------------ sound


def tone(
    track: RtpTrack, start_s: float, end_s: float, hertz: float, *, level: int = 20, volume: float = 0.25
) -> RtpTrack:
    """Send a sine in Opus packets of 20 ms; `level` goes into the headers."""
    context: Any = av.CodecContext.create("libopus", "w")
    context.format, context.layout, context.sample_rate, context.bit_rate = "s16", "stereo", 48000, 64000
    for number in range(round((end_s - start_s) * 50)):
        samples = np.sin(2 * math.pi * hertz * (np.arange(960) + number * 960) / 48000) * volume * 32767
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16).repeat(2)[None, :], layout="stereo")
        frame.sample_rate, frame.pts = 48000, number * 960
        for packet in context.encode(frame):
            track.send(start_s + number * 0.02, bytes(packet), number == 0, level)
        if number % 50 == 0:
            track.report(start_s + number * 0.02)
    return track


# ------------------------------------------------------------------------------------------ the capture


def capture(
    path: Path, tracks: Iterable[RtpTrack], stopped_s: float | None, session_kind: str = "video"
) -> Capture:
    made = Capture(path / "REC")
    made.begin(
        Manifest.model_validate(
            {"recording": "REC", "session_kind": session_kind, "session": "S", "started_ns": START_NS}
        )
    )
    for one in tracks:
        made.next_journal(one.header.track).write_bytes(one.bytes())
    if stopped_s is not None:
        made.stop(at(stopped_s))
    return made


# ------------------------------------------------------------------------------------------ looking at results


@dataclass
class Program:
    """A decoded program."""

    duration_s: float
    fps: float
    frames: list[Any]
    """rgb24 arrays."""
    sound: Any
    """Left channel, 48 kHz."""

    def color(self, seconds: float, x: int, y: int) -> Color:
        """The mean colour of a small square around a point."""
        frame = self.frames[min(len(self.frames) - 1, int(seconds * self.fps))]
        square = frame[max(0, y - 4) : y + 4, max(0, x - 4) : x + 4]
        red, green, blue = square.reshape(-1, 3).mean(axis=0)
        return int(red), int(green), int(blue)

    def loudness(self, seconds: float, hertz: float, window_s: float = 0.2) -> float:
        """Amplitude of a frequency around a time."""
        first = max(0, int((seconds - window_s / 2) * 48000))
        piece = self.sound[first : first + int(window_s * 48000)]
        if not len(piece):
            return 0.0
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)))) * 4 / len(piece)
        middle = round(hertz * len(piece) / 48000)
        return float(spectrum[max(0, middle - 2) : middle + 3].max())


def play(path: Path) -> Program:
    frames: list[Any] = []
    sound = []
    with av.open(str(path)) as container:
        duration_s = container.duration / 1_000_000
        video = container.streams.video
        fps = float(video[0].average_rate) if video else 0.0
        for frame in container.decode():
            if isinstance(frame, av.VideoFrame):
                frames.append(frame.to_ndarray(format="rgb24"))
            else:
                sound.append(frame.to_ndarray()[0])
    return Program(duration_s, fps, frames, np.concatenate(sound) if sound else np.zeros(0))


def near(color: Color, wanted: Color, tolerance: int = 40) -> bool:
    return all(abs(int(a) - b) <= tolerance for a, b in zip(color, wanted, strict=True))
