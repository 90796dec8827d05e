"""Pictures, a sound and a film for the school, drawn here: nothing is fetched, nothing is anybody else's."""

import math
import wave
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Picture = NDArray[np.uint8]

_PAPER, _INK, _BLUE, _RED, _GREEN = (250, 249, 244), (40, 44, 52), (38, 98, 178), (196, 62, 52), (46, 125, 84)
_SIZE = (960, 540)
_FPS = 15
_RATE = 24_000


def light(path: Path) -> None:
    """A ray that bends where it enters water."""
    image, draw = _board()
    width, height = _SIZE
    middle = height // 2
    draw.rectangle((0, middle, width, height), fill=(214, 232, 246))
    draw.line((0, middle, width, middle), fill=_BLUE, width=3)
    draw.line((width // 2, 60, width // 2, height - 60), fill=(150, 150, 150), width=2)
    draw.line((220, 70, width // 2, middle), fill=_RED, width=6)
    draw.line((width // 2, middle, width // 2 + 130, height - 40), fill=_RED, width=6)
    image.save(path, "PNG")


def waves(path: Path) -> None:
    """Two waves and their sum."""
    image, draw = _board()
    for base, colour, shape in (
        (120, _BLUE, lambda x: 50 * math.sin(x / 40)),
        (260, _GREEN, lambda x: 50 * math.sin(x / 32)),
        (430, _RED, lambda x: 50 * (math.sin(x / 40) + math.sin(x / 32))),
    ):
        _curve(draw, base, colour, shape)
    image.save(path, "PNG")


def staff(path: Path) -> None:
    """A scale on its five lines."""
    image, draw = _board()
    for line in range(5):
        draw.line((60, 200 + line * 32, _SIZE[0] - 60, 200 + line * 32), fill=_INK, width=2)
    for note in range(8):
        x, y = 130 + note * 95, 344 - note * 16
        draw.ellipse((x, y, x + 38, y + 28), fill=_INK)
        draw.line((x + 37, y + 14, x + 37, y - 80), fill=_INK, width=4)
    image.save(path, "PNG")


def portrait(path: Path, hue: int) -> None:
    """A face in a colour of its own, for a profile."""
    image = Image.new("HSV", (320, 320), (hue, 60, 235)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 60, 220, 190), fill=(255, 236, 214))
    draw.pieslice((60, 200, 260, 420), 180, 360, fill=_INK)
    image.save(path, "PNG")


def tone(path: Path) -> None:
    """The scale that `staff` shows, three seconds of it."""
    steps = (0, 2, 4, 5, 7, 9, 11, 12)
    times = np.arange(int(_RATE * 0.4)) / _RATE
    fade = np.minimum(1, np.minimum(times, times[::-1]) * 40)
    notes = [np.sin(2 * np.pi * 261.63 * 2 ** (step / 12) * times) * fade for step in steps]
    samples = (np.concatenate(notes) * 0.4 * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())


def film(path: Path) -> None:
    """Four seconds of a wave that runs."""
    with av.open(str(path), "w", format="webm") as out:
        stream = out.add_stream("libvpx", rate=_FPS)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.bit_rate = 400_000
        for n in range(_FPS * 4):
            frame = av.VideoFrame.from_ndarray(_frame(n), format="rgb24")
            frame.pts = n
            out.mux(stream.encode(frame))
        out.mux(stream.encode())


def _frame(n: int) -> Picture:
    image = Image.new("RGB", (640, 360), _PAPER)
    _curve(ImageDraw.Draw(image), 180, _BLUE, lambda x: 90 * math.sin(x / 45 - n / 4))
    return np.asarray(image)


def _board() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", _SIZE, _PAPER)
    return image, ImageDraw.Draw(image)


def _curve(
    draw: ImageDraw.ImageDraw, base: int, colour: tuple[int, int, int], shape: Callable[[int], float]
) -> None:
    draw.line([(x, base - shape(x)) for x in range(0, _SIZE[0], 3)], fill=colour, width=5)
