"""Items of HEIF and AVIF pictures (ISO/IEC 23008-12): Exif and XMP are items like the pictures themselves.

Their bytes are overwritten where they are; the item stays, because it is numbered and referred to.
"""

from collections.abc import Iterator

from mediaserver.domain.uploads.metadata import tiff
from mediaserver.domain.uploads.metadata.boxes import Box, boxes, child
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

_MAX_ITEMS = 65_536
_MAX_EXIF = 1 << 20


def edits(source: Source, meta: Box) -> list[Edit] | None:
    """What to change in a `meta` box of a file; None when it does not describe a picture. Raises `Damaged`."""
    handler = child(source, meta, b"hdlr", 4) if meta.read(source, 8, 4) == b"hdlr" else None
    if handler is None or handler.read(source, 8, 4) != b"pict":
        return None
    information = child(source, meta, b"iinf", 4)
    unwanted = dict(_unwanted(source, information)) if information else {}
    result: list[Edit] = []
    for box in boxes(source, meta.body + 4, meta.end):
        if box.kind in (b"uuid", b"free", b"skip"):
            result.append(overwrite(box.body, box.end))
    if not unwanted:
        return result
    locations, data = child(source, meta, b"iloc", 4), child(source, meta, b"idat", 4)
    if locations is None:
        raise Damaged("a picture does not tell where its items are", meta.start)
    for item, extents in _extents(locations.read(source), data, locations.start):
        if item in unwanted:
            result += _overwritten(source, unwanted[item], extents)
    return result


def _unwanted(source: Source, information: Box) -> Iterator[tuple[int, bytes]]:
    """Ids and types of items that are metadata (ISO/IEC 14496-12 section 8.11.6)."""
    wide = information.read(source, 0, 1) != b"\0"
    for number, entry in enumerate(boxes(source, information.body + (8 if wide else 6), information.end)):
        if number >= _MAX_ITEMS:
            raise Damaged("a picture has too many items", entry.start)
        body = entry.read(source, 0, 512)
        if entry.kind != b"infe" or not body or body[0] < 2:
            continue
        width = 4 if body[0] == 3 else 2
        item, kind, rest = body[4 : 4 + width], body[6 + width : 10 + width], body[10 + width :]
        content_type = rest.partition(b"\0")[2]
        if kind in (b"Exif", b"uri ") or (kind == b"mime" and not content_type.startswith(b"image/")):
            yield int.from_bytes(item, "big"), kind


class _Reader:
    def __init__(self, table: bytes, at: int) -> None:
        self._table, self._position, self._at = table, 0, at

    def number(self, width: int) -> int:
        end = self._position + width
        if end > len(self._table):
            raise Damaged("the table of items ends too early", self._at)
        value = int.from_bytes(self._table[self._position : end], "big")
        self._position = end
        return value


def _extents(table: bytes, data: Box | None, at: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """By item, where its bytes are (section 8.11.3)."""
    reader = _Reader(table, at)
    version = reader.number(4) >> 24
    widths = reader.number(2)
    offset_width, length_width, base_width = widths >> 12, widths >> 8 & 15, widths >> 4 & 15
    index_width = widths & 15 if version in (1, 2) else 0
    wide = 4 if version == 2 else 2
    for _ in range(min(reader.number(wide), _MAX_ITEMS)):
        item = reader.number(wide)
        method = reader.number(2) & 15 if version in (1, 2) else 0
        reader.number(2)
        base, extents = reader.number(base_width), []
        for _ in range(reader.number(2)):
            reader.number(index_width)
            start = base + reader.number(offset_width)
            extents.append((start, start + reader.number(length_width)))
        if method == 1 and data is not None:
            extents = [(data.body + start, data.body + end) for start, end in extents]
        elif method:
            extents = [(0, 0)]
        yield item, extents


def _overwritten(source: Source, kind: bytes, extents: list[tuple[int, int]]) -> Iterator[Edit]:
    content, fill = b"", 32
    if kind == b"Exif":
        first, last = extents[0] if extents else (0, 0)
        payload = source.read(first, min(last - first, _MAX_EXIF))
        skipped = 4 + int.from_bytes(payload[:4], "big")
        content, fill = bytes(4) + tiff.minimal(tiff.orientation(payload[skipped:])), 0
    for start, end in extents:
        if start <= 0 or end <= start or start >= source.size:
            raise Damaged("the bytes of an item cannot be found", start)
        yield overwrite(start, min(end, source.size), content, fill)
        content = b""
