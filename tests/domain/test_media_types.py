import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.domain.media_types import (
    HEAD_BYTES,
    class_of,
    image_size,
    shown_inline,
    sniff,
    with_video,
)

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 360)
GIF = b"GIF89a" + struct.pack("<HH", 640, 360)
FRAME = b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", 360, 640) + b"\x03"
EXIF = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
JPEG = b"\xff\xd8\xff\xe0\x00\x04\0\0" + FRAME
JPEG_TURNED = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(EXIF) + 2) + EXIF + FRAME
WEBP_LOSSY = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 360)
WEBP_LOSSLESS = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f" + struct.pack("<I", 639 | 359 << 14)
WEBP_EXTENDED = (
    b"RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0" + (639).to_bytes(3, "little") + (359).to_bytes(3, "little")
)


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (WEBP_LOSSY, "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        (b"RIFF\0\0\0\0AVI LIST", "application/octet-stream"),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"PK\x03\x04\x14\0", "application/zip"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0", "video/mp4"),
        (b"\0\0\0\x20ftypM4A \0\0\x02\0", "audio/mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\x02\0", "video/quicktime"),
        (b"\0\0\0\x20ftypheic\0\0\0\0", "application/octet-stream"),
        (b"\x1aE\xdf\xa3\x9fB\x82\x84webm", "video/webm"),
        (b"\x1aE\xdf\xa3\xa3B\x82\x88matroska", "video/x-matroska"),
        (b"\x1aE\xdf\xa3\xa3B\x82\x88whatever", "application/octet-stream"),
        (b"OggS\0\x02", "audio/ogg"),
        (b"fLaC\0\0\0\x22", "audio/flac"),
        (b"ID3\x04\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\0", "audio/mpeg"),
        (b"\xff\xf1\x50\x80\0", "application/octet-stream"),  # AAC in ADTS
        (b"\xff\xff\xff\xff", "application/octet-stream"),
        (b"hello\r\n", "text/plain"),
        ("Grüße 👋".encode(), "text/plain"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "text/plain"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "text/plain"),
        ("Grüße".encode("latin-1"), "application/octet-stream"),
        (b"text\0with nul", "application/octet-stream"),
        (b"cut \xc3", "application/octet-stream"),
        (b"a" * (HEAD_BYTES - 1) + b"\xc3", "text/plain"),  # the character goes on after the head
        (b"\x7fELF", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_the_first_bytes_tell_the_type(head: bytes, content_type: str) -> None:
    assert sniff(head) == content_type


@pytest.mark.parametrize("head", [PNG, GIF, JPEG, WEBP_LOSSY, WEBP_LOSSLESS, WEBP_EXTENDED])
def test_the_header_tells_the_size(head: bytes) -> None:
    assert image_size(sniff(head), head) == (640, 360)
    for cut in range(len(head) - 1):
        assert image_size(sniff(head), head[:cut]) is None


def test_a_photograph_taken_upright_is_upright() -> None:
    assert image_size("image/jpeg", JPEG_TURNED) == (360, 640)


def test_an_empty_picture_has_no_size() -> None:
    assert image_size("image/png", PNG[:16] + struct.pack(">II", 0, 360)) is None


@given(st.sampled_from([PNG, GIF, JPEG, JPEG_TURNED, WEBP_LOSSY, WEBP_LOSSLESS]), st.binary(), st.integers(0, 60))
def test_no_damage_breaks_the_readers(head: bytes, noise: bytes, at: int) -> None:
    damaged = head[:at] + noise + head[at + len(noise) :]
    sniff(damaged)
    for content_type in ("image/png", "image/gif", "image/jpeg", "image/webp"):
        size = image_size(content_type, damaged)
        assert size is None or all(side > 0 for side in size)


@pytest.mark.parametrize(
    ("content_type", "video", "silent"),
    [
        ("video/webm", "video/webm", "audio/webm"),
        ("audio/ogg", "video/ogg", "audio/ogg"),
        ("audio/mp4", "video/mp4", "audio/mp4"),
        ("video/quicktime", "video/quicktime", "audio/mp4"),
        ("audio/mpeg", "audio/mpeg", "audio/mpeg"),
    ],
)
def test_what_a_container_holds_makes_its_type(content_type: str, video: str, silent: str) -> None:
    assert with_video(content_type, True) == video
    assert with_video(content_type, False) == silent


def test_only_pictures_video_and_sound_are_shown_in_place() -> None:
    assert [
        t for t in ("image/png", "video/mp4", "audio/ogg", "text/plain", "image/svg+xml") if shown_inline(t)
    ] == [
        "image/png",
        "video/mp4",
        "audio/ogg",
    ]
    assert class_of("application/pdf") == "file"
