"""A track's units in a container, as they were sent: nothing is encoded again.

VP8 and Opus go into WebM, H.264 into MP4. The file starts with the track's first keyframe at time 0; where that
stands in the recording is the file's offset.
"""

import io
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av

from mediaserver.media.core.codecs import opus
from mediaserver.recording.capture.journal import Header
from mediaserver.recording.composition.sources import TimedUnit, decoder

_TICKS: Final = 90_000
_TIME_BASE: Final = Fraction(1, _TICKS)
CONTENT_TYPES: Final = {"VP8": "video/webm", "H264": "video/mp4", "opus": "audio/webm"}
_SUFFIXES: Final = {"VP8": ".webm", "H264": ".mp4", "opus": ".webm"}
_FORMATS: Final = {"VP8": ("webm", "vp8"), "H264": ("mp4", "h264"), "opus": ("webm", "opus")}


class Written(NamedTuple):
    first_ns: int
    last_ns: int


def file_name(header: Header) -> str:
    return f"{header.source}-{header.track}{_SUFFIXES[header.codec]}"


def write_track(path: Path, header: Header, units: Iterable[TimedUnit], last_ns: int) -> Written | None:
    """Write the units up to `last_ns`; None (and no file) when there is nothing that a player could show."""
    out: Any = None
    stream: Any = None
    first_ns = written_ns = ticks = -1
    try:
        for time_ns, unit in units:
            if time_ns > last_ns:
                break
            if out is None:
                if not unit.keyframe or (size := _size(header, unit.data)) is None:
                    continue
                out = av.open(str(path), "w", format=_FORMATS[header.codec][0])
                stream = _stream(out, header, size)
                first_ns = time_ns
            # Two units may share a moment after a clock's jump; containers want strictly rising times.
            ticks = max(ticks + 1, (time_ns - first_ns) * _TICKS // 1_000_000_000)
            out.mux(_packet(stream, header, unit.data, ticks, unit.keyframe))
            written_ns = time_ns
    finally:
        if out is not None:
            out.close()
    return Written(first_ns, written_ns) if out is not None else None


def _packet(stream: Any, header: Header, data: bytes, ticks: int, keyframe: bool) -> Any:
    packet = av.Packet(data)
    packet.stream = stream
    packet.time_base = _TIME_BASE
    packet.pts = packet.dts = ticks
    packet.is_keyframe = keyframe
    if header.codec == "opus":
        packet.duration = (opus.duration_us(data, 0, len(data)) or 0) * _TICKS // 1_000_000
    return packet


def _stream(out: Any, header: Header, size: tuple[int, int]) -> Any:
    if header.codec == "opus":
        return out.add_stream_from_template(_opus_template())
    width, height = size
    return out.add_mux_stream(
        _FORMATS[header.codec][1], rate=30, width=width, height=height, time_base=_TIME_BASE
    )


def _size(header: Header, data: bytes) -> tuple[int, int] | None:
    """Width and height, by decoding the keyframe; None when it cannot be decoded."""
    if header.codec == "opus":
        return (0, 0)
    try:
        context = decoder(header.codec)
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError):
        return None
    return (frames[0].width, frames[0].height) if frames else None


def _opus_template() -> Any:
    """A stream with the codec parameters of RTP's Opus (48 kHz, two channels), which need no encoder.

    PyAV offers no way to set them by hand, so they are read from the smallest possible Ogg file (RFC 7845).
    """
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<II", 0, 0)
    pages = [_ogg_page(head, 2, 0, 0), _ogg_page(tags, 0, 1, 0), _ogg_page(b"\xf8\xff\xfe", 4, 2, 960)]
    return av.open(io.BytesIO(b"".join(pages))).streams.audio[0]


def _ogg_page(body: bytes, flags: int, number: int, granule: int) -> bytes:
    head = struct.pack("<4sBBqIIIBB", b"OggS", 0, flags, granule, 1, number, 0, 1, len(body))
    return head[:22] + struct.pack("<I", _ogg_crc(head + body)) + head[26:] + body


def _ogg_crc(data: bytes) -> int:
    """RFC 3533 section 6: polynomial 0x04C11DB7, nothing reflected or inverted."""
    crc = 0
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
