"""One captured track as streams: records, units with their times, decoded pictures, sound samples.

Everything is an iterator over a mapped file; nothing holds more than a few packets or one picture. What cannot
be decoded is skipped and counted in `damages`.
"""

import contextlib
import logging
import mmap
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, NamedTuple

import av
import numpy as np
import numpy.typing as npt

from mediaserver.recording.capture.journal import Header, Journal, Record
from mediaserver.recording.timeline.clocks import StreamClock, StreamKey
from mediaserver.recording.timeline.depacketize import Unit, units
from mediaserver.recording.timeline.packets import Item, Packet, Reader, ordered

log = logging.getLogger(__name__)

RATE: Final = 48_000
_MICROSECONDS: Final = Fraction(1, 1_000_000)
_MAX_PIXELS: Final = 4096 * 2304
"""Larger pictures are not decoded: a keyframe of a few bytes may claim to be of any size."""
_DECODERS: Final = {"VP8": "vp8", "H264": "h264", "opus": "libopus"}

Samples = npt.NDArray[np.float32]
"""Two rows: left and right."""


class TimedUnit(NamedTuple):
    time_ns: int
    unit: Unit


class Picture(NamedTuple):
    time_ns: int
    frame: Any
    """av.VideoFrame"""


class Sound(NamedTuple):
    time_ns: int
    ssrc: int
    timestamp: int
    """Of the first sample, at 48 kHz."""
    samples: Samples


class Track:
    """All journals of one track, in the order in which they were begun."""

    def __init__(self, header: Header, paths: Sequence[Path]) -> None:
        self.header = header
        self._paths = paths
        self.damages: list[str] = []
        self._undecoded = 0

    def items(self) -> Iterator[Item]:
        """Everything, in arrival order."""
        reader = Reader(self.header)
        for path in self._paths:
            yield from reader.read(self._records(path))

    def units(self, clocks: dict[StreamKey, StreamClock]) -> Iterator[TimedUnit]:
        """Access units in sending order; times never go back within an SSRC."""
        latest: dict[int, int] = {}
        packets = (item for item in self.items() if isinstance(item, Packet))
        for unit in units(self.header, ordered(packets)):
            clock = clocks.get((self.header.track, unit.ssrc))
            if clock is None:
                continue
            time_ns = clock.time_ns(unit.timestamp, unit.arrival_ns)
            latest[unit.ssrc] = time_ns = max(time_ns, latest.get(unit.ssrc, time_ns))
            yield TimedUnit(time_ns, unit)

    def pictures(self, clocks: dict[StreamKey, StreamClock]) -> Iterator[Picture]:
        """Decoded frames of a video track."""
        decoders: dict[int, Any] = {}
        for time_ns, unit in self.units(clocks):
            if unit.ssrc not in decoders:
                decoders[unit.ssrc] = decoder(self.header.codec)
            packet = av.Packet(unit.data)
            packet.pts = packet.dts = time_ns // 1000
            packet.time_base = _MICROSECONDS
            for frame in self._decode(decoders[unit.ssrc], packet):
                yield Picture(frame.pts * 1000 if frame.pts is not None else time_ns, frame)

    def sounds(self, clocks: dict[StreamKey, StreamClock]) -> Iterator[Sound]:
        """Decoded pieces of an Opus track."""
        decoders: dict[int, Any] = {}
        for time_ns, unit in self.units(clocks):
            if unit.ssrc not in decoders:
                decoders[unit.ssrc] = decoder(self.header.codec)
            pieces = [_stereo(frame) for frame in self._decode(decoders[unit.ssrc], av.Packet(unit.data))]
            if pieces:
                yield Sound(time_ns, unit.ssrc, unit.timestamp, np.concatenate(pieces, axis=1))

    def finish(self) -> None:
        """Say how much could not be decoded."""
        if self._undecoded:
            self.damages.append(f"{self.header.track}: {self._undecoded} units could not be decoded")
            self._undecoded = 0

    def _records(self, path: Path) -> Iterator[Record]:
        with path.open("rb") as file, _mapped(file.fileno()) as buffer:
            journal = Journal(buffer)
            yield from journal
            damage = f"{path.name}: {journal.damage}"
            if journal.damage and damage not in self.damages:
                self.damages.append(damage)

    def _decode(self, context: Any, packet: Any) -> list[Any]:
        try:
            return list(context.decode(packet))
        except (av.FFmpegError, ValueError):  # broken bits: the decoder goes on with the next unit
            self._undecoded += 1
            return []


def tracks_of(paths: Sequence[Path], damages: list[str]) -> list[Track]:
    """The tracks whose journals these are; unreadable journals are named in `damages` and left out."""
    found: dict[str, tuple[Header, list[Path]]] = {}
    for path in paths:
        try:
            with path.open("rb") as file, _mapped(file.fileno()) as buffer:
                journal = Journal(buffer)
        except OSError as error:
            damages.append(f"{path.name}: {error}")
            continue
        if journal.header is None:
            damages.append(f"{path.name}: {journal.damage}")
        else:
            found.setdefault(journal.header.track, (journal.header, []))[1].append(path)
    return [Track(header, journals) for header, journals in found.values()]


def decoder(codec: str) -> Any:
    """A decoder that uses one thread and delays nothing."""
    context = av.CodecContext.create(_DECODERS[codec], "r")
    context.thread_count = 1
    if codec == "opus":
        context.sample_rate, context.layout = RATE, "stereo"
    else:
        context.flags |= av.codec.context.Flags.low_delay
        context.options = {"max_pixels": str(_MAX_PIXELS)}
    return context


def _stereo(frame: Any) -> Samples:
    data = frame.to_ndarray()
    if data.dtype == np.int16:
        data = data.astype(np.float32) / 32768
    channels = len(frame.layout.channels)
    if not frame.format.is_planar:
        data = data.reshape(-1, channels).T
    return np.ascontiguousarray(data[[0, -1]], dtype=np.float32)


@contextlib.contextmanager
def _mapped(fd: int) -> Iterator[bytes | mmap.mmap]:
    """A file's bytes without reading them; mapping an empty file is not possible."""
    try:
        mapped = mmap.mmap(fd, 0, access=mmap.ACCESS_READ)
    except ValueError:
        yield b""
        return
    with mapped:
        yield mapped
