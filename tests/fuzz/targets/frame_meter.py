"""Sizes of WebSocket frames: the same, however the bytes are cut into pieces."""

from mediaserver.signalling.frame_meter import FrameMeter, MessageTooLarge
from tests.fuzz.target import Target

LIMIT = 4096


def run(data: bytes) -> None:
    piece = 1 + data[0] % 7 if data else 1
    whole = sizes([data])
    assert sizes([data[at : at + piece] for at in range(0, len(data), piece)]) == whole
    assert all(isinstance(size, int) and 0 <= size < 1 << 64 for size in whole if size is not None)


def sizes(pieces: list[bytes]) -> list[int | None]:
    """The sizes of all frames; None at the end for a message that is too large."""
    meter, found = FrameMeter(LIMIT), list[int | None]()
    try:
        for piece in pieces:
            found += meter.frames(piece)
    except MessageTooLarge:
        found.append(None)
    return found


TARGET = Target("frame_meter", run, packages=("mediaserver.signalling.frame_meter",))
