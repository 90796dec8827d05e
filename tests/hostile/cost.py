"""How much CPU time the event loop's thread spends on one thing that a client sent."""

import contextlib
import time
from collections.abc import Callable

from mediaserver.base.errors import Problem

LIMIT_S = 0.010
"""No request may hold up the event loop for longer."""


def cpu_s(work: Callable[[], object], tries: int = 5) -> float:
    """The least CPU time that `work` takes in some tries; that it refuses its input is fine."""
    best = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        with contextlib.suppress(Problem, ValueError):
            work()
        best = min(best, time.thread_time() - began)
    return best
