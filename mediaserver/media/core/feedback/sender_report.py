"""A publisher's sender reports, told on in a slot's numbering.

NTP times stay the publisher's own clock, so that its streams keep their common timeline (RFC 3550 section 6.4.1).
"""

from mediaserver.media.core.packets.rtcp import SenderReport, build_sr

_MAX_AGE_S = 30.0
"""An older report says too little about a drifting clock."""


class SenderClock:
    """The relation between one incoming stream's timestamps and its sender's clock, from its last report."""

    __slots__ = ("_arrived_s", "_clock_rate", "_report")

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._report: SenderReport | None = None
        self._arrived_s = 0.0

    def update(self, report: SenderReport, now: float) -> None:
        if report.ntp:  # 0: the sender has no clock (RFC 3550 section 6.4.1)
            self._report, self._arrived_s = report, now

    def build(self, ssrc: int, timestamp_offset: int, packets: int, octets: int, now: float) -> bytes | None:
        """A sender report for a slot as of `now`, None while the sender has told nothing.

        `timestamp_offset` is the slot's (see `SlotRewriter`); `packets` and payload `octets` count what the slot
        sent. Both times are advanced by the time since the sender's own report.
        """
        elapsed_s = now - self._arrived_s
        if self._report is None or elapsed_s > _MAX_AGE_S:
            return None
        ntp = self._report.ntp + round(elapsed_s * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        timestamp = self._report.timestamp + timestamp_offset + round(elapsed_s * self._clock_rate)
        return build_sr(ssrc, ntp, timestamp & 0xFFFFFFFF, packets, octets)
