"""What a file is, told by its first bytes: names and declared types of clients are never believed.

Whatever a browser could run (HTML, SVG, scripts) is plain text here; what is not known is a stream of octets.
"""

import re
from typing import Annotated, Literal

from pydantic import StringConstraints

from mediaserver.base.faults import form

_TOKEN = r"[A-Za-z0-9!#$&^_.+-]+"
MediaType = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    form(rf"^{_TOKEN}/{_TOKEN} *(?:;[\x20-\x7e]*)?$", "must be a media type such as image/png", max_length=200),
]
"""What clients may say a type is (RFC 9110 section 8.3.1): never believed, but sent in a header."""

MediaClass = Literal["image", "video", "audio", "file"]

HEAD_BYTES = 256 * 1024
"""As much of a file's beginning as `sniff` wants to see."""

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
MAX_PIXELS = 100_000_000
"""Browsers take 4 bytes a pixel to show a picture, still or moving: what is larger than this is a bomb."""

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"PK\x03\x04", "application/zip"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
# Brands of ISO base media files (ISO/IEC 14496-12 section 4.3) that browsers play; HEIC and the like are files.
_BRANDS = {b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"qt  ": "video/quicktime"}
_MP4_BRAND = re.compile(rb"isom|iso[2-9]|mp4[12]|avc1|M4V |dash|MSNV|f4v ")
_CONTROL = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b") | {127}

DEMUXERS = {
    "video/mp4": "mov",
    "audio/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "audio/webm": "matroska",
    "video/x-matroska": "matroska",
    "audio/x-matroska": "matroska",
    "audio/ogg": "ogg",
    "video/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
}
"""Sound and video types, and FFmpeg's name for what reads them."""

PICTURE_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
"""Picture types, and Pillow's name of each."""


def sniff(head: bytes) -> str:
    """The media type of a file that begins with `head` (its first `HEAD_BYTES`, or all)."""
    for magic, content_type in _MAGIC:
        if head.startswith(magic):
            return content_type
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        return _BRANDS.get(brand) or ("video/mp4" if _MP4_BRAND.fullmatch(brand) else UNKNOWN)
    if head[:4] == b"\x1aE\xdf\xa3":  # EBML (RFC 8794); the document type stands in its header
        return (
            "video/webm" if b"webm" in head[:64] else "video/x-matroska" if b"matroska" in head[:64] else UNKNOWN
        )
    if is_mp3_frame(head):
        return "audio/mpeg"
    return TEXT if _is_text(head) else UNKNOWN


def class_of(content_type: str) -> MediaClass:
    """Which limit holds for a type, and how a page may show it."""
    first = content_type.partition("/")[0]
    return first if first in ("image", "video", "audio") else "file"  # type: ignore[return-value]


def shown_inline(content_type: str) -> bool:
    """Whether a browser may show it in place; all else is saved. SVG is a document with scripts."""
    return class_of(content_type) != "file" and not content_type.startswith("image/svg")


def with_video(content_type: str, has_video: bool) -> str:
    """The type of a file in a container that may hold both, now that it is known what it holds."""
    if content_type == "video/quicktime":
        return content_type if has_video else "audio/mp4"
    kind, _, container = content_type.partition("/")
    may_hold_both = {"mp4", "webm", "x-matroska", "ogg"}
    return (
        f"{'video' if has_video else 'audio'}/{container}"
        if container in may_hold_both
        else f"{kind}/{container}"
    )


def is_mp3_frame(head: bytes) -> bool:
    """An MPEG audio layer III frame header: sync, layer, bitrate and sampling rate all legal."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, bitrate, rate = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3


def _is_text(head: bytes) -> bool:
    if not head or not _CONTROL.isdisjoint(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The head may end in the middle of a character.
        return (
            len(head) >= HEAD_BYTES and error.start > len(head) - 4 and error.reason == "unexpected end of data"
        )
    return True
