"""MP3 and FLAC: tags with titles, cover pictures (which have Exif of their own) and private data go."""

from collections.abc import Iterator

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source, overwrite

ID3, FLAC = b"ID3", b"fLaC"

_HAS_FOOTER = 0x10
_STREAMINFO, _PADDING, _SEEKTABLE = 0, 1, 3
_MAX_TAGS = 64


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with `ID3`, with `FLAC` or with a frame of MPEG audio. Raises `Damaged`."""
    start = 0
    for _ in range(_MAX_TAGS):
        head = source.read(start, 10)
        if head[:3] != ID3 or len(head) < 10:
            break
        start = min(start + 10 + _syncsafe(head[6:]) + (10 if head[5] & _HAS_FOOTER else 0), source.size)
    end = _end(source, start)
    result = [Edit(0, start)] if start else []
    if source.read(start, 4) == FLAC:
        result += _flac(source, start + 4, end)
    if end < source.size:
        result.append(Edit(end, source.size))
    return result


def _end(source: Source, start: int) -> int:
    """Where the sound ends: ID3v1, APEv2, Lyrics3 and ID3v2 with a footer may follow, in any order."""
    end = source.size
    for _ in range(_MAX_TAGS):
        size = _last_tag(source, end)
        if not size:
            break
        end = max(start, end - size)
    return end


def _last_tag(source: Source, end: int) -> int:
    """Bytes of the tag that ends at `end`; 0 without one."""
    tail = source.read(max(0, end - 355), min(355, end))
    if tail[-128:-125] == b"TAG":
        return 355 if tail[-355:-351] == b"TAG+" else 128
    if tail[-32:-24] == b"APETAGEX":
        flags = int.from_bytes(tail[-12:-8], "little")
        return int.from_bytes(tail[-20:-16], "little") + (32 if flags >> 31 else 0)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail[-10:-7] == b"3DI":
        return 20 + _syncsafe(tail[-4:])
    return 0


def _syncsafe(four: bytes) -> int:
    """Seven bits of each byte (ID3v2.4 section 6.2)."""
    return sum((byte & 0x7F) << shift for byte, shift in zip(four, (21, 14, 7, 0), strict=True))


def _flac(source: Source, at: int, end: int) -> Iterator[Edit]:
    """Metadata blocks (RFC 9639 section 8) that are not needed for decoding become padding."""
    last = False
    while not last:
        head = source.read(at, 4)
        if len(head) < 4 or at + 4 > end:
            return
        last, kind = bool(head[0] & 0x80), head[0] & 0x7F
        if kind == 127:
            raise Damaged("there is no valid metadata block", at)
        stop = min(at + 4 + int.from_bytes(head[1:], "big"), end)
        if kind not in (_STREAMINFO, _SEEKTABLE):
            yield overwrite(at, stop, bytes((0x80 * last | _PADDING,)) + head[1:])
        at = stop
