"""What an Opus packet says about itself in its first bytes (RFC 6716 section 3); nothing is decoded."""

from mediaserver.media.core.packets.buffers import Readable

_SILK_US = (10_000, 20_000, 40_000, 60_000)
_HYBRID_US = (10_000, 20_000)
_CELT_US = (2_500, 5_000, 10_000, 20_000)
_FRAME_US = _SILK_US * 3 + _HYBRID_US * 2 + _CELT_US * 4
"""By the TOC byte's upper five bits (table 2)."""

_MAX_DURATION_US = 120_000


def duration_us(buf: Readable, offset: int, length: int) -> int | None:
    """How much sound the payload at `offset` holds; None when it is no Opus packet."""
    if length < 1:
        return None
    toc = buf[offset]
    frames = (1, 2, 2, 0)[toc & 3]
    if not frames:  # code 3: the next byte counts them
        if length < 2:
            return None
        frames = buf[offset + 1] & 63
    total = frames * _FRAME_US[toc >> 3]
    return total if 0 < total <= _MAX_DURATION_US else None


def is_dtx(length: int) -> bool:
    """Whether a payload of this length only says that there is silence (RFC 6716 section 2.1.9)."""
    return 0 < length <= 2
