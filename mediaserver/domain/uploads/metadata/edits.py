"""What the parsers of this package read and return: bytes at an offset in, changes to a file out.

A parser never changes anything itself. It returns edits in the order of the file, which do not overlap, so the
caller can apply them to a file of any size without holding it in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


class Source(Protocol):
    """A file as parsers see it."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start`; fewer at the end of the file."""


class Damaged(ValueError):
    """The structure of a file cannot be parsed, so its metadata cannot be found."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what} at byte {at:,}")


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes from `start` to before `end` by `content`, followed by `padding` bytes `fill`."""

    start: int
    end: int
    content: bytes = b""
    padding: int = 0
    fill: int = 0

    @property
    def growth(self) -> int:
        """By how many bytes the file becomes longer (negative: shorter)."""
        return len(self.content) + self.padding - (self.end - self.start)


class Bytes:
    """A `Source` over bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, start: int, length: int) -> bytes:
        return self._data[start : start + length]


_PIECE = 1 << 20


def overwrite(start: int, end: int, content: bytes = b"", fill: int = 0) -> Edit:
    """Put `content` in place of these bytes and fill up the rest: no offset in the file changes."""
    content = content[: end - start]
    return Edit(start, end, content, end - start - len(content), fill)


def changes(source: Source, edit: Edit) -> bool:
    """Whether the edit makes a difference."""
    if edit.growth:
        return True
    if source.read(edit.start, len(edit.content)) != edit.content:
        return True
    at, filled = edit.start + len(edit.content), bytes([edit.fill])
    while at < edit.end:
        piece = source.read(at, min(_PIECE, edit.end - at))
        if piece.count(filled) != len(piece):
            return True
        at += max(1, len(piece))
    return False


def pieces(source: Source, edits: list[Edit]) -> Iterator[bytes]:
    """The edited file, piece by piece."""
    at = 0
    for edit in [*edits, Edit(source.size, source.size)]:
        while at < edit.start:
            piece = source.read(at, min(_PIECE, edit.start - at))
            if not piece:
                return
            yield piece
            at += len(piece)
        yield edit.content
        for begin in range(0, edit.padding, _PIECE):
            yield bytes([edit.fill]) * min(_PIECE, edit.padding - begin)
        at = edit.end


def edited(source: Source, edits: list[Edit]) -> bytes:
    return b"".join(pieces(source, edits))


def merged(edits: list[Edit]) -> list[Edit]:
    """In the order of the file, without those that lie within another or begin within the one before.

    Hostile files describe one place twice: what is left of the second is overwritten with zeros.
    """
    result: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, -one.end)):
        end = result[-1].end if result else 0
        if edit.start >= end:
            result.append(edit)
        elif edit.end > end:
            result.append(overwrite(end, edit.end))
    return result
