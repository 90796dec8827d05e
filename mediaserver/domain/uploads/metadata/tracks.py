"""Tracks of ISO base media files that carry neither sound, pictures nor captions.

Phones, action cameras and drones record where they are many times a second: as Apple's `mebx`, GoPro's `gpmd`,
Google's `camm`, or DJI's subtitles.
"""

import re
import struct
from collections.abc import Iterator

from mediaserver.domain.uploads.metadata.boxes import Box, boxes, child
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

_PLAYED = frozenset((b"vide", b"soun", b"pict", b"auxv", b"hint", b"tmcd"))
_CAPTIONS = frozenset((b"text", b"sbtl", b"subt", b"subp", b"clcp"))
_PLACES = re.compile(rb"(?i)\bgps\b|latitude|longitude|\b(?:lat|lon|lng)\b|home ?\([^)]*\d")
_LOOKED_AT = 4 << 20


def is_metadata(source: Source, trak: Box) -> bool:
    """Whether the track is nothing to be seen or heard, or captions that tell places."""
    handler = _handler(source, trak)
    if handler in _CAPTIONS:
        return _PLACES.search(_beginning(source, trak)) is not None
    return handler not in _PLAYED


def samples(source: Source, trak: Box) -> Iterator[Edit]:
    """Overwrite what the track consists of, wherever in the file that is."""
    for start, end in _chunks(source, trak):
        yield overwrite(start, end)


def _beginning(source: Source, trak: Box) -> bytes:
    found = bytearray()
    for start, end in _chunks(source, trak):
        found += source.read(start, min(end - start, _LOOKED_AT - len(found)))
        found += b"\n"
        if len(found) >= _LOOKED_AT:
            break
    return bytes(found)


def _handler(source: Source, trak: Box) -> bytes:
    media = child(source, trak, b"mdia")
    handler = media and child(source, media, b"hdlr")
    return handler.read(source, 8, 4) if handler else b""


def _chunks(source: Source, trak: Box) -> Iterator[tuple[int, int]]:
    """From where to where each chunk goes (ISO/IEC 14496-12 sections 8.7.3 to 8.7.5). Raises `Damaged`."""
    tables = _tables(source, trak)
    offsets = _numbers(tables.get(b"stco", b""), "I") or _numbers(tables.get(b"co64", b""), "Q")
    runs = _numbers(tables.get(b"stsc", b""), "III")
    sizes = _sizes(tables)
    position, run = 0, 0
    for number, offset in enumerate(offsets, start=1):
        while run + 1 < len(runs) // 3 and runs[3 * (run + 1)] <= number:
            run += 1
        count = runs[3 * run + 1] if runs else 0
        length = sum(sizes[position : position + count]) if isinstance(sizes, tuple) else sizes * count
        position += count
        end = min(offset + length, source.size)
        if 0 < offset < end:
            yield offset, end


def _tables(source: Source, trak: Box) -> dict[bytes, bytes]:
    box: Box | None = trak
    for kind in (b"mdia", b"minf", b"stbl"):
        box = box and child(source, box, kind)
    if box is None:
        return {}
    return {one.kind: one.read(source) for one in boxes(source, box.body, box.end) if one.kind in _READ}


_READ = frozenset((b"stco", b"co64", b"stsc", b"stsz", b"stz2"))


def _numbers(table: bytes, letters: str) -> tuple[int, ...]:
    """The entries after version, flags and count; as many as there are."""
    if len(table) < 8:
        return ()
    entry = struct.calcsize(f">{letters}")
    count = min(int.from_bytes(table[4:8], "big"), (len(table) - 8) // entry)
    return struct.unpack_from(f">{letters * count}", table, 8) if count < 1 << 20 else _too_many()


def _sizes(tables: dict[bytes, bytes]) -> tuple[int, ...] | int:
    """Of each sample; one number when all have the same."""
    table = tables.get(b"stsz", b"")
    if len(table) < 12:
        if b"stz2" in tables:
            raise Damaged("a track of metadata has sizes of a rare kind", 0)
        return ()
    same, count = struct.unpack_from(">II", table, 4)
    if same:
        return int(same)
    count = min(count, (len(table) - 12) // 4)
    return struct.unpack_from(f">{count}I", table, 12) if count < 1 << 22 else _too_many()


def _too_many() -> tuple[int, ...]:
    raise Damaged("a track of metadata has too many samples", 0)
