"""Estimate the bandwidth of a subscriber's downlink from REMB and the losses in its receiver reports.

This is no congestion control: it lowers what is sent when the link is too narrow, and tries again later. Upward
it is careful, since a failed attempt costs pictures and sound: the time between attempts doubles up to two
minutes. A receiver estimates at most about 1.5 times what arrives and raises that slowly. So a REMB limits only
while it is well below what is sent and does not rise: else it merely has not caught up with a layer that was just
chosen.

Sources: draft-alvestrand-rmcat-remb-03, RFC 3550 section 6.4.1.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

REMB_VALID_S: Final = 3.0
REMB_LOW: Final = 0.8
"""A REMB below this share of what is sent means congestion when it stays so for `REMB_PATIENCE_S`."""
REMB_PATIENCE_S: Final = 1.0
REMB_VERY_LOW: Final = 0.6
"""A REMB that falls below this share means congestion at once."""
REMB_FALLS: Final = 0.95
REMB_RISES: Final = 1.02
"""What a REMB is compared with: the one of a second ago."""
REMB_FREE: Final = 1.2
"""A REMB above this share of what is sent does not speak against trying more."""
HIGH_LOSS: Final = 0.10
LOSS_PATIENCE_S: Final = 2.0
LOW_LOSS: Final = 0.03
REPORTED_PACKETS: Final = 10
REPORT_S: Final = 1.5
"""A report counts for at most this long before it came."""
JUDGE_S: Final = 0.9
"""Losses are judged after this time, once this many packets were reported on."""
NACKED_PACKETS: Final = 8
NACKED_SHARE: Final = 0.2
PACKET_BYTES: Final = 1200
"""While more is tried, this share of packets asked for again (counted as this large) means that it has failed."""
SETTLE_S: Final = 2.0
"""After a change the link's queue needs time to drain before the next sign counts."""
GROWTH: Final = 1.3
GROWN_S: Final = 3.0
"""For this time after what is sent grew by this factor, an estimate counts only when it falls."""
MIN_UPDATE_S: Final = 0.1
PROBE_S: Final = 6.0
"""A raise that causes no congestion for this long has succeeded."""
FIRST_BACKOFF_S: Final = 10.0
MAX_BACKOFF_S: Final = 120.0
LOSS_MARGIN: Final = 1.3
"""Losses alone do not lower the limit below this many times the smallest layers: then they are not congestion."""


class Load(NamedTuple):
    """The bitrates sent to a subscriber, summed over all its streams."""

    rates_bps: Mapping[int, int]
    """By the SSRC of the slot: the bitrate of the layer that was chosen for it."""
    floor_bps: int
    """With the smallest layer in each slot."""
    next_bps: int | None
    """With the next better layer in one slot; None when nothing is held back."""


class Downlink:
    """Feed it with `remb` and `reported`; `update` says whether `limit_bps` has changed."""

    __slots__ = (
        "_backoff_s", "_changed", "_expected", "_former", "_groups", "_grown_s", "_loss", "_lossy_since_s",
        "_lost", "_low_since_s", "_nacked", "_next_raise_s", "_previous_limit_bps", "_raised_s", "_reported_s",
        "_sent_bps", "_settled_s", "_updated_s", "by_remb", "limit_bps", "queue_is_full",
    )  # fmt: skip

    def __init__(self) -> None:
        self.limit_bps: float | None = None
        """What may be sent; None while nothing shows that the link is too narrow."""
        self.by_remb = False
        """The receiver has estimated the link, so that the limit is due to congestion and not mere loss."""
        self.queue_is_full = False
        """The limit was lowered for congestion: what still waits on the link delays all that is sent now."""
        self._changed = False
        self._updated_s = float("-inf")
        self._groups: dict[int, tuple[float, float, object]] = {}
        """By SSRC, the last REMB that covers it: bitrate, arrival, and what all its SSRCs share."""
        self._expected = self._lost = 0
        self._loss = 0.0
        self._reported_s: float | None = None
        self._lossy_since_s: float | None = None
        self._low_since_s: float | None = None
        self._former: tuple[float, float] | None = None
        """The estimate of about a second ago, and its time."""
        self._sent_bps: float | None = None
        self._grown_s = float("-inf")
        """When what is sent last grew much: an estimate takes seconds to follow."""
        self._settled_s = float("-inf")
        self._raised_s: float | None = None
        self._previous_limit_bps = 0.0
        """The limit before the last raise."""
        self._nacked = 0
        """Packets that were asked for again since the last change."""
        self._backoff_s = FIRST_BACKOFF_S
        self._next_raise_s = 0.0

    def remb(self, bitrate_bps: float, ssrcs: Collection[int], now: float) -> None:
        """The receiver estimates that the streams `ssrcs` of ours may take `bitrate_bps` together."""
        group = object()
        for ssrc in ssrcs:
            self._groups[ssrc] = (bitrate_bps, now, group)
        self._changed = True

    def reported(self, expected: int, lost: int) -> None:
        """Add the packets of a stream that were expected and lost since its previous report block."""
        self._expected += expected
        self._lost += lost

    def nacked(self, packets: int) -> None:
        """The receiver asked for so many lost packets: the first sign that an attempt to send more fails."""
        self._nacked += packets
        self._changed |= self._raised_s is not None

    def is_due(self, now: float) -> bool:
        """Whether an estimate has come that should be judged without waiting for the next second."""
        return self._changed and now - self._updated_s >= MIN_UPDATE_S

    def update(self, load: Load, now: float) -> bool:
        """Judge what has come; call it about every second, and when `is_due`. True: `limit_bps` is new."""
        self._changed, self._updated_s = False, now
        sent_bps = sum(load.rates_bps.values())
        if self._sent_bps is not None and sent_bps > self._sent_bps * GROWTH:
            self._grown_s = now
        self._sent_bps = sent_bps
        estimate_bps = self._estimate_bps(load.rates_bps, now)
        self._judge_losses(now)
        if now - self._settled_s < SETTLE_S and not self._is_probing(now):
            return False
        by_remb = self._is_estimate_low(estimate_bps, sent_bps, now)
        if by_remb or self._is_lossy(now) or self._is_nacked(sent_bps, now):
            return self._lower(estimate_bps if by_remb else None, sent_bps, load.floor_bps, now)
        if self.limit_bps is None:
            return False
        return self._raise(estimate_bps, sent_bps, load.next_bps, now)

    def spare_limit_bps(self, sent_bps: float) -> float | None:
        """The limit that retransmissions have to leave for first transmissions, None for none."""
        if self.limit_bps is None and self._loss > HIGH_LOSS:
            return sent_bps * (1 - self._loss)
        return self.limit_bps

    # ------------------------------------------------------------------------------------------ signs

    def _estimate_bps(self, rates_bps: Mapping[int, int], now: float) -> float | None:
        """The receiver's estimate for all streams; those that no REMB covers count as they are. None: no REMB."""
        groups: dict[object, float] = {}
        uncovered_bps = 0
        for ssrc in [ssrc for ssrc, (_, at, _) in self._groups.items() if now - at > REMB_VALID_S]:
            del self._groups[ssrc]
        for ssrc, rate_bps in rates_bps.items():
            found = self._groups.get(ssrc)
            if found is None:
                uncovered_bps += rate_bps
            else:
                groups[found[2]] = found[0]
        return sum(groups.values()) + uncovered_bps if groups else None

    def _is_estimate_low(self, estimate_bps: float | None, sent_bps: float, now: float) -> bool:
        if estimate_bps is None:
            self._low_since_s = self._former = None
            return False
        former_bps, former_s = self._former or (estimate_bps, now)
        if self._former is None or now - former_s >= REMB_PATIENCE_S:
            self._former = estimate_bps, now
        rises = estimate_bps > former_bps * REMB_RISES
        if rises or estimate_bps >= sent_bps * REMB_LOW:
            self._low_since_s = None
            return False
        if self._low_since_s is None:
            self._low_since_s = now
        falls = estimate_bps < former_bps * REMB_FALLS
        if self._is_probing(now) or now - self._grown_s < GROWN_S:
            return falls
        if falls and estimate_bps < sent_bps * REMB_VERY_LOW:
            return True
        return now - self._low_since_s >= REMB_PATIENCE_S

    def _judge_losses(self, now: float) -> None:
        if self._reported_s is None:
            self._reported_s = now
        since_s = self._reported_s
        if now - since_s < JUDGE_S or self._expected < REPORTED_PACKETS:
            return
        self._loss = self._lost / self._expected
        self._expected = self._lost = 0
        self._reported_s = now
        if self._loss <= HIGH_LOSS:
            self._lossy_since_s = None
        elif self._lossy_since_s is None:
            self._lossy_since_s = max(since_s, now - REPORT_S)

    def _is_lossy(self, now: float) -> bool:
        patience_s = 0.0 if self._is_probing(now) else LOSS_PATIENCE_S
        return self._lossy_since_s is not None and now - self._lossy_since_s >= patience_s

    def _is_nacked(self, sent_bps: float, now: float) -> bool:
        """Whether much of what is being tried is asked for again: reports of losses take a second or more."""
        if self._raised_s is None or not self._is_probing(now) or self._nacked < NACKED_PACKETS:
            return False
        sent_packets = sent_bps * (now - self._raised_s) / 8 / PACKET_BYTES
        return self._nacked > sent_packets * NACKED_SHARE

    def _is_probing(self, now: float) -> bool:
        return self._raised_s is not None and now - self._raised_s < PROBE_S

    # ------------------------------------------------------------------------------------------ changes

    def _lower(self, estimate_bps: float | None, sent_bps: float, floor_bps: float, now: float) -> bool:
        if estimate_bps is None:
            limit_bps = max(sent_bps * (1 - self._loss), floor_bps * LOSS_MARGIN)
            limit_bps = min(limit_bps, self.limit_bps or limit_bps)
            if limit_bps >= sent_bps and self._raised_s is None:
                return False
        else:
            limit_bps = estimate_bps
        if self._raised_s is not None:  # the attempt to send more has failed; what was sent before did fit
            limit_bps = self._previous_limit_bps
            self._backoff_s = min(self._backoff_s * 2, MAX_BACKOFF_S)
        self.queue_is_full = estimate_bps is not None or self._raised_s is not None
        self._raised_s = None
        self.limit_bps, self.by_remb = limit_bps, self.by_remb or estimate_bps is not None
        self._settle(now)
        self._next_raise_s = now + self._backoff_s
        return True

    def _raise(self, estimate_bps: float | None, sent_bps: float, next_bps: int | None, now: float) -> bool:
        if self._raised_s is not None and not self._is_probing(now):
            self._raised_s = None
            self._backoff_s = max(self._backoff_s / 2, FIRST_BACKOFF_S)
        if self._raised_s is not None or now < self._next_raise_s or self._loss > LOW_LOSS:
            return False
        assert self.limit_bps is not None
        if next_bps is None:
            self.limit_bps, self.by_remb = None, False
            return True
        if estimate_bps is not None and estimate_bps < min(sent_bps * REMB_FREE, next_bps):
            return False
        self._previous_limit_bps, self.queue_is_full = self.limit_bps, False
        self.limit_bps = next_bps * 1.05
        self._raised_s = now
        self._settle(now)
        self._next_raise_s = now + PROBE_S
        return True

    def _settle(self, now: float) -> None:
        """Discard feedback received so far, because it describes the time before the change."""
        self._settled_s = self._reported_s = now
        self._expected = self._lost = self._nacked = 0
        self._lossy_since_s = self._low_since_s = None
