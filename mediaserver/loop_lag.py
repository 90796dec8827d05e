"""How late the main event loop is, for `/metrics`: whatever computes for long in it delays everybody's requests.

A short timer is set again and again; how much later than due it fires is the lag. Time in which the operating
system gives the process no CPU counts as well, because clients wait for that, too.
"""

import asyncio
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram

EVERY_S: Final = 0.05
WINDOW_S: Final = 15.0
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class RecentMaximum:
    """The largest value of the last one to two windows: a scrape every 15 s misses none."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._window = 0
        self._current = self._previous = 0.0

    def add(self, value: float, now: float) -> None:
        """Take a value at the time `now`."""
        self._turn(now)
        self._current = max(self._current, value)

    def value(self, now: float) -> float:
        """Return the largest value; 0 when there was none lately."""
        self._turn(now)
        return max(self._current, self._previous)

    def _turn(self, now: float) -> None:
        window = int(now // self._window_s)
        if window != self._window:
            self._previous = self._current if window == self._window + 1 else 0.0
            self._window, self._current = window, 0.0


class LoopLag:
    """Measures the event loop that `run` runs on."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "mediaserver_event_loop_lag_seconds",
            "How much later than due a timer of the main event loop fires",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._recent = RecentMaximum(WINDOW_S)
        self._longest = Gauge(
            "mediaserver_event_loop_lag_max_seconds",
            "The longest such lag of the last 15 to 30 s",
            registry=registry,
        )

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        self._longest.set_function(lambda: self._recent.value(loop.time()))
        while True:
            due_s = loop.time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            now = loop.time()
            self._seconds.observe(max(0.0, now - due_s))
            self._recent.add(max(0.0, now - due_s), now)
