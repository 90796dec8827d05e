"""The slowest rate at which a sender may be waited for. No clock: the caller says how long it waited."""


class MinimumRate:
    """Allows stalls of up to `grace_s` and, averaged over longer times, no less than `bytes_per_s`.

    The remaining patience shrinks by the time spent waiting and grows with what arrives, never beyond `grace_s`:
    a fast start does not pay for a long stall. Time that the receiver needs for itself does not count.
    """

    __slots__ = ("_bytes_per_s", "_grace_s", "patience_s")

    def __init__(self, bytes_per_s: float, grace_s: float) -> None:
        self._bytes_per_s, self._grace_s = bytes_per_s, grace_s
        self.patience_s = grace_s
        """How long to wait for the next bytes; the sender is too slow when none arrive by then."""

    def received(self, size: int, waited_s: float) -> None:
        """Count `size` bytes that arrived after waiting for `waited_s`."""
        earned_s = size / self._bytes_per_s
        self.patience_s = max(0.0, min(self._grace_s, self.patience_s - waited_s + earned_s))
