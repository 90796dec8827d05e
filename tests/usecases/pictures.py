"""Pictures and videos made for tests; four colours in the corners tell what was turned, cut or lost."""

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

_COLOURS = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "w": (255, 255, 255), "k": (0, 0, 0)}
_NEAR = 70


def quarters(width: int, height: int, colours: str = "rgbw") -> Image.Image:
    """Its quarters, the upper ones first, are `r`ed, `g`reen, `b`lue, `w`hite, blac`k` or clear (`.`)."""
    image = Image.new("RGBA", (width, height))
    for number, colour in enumerate(colours):
        if colour != ".":
            left, top = number % 2 * width // 2, number // 2 * height // 2
            image.paste(_COLOURS[colour], (left, top, left + width // 2, top + height // 2))
    return image if "." in colours else image.convert("RGB")


def corners(image: Image.Image) -> str:
    """The colours near its corners in the order of `quarters`; `?` for any other."""
    right, low = image.width * 7 // 8, image.height * 7 // 8
    left, high = image.width // 8, image.height // 8
    plain = image.convert("RGBA")
    return "".join(_letter(plain.getpixel(at)) for at in ((left, high), (right, high), (left, low), (right, low)))


def _letter(colour: Any) -> str:
    if colour[3] < _NEAR:
        return "."
    near = (
        letter
        for letter, wanted in _COLOURS.items()
        if all(abs(one - other) < _NEAR for one, other in zip(colour, wanted, strict=False))
    )
    return next(near, "?")


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def decoded(content: bytes) -> Image.Image:
    image = Image.open(BytesIO(content))
    image.load()
    return image


def held(orientation: int) -> Image.Exif:
    """Exif that says how a camera was held, and where."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def video(
    path: Path,
    container: str,
    codec: str,
    picture: Image.Image,
    *,
    black: int = 0,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
) -> bytes:
    """`black` black frames, then fifteen of `picture`, at fifteen a second."""
    width, height = picture.size
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=15)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            stream.set_display_rotation(rotation)
        shown, dark = np.asarray(picture), np.zeros((height, width, 3), np.uint8)
        for number in range(black + 15):
            frame = av.VideoFrame.from_ndarray(dark if number < black else shown, format="rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return path.read_bytes()
