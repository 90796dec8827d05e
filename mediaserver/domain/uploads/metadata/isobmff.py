"""MP4, QuickTime, M4A, 3GP, HEIF, AVIF, CR3, and the boxes around JPEG XL and JPEG 2000.

Everything that is not needed for playing becomes free space of the same size, so that no offset changes and what
was ordered for fast start stays so. Metadata is in `udta` (location as `©xyz` or `loci`), in `meta` (keys of
Apple, lists of iTunes), in `uuid` (XMP), in makers' own boxes, and in timed tracks (`tracks.py`); of pictures in
items (`heif.py`).
"""

from collections.abc import Callable, Iterator

from mediaserver.domain.uploads.metadata import heif, tracks
from mediaserver.domain.uploads.metadata.boxes import Box, blank, boxes, child
from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, merged, overwrite

FIRST = frozenset((b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"JXL ", b"jP  "))
"""Kinds of the box with which such files begin."""

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
"""What Canon puts its raw pictures' metadata into; without it they cannot be converted."""
_CANON_GPS = b"CMT4"

_KEPT: dict[bytes, frozenset[bytes]] = {
    b"": frozenset(
        (
            b"ftyp", b"styp", b"moov", b"mdat", b"moof", b"mfra", b"sidx", b"ssix", b"prft", b"pdin", b"wide",
            b"JXL ", b"jxlc", b"jxlp", b"jxll", b"jxli", b"jbrd", b"jP  ", b"jp2h", b"jp2c",
        )
    ),
    b"moov": frozenset((b"mvhd", b"trak", b"mvex", b"iods", b"pssh")),
    b"trak": frozenset(
        (b"tkhd", b"edts", b"tref", b"mdia", b"load", b"clip", b"matt", b"tapt", b"trgr", b"txas")
    ),
    b"mdia": frozenset((b"mdhd", b"hdlr", b"minf", b"elng")),
    b"minf": frozenset((b"vmhd", b"smhd", b"hmhd", b"nmhd", b"sthd", b"gmhd", b"dinf", b"hdlr", b"stbl")),
    b"moof": frozenset((b"mfhd", b"traf", b"pssh")),
    b"traf": frozenset(
        (b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"subs", b"saiz", b"saio", b"senc", b"sdtp")
    ),
}  # fmt: skip
"""By box, what may be in it; all else is metadata, or so unusual that players do not need it."""

_CONTENT = frozenset((b"moov", b"meta", b"jxlc", b"jxlp", b"jp2c"))
_MAX_BOXES = 200_000
_NAME_AT, _COMPRESSOR_AT = 24, 42


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with a box of `FIRST`. Raises `Damaged`."""
    top, at = _all(source)
    result = [edit for box in top for edit in _top(source, box)]
    if at < source.size:
        result.append(overwrite(at, source.size, _free(source.size - at)))
    # Where fragments keep their samples is told elsewhere than `tracks` looks.
    if any(box.kind == b"moof" for box in top) and any(_is_track(source, edit) for edit in result):
        raise Damaged("a fragmented video has a track of metadata", 0)
    return merged(result)


def _all(source: Source) -> tuple[list[Box], int]:
    """The outermost boxes, and where the last one ends."""
    found: list[Box] = []
    try:
        for box in boxes(source, 0, source.size):
            found.append(box)
            if len(found) > _MAX_BOXES:
                raise Damaged("there are too many boxes", box.start)
    except Damaged:
        # Makers put trailers behind everything: what is no box is not needed for playing.
        if not any(box.kind in _CONTENT for box in found):
            raise
    return found, found[-1].end if found else 0


def _free(size: int) -> bytes:
    return size.to_bytes(4, "big") + b"free" if 8 <= size < 1 << 32 else b""


def _is_track(source: Source, edit: Edit) -> bool:
    """Whether the edit takes out a track."""
    return edit.content[4:8] == b"free" and source.read(edit.start + 4, 4) == b"trak"


def _top(source: Source, box: Box) -> Iterator[Edit]:
    if box.kind == b"meta":
        items = heif.edits(source, box)
        yield from [blank(source, box)] if items is None else items
    else:
        yield from _walk(source, box, b"")


def _walk(source: Source, box: Box, parent: bytes) -> Iterator[Edit]:
    if box.kind == b"uuid" and box.read(source, 0, 16) == _CANON:
        for inner in boxes(source, box.body + 16, box.end):
            if inner.kind == _CANON_GPS:
                yield blank(source, inner)
    elif box.kind == b"cmov":
        raise Damaged("the description of a video is compressed", box.start)
    elif box.kind not in _KEPT[parent]:
        yield blank(source, box)
    elif box.kind == b"trak" and tracks.is_metadata(source, box):
        yield blank(source, box)
        yield from tracks.samples(source, box)
    elif handler := _HANDLERS.get(box.kind):
        yield from handler(source, box)
    elif box.kind in _KEPT:
        for inner in boxes(source, box.body, box.end):
            yield from _walk(source, inner, box.kind)


# ------------------------------------------------------------------------------------------ times and names


def _times(source: Source, box: Box) -> Iterator[Edit]:
    """When it was made and changed (sections 8.2.2, 8.3.2 and 8.4.2): 4 bytes each, or 8 in version 1."""
    size = 16 if box.read(source, 0, 1) == b"\x01" else 8
    if box.end - box.body > 4:
        yield overwrite(box.body + 4, min(box.body + 4 + size, box.end))


def _names(source: Source, box: Box) -> Iterator[Edit]:
    """The name of a handler is for people, and says which camera it was."""
    if box.end - box.body > _NAME_AT:
        yield overwrite(box.body + _NAME_AT, box.end)


def _sample_table(source: Source, box: Box) -> Iterator[Edit]:
    """Names of encoders of pictures in the sample descriptions (section 12.1.3)."""
    descriptions = child(source, box, b"stsd")
    if descriptions is None:
        return
    for entry in boxes(source, descriptions.body + 8, descriptions.end):
        width, length = entry.read(source, 24, 2), entry.read(source, _COMPRESSOR_AT, 1)
        # Only entries for pictures are so long and have a width and a name of at most 31 bytes there.
        if entry.end - entry.body >= 78 and width.strip(b"\0") and length and 0 < length[0] <= 31:
            name = entry.read(source, _COMPRESSOR_AT + 1, length[0])
            if all(32 <= byte < 127 for byte in name):
                yield overwrite(entry.body + _COMPRESSOR_AT, entry.body + _COMPRESSOR_AT + 32)


_HANDLERS: dict[bytes, Callable[[Source, Box], Iterator[Edit]]] = {
    b"mvhd": _times,
    b"tkhd": _times,
    b"mdhd": _times,
    b"hdlr": _names,
    b"stbl": _sample_table,
}
