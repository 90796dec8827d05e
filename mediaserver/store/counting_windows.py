"""Counts of hits under keys, each within a window of time: a bounded table in memory. The clock is passed in.

A window begins with the first hit and ends for all its hits at once. Invariants: the table never holds more than
`max_keys` windows; a flood of new keys never displaces a window that refuses hits while there is any other one;
an operation takes the same short time however many windows there are, with no pause to sweep.
"""

import heapq
import math
from collections import OrderedDict
from typing import Final

_REFUSING: Final = 16
"""The level of windows that have reached their limit: displaced last."""
_Keys = OrderedDict[str, None]
"""A plain dict would look for its oldest key past all keys that were removed before it."""


class Window:
    """How many hits were counted under a key until `end_s`."""

    __slots__ = ("count", "end_s", "level")

    def __init__(self, end_s: float) -> None:
        self.end_s, self.count, self.level = end_s, 0, 0


class WindowTable:
    """The windows of one kind of key.

    Windows stand in levels by the order of magnitude of their count. When the table is full, the oldest window of
    the lowest level makes room: a key that was hit once goes before one that was hit often, and one that refuses
    hits goes last.
    """

    def __init__(self, max_keys: int) -> None:
        assert max_keys > 0, "a table holds at least one window"
        self._max_keys = max_keys
        self._windows: dict[str, Window] = {}
        self._levels: list[_Keys] = [OrderedDict() for _ in range(_REFUSING + 1)]
        self._ending: dict[int, _Keys] = {}
        """The keys whose windows end in each second."""
        self._seconds: list[int] = []
        """A heap of the seconds in `_ending`: few, since there are only a few lengths of windows."""

    def __len__(self) -> int:
        return len(self._windows)

    def find(self, key: str, now: float) -> Window | None:
        """Return the key's window if it has not ended."""
        window = self._windows.get(key)
        return window if window is not None and window.end_s > now else None

    def hit(self, key: str, window_s: float, limit: float, now: float) -> Window:
        """Count one hit in the key's window, which begins now if there is none; `limit` decides its level."""
        self._drop_ended(now)
        window = self.find(key, now)
        if window is None:
            self.forget(key)
            if len(self._windows) >= self._max_keys:
                self._make_room()
            window = self._windows[key] = Window(now + window_s)
            self._ends_in(math.ceil(window.end_s))[key] = None
        window.count += 1
        self._place(key, window, _REFUSING if window.count >= limit else _level(window.count))
        return window

    def forget(self, key: str) -> None:
        window = self._windows.pop(key, None)
        if window is not None:
            self._levels[window.level].pop(key, None)
            self._ending[math.ceil(window.end_s)].pop(key, None)

    def _place(self, key: str, window: Window, level: int) -> None:
        if level != window.level:
            self._levels[window.level].pop(key, None)
            window.level = level
        self._levels[level].setdefault(key)

    def _drop_ended(self, now: float) -> None:
        """Drop at most two windows that have ended: more than a hit can add, so that they do not pile up."""
        for _ in range(2):
            if not self._seconds or self._seconds[0] > now:
                return
            ending = self._ending[self._seconds[0]]
            if ending:
                self.forget(next(iter(ending)))
            if not ending:
                del self._ending[heapq.heappop(self._seconds)]

    def _ends_in(self, second: int) -> _Keys:
        if second not in self._ending:
            self._ending[second] = OrderedDict()
            heapq.heappush(self._seconds, second)
        return self._ending[second]

    def _make_room(self) -> None:
        for level in self._levels:
            if level:
                self.forget(next(iter(level)))
                return


def _level(count: int) -> int:
    return min(count.bit_length(), _REFUSING - 1)
