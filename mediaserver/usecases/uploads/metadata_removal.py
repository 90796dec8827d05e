"""Take the metadata out of a file on disk, whatever its size.

Runs only in the process that `media_probe` starts: what is read here is a stranger's.
"""

import os
from pathlib import Path
from typing import BinaryIO

from mediaserver.domain.uploads import metadata
from mediaserver.domain.uploads.metadata import Edit, Source

_WINDOW = 256 * 1024
_PIECE = 1 << 20


class FileSource:
    """A `Source` over an open file. Small reads, of which parsers do many, are answered from a window."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._start, self._window = 0, b""

    @property
    def size(self) -> int:
        return self._size

    def read(self, start: int, length: int) -> bytes:
        begin = start - self._start
        if begin >= 0 and begin + length <= len(self._window):
            return self._window[begin : begin + length]
        if length > _WINDOW // 4:
            return self._read(start, length)
        self._start, self._window = start, self._read(start, _WINDOW)
        return self._window[:length]

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(min(start, self._size))
        return self._file.read(length)


def remove(path: Path) -> int:
    """Change the file at `path`; return how many places were changed. Raises `metadata.Damaged`."""
    with path.open("rb") as file:
        source = FileSource(file)
        edits = metadata.removal(source)
        if any(edit.growth for edit in edits):
            _rewrite(path, source, edits)
        elif edits:
            _overwrite(path, edits)
    return len(edits)


def _overwrite(path: Path, edits: list[Edit]) -> None:
    """In place: a long video is not copied for some bytes."""
    with path.open("r+b") as file:
        for edit in edits:
            file.seek(edit.start)
            file.write(edit.content)
            for begin in range(0, edit.padding, _PIECE):
                file.write(bytes([edit.fill]) * min(_PIECE, edit.padding - begin))


def _rewrite(path: Path, source: Source, edits: list[Edit]) -> None:
    fresh = path.with_name(f"{path.name}.fresh")
    with fresh.open("wb") as file:
        for piece in metadata.pieces(source, edits):
            file.write(piece)
    fresh.replace(path)
