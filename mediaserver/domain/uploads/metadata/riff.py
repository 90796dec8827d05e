"""RIFF: WebP, WAVE and AVI.

A WebP picture is shortened. In sound and video, what is not needed for playing becomes `JUNK` of the same size,
because indexes may count from the start of the file.
"""

from collections.abc import Iterator
from typing import NamedTuple

from mediaserver.domain.uploads.metadata import tiff
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

_WEBP = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WAVE = frozenset(
    (b"fmt ", b"data", b"fact", b"cue ", b"smpl", b"inst", b"ds64", b"PEAK", b"wavl", b"slnt")
)  # fmt: skip
_AVI = frozenset((b"idx1", b"avih", b"strh", b"strf", b"indx", b"vprp", b"dmlh"))
_AVI_LISTS = frozenset((b"hdrl", b"strl", b"odml"))
_EXIF_FLAG, _XMP_FLAG = 0x08, 0x04
_DEPTH = 3


class _Chunk(NamedTuple):
    name: bytes
    start: int
    body: int
    stop: int
    """Where the body ends; a byte of padding may follow."""
    end: int


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `RIFF` or `RF64`. Raises `Damaged`."""
    head = source.read(0, 12)
    match head[8:12]:
        case b"WEBP":
            return _webp(source, head)
        case b"WAVE":
            return list(_wave(source, int.from_bytes(head[4:8], "little")))
        case b"AVI ":
            return list(_junk(source, 12, source.size, _AVI, _AVI_LISTS))
    return []


def _chunks(source: Source, start: int, end: int) -> Iterator[_Chunk]:
    at = start
    while end - at >= 8:
        head = source.read(at, 8)
        if not all(32 <= byte < 127 for byte in head[:4]):
            raise Damaged("a RIFF file has no valid chunk", at)
        stop = min(at + 8 + int.from_bytes(head[4:], "little"), end)
        following = min(stop + (stop - at) % 2, end)
        yield _Chunk(head[:4], at, at + 8, stop, following)
        at = following
    if at < end:
        yield _Chunk(b"", at, at, end, end)


def _webp(source: Source, head: bytes) -> list[Edit]:
    whole = 8 + int.from_bytes(head[4:8], "little")
    end, turn, extended = min(whole + whole % 2, source.size), 1, None
    result: list[Edit] = []
    for chunk in _chunks(source, 12, end):
        if chunk.name == b"VP8X":
            extended = chunk
        if chunk.name == b"EXIF" and turn == 1:
            exif = source.read(chunk.body, chunk.stop - chunk.body)
            turn = tiff.orientation(exif.removeprefix(b"Exif\0\0"))
            kept = b"EXIF" + (26).to_bytes(4, "little") + tiff.minimal(turn) if turn != 1 else b""
            if kept != source.read(chunk.start, chunk.end - chunk.start):
                result.append(Edit(chunk.start, chunk.end, kept))
        elif chunk.name == b"ANMF":
            result += _frame(source, chunk)
        elif chunk.name not in _WEBP:
            result.append(Edit(chunk.start, chunk.end))
    if end < source.size:
        result.append(Edit(end, source.size))
    return [*_webp_heads(source, result, extended, turn != 1), *result]


def _webp_heads(source: Source, body: list[Edit], extended: _Chunk | None, turned: bool) -> Iterator[Edit]:
    """What the beginning says of the rest: how long it is, and which chunks there are."""
    size = overwrite(4, 8, (source.size + sum(edit.growth for edit in body) - 8).to_bytes(4, "little"))
    if source.read(4, 4) != size.content:
        yield size
    if extended is None or extended.body >= extended.stop:
        return
    flags = source.read(extended.body, 1)[0]
    told = flags & ~(_EXIF_FLAG | _XMP_FLAG) | (_EXIF_FLAG if turned else 0)
    if told != flags:
        yield Edit(extended.body, extended.body + 1, bytes([told]))


def _frame(source: Source, frame: _Chunk) -> Iterator[Edit]:
    """Chunks within a frame of an animation that are no picture."""
    unwanted = [
        Edit(chunk.start, chunk.end)
        for chunk in _chunks(source, frame.body + 16, frame.stop)
        if chunk.name not in _WEBP
    ]
    if unwanted:
        size = frame.stop - frame.body + sum(edit.growth for edit in unwanted)
        yield Edit(frame.start + 4, frame.body, size.to_bytes(4, "little"))
        yield from unwanted


def _wave(source: Source, told: int) -> Iterator[Edit]:
    streamed = told in (0, 0xFFFFFFFF)  # written without knowing the end, or RF64
    end = source.size if streamed else min(8 + told + told % 2, source.size)
    yield from _junk(source, 12, end, _WAVE, frozenset())
    if end < source.size:
        yield overwrite(end, source.size)


def _junk(
    source: Source, start: int, end: int, kept: frozenset[bytes], lists: frozenset[bytes], depth: int = 0
) -> Iterator[Edit]:
    """Overwrite unwanted chunks. Lists of `lists` are looked into, `movi` is left alone."""
    for chunk in _chunks(source, start, end):
        kind = source.read(chunk.body, 4) if chunk.name in (b"LIST", b"RIFF") else b""
        if chunk.name in kept or kind == b"movi":
            continue
        # OpenDML: a large AVI has several `RIFF` one after the other.
        inside = kind in lists if chunk.name == b"LIST" else chunk.name == b"RIFF" and bool(lists)
        if inside and depth < _DEPTH:
            yield from _junk(source, chunk.body + 4, chunk.stop, kept, lists, depth + 1)
        else:
            head = b"JUNK" + source.read(chunk.start + 4, 4) if chunk.name else b""
            yield overwrite(chunk.start, chunk.end, head)
