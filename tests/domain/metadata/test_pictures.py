"""No picture tells where, when, with what or by whom it was made; what is seen stays as it was, bit by bit."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediaserver.domain.uploads import metadata
from mediaserver.domain.uploads.metadata import Bytes, Damaged
from tests.domain.metadata import files

pytestmark = pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO file")

Make = Callable[..., bytes]

PICTURES: dict[str, Make] = {
    "jpeg": files.jpeg,
    "progressive": lambda turn=6: files.jpeg(turn, progressive=True),
    "cmyk": lambda turn=6: files.jpeg(turn, mode="CMYK"),
    "grey": lambda turn=6: files.jpeg(turn, mode="L", icc_profile=None),
    "png": files.png,
    "palette": lambda turn=6: files.png(turn, "P"),
    "apng": lambda turn=6: files.png(turn, save_all=True, append_images=[files.picture().rotate(90)]),
    "webp": files.webp,
    "lossy webp": lambda turn=6: files.webp(turn, lossless=False),
    "moving webp": lambda turn=6: files.webp(turn, frames=3),
    "tiff": files.tiff,
    "avif": files.avif,
}
kinds = pytest.mark.parametrize("kind", [*PICTURES, "gif"])
NEUTRAL = ("Composite", "ExifTool", "System", "File", "SourceFile", "ICC_Profile", "ICC-header")
"""Groups of exiftool that say nothing of the picture's origin."""
PRIVATE = ("GPS", "ExifIFD", "XMP", "IPTC", "Photoshop", "MakerNotes", "MPF", "Trailer", "Comment", "DateTime")


def made(kind: str, turn: int = 6) -> bytes:
    return files.gif() if kind == "gif" else PICTURES[kind](turn)


def stripped(content: bytes) -> bytes:
    source = Bytes(content)
    return metadata.edited(source, metadata.removal(source))


@kinds
def test_nothing_private_is_left(kind: str) -> None:
    content = made(kind)
    assert files.secrets_in(content), "the test is worthless when nothing was there"
    assert files.secrets_in(stripped(content)) == []


@kinds
def test_pixels_are_the_same_bit_by_bit(kind: str) -> None:
    content = made(kind)
    assert files.shown(stripped(content)) == files.shown(content)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_orientation_and_colour_profile_stay(kind: str, turn: int) -> None:
    assert files.told(stripped(made(kind, turn))) == (turn, files.PROFILE)


def test_an_avif_keeps_its_turn_and_profile() -> None:
    content = files.avif()
    assert files.told(stripped(content)) == files.told(content)


@kinds
def test_a_second_time_nothing_is_left_to_do(kind: str) -> None:
    assert metadata.removal(Bytes(stripped(made(kind)))) == []


@kinds
def test_a_clean_picture_stays_as_it_is(kind: str) -> None:
    clean = stripped(made(kind))
    assert stripped(clean) == clean


def test_a_gif_still_moves_and_repeats() -> None:
    with files.Image.open(files.BytesIO(stripped(files.gif()))) as image:
        assert (image.n_frames, image.info["loop"], image.info["duration"]) == (3, 3, 70)


def test_png_keeps_what_its_colours_need() -> None:
    content = files.png()
    at = content.index(b"IDAT") - 4
    extra = files.chunk(b"gAMA", b"\0\0\xb1\x8f") + files.chunk(b"sRGB", b"\0")
    found = stripped(content[:at] + extra + content[at:])
    for kind in (b"gAMA", b"sRGB", b"iCCP", b"cICP"):
        assert kind in found
    for kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"caBX"):
        assert kind not in found


def test_a_preview_in_the_head_of_a_jpeg_goes() -> None:
    plain = files.encoded(files.picture(), "JPEG")
    with_preview = (
        plain[:2] + files.segment(0xE0, plain[6:18] + b"\4\4" + b"secretpreview".ljust(48)) + plain[20:]
    )
    found = stripped(with_preview)
    assert b"secretpreview" not in found
    assert files.shown(found) == files.shown(plain)


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_is_none_is_dropped(turn: int) -> None:
    told = b"\x01\x12\0\3\0\0\0\1"
    exif = files.exif(6).replace(told + b"\0\6", told + turn.to_bytes(2, "big"))
    assert exif != files.exif(6)
    assert b"Exif" not in stripped(files.jpeg(exif=exif))


def test_little_endian_exif_keeps_the_orientation() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\3\0\0\0\0\0\0\0"
    assert files.told(stripped(files.jpeg(exif=exif)))[0] == 3


def test_big_endian_exif_keeps_the_orientation() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\3\0\0\0\0\0\0"
    assert files.told(stripped(files.jpeg(exif=exif)))[0] == 3


@pytest.mark.parametrize("kind", [*PICTURES, "gif"])
def test_cut_off_pictures_lose_their_metadata_too(kind: str) -> None:
    content = made(kind)
    for length in range(20, len(content), max(1, len(content) // 40)):
        try:
            found = stripped(content[:length])
        except Damaged:
            continue
        assert files.secrets_in(found) == [], length


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*PICTURES, "gif"])
def test_another_reader_finds_nothing_either(kind: str, tmp_path: Path) -> None:
    exiftool = shutil.which("exiftool") or pytest.fail("install libimage-exiftool-perl")
    path = tmp_path / "picture"
    path.write_bytes(stripped(made(kind)))
    left = tags(exiftool, path)
    assert [name for name in left if any(group in name for group in PRIVATE)] == []
    assert files.secrets_in(json.dumps(left).encode()) == []


def tags(exiftool: str, path: Path) -> dict[str, Any]:
    """By group and name, also of what is embedded, unknown or in trailers."""
    command = [exiftool, "-j", "-G1", "-a", "-u", "-U", "-ee3", "-api", "RequestAll=2", str(path)]
    (found,) = json.loads(subprocess.run(command, capture_output=True, check=False).stdout)
    return {name: value for name, value in found.items() if name.partition(":")[0] not in NEUTRAL}
