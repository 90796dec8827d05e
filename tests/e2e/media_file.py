"""Reads recordings as a person would: whose pictures are where in them, and whose tones are heard when."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

COLUMNS, ROWS = 4, 4


def tone_of(who: int) -> int:
    """As kit.js has it."""
    return 420 + 190 * who


def read_code(picture: NDArray[np.uint8]) -> tuple[int, int] | None:
    """(who, frame number) of one board of kit.js, given as grey levels; None when it is none."""
    height, width = picture.shape
    seen = []
    for field in range(COLUMNS * ROWS):
        x, y = int((field % COLUMNS + 0.5) * width / COLUMNS), int((field // COLUMNS + 0.5) * height / ROWS)
        level = picture[y - 1 : y + 2, x - 1 : x + 2].mean()
        if 85 < level < 170:
            return None
        seen.append(int(level >= 170))
    who = sum(bit << i for i, bit in enumerate(seen[:4]))
    frame = sum(bit << i for i, bit in enumerate(seen[4:14]))
    right = seen[14] == bin(who).count("1") % 2 and seen[15] == (bin(frame).count("1") % 2) ^ 1
    return (who, frame) if right else None


@dataclass(frozen=True, slots=True)
class Recording:
    """What one media file holds."""

    duration_s: float
    video: list[tuple[float, NDArray[np.uint8]]]
    """Some pictures with their times, grey, whole."""
    sound: NDArray[np.float32]
    rate: int

    @classmethod
    def read(cls, path: Path, every_s: float = 0.25) -> "Recording":
        pictures: list[tuple[float, NDArray[np.uint8]]] = []
        chunks: list[NDArray[np.float32]] = []
        rate = 48000
        with av.open(str(path)) as container:
            duration_s = float((container.duration or 0) / 1_000_000)
            for frame in container.decode():
                if isinstance(frame, av.VideoFrame):
                    if not pictures or float(frame.time or 0) - pictures[-1][0] >= every_s:
                        pictures.append((float(frame.time or 0), frame.to_ndarray(format="gray")))
                elif isinstance(frame, av.AudioFrame):
                    samples = frame.to_ndarray().astype(np.float32)
                    if not frame.format.is_planar:
                        samples = samples.reshape(-1, frame.layout.nb_channels).T
                    rate = frame.sample_rate
                    chunks.append(samples.mean(axis=0))
        sound = np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
        return cls(duration_s, pictures, sound, rate)

    def loudness_db(self, hz: float, start_s: float, end_s: float) -> float:
        """Level of a tone relative to the loudest one in that time."""
        part = self.sound[int(start_s * self.rate) : int(end_s * self.rate)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)))) + 1e-12
        bin_hz = self.rate / len(part)
        near = spectrum[int((hz - 8) / bin_hz) : int((hz + 8) / bin_hz) + 2].max()
        return float(20 * np.log10(near / spectrum.max()))
