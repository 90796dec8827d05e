"""Measures the write rate of each recording and remembers warnings; `disk_guard` decides. Pure."""

import math
from collections.abc import Mapping
from typing import Final

from mediaserver.recording.capture.disk_guard import Decision, Running, decide

_AVERAGED_S: Final = 10.0
"""Rates are averaged over about this time, so that single keyframes do not count as a trend."""


class WriteRate:
    """The average write rate of a recording."""

    def __init__(self, written: int, now_s: float) -> None:
        self.bytes_per_s = 0.0
        self._written, self._at_s, self._known = written, now_s, False

    def update(self, written: int, now_s: float) -> float:
        """Record the total bytes written by `now_s`; return the average rate."""
        elapsed_s = now_s - self._at_s
        if elapsed_s > 0:
            latest = max(0, written - self._written) / elapsed_s
            weight = 1.0 - math.exp(-elapsed_s / _AVERAGED_S) if self._known else 1.0
            self.bytes_per_s += weight * (latest - self.bytes_per_s)
            self._written, self._at_s, self._known = written, now_s, True
        return self.bytes_per_s


class DiskWatch:
    """Called about every second. `reserve_bytes` of the disk are reserved for documents."""

    def __init__(self, reserve_bytes: int, notice_s: float) -> None:
        self._reserve_bytes, self._notice_s = reserve_bytes, notice_s
        self._rates: dict[str, WriteRate] = {}
        self._ends: dict[str, float] = {}

    @property
    def warned(self) -> bool:
        """Whether a recording will soon be stopped: no further one should start now."""
        return bool(self._ends)

    def look(self, free_bytes: int, written: Mapping[str, int], now_s: float) -> Decision:
        """Decide from the bytes of each running recording's journals."""
        self._rates = {name: self._rates.get(name) or WriteRate(size, now_s) for name, size in written.items()}
        self._ends = {name: ends_at_s for name, ends_at_s in self._ends.items() if name in written}
        running = [
            Running(name, size, self._rates[name].update(size, now_s), self._ends.get(name))
            for name, size in written.items()
        ]
        decision = decide(free_bytes, self._reserve_bytes, running, now_s, self._notice_s)
        self._ends.update(dict.fromkeys(decision.warn, now_s + self._notice_s))
        for name in (*decision.withdraw, *decision.stop):
            self._ends.pop(name, None)
        return decision
