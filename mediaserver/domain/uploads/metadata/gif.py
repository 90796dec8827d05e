"""GIF: comments, texts and foreign applications' data (XMP) go; frames, their timing and repetition stay."""

from mediaserver.domain.uploads.metadata.edits import Damaged, Edit, Source

MAGIC = (b"GIF87a", b"GIF89a")

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
"""Repetition, and the colour profile."""


def edits(source: Source) -> list[Edit]:
    """Of a file that begins with one of `MAGIC`. Raises `Damaged`."""
    data = source.read(0, source.size)
    if len(data) < 13:
        return []
    result: list[Edit] = []
    at = 13 + _table(data[10])
    while at < len(data):
        start, kind = at, data[at]
        if kind == _TRAILER:
            at += 1
            break
        if kind == _IMAGE and len(data) >= at + 10:
            # The byte after the colours is the code size.
            at = _after_blocks(data, at + 10 + _table(data[at + 9]) + 1)
        elif kind == _EXTENSION and len(data) >= at + 2:
            label = data[at + 1]
            at = _after_blocks(data, at + 2)
            application = label == _APPLICATION and data[start + 3 : start + 14] in _APPLICATIONS
            if label != _CONTROL and not application:
                result.append(Edit(start, at))
        elif len(data) - at < 10 and kind in (_IMAGE, _EXTENSION):  # cut off
            break
        elif kind == 0:  # some programs write an empty block too many
            at += 1
        else:
            raise Damaged("a GIF picture has no valid block", at)
    if at < len(data):
        result.append(Edit(at, len(data)))
    return result


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return min(at + 1, len(data))
