"""What a receiver report says about one incoming stream (RFC 3550 section 6.4, appendices A.1, A.3, A.8).

Numbers count what arrived on the stream itself: retransmissions have their own SSRC and stream.
"""

from mediaserver.media.core.packets.rtcp import ReportBlock
from mediaserver.media.core.packets.sequence import MAX_DROPOUT


class ReceiverStats:
    """Counts the packets of one SSRC; `report` makes the block of the next receiver report."""

    __slots__ = (
        "_base", "_clock_rate", "_expected_prior", "_highest", "_jitter", "_received_prior", "_report_arrived_s",
        "_report_ntp", "_transit", "bytes", "packets", "received",
    )  # fmt: skip

    def __init__(self, clock_rate: int) -> None:
        self._clock_rate = clock_rate
        self._base = 0
        self._highest: int | None = None
        self._expected_prior = self._received_prior = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._report_ntp = 0
        self._report_arrived_s = 0.0
        self.received = 0
        """Packets since the numbering (re)started."""
        self.packets = 0
        self.bytes = 0

    def packet(self, sequence: int, timestamp: int, size: int, now: float) -> None:
        """Count a packet of `size` bytes that arrived at `now`."""
        self.packets += 1
        self.bytes += size
        highest = self._highest
        if highest is None:
            self._start(sequence)
        else:
            ahead = (sequence - highest) & 0xFFFF
            if ahead < MAX_DROPOUT:
                self._highest = highest + ahead
            elif ahead < 0x10000 - MAX_DROPOUT:
                self._start(sequence)
        self.received += 1
        self._measure_jitter(now * self._clock_rate - timestamp)

    def sender_report(self, ntp: int, now: float) -> None:
        """The stream's sender report with 64-bit `ntp` time arrived."""
        self._report_ntp = ntp >> 16 & 0xFFFFFFFF
        self._report_arrived_s = now

    @property
    def expected(self) -> int:
        return 0 if self._highest is None else self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Cumulative; negative when duplicates outnumber losses."""
        return self.expected - self.received

    @property
    def jitter(self) -> int:
        """In timestamp units."""
        return int(self._jitter)

    def report(self, ssrc: int, now: float) -> ReportBlock:
        """The block for `ssrc`; the next one's fraction lost counts from here."""
        expected = self.expected - self._expected_prior
        lost = expected - (self.received - self._received_prior)
        self._expected_prior, self._received_prior = self.expected, self.received
        fraction = min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
        dlsr = int((now - self._report_arrived_s) * 65536) if self._report_ntp else 0
        highest = (self._highest or 0) & 0xFFFFFFFF
        return ReportBlock(ssrc, fraction, self.lost, highest, self.jitter, self._report_ntp, dlsr)

    def _start(self, sequence: int) -> None:
        self._base = self._highest = sequence
        self.received = self._expected_prior = self._received_prior = 0
        self._transit = None

    def _measure_jitter(self, transit: float) -> None:
        if self._transit is not None:
            # the difference modulo 2**32, since timestamps wrap
            difference = abs((transit - self._transit + 0x80000000) % 0x100000000 - 0x80000000)
            self._jitter += (difference - self._jitter) / 16
        self._transit = transit
