"""PNG (third edition) and APNG: only chunks of the picture, its colours and its animation stay."""

import re
import zlib

from mediaserver.domain.uploads.metadata import tiff
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source

MAGIC = b"\x89PNG\r\n\x1a\n"

_KEPT = frozenset(
    (
        b"tRNS", b"cHRM", b"gAMA", b"iCCP", b"sBIT", b"sRGB", b"cICP", b"mDCV", b"mDCv", b"cLLI", b"cLLi",
        b"bKGD", b"hIST", b"pHYs", b"sPLT", b"acTL", b"fcTL", b"fdAT",
    )
)  # fmt: skip
_CRITICAL = re.compile(rb"[A-Z][A-Za-z]{3}")
_NAME = re.compile(rb"[A-Za-z]{4}")


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `MAGIC`. Raises `Damaged`."""
    result: list[Edit] = []
    at, turned = len(MAGIC), False
    while source.size - at >= 8:
        head = source.read(at, 8)
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if length > 0x7FFFFFFF or not _NAME.fullmatch(name):
            raise Damaged("a PNG picture has no valid chunk", at)
        end = min(at + 12 + length, source.size)
        if name == b"eXIf" and not turned:
            chunk = source.read(at, end - at)
            kept = _turned(chunk[8 : 8 + length])
            turned = bool(kept)
            if kept != chunk:
                result.append(Edit(at, end, kept))
        elif not _CRITICAL.fullmatch(name) and name not in _KEPT:
            result.append(Edit(at, end))
        at = end
        if name == b"IEND":
            break
    if at < source.size:
        result.append(Edit(at, source.size))
    return result


def _turned(exif: bytes) -> bytes:
    turn = tiff.orientation(exif)
    if turn == 1:
        return b""
    body = b"eXIf" + tiff.minimal(turn)
    return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
