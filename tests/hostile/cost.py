"""How much CPU time the event loop's thread spends on one input, compared with fixed work on the same machine.

Machines differ, and a shared one changes its speed from moment to moment. Each attempt therefore measures the
reference work and the examined work one after the other, and tests compare the two.
"""

import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable

from mediaserver.base.errors import Problem

ATTEMPTS = 20
LIMIT = 4.0
"""No input may cost more than this many times the reference: 10 ms of a core that does it in 2.5 ms."""

_TEXT = json.dumps([{"name": f"lesson {number}", "tags": ["a", "b"]} for number in range(300)])
_WORD = re.compile(r"\w+")


def reference() -> None:
    """Fixed work of the kinds that parsers do: JSON, regular expressions and plain Python."""
    for entry in json.loads(_TEXT):
        entry["words"] = [word.casefold() for word in _WORD.findall(entry["name"])]
    counts: dict[int, str] = {}
    for number in range(20_000):
        counts[number & 1023] = str(number)


def cpu_s(work: Callable[[], object], tries: int = 5) -> float:
    """Return the least CPU time in seconds that `work` takes in some tries; it may refuse its input."""
    return min(_once_s(work) for _ in range(tries))


def assert_quick(work: Callable[[], object]) -> None:
    """Fail when `work` costs more than LIMIT times the reference in each attempt; it may refuse its input."""
    least = float("inf")
    for _ in range(ATTEMPTS):
        reference_s = _once_s(reference)
        least = min(least, _once_s(work) / reference_s)
        if least < LIMIT:
            return
    raise _too_slow(least)


async def assert_quick_async(work: Callable[[], Awaitable[object]]) -> None:
    """Like `assert_quick`, for the share of a coroutine that runs in the event loop's thread."""
    least = float("inf")
    for _ in range(ATTEMPTS):
        reference_s = _once_s(reference)
        began = time.thread_time()
        with contextlib.suppress(Problem, ValueError):
            await work()
        least = min(least, (time.thread_time() - began) / reference_s)
        if least < LIMIT:
            return
    raise _too_slow(least)


def _too_slow(least: float) -> AssertionError:
    return AssertionError(f"it costs {least:.1f} times the reference in the best of {ATTEMPTS} attempts")


def _once_s(work: Callable[[], object]) -> float:
    began = time.thread_time()
    with contextlib.suppress(Problem, ValueError):
        work()
    return time.thread_time() - began
