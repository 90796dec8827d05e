"""How much work one client may cause with its RTCP.

Clients report often while packets are lost, so the limit is far above what browsers send on the worst links:
about 800 small NACKs a second. What exceeds it is dropped; reports are repeated anyway.
"""

from collections.abc import Iterable
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket
from mediaserver.media.core.packets import rtcp

RATE_PER_S: Final = 12_000
BURST: Final = 24_000
_DATAGRAM_COST: Final = 8
"""Reading a datagram at all costs about as much as this many items in it."""


class RtcpBudget:
    """The budget of one transport, in units of about 2 µs of CPU: a word of RTCP, or an item to act on."""

    __slots__ = ("_bucket",)

    def __init__(self, now: float) -> None:
        self._bucket = TokenBucket(RATE_PER_S, BURST, now)

    def admit(self, size: int, now: float) -> bool:
        """Whether a datagram of `size` bytes may be read; reading it is charged."""
        return self._bucket.take(_DATAGRAM_COST + size // 4, now)

    def charge(self, packets: Iterable[rtcp.Packet], now: float) -> None:
        """Charge what a datagram asks for, which is known only after it was read."""
        self._bucket.charge(sum(map(_items, packets)), now)


def _items(packet: rtcp.Packet) -> int:
    match packet:
        case rtcp.SenderReport() | rtcp.ReceiverReport():
            return 1 + len(packet.reports)
        case rtcp.Nack():
            return 1 + len(packet.sequences)
        case rtcp.Fir():
            return 1 + len(packet.requests)
    return 1
