"""One timeline for all tracks: the server's clock at the arrival of packets with the least delay.

Sender reports relate the media clocks of a sender (one RTCP CNAME) to one sender clock. A sender's clock is
related to the server's by the lower envelope of (arrival − sender clock), the packets with the least delay. The
envelope may drift only as slowly as real clocks do, so congestion does not move it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from mediaserver.recording.timeline.packets import Packet, Report
from mediaserver.recording.timeline.sender_clock import Line, SenderClock, SenderTime, sender_clock
from mediaserver.recording.timeline.stalls import Stalls

_WINDOW_NS: Final = 5_000_000_000
_MAX_DRIFT: Final = 200e-6
"""Highest drift of a computer's clock, in seconds per second."""
_EARLY_NS: Final = 1_000_000_000
_LATE_NS: Final = 10_000_000_000

StreamKey = tuple[str, int]
"""Track and SSRC."""


@dataclass(slots=True)
class StreamSurvey:
    """What the first pass collects about an SSRC; bounded by its number of windows and reports."""

    clock_rate: int
    cname: bytes = b""
    reports: list[SenderTime] = field(default_factory=list)
    """Sender reports in the order of their arrival."""
    stalls: Stalls = field(default_factory=Stalls)
    least: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By window number: (least arrival − media time, media time), in ns."""

    def packet(self, packet: Packet) -> None:
        media_ns = self.media_ns(packet.timestamp)
        offset = packet.arrival_ns - media_ns
        window = packet.arrival_ns // _WINDOW_NS
        known = self.least.get(window)
        if known is None or offset < known[0]:
            self.least[window] = (offset, media_ns)
        self.stalls.packet(packet.sequence, packet.arrival_ns, media_ns)

    def report(self, report: Report) -> None:
        self.cname = report.cname or self.cname
        self.reports.append(SenderTime(report.arrival_ns, self.media_ns(report.timestamp), report.ntp_ns))

    def media_ns(self, timestamp: int) -> int:
        return timestamp * 1_000_000_000 // self.clock_rate

    def sender_clock(self) -> SenderClock:
        return sender_clock(self.reports, self.stalls.lasting())


class StreamClock:
    """Returns when a unit of an SSRC happened, in ns of the server's clock."""

    def __init__(self, survey: StreamSurvey, sender: SenderClock, offset: Line) -> None:
        self._survey, self._sender, self._offset = survey, sender, offset

    def time_ns(self, timestamp: int, arrival_ns: int) -> int:
        """Implausible results, from wrong clocks, are replaced by the arrival."""
        sender_ns = self._sender.time_ns(self._survey.media_ns(timestamp), arrival_ns)
        time_ns = round(sender_ns + self._offset(round(sender_ns)))
        return time_ns if -_EARLY_NS <= arrival_ns - time_ns <= _LATE_NS else arrival_ns


def align(participants: Iterable[Iterable[tuple[StreamKey, StreamSurvey]]]) -> dict[StreamKey, StreamClock]:
    """Return the clock of each stream. Streams of a participant with one CNAME share a sender clock."""
    clocks: dict[StreamKey, StreamClock] = {}
    for streams in participants:
        groups: dict[object, list[tuple[StreamKey, StreamSurvey, SenderClock]]] = {}
        for name, survey in streams:
            # Without reports, a stream has its own clock, related to the others only by its envelope.
            key: object = survey.cname if survey.reports else name
            groups.setdefault(key, []).append((name, survey, survey.sender_clock()))
        for group in groups.values():
            offset = _envelope([(survey, clock) for _, survey, clock in group])
            clocks.update({name: StreamClock(survey, clock, offset) for name, survey, clock in group})
    return clocks


def _envelope(group: list[tuple[StreamSurvey, SenderClock]]) -> Line:
    """The lower envelope of (arrival − sender clock) over the sender's clock."""
    least: dict[int, tuple[float, int]] = {}
    for survey, clock in group:
        for window, (offset, media_ns) in survey.least.items():
            arrival_ns = media_ns + offset
            sender_ns = clock.time_ns(media_ns, arrival_ns)
            candidate = (arrival_ns - sender_ns, round(sender_ns))
            if window not in least or candidate < least[window]:
                least[window] = candidate
    points = sorted((sender_ns, offset) for offset, sender_ns in least.values())
    if not points:
        return Line([0], [0.0])
    xs, ys = [x for x, _ in points], [y for _, y in points]
    for order in (range(1, len(xs)), range(len(xs) - 2, -1, -1)):
        step = order.step
        for i in order:
            ys[i] = min(ys[i], ys[i - step] + abs(xs[i] - xs[i - step]) * _MAX_DRIFT)
    return Line(*_distinct(xs, ys))


def _distinct(xs: list[int], ys: list[float]) -> tuple[list[int], list[float]]:
    lowest: dict[int, float] = {}
    for x, y in zip(xs, ys, strict=True):
        lowest[x] = min(y, lowest.get(x, y))
    return list(lowest), list(lowest.values())
