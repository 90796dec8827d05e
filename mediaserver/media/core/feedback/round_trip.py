"""Round-trip times from the receiver reports that answer our sender reports (RFC 3550 section 6.4.1).

A receiver report's block repeats the middle 32 bits of the last sender report's NTP time (LSR) and says how long
ago that report arrived (DLSR). NTP times that we forward are the publisher's own clock, so the time of sending is
looked up by LSR instead of computed from it.
"""

from typing import Final

from mediaserver.media.core.packets.rtcp import ReportBlock

DEFAULT_RTT_S: Final = 0.1
"""Assumed until a report was answered."""
MAX_RTT_S: Final = 2.0
_REMEMBERED: Final = 8
_DECAY: Final = 0.25


class SentReports:
    """The sender reports that were sent lately for one outgoing stream."""

    __slots__ = ("_sent_s",)

    def __init__(self) -> None:
        self._sent_s: dict[int, float] = {}

    def sent(self, lsr: int, now: float) -> None:
        """Record that a report was sent at `now`; `lsr` are the middle 32 bits of its NTP time."""
        self._sent_s.pop(lsr, None)
        self._sent_s[lsr] = now
        if len(self._sent_s) > _REMEMBERED:
            del self._sent_s[next(iter(self._sent_s))]

    def round_trip_s(self, block: ReportBlock, now: float) -> float | None:
        """Return the round-trip time that a report block shows; None when it answers no report of ours."""
        sent_s = self._sent_s.get(block.lsr) if block.lsr else None
        if sent_s is None:
            return None
        round_trip_s = now - sent_s - block.dlsr / 65536
        # An implausible delay is the receiver's mistake or lie; a clock that rounds may come out just below zero.
        return max(round_trip_s, 0.0) if -0.01 <= round_trip_s <= MAX_RTT_S else None


class RoundTripTime:
    """A smoothed round-trip time: it rises with the first longer sample, since a filling queue must count at
    once, and falls by a quarter of the difference with each shorter one."""

    __slots__ = ("_measured", "seconds")

    def __init__(self) -> None:
        self._measured = False
        self.seconds = DEFAULT_RTT_S

    def sample(self, round_trip_s: float) -> None:
        if not self._measured or round_trip_s > self.seconds:
            self.seconds = round_trip_s
            self._measured = True
        else:
            self.seconds += (round_trip_s - self.seconds) * _DECAY
