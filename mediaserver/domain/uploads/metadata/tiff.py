"""TIFF 6.0, BigTIFF and the raw formats built on it (DNG, CR2, NEF, ARW, ORF, RW2); the body of Exif is TIFF too.

Offsets stand everywhere in these files, so directories are rewritten in place: entries that tell of the place,
the camera or its owner are taken out and what they point to is overwritten.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, merged, overwrite

MAGIC = (
    b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"IIU\0", b"IIRO", b"IIRS", b"MMOR",
)  # fmt: skip

_ORIENTATION = 0x0112
_SUB_IFDS, _EXIF_IFD, _GPS_IFD = 0x014A, 0x8769, 0x8825
_DNG_VERSION = 0xC612
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_MAX_DIRECTORIES = 64
_MAX_ENTRIES = 1024

_ALWAYS = frozenset(
    {
        0x013B,  # artist
        0x013C,  # host computer
        0x02BC,  # XMP
        0x83BB,  # IPTC
        0x8649,  # Photoshop's resources
        _GPS_IFD,
        0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F,  # title, comment, author, keywords and subject of Windows
        0xA430, 0xA431, 0xA435,  # owner, serial numbers of body and lens
        0xC62F, 0xC65D,  # serial number and unique id of a DNG
        0x9286,  # user comment
        0xA420,  # unique id of the picture
    }
)  # fmt: skip
_UNLESS_RAW = frozenset(
    {
        0x010E, 0x010F, 0x0110, 0x0131, 0x0132,  # description, make, model, software, time
        _EXIF_IFD,
        0x927C,  # maker notes
    }
)  # fmt: skip
"""Converters of raw pictures need to know the camera."""


def minimal(orientation: int) -> bytes:
    """A TIFF structure that says how to turn the picture and nothing else."""
    return struct.pack("<2sHIHHHIHHI", b"II", 42, 8, 1, _ORIENTATION, 3, 1, orientation, 0, 0)


def orientation(tiff: bytes) -> int:
    """How the picture is to be turned (1 to 8); 1, upright, when that cannot be read."""
    if tiff[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, at)
        for number in range(min(count, _MAX_ENTRIES)):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, at + 2 + 12 * number)
            if tag == _ORIENTATION and kind == 3:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    raw: bytes
    place: tuple[int, int] | None
    """From where to where in the file its value is, when that is not in the entry."""
    offsets: tuple[int, ...]
    """Its values, when they may be offsets of directories."""


_Directory = tuple[int, list[_Entry], int, int]


class _Layout:
    """Byte order and widths: BigTIFF's are twice as large."""

    def __init__(self, head: bytes) -> None:
        order = "<" if head[:2] == b"II" else ">"
        self.big = head[2:4] in (b"+\0", b"\0+")
        self.count = struct.Struct(order + ("Q" if self.big else "H"))
        self.offset = struct.Struct(order + ("Q" if self.big else "I"))
        self.entry = struct.Struct(order + ("HHQ8s" if self.big else "HHI4s"))
        self.order, self.first = order, 8 if self.big else 4

    def read(self, source: Source, at: int) -> tuple[list[_Entry], int, int]:
        """The entries of the directory at `at`, the next directory and where this one ends."""
        start = at + self.count.size
        raw = source.read(at, self.count.size)
        if len(raw) < self.count.size:
            raise Damaged("a directory lies outside of the file", at)
        (count,) = self.count.unpack(raw)
        size = count * self.entry.size
        if count > _MAX_ENTRIES or start + size > source.size:
            raise Damaged("a directory has too many entries", at)
        table = source.read(start, size + self.offset.size).ljust(size + self.offset.size, b"\0")
        entries = [
            self._entry(table[begin : begin + self.entry.size]) for begin in range(0, size, self.entry.size)
        ]
        (following,) = self.offset.unpack(table[size:])
        return entries, following, min(start + size + self.offset.size, source.size)

    def _entry(self, raw: bytes) -> _Entry:
        tag, kind, count, value = self.entry.unpack(raw)
        size = _SIZES.get(kind, 1) * count
        if size > len(value):
            (at,) = self.offset.unpack(value)
            return _Entry(tag, raw, (at, at + size), ())
        letter = {4: "I", 13: "I", 16: "Q", 18: "Q"}.get(kind, "")
        fits = letter and count and struct.calcsize(f"{self.order}{count}{letter}") <= len(value)
        return _Entry(tag, raw, None, struct.unpack_from(f"{self.order}{count}{letter}", value) if fits else ())

    def many(self, source: Source, entry: _Entry) -> tuple[int, ...]:
        """Offsets of directories, however many."""
        if entry.place is None:
            return entry.offsets
        start, end = entry.place
        raw = source.read(start, min(end - start, 8 * _MAX_DIRECTORIES))
        usable = len(raw) // self.offset.size
        return struct.unpack_from(f"{self.order}{usable}{self.offset.format[-1]}", raw)


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with one of `MAGIC`. Raises `Damaged`."""
    head = source.read(0, 16)
    layout = _Layout(head)
    if len(head) < layout.first + layout.offset.size:
        raise Damaged("the file ends too early", len(head))
    (at,) = layout.offset.unpack_from(head, layout.first)
    found = list(_directories(source, layout, at))
    tags = {entry.tag for _, entries, _, _ in found for entry in entries}
    is_raw = _DNG_VERSION in tags or head[:4] not in MAGIC[:4] or head[8:10] == b"CR" or _SUB_IFDS in tags
    unwanted = _ALWAYS if is_raw else _ALWAYS | _UNLESS_RAW
    result: list[Edit] = []
    whole = set() if is_raw else _exif_directories(source, layout, found)
    for start, entries, following, end in found:
        if start in whole:  # overwritten below, as what an entry points to
            continue
        dropped = [entry for entry in entries if entry.tag in unwanted]
        if not dropped:
            continue
        kept = b"".join(entry.raw for entry in entries if entry.tag not in unwanted)
        count = len(entries) - len(dropped)
        result.append(overwrite(start, end, layout.count.pack(count) + kept + layout.offset.pack(following)))
        for entry in dropped:
            result += _values(source, layout, entry)
    return merged(result)


def _exif_directories(source: Source, layout: _Layout, found: list[_Directory]) -> set[int]:
    entries = [entry for _, listed, _, _ in found for entry in listed if entry.tag == _EXIF_IFD]
    return {at for entry in entries for at in layout.many(source, entry)}


def _directories(source: Source, layout: _Layout, first: int) -> Iterator[_Directory]:
    """Where it starts, entries, next one and end of each directory that holds or describes pictures."""
    waiting, seen = [first], set[int]()
    while waiting:
        at = waiting.pop()
        if not at or at in seen:
            continue
        if len(seen) >= _MAX_DIRECTORIES:
            raise Damaged("there are too many directories", at)
        seen.add(at)
        entries, following, end = layout.read(source, at)
        yield at, entries, following, end
        waiting.append(following)
        for entry in entries:
            if entry.tag in (_SUB_IFDS, _EXIF_IFD):
                waiting += layout.many(source, entry)


def _values(source: Source, layout: _Layout, entry: _Entry) -> Iterator[Edit]:
    """Overwrite what an entry points to; of a directory, also what its entries point to."""
    if entry.place is not None:
        yield from _blank(source, *entry.place)
    if entry.tag not in (_GPS_IFD, _EXIF_IFD):
        return
    for at in layout.many(source, entry)[:1]:
        try:
            entries, _, end = layout.read(source, at)
        except Damaged:
            continue
        yield from _blank(source, at, end)
        for inner in entries:
            if inner.place is not None:
                yield from _blank(source, *inner.place)


def _blank(source: Source, start: int, end: int) -> Iterator[Edit]:
    if 8 <= start < source.size:
        yield overwrite(start, min(end, source.size))
