"""JPEG (ITU-T T.81): only what decodes the picture, its colours and how to turn it stay.

Dropped are Exif but for the orientation, XMP, IPTC, maker notes, comments, previews, and whatever follows the end
of the picture: second pictures (MPF, gain maps), videos of motion photos, makers' trailers.
"""

import re

from mediaserver.domain.uploads.metadata import tiff
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source

MAGIC = b"\xff\xd8\xff"

_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_EXIF = b"Exif\0\0"
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_DECODING = frozenset(range(0xC0, 0xD0)) | frozenset(range(0xDA, 0xE0))
"""Frames, tables, scans and their parameters."""
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_JFIF_BYTES = 14


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `MAGIC`. Raises `Damaged`."""
    data = source.read(0, source.size)
    result: list[Edit] = []
    turning = False
    at = 2
    while at < len(data):
        # As decoders do: bytes that belong to nothing are skipped up to the next marker.
        found = _NEXT_MARKER.search(data, at)
        if found is None:
            result.append(Edit(at, len(data)))
            break
        start, marker = found.end() - 2, data[found.end() - 1]
        if start > at:
            result.append(Edit(at, start))
        if marker == _EOI:
            if found.end() < len(data):
                result.append(Edit(found.end(), len(data)))
            break
        if marker == _SOI or marker == 0x01 or 0xD0 <= marker <= 0xD7:  # no length follows
            result.append(Edit(start, start + 2))
            at = start + 2
            continue
        end = _segment_end(data, start)
        kept = _kept(marker, data[start:end], turning)
        turning = turning or (marker == _APP1 and data.startswith(_EXIF, start + 4))
        if kept != data[start:end]:
            result.append(Edit(start, end, kept))
        at = end
        if marker == _SOS:
            following = _AFTER_SCAN.search(data, end)
            at = following.start() if following else len(data)
    return result


def _segment_end(data: bytes, start: int) -> int:
    """A file that was cut off ends in the middle of one."""
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    if length < 2 and len(data) >= start + 4:
        raise Damaged("a segment of a JPEG picture has no valid length", start)
    return min(start + 2 + max(length, 2), len(data))


def _kept(marker: int, segment: bytes, turning: bool) -> bytes:
    """What stays of a segment, marker and length included. `turning`: there was Exif before."""
    body = segment[4:]
    if marker in _DECODING:
        return segment
    if marker == _APP0 and body.startswith(b"JFIF\0"):
        return segment if len(body) == _JFIF_BYTES else _segment(marker, body[:12].ljust(12, b"\0") + b"\0\0")
    if marker == _APP1 and body.startswith(_EXIF) and not turning:
        turn = tiff.orientation(body[len(_EXIF) :])
        return _segment(marker, _EXIF + tiff.minimal(turn)) if turn != 1 else b""
    keeps = (marker == _APP2 and body.startswith(b"ICC_PROFILE\0")) or (
        marker == _APP14 and body.startswith(b"Adobe")
    )
    return segment if keeps else b""


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
