"""Estimate uplink bandwidth at the receiver, for senders that support REMB but not transport-wide feedback.

Kept plain on purpose: additive-multiplicative steps on three signs, none of them a model of the network.
* Loss (draft-ietf-rmcat-gcc-02 section 6): over 10% the estimate falls by half the loss, under 2% it may rise.
* Queue: a smoothed one-way delay far above the least of the last seconds (from abs-send-time) cuts it to
  0.85 × what arrives.
* What arrives: it never exceeds 1.5 × the received rate by much, so an idle sender learns nothing and a
  sending one doubles in five seconds.
The estimate stays between `minimum_bps` and `maximum_bps`.
"""

_WINDOW_S = 1.0
_RISE_PER_S = 0.15
_LOW_LOSS = 0.02
_HIGH_LOSS = 0.10
_OVERUSE = 0.85
_HEADROOM = 1.5
_HEADROOM_BPS = 100_000
_QUEUE_S = 0.100
_HOLD_S = 1.0
"""After a cut the queue needs time to drain before the next sign counts."""
_BASE_S = 10.0
"""The least delay is taken over two halves of this, so clock drift stays negligible."""
_ABS_SEND_WRAP_S = 64.0


class ReceiveRate:
    """Measures the received bitrate over about the last second."""

    __slots__ = ("_bytes", "_rate_bps", "_since_s")

    def __init__(self) -> None:
        self._bytes = 0
        self._since_s: float | None = None
        self._rate_bps = 0.0

    def packet(self, size: int, now: float) -> None:
        if self._since_s is None:
            self._since_s = now
        self._bytes += size

    def bps(self, now: float) -> float:
        """The rate of the last whole window, or of the running one before there is any."""
        if self._since_s is None:
            return 0.0
        elapsed_s = now - self._since_s
        if elapsed_s >= _WINDOW_S:
            self._rate_bps = self._bytes * 8 / elapsed_s
            self._bytes, self._since_s = 0, now
        elif not self._rate_bps and elapsed_s >= _WINDOW_S / 5:
            return self._bytes * 8 / elapsed_s
        return self._rate_bps


class QueueDelay:
    """The smoothed one-way delay above the recent minimum; the two clocks need not be synchronized."""

    __slots__ = ("_least", "_least_before", "_since_s", "_smoothed_s")

    def __init__(self) -> None:
        self._least: float | None = None
        self._least_before: float | None = None
        self._since_s = 0.0
        self._smoothed_s = 0.0

    def packet(self, abs_send_time: int, now: float) -> None:
        """`abs_send_time`: 24 bits, 6.18 fixed point seconds, as in the header extension."""
        way_s = now - abs_send_time / (1 << 18)
        if self._least is None:
            self._least, self._since_s = way_s, now
        # differences modulo 64 s, since the extension wraps
        longer_s = (way_s - self._least + _ABS_SEND_WRAP_S / 2) % _ABS_SEND_WRAP_S - _ABS_SEND_WRAP_S / 2
        way_s = self._least + longer_s
        if longer_s < 0:
            self._least = way_s
        if now - self._since_s > _BASE_S / 2:
            self._least_before, self._least, self._since_s = self._least, way_s, now
        floor = self._least if self._least_before is None else min(self._least, self._least_before)
        self._smoothed_s += (way_s - floor - self._smoothed_s) / 16

    @property
    def seconds(self) -> float:
        return self._smoothed_s


class BandwidthEstimator:
    """Feed a transport's packets to `packet`; call `update` about every 200 ms and send the result as REMB."""

    __slots__ = ("_cut_s", "_maximum_bps", "_minimum_bps", "_queue", "_rate", "_updated_s", "estimate_bps")

    def __init__(
        self, initial_bps: int = 1_000_000, minimum_bps: int = 100_000, maximum_bps: int = 5_000_000
    ) -> None:
        self._minimum_bps = minimum_bps
        self._maximum_bps = maximum_bps
        self._rate = ReceiveRate()
        self._queue = QueueDelay()
        self._updated_s: float | None = None
        self._cut_s: float | None = None
        self.estimate_bps = float(initial_bps)

    def packet(self, size: int, abs_send_time: int | None, now: float) -> None:
        """Add a received packet of `size` bytes; `abs_send_time` is None if it has no such header extension."""
        self._rate.packet(size, now)
        if abs_send_time is not None:
            self._queue.packet(abs_send_time, now)

    def update(self, loss: float, now: float) -> int:
        """Return the estimate in bit/s, given the fraction of packets lost (0…1) since the last call."""
        elapsed_s = 0.0 if self._updated_s is None else min(now - self._updated_s, 1.0)
        self._updated_s = now
        rate_bps = self._rate.bps(now)
        held = self._cut_s is not None and now - self._cut_s < _HOLD_S
        if not held and self._queue.seconds > _QUEUE_S:
            self._cut(min(self.estimate_bps, rate_bps or self.estimate_bps) * _OVERUSE, now)
        elif not held and loss > _HIGH_LOSS:
            self._cut(self.estimate_bps * (1 - loss / 2), now)
        elif not held and loss < _LOW_LOSS:
            ceiling_bps = max(self.estimate_bps, rate_bps * _HEADROOM + _HEADROOM_BPS)
            self.estimate_bps = min(self.estimate_bps * (1 + _RISE_PER_S) ** elapsed_s, ceiling_bps)
        self.estimate_bps = min(max(self.estimate_bps, self._minimum_bps), self._maximum_bps)
        return int(self.estimate_bps)

    def _cut(self, estimate_bps: float, now: float) -> None:
        self.estimate_bps = estimate_bps
        self._cut_s = now
