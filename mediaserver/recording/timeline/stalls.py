"""Detects stalls of an SSRC: pauses that its timestamps do not contain, and jumps of its timestamps.

A microphone that stalls (busy computer, change of device) continues with the next timestamp, so from then on
every packet arrives later than its timestamp says. A queue in the network has the same effect; it is a stall if
the effect lasts for a minute.
"""

from dataclasses import dataclass, field
from typing import Final

MIN_RISE_NS: Final = 60_000_000
"""Smaller differences are jitter."""
_NOTICED_NS: Final = 100_000_000
_AHEAD_NS: Final = 500_000_000
"""Timestamps jumped if they advanced this much more than time."""
_WINDOW_NS: Final = 5_000_000_000
_LASTING_NS: Final = 60_000_000_000
_MAX_IN_WINDOW: Final = 16


@dataclass(slots=True, eq=False)
class Stall:
    """Two consecutive packets between which time and timestamps advanced differently."""

    last_ns: int
    """Arrival of the last packet before it."""
    first_ns: int
    """Arrival of the first packet after it."""
    media_ns: int
    """Media time of the first packet after it."""
    size_ns: int
    before_ns: int
    """Least (arrival − media time) shortly before it."""
    after_ns: int
    """Least (arrival − media time) afterwards."""

    @property
    def rise_ns(self) -> int:
        """How much later packets arrive from then on, at least; negative after a jump ahead."""
        return self.after_ns - self.before_ns


@dataclass(slots=True)
class Stalls:
    """Collects stalls from packets in the order of arrival; bounded by the track's number of windows."""

    _found: list[Stall] = field(default_factory=list)
    _sequence: int | None = None
    _arrival_ns: int = 0
    _media_ns: int = 0
    _window: int = -1
    _in_window: int = 0
    _recent: tuple[int, int] | None = None
    """The least offset in the window before and in this one, since the last stall that was noticed."""
    _open: list[Stall] = field(default_factory=list)

    def packet(self, sequence: int, arrival_ns: int, media_ns: int) -> None:
        offset = arrival_ns - media_ns
        if self._sequence is None or sequence > self._sequence:
            if self._sequence is not None:
                self._compare(sequence, arrival_ns, media_ns)
            self._sequence, self._arrival_ns, self._media_ns = sequence, arrival_ns, media_ns
        window = arrival_ns // _WINDOW_NS
        if window != self._window:
            self._window, self._in_window = window, 0
            if self._recent is not None:
                self._recent = (self._recent[1], offset)
            self._open = [one for one in self._open if arrival_ns - one.first_ns <= _LASTING_NS]
        before, now = self._recent or (offset, offset)
        self._recent = (before, min(now, offset))
        for stall in self._open:
            if offset < stall.after_ns:
                stall.after_ns = offset

    def lasting(self) -> list[Stall]:
        """Return the stalls with a lasting effect, in order."""
        return [
            one
            for one in self._found
            if one.rise_ns >= max(MIN_RISE_NS, one.size_ns // 2)
            or one.rise_ns <= min(-_AHEAD_NS, one.size_ns // 2)
        ]

    def _compare(self, sequence: int, arrival_ns: int, media_ns: int) -> None:
        assert self._sequence is not None
        advance_ns = media_ns - self._media_ns
        size_ns = arrival_ns - self._arrival_ns - advance_ns
        if -_AHEAD_NS < size_ns < _NOTICED_NS or self._recent is None:
            return
        if size_ns < 0 and sequence != self._sequence + 1:
            return  # the packets in between are lost or will come
        if self._in_window >= _MAX_IN_WINDOW:
            return
        self._in_window += 1
        offset = arrival_ns - media_ns
        boundary_ns = self._media_ns + 1 if advance_ns > 0 else media_ns
        stall = Stall(self._arrival_ns, arrival_ns, boundary_ns, size_ns, min(self._recent), offset)
        self._found.append(stall)
        self._open.append(stall)
        self._recent = (offset, offset)
