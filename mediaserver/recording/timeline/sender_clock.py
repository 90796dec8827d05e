"""Maps the media time of an SSRC to its sender's clock, by sender reports in the order of their arrival.

A report states the sender's clock at a media time. If the offset between the two jumps from one report to the
next, either the media stalled while time went on (see `stalls`), and later packets belong to a new segment; or
the sender's clock was set, and this is undone, so that all segments have a clock that was never set. The two
cases are distinguished by whether packets arrive later from then on.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from mediaserver.recording.timeline.stalls import MIN_RISE_NS, Stall

_JUMP_NS: Final = 60_000_000
_DRIFT: Final = 300e-6
"""Drift between reports that is not a jump, in seconds per second."""
_STEP_NS: Final = 150_000_000
"""Largest difference between a jump and the stall that explains it."""
_LATE_NS: Final = 3_000_000_000
"""How long after a stall a report from before its end may arrive."""
_MAX_SLOPE: Final = 0.05
"""Reports closer than this are left out, because their jitter would bend the line."""
_FIRST: Final = -(1 << 100)


class SenderTime(NamedTuple):
    """A report's statement."""

    arrival_ns: int
    media_ns: int
    ntp_ns: int

    @property
    def offset_ns(self) -> int:
        return self.ntp_ns - self.media_ns


@dataclass(slots=True)
class Line:
    """A piecewise linear function of time that is constant beyond its ends."""

    xs: list[int]
    ys: list[float]

    def __call__(self, x: int) -> float:
        after = bisect_right(self.xs, x)
        if after == 0:
            return self.ys[0]
        if after == len(self.xs):
            return self.ys[-1]
        x0, x1, y0, y1 = self.xs[after - 1], self.xs[after], self.ys[after - 1], self.ys[after]
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


@dataclass(slots=True)
class _Segment:
    """Packets from `media_ns` on that arrived at `first_ns` or later, and the offset of their media time."""

    first_ns: int
    media_ns: int
    points: dict[int, float] = field(default_factory=dict)

    def line(self) -> Line:
        """Create a segment through the points in the order of media time; its clock never goes back."""
        xs: list[int] = []
        ys: list[float] = []
        for x, y in sorted(self.points.items()):
            if not xs or abs(y - ys[-1]) <= _MAX_SLOPE * (x - xs[-1]):
                xs.append(x)
                ys.append(y)
        return Line(xs, ys)


class SenderClock:
    """The sender's clock at a media time."""

    def __init__(self, segments: Sequence[_Segment]) -> None:
        self._firsts = [one.first_ns for one in segments]
        self._media = [one.media_ns for one in segments]
        self._lines = [one.line() for one in segments]

    def time_ns(self, media_ns: int, arrival_ns: int) -> float:
        """Return the clock at the capture of a packet. Late packets belong to an earlier segment."""
        index = max(0, bisect_right(self._firsts, arrival_ns) - 1)
        while index and media_ns < self._media[index]:
            index -= 1
        return media_ns + self._lines[index](media_ns)


def sender_clock(reports: Sequence[SenderTime], stalls: Sequence[Stall]) -> SenderClock:
    """Return the clock of an SSRC; without reports, its own clock with an arbitrary start.

    `reports` and `stalls` are in the order of arrival. The stalls are those with a lasting effect.
    """
    kept = _without_odd_ones([one for one in reports if not _is_within(one, stalls)])
    if not kept:
        return SenderClock(_by_arrival(_Segment(_FIRST, _FIRST, {0: 0.0}), stalls))
    segments, left = _by_reports(kept, stalls)
    before = [stall for stall in left if stall.first_ns <= kept[0].arrival_ns]
    after = [stall for stall in left if stall.last_ns >= kept[-1].arrival_ns]
    return SenderClock([*_earlier(segments[0], before), *segments[:-1], *_by_arrival(segments[-1], after)])


def _by_reports(reports: list[SenderTime], stalls: Sequence[Stall]) -> tuple[list[_Segment], list[Stall]]:
    """Return the segments that the reports reveal, and the stalls without a jump in the reports."""
    segments = [_Segment(_FIRST, _FIRST, {reports[0].media_ns: float(reports[0].offset_ns)})]
    last, set_by, left = float(reports[0].offset_ns), 0.0, list(stalls)
    for former, report in pairwise(reports):
        jump = report.offset_ns - set_by - last
        if abs(jump) > _JUMP_NS + _DRIFT * (report.arrival_ns - former.arrival_ns):
            between = _stalls_between(former, report, left, jump)
            left = [stall for stall in left if stall not in between]
            rise = sum(stall.rise_ns for stall in between)
            stalled = jump if between and abs(jump - rise) <= _STEP_NS else float(rise)
            set_by += jump - stalled
            for stall in between:
                last += stalled * stall.rise_ns / rise
                segments.append(_Segment(stall.first_ns, stall.media_ns, {stall.media_ns: last}))
            if between:
                segments[-1].points.clear()
        segments[-1].points[report.media_ns] = last = report.offset_ns - set_by
    return segments, left


def _stalls_between(former: SenderTime, report: SenderTime, stalls: list[Stall], jump: float) -> list[Stall]:
    """Return the stalls that explain a jump from one report to the next; the former may have been late."""
    until = [stall for stall in stalls if stall.last_ns <= report.arrival_ns]
    between = [stall for stall in until if stall.first_ns >= former.arrival_ns]
    earlier = [stall for stall in until if stall.first_ns >= former.arrival_ns - _LATE_NS]
    if abs(jump - sum(s.rise_ns for s in between)) <= _STEP_NS:
        return between
    return earlier if earlier and abs(jump - sum(s.rise_ns for s in earlier)) <= _STEP_NS else between


def _by_arrival(segment: _Segment, stalls: Sequence[Stall]) -> list[_Segment]:
    """Return segments for stalls without reports: the later arrival of packets tells how long they were."""
    segments = [segment]
    offset = segment.points[max(segment.points)]
    for stall in stalls:
        offset += stall.rise_ns
        segments.append(_Segment(stall.first_ns, stall.media_ns, {stall.media_ns: offset}))
    return segments


def _earlier(segment: _Segment, stalls: Sequence[Stall]) -> list[_Segment]:
    """Return the segments before stalls that precede the first report; `segment` starts after the last of
    them."""
    earlier: list[_Segment] = []
    offset = segment.points[min(segment.points)]
    for stall in reversed(stalls):
        segment.first_ns, segment.media_ns = stall.first_ns, stall.media_ns
        offset -= stall.rise_ns
        segment = _Segment(_FIRST, _FIRST, {stall.media_ns: offset})
        earlier.insert(0, segment)
    return earlier


def _is_within(report: SenderTime, stalls: Sequence[Stall]) -> bool:
    """Return whether a report was made during a stall: senders then extrapolate in different ways."""
    return any(stall.last_ns < report.arrival_ns < stall.first_ns for stall in stalls)


def _without_odd_ones(reports: list[SenderTime]) -> list[SenderTime]:
    """Return the reports without duplicates, and without single ones that disagree with both neighbors."""
    kept: list[SenderTime] = []
    seen: set[tuple[int, int]] = set()
    for report in reports:
        pair = (report.media_ns, report.ntp_ns)
        if pair not in seen:
            seen.add(pair)
            kept.append(report)
    kept = _without_late_ones(kept)
    odd = {
        one
        for former, one, following in zip(kept, kept[1:], kept[2:], strict=False)
        if abs(following.offset_ns - former.offset_ns) <= MIN_RISE_NS
        and abs(one.offset_ns - former.offset_ns) > MIN_RISE_NS
    }
    return [one for one in kept if one not in odd]


def _without_late_ones(reports: list[SenderTime]) -> list[SenderTime]:
    """Leave out reports that were overtaken: they agree with an earlier report but not with the last one."""
    kept: list[SenderTime] = []
    former_offsets: list[int] = []
    for report in reports:
        if kept and abs(report.offset_ns - kept[-1].offset_ns) > MIN_RISE_NS:
            is_old = any(abs(report.offset_ns - offset) <= MIN_RISE_NS // 2 for offset in former_offsets[-4:])
            if is_old and report.media_ns < kept[-1].media_ns:
                continue
            former_offsets.append(kept[-1].offset_ns)
        kept.append(report)
    return kept
