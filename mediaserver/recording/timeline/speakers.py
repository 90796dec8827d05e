"""Determines the active speaker over time from the audio levels in RTP headers (RFC 6464).

A speaker stays active during pauses, until another one is clearly louder for a moment.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

BIN_NS: Final = 200_000_000
_SILENT: Final = -127.0
_AUDIBLE: Final = -50.0
"""Threshold in dBov, smoothed."""
_LOUDER: Final = 3.0
_SMOOTHING: Final = 0.4
_BINS_TO_SWITCH: Final = 3
_BINS_TO_HOLD: Final = 8


class Levels:
    """Collects the loudest level of each participant in each interval of `BIN_NS`."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._loudest: dict[str, dict[int, int]] = defaultdict(dict)

    def add(self, participant: str, arrival_ns: int, level: int) -> None:
        """Record a level as in the header: 0 is loudest, 127 is silence."""
        if arrival_ns < self._start_ns:
            return
        number = (arrival_ns - self._start_ns) // BIN_NS
        known = self._loudest[participant]
        known[number] = min(level, known.get(number, 127))

    def speakers(self) -> Iterator[tuple[int, str]]:
        """Return changes of the active speaker as (time in ns, participant)."""
        last = max((max(bins) for bins in self._loudest.values() if bins), default=-1)
        smooth = dict.fromkeys(self._loudest, _SILENT)
        floor: str | None = None
        ahead = held = 0
        for number in range(last + 1):
            for participant, bins in self._loudest.items():
                level = -float(bins.get(number, 127))
                smooth[participant] += _SMOOTHING * (level - smooth[participant])
            loudest = max(smooth, key=lambda participant: smooth[participant])
            held += 1
            if loudest == floor or smooth[loudest] < _AUDIBLE or not _beats(smooth, loudest, floor):
                ahead = 0
                continue
            ahead += 1
            if floor is None or (ahead >= _BINS_TO_SWITCH and held >= _BINS_TO_HOLD):
                begun = number if floor is None else number - _BINS_TO_SWITCH + 1
                floor, ahead, held = loudest, 0, 0
                yield self._start_ns + begun * BIN_NS, floor


def _beats(smooth: dict[str, float], challenger: str, floor: str | None) -> bool:
    return floor is None or smooth[challenger] > smooth[floor] + _LOUDER
