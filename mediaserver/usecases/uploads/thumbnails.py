"""Small pictures of pictures, made by Pillow: upright, with transparency and colours, without their metadata.

Runs only in the process that `media_probe` starts: what is decoded here is a stranger's.
"""

import contextlib
from pathlib import Path

from PIL import Image

LONGEST = 640
"""Pixels of a thumbnail's longer edge, at most; smaller pictures keep their size."""

_QUALITY = 80
_MAX_PROFILE = 16 * 1024
_STRIP = 64  # rows of the smaller picture
_ORIENTATION = 0x0112  # TIFF 6.0; in Exif
_ON_ITS_SIDE = (5, 6, 7, 8)
_TURNED_BY_BROWSERS = ("JPEG", "PNG")  # WebP may carry Exif too, and is shown as it is
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Size = tuple[int, int]


def of_picture(path: Path, form: str, target: Path, max_pixels: int) -> tuple[Size, Size | None]:
    """Decode the picture (its first, when it moves) and write its thumbnail: `(its size, the thumbnail's)`.

    `form` is Pillow's name of the only format tried. A picture of more than `max_pixels` is not decoded, and one
    may need more memory than there is: these have no thumbnail. Raises what Pillow raises for damaged files.
    """
    Image.MAX_IMAGE_PIXELS = None  # judged here
    with Image.open(path, formats=[form]) as opened:
        width, height = opened.size
        if width * height > max_pixels:
            return opened.size, None
        opened.draft("RGB", (LONGEST, LONGEST))  # JPEG: decoded at a fraction of its size
        try:
            opened.load()
            small: Image.Image | None = _shrunk(opened, fitting(width, height))
        except MemoryError:
            small = None
        turn = _orientation(opened) if form in _TURNED_BY_BROWSERS else 1
        profile = opened.info.get("icc_profile") if opened.mode in ("RGB", "RGBA", "P") else None
    size = (height, width) if turn in _ON_ITS_SIDE else (width, height)
    if small is None:
        return size, None
    small = small.transpose(_TURNS[turn]) if turn in _TURNS else small
    write(small, target, profile)
    return size, small.size


def fitting(width: int, height: int) -> Size:
    """At most `LONGEST` on the longer edge, never larger than before."""
    scale = min(1.0, LONGEST / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def write(image: Image.Image, target: Path, profile: bytes | None = None) -> None:
    """WebP, with the colour profile (ICC) when it is not large, and nothing else."""
    keep = profile if profile and len(profile) <= _MAX_PROFILE else b""
    image.save(target, "WEBP", quality=_QUALITY, method=4, icc_profile=keep)


def _shrunk(image: Image.Image, size: Size) -> Image.Image:
    """`image`, decoded, at `size`, as RGB or RGBA."""
    width, height = image.size
    mode = "RGBA" if image.has_transparency_data else "RGB"
    factor = max(1, min(width // size[0], height // size[1]) // 2)
    rows = factor * _STRIP
    # Strip by strip: a whole large picture, converted, would take as much memory again.
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    for top in range(0, height, rows):
        strip = _plain(image.crop((0, top, width, min(top + rows, height))), mode)
        small.paste(strip.reduce(factor), (0, top // factor))
    return small.resize(size, Image.Resampling.LANCZOS) if small.size != size else small


def _plain(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which `convert` would clip
        image = image.point(lambda value: value * (1 / 256)).convert("L")
    return image.convert(mode)


def _orientation(image: Image.Image) -> int:
    """What Exif says, as browsers read it: not XMP, which they ignore. 1, upright, when it says nothing."""
    exif = Image.Exif()
    with contextlib.suppress(Exception):  # damaged Exif makes no damaged picture
        exif.load(image.info.get("exif", b""))
        return int(exif.get(_ORIENTATION, 1))
    return 1
