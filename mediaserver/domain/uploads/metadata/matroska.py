"""Matroska and WebM (RFC 9559): tags, attachments and dates become void elements of the same size."""

from collections.abc import Iterator
from typing import NamedTuple

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

MAGIC = b"\x1aE\xdf\xa3"

_EBML, _SEGMENT, _INFO, _CLUSTER, _TRACKS = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1F43B675, 0x1654AE6B
_SEEK_HEAD, _CUES, _CHAPTERS = 0x114D9B74, 0x1C53BB6B, 0x1043A770
_KEPT = frozenset((_SEEK_HEAD, _CLUSTER, _TRACKS, _CUES, _CHAPTERS))
_KEPT_INFO = frozenset(
    (0x2AD7B1, 0x4489, 0x4D80, 0x5741, 0x73A4, 0x3CB923, 0x3EB923, 0x4444, 0x6924)
)  # fmt: skip
"""Scale of times, duration, the two programs' names, and what links segments."""
_IN_CLUSTER = frozenset((0xE7, 0xA3, 0xA0, 0xA7, 0xAB, 0xAF, 0xBF, 0xEC, 0x5854))
_VOID, _CRC = 0xEC, 0xBF


class _Element(NamedTuple):
    id: int
    start: int
    body: int
    end: int


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `MAGIC`. Raises `Damaged`."""
    return [edit for element in _elements(source, 0, source.size) for edit in _top(source, element)]


def _top(source: Source, element: _Element) -> Iterator[Edit]:
    if element.id == _SEGMENT:
        for inner in _elements(source, element.body, element.end):
            if inner.id == _INFO:
                yield from _information(source, inner)
            elif inner.id not in _KEPT and inner.id not in (_SEGMENT, _EBML):
                yield from _void(inner)
    elif element.id != _EBML:
        yield from _void(element)


def _information(source: Source, info: _Element) -> Iterator[Edit]:
    for inner in _elements(source, info.body, info.end):
        if inner.id not in _KEPT_INFO:  # also the checksum, which would be wrong now
            yield from _void(inner)


def _void(element: _Element) -> Iterator[Edit]:
    size = element.end - element.start
    if size < 2:  # a file that was cut off within the id
        yield overwrite(element.start, element.end)
    elif size <= 128:
        yield overwrite(element.start, element.end, bytes((_VOID, 0x80 | (size - 2))))
    else:
        head = bytes((_VOID, 0x01)) + (size - 9).to_bytes(7, "big")
        yield overwrite(element.start, element.end, head)


def _elements(source: Source, start: int, end: int) -> Iterator[_Element]:
    at = start
    while at < end:
        name, body, size = _head(source, at, end)
        if size is not None:
            stop = min(body + size, end)
        elif name == _CLUSTER:
            stop = _end_of_cluster(source, body, end)
        elif name == _SEGMENT:
            stop = end
        else:
            raise Damaged("an element has no size", at)
        yield _Element(name, at, min(body, stop), stop)
        at = stop


def _head(source: Source, at: int, end: int) -> tuple[int, int, int | None]:
    """Id, start of the body, and its size: None when the writer did not know it (RFC 8794 section 6.2)."""
    head = source.read(at, min(12, end - at))
    id_width = 9 - head[0].bit_length()
    if id_width > 4:
        raise Damaged("there is no valid element", at)
    if id_width >= len(head):  # cut off
        return _VOID, end, 0
    width = 9 - head[id_width].bit_length()
    if width > 8:
        raise Damaged("an element has no valid size", at)
    mask = (1 << 7 * width) - 1
    size = int.from_bytes(head[id_width : id_width + width], "big") & mask
    name = int.from_bytes(head[:id_width], "big")
    return name, at + id_width + width, None if size == mask else size


def _end_of_cluster(source: Source, start: int, end: int) -> int:
    """Browsers' recorders do not know how long a cluster becomes when they begin it."""
    at = start
    while at < end:
        name, body, size = _head(source, at, end)
        if name not in _IN_CLUSTER or size is None:
            return at
        at = min(body + size, end)
    return end
