"""Tell what a datagram on the shared port is, by its first bytes (RFC 7983 section 7, RFC 5761 section 4).

Whatever is too short to be what its first byte says is `UNKNOWN`.
"""

from enum import IntEnum

from mediaserver.media.core.packets.buffers import Readable


class Kind(IntEnum):
    UNKNOWN = 0
    STUN = 1
    DTLS = 2
    RTP = 3
    RTCP = 4


_MINIMUM = {Kind.STUN: 20, Kind.DTLS: 13, Kind.RTP: 12, Kind.RTCP: 8}


def _kind_of(first: int) -> Kind:
    if first <= 3:
        return Kind.STUN
    if 20 <= first <= 63:
        return Kind.DTLS
    return Kind.RTP if 128 <= first <= 191 else Kind.UNKNOWN


_KINDS = tuple((kind := _kind_of(first), _MINIMUM.get(kind, 0)) for first in range(256))


def classify(buf: Readable, length: int) -> Kind:
    """What the first `length` bytes of `buf` are."""
    if length < 2:
        return Kind.UNKNOWN
    kind, minimum = _KINDS[buf[0]]
    if kind is Kind.RTP and 192 <= buf[1] <= 223:
        kind, minimum = Kind.RTCP, 8
    return kind if length >= minimum else Kind.UNKNOWN
