"""Boxes of ISO base media files (ISO/IEC 14496-12 section 4.2) and atoms of QuickTime."""

from collections.abc import Iterator
from dataclasses import dataclass

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

MAX_TABLE_BYTES = 64 << 20
"""As much of one table of a track as is read."""


@dataclass(frozen=True, slots=True)
class Box:
    kind: bytes
    start: int
    body: int
    end: int

    def read(self, source: Source, at: int = 0, length: int | None = None) -> bytes:
        """Bytes of the body from `at` on, at most to the end of the box."""
        begin = self.body + at
        left = max(0, self.end - begin)
        return source.read(begin, min(left, MAX_TABLE_BYTES if length is None else length))


def boxes(source: Source, start: int, end: int) -> Iterator[Box]:
    """Boxes between these offsets; the last one may be cut off. Raises `Damaged` at what is no box."""
    at = start
    while end - at >= 8:
        head = source.read(at, 16)
        size, kind, header = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1:
            size, header = int.from_bytes(head[8:16], "big"), 16
        elif size == 0:
            size = end - at
        if size < header or not _is_name(kind):
            raise Damaged("there is no valid box", at)
        stop = min(at + size, end)
        yield Box(kind, at, min(at + header, stop), stop)
        at = stop


def child(source: Source, box: Box, kind: bytes, skip: int = 0) -> Box | None:
    """The first box of that kind in the body of `box`, which begins with `skip` other bytes."""
    return next((one for one in boxes(source, box.body + skip, box.end) if one.kind == kind), None)


def blank(source: Source, box: Box) -> Edit:
    """The box becomes free space of the same size."""
    head = source.read(box.start, box.body - box.start)
    return overwrite(box.start, box.end, head[:4] + b"free" + head[8:])


def _is_name(kind: bytes) -> bool:
    """Four characters; QuickTime's names of metadata begin with ©, those of lists are numbers."""
    return len(kind) == 4 and all(32 <= byte < 127 or byte == 0xA9 for byte in kind)
