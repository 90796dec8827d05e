"""Pictures put onto a canvas and sounds added up, tick by tick, from streams in time order.

The canvas is planar 4:2:0; only tiles whose picture changed are drawn. Every stream is read just as far as the
tick that is being made.
"""

import logging
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from av.video.reformatter import Colorspace, VideoReformatter

from mediaserver.recording.composition.sources import RATE, Picture, Samples, Sound
from mediaserver.recording.timeline.layout import Canvas, Tile, fit

log = logging.getLogger(__name__)

_BLACK: Final = (16, 128, 128)
_BT709: Final = 1
"""As ISO/IEC 23091-2 numbers matrices; frames that do not say are BT.601."""
_KNEE: Final = 0.75
_DRIFT: Final = RATE * 40 // 1000
"""Sound stays on its own sample clock until it is this far from the timeline; then it jumps."""

Plane = npt.NDArray[np.uint8]


class PictureStream:
    """The newest picture of a track at each tick."""

    def __init__(self, track: str, pictures: Iterator[Picture]) -> None:
        self._track = track
        self._pictures = pictures
        self._ahead: Picture | None = None
        self._over = False
        self._reformatter = VideoReformatter()
        self.current: Picture | None = None

    def advance(self, time_ns: int) -> bool:
        """Move on to the last picture that is not after `time_ns`; whether there is a new one."""
        moved = False
        while not self._over:
            if self._ahead is None and not self._fetch():
                break
            assert self._ahead is not None
            if self._ahead.time_ns > time_ns:
                break
            self.current, self._ahead, moved = self._ahead, None, True
        return moved

    def _fetch(self) -> bool:
        try:
            self._ahead = next(self._pictures, None)
        except Exception:  # one bad track must not end the program
            log.exception("a track's pictures end early", extra={"track": self._track})
            self._ahead = None
        self._over = self._ahead is None
        return not self._over

    def scaled(self, width: int, height: int) -> list[Plane]:
        """The current picture in this size: its three planes."""
        assert self.current is not None
        frame = self.current.frame
        frame = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=Colorspace.ITU709 if frame.colorspace == _BT709 else Colorspace.ITU601,
            dst_colorspace=Colorspace.ITU601,
            threads=1,
        )
        return [_plane(plane) for plane in frame.planes]


def _plane(plane: Any) -> Plane:
    lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return lines[: plane.height, : plane.width]


class Painter:
    """The canvas as one array in yuv420p order, and its planes as views of it."""

    def __init__(self, canvas: Canvas) -> None:
        width, height = canvas
        self.pixels = np.empty((height * 3 // 2, width), np.uint8)
        flat, luma, chroma = self.pixels.reshape(-1), width * height, width * height // 4
        self._planes: list[Plane] = [
            flat[:luma].reshape(height, width),
            flat[luma : luma + chroma].reshape(height // 2, width // 2),
            flat[luma + chroma :].reshape(height // 2, width // 2),
        ]
        self.clear()

    def clear(self) -> None:
        for plane, black in zip(self._planes, _BLACK, strict=True):
            plane[:] = black

    def draw(self, tile: Tile, stream: PictureStream) -> None:
        """Fit the stream's current picture into its tile."""
        assert stream.current is not None
        frame = stream.current.frame
        x, y, width, height = fit(frame.width, frame.height, tile)
        self._fill(tile, (x, y, width, height))
        for number, (plane, picture) in enumerate(zip(self._planes, stream.scaled(width, height), strict=True)):
            part = 2 if number else 1
            plane[y // part : (y + height) // part, x // part : (x + width) // part] = picture

    def _fill(self, tile: Tile, picture: tuple[int, int, int, int]) -> None:
        """Blacken what an earlier picture of another shape may have left in the tile."""
        if (tile.x, tile.y, tile.width, tile.height) == picture:
            return
        for number, (plane, black) in enumerate(zip(self._planes, _BLACK, strict=True)):
            part = 2 if number else 1
            plane[
                tile.y // part : (tile.y + tile.height) // part, tile.x // part : (tile.x + tile.width) // part
            ] = black


class SoundStream:
    """A track's samples, addressed by sample number of the program."""

    def __init__(self, track: str, sounds: Iterator[Sound], start_ns: int) -> None:
        self._track, self._sounds, self._start_ns = track, sounds, start_ns
        self._pieces: deque[tuple[int, Samples]] = deque()
        self._anchors: dict[int, int] = {}
        """By SSRC: the program's sample number at RTP timestamp 0."""
        self._over = False

    def add_to(self, block: Samples, first: int) -> None:
        """Add what sounds from sample `first` on to the block."""
        end = first + block.shape[1]
        while not self._over and (not self._pieces or self._pieces[-1][0] < end):
            self._fetch()
        for at, samples in self._pieces:
            start, stop = max(at, first), min(at + samples.shape[1], end)
            if start < stop:
                block[:, start - first : stop - first] += samples[:, start - at : stop - at]
        while self._pieces and self._pieces[0][0] + self._pieces[0][1].shape[1] <= end:
            self._pieces.popleft()

    def _fetch(self) -> None:
        try:
            sound = next(self._sounds, None)
        except Exception:  # one bad track must not end the program
            log.exception("a track's sound ends early", extra={"track": self._track})
            sound = None
        if sound is None:
            self._over = True
            return
        due = round((sound.time_ns - self._start_ns) * RATE / 1e9)
        anchor = self._anchors.get(sound.ssrc)
        if anchor is None or abs(anchor + sound.timestamp - due) > _DRIFT:
            anchor = self._anchors[sound.ssrc] = due - sound.timestamp
        self._pieces.append((anchor + sound.timestamp, sound.samples))


def limit(block: Samples) -> Samples:
    """Bend what is too loud softly to full scale; what is below the knee stays as it is."""
    loud = np.abs(block)
    if loud.max(initial=0.0) <= _KNEE:
        return block
    room = 1 - _KNEE
    bent = np.sign(block) * (_KNEE + room * np.tanh((loud - _KNEE) / room))
    return np.where(loud > _KNEE, bent, block).astype(np.float32)
