import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaserver.domain.uploads.media_types import HEAD_BYTES, class_of, shown_inline, sniff, with_video

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 360)
GIF = b"GIF89a" + struct.pack("<HH", 640, 360)
JPEG = b"\xff\xd8\xff\xe0\x00\x04\0\0"
WEBP = b"RIFF\0\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("head", "content_type"),
    [
        (PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (WEBP, "image/webp"),
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


@given(st.binary())
def test_whatever_comes_has_a_type(head: bytes) -> None:
    assert class_of(sniff(head)) in ("image", "video", "audio", "file")


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
