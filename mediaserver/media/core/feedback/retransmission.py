"""Which packets a subscriber is sent again, and how much of its link that may take.

A receiver asks for lost packets with NACKs (RFC 4585 section 6.2.1). Nothing limits how often it asks, so the
sender must: a number is sent again at most once per round trip, and all retransmissions to one subscriber share a
budget.
"""

from collections.abc import Iterable
from typing import Final

from mediaserver.base.limits.token_bucket import TokenBucket

SHARE: Final = 0.25
"""Retransmissions take at most this share of the bitrate that is forwarded to the subscriber."""
MIN_RATE_BPS: Final = 40_000
"""Retransmissions are allowed this much even while little is forwarded."""
MIN_SHARE: Final = 0.1
"""The share that is left for retransmissions on a link that first transmissions fill."""
MIN_BURST_BYTES: Final = 10_000
BURST_S: Final = 0.25
"""At most this much time's allowance is sent at once, or a round trip's if that is longer."""
MIN_INTERVAL_S: Final = 0.03
"""Round trips shorter than this count as this long."""
MAX_REMEMBERED: Final = 512


class RetransmissionHistory:
    """Remembers which sequence numbers of one outgoing stream were sent again within the last round trip."""

    __slots__ = ("_sent_s",)

    def __init__(self) -> None:
        self._sent_s: dict[int, float] = {}
        """By sequence number, oldest first."""

    def due(self, sequences: Iterable[int], rtt_s: float, now: float) -> list[int]:
        """Return the distinct numbers among `sequences` that were not sent again within the last round trip.

        When `MAX_REMEMBERED` numbers were sent within one round trip, no others are due.
        """
        horizon_s = now - max(rtt_s, MIN_INTERVAL_S)
        sent_s = self._sent_s
        while sent_s:
            oldest = next(iter(sent_s))
            if sent_s[oldest] > horizon_s:
                break
            del sent_s[oldest]
        room = MAX_REMEMBERED - len(sent_s)
        due: dict[int, None] = {}
        for sequence in sequences:
            if len(due) >= room:
                break
            if sequence not in sent_s:
                due[sequence] = None
        return list(due)

    def sent(self, sequence: int, now: float) -> None:
        """Record that `sequence` was sent again at `now`."""
        self._sent_s.pop(sequence, None)
        self._sent_s[sequence] = now


class RetransmissionBudget:
    """The bytes that may be sent again to one subscriber: a share of what is forwarded to it.

    Audio comes first: its retransmissions may take the budget into debt, which video then waits for.
    """

    __slots__ = ("_bucket",)

    def __init__(self, now: float) -> None:
        self._bucket = TokenBucket(MIN_RATE_BPS / 8, MIN_BURST_BYTES, now)

    @property
    def rate_bps(self) -> float:
        return self._bucket.rate_per_s * 8

    @property
    def burst_bytes(self) -> float:
        return self._bucket.burst

    def update(self, forwarded_bps: float, limit_bps: float | None, rtt_s: float, now: float) -> None:
        """Set the rate from what is forwarded to the subscriber; call it about every second.

        `limit_bps` is what the subscriber's link carries, as far as known: first transmissions have precedence,
        so that only what they leave is for retransmissions.
        """
        self._bucket.level(now)  # time until now is credited at the former rate
        rate_bps = max(forwarded_bps * SHARE, MIN_RATE_BPS)
        burst = max(rate_bps / 8 * max(BURST_S, rtt_s), MIN_BURST_BYTES)
        if limit_bps is not None:
            left_bps = max(limit_bps - forwarded_bps, forwarded_bps * MIN_SHARE)
            rate_bps = min(rate_bps, left_bps)
            burst = min(burst, max(MIN_BURST_BYTES / 3, limit_bps / 8 * BURST_S / 2))
        self._bucket.rate_per_s, self._bucket.burst = rate_bps / 8, burst

    def take(self, size: int, now: float, *, audio: bool = False) -> bool:
        """Take `size` bytes; False when the packet must not be sent now. Each packet may be asked for again."""
        if not audio:
            return self._bucket.take(size, now)
        if self._bucket.level(now) <= -self._bucket.burst:
            return False
        self._bucket.charge(size, now)
        return True
