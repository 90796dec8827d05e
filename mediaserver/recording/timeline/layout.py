"""The layout of the program: one large tile and a strip of others. All sizes and positions are even (4:2:0)."""

from collections.abc import Sequence
from typing import Final, NamedTuple

_STRIP: Final = 5
"""Number of 16:9 tiles in the strip of a 16:9 canvas; the strip has a fifth of the width."""


class Canvas(NamedTuple):
    width: int
    height: int


class Tile(NamedTuple):
    """The position of a track. Its picture is fitted into it, keeping its aspect ratio."""

    track: str
    x: int
    y: int
    width: int
    height: int


def arrange(large: str | None, beside: Sequence[str], canvas: Canvas) -> tuple[Tile, ...]:
    """Return tiles for a large track and for as many of the others as fit, in their order."""
    if large is None:
        return ()
    if not beside:
        return (Tile(large, 0, 0, canvas.width, canvas.height),)
    width = _even(canvas.width / _STRIP)
    height = _even(min(width * 9 / 16, canvas.height / _STRIP))
    shown = beside[:_STRIP]
    top = _even((canvas.height - height * len(shown)) / 2)
    return (
        Tile(large, 0, 0, canvas.width - width, canvas.height),
        *(
            Tile(track, canvas.width - width, top + number * height, width, height)
            for number, track in enumerate(shown)
        ),
    )


def fit(width: int, height: int, tile: Tile) -> tuple[int, int, int, int]:
    """Return (x, y, width, height) of a picture in its tile: as large as possible, centered."""
    scale = min(tile.width / width, tile.height / height)
    w = max(2, min(tile.width, _even(width * scale)))
    h = max(2, min(tile.height, _even(height * scale)))
    return tile.x + _even((tile.width - w) / 2), tile.y + _even((tile.height - h) / 2), w, h


def _even(value: float) -> int:
    return round(value / 2) * 2
