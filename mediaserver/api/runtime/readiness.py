"""Readiness checks of the server's parts. Each runs at most once per second, however many requests there are."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from mediaserver.base.clock import Clock
from mediaserver.base.errors import Problem

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Returns when a part is ready, raises when it is not."""

_CHECK_TIMEOUT_S = 3.0
_FRESH = timedelta(seconds=1)


class Readings:
    """The latest result of each check, `ok` or `unavailable`. Requests during a check wait for its result."""

    def __init__(self) -> None:
        self._latest: dict[str, tuple[datetime, str]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def take(self, checks: Mapping[str, Check], clock: Clock) -> dict[str, str]:
        """Return the result of each check by name."""
        results = await asyncio.gather(*(self._one(name, check, clock) for name, check in checks.items()))
        return dict(zip(checks, results, strict=True))

    async def _one(self, name: str, check: Check, clock: Clock) -> str:
        async with self._turns[name]:
            known = self._latest.get(name)
            # A result from the future means that the clock was set back: it is not used.
            if known is None or not timedelta(0) <= clock() - known[0] < _FRESH:
                result = await _ask(name, check)
                known = self._latest[name] = (clock(), result)
            return known[1]


async def _ask(name: str, check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_TIMEOUT_S):
            await check()
    except Problem as problem:
        log.warning("%s is not ready: %s", name, problem.detail)
    except TimeoutError:
        log.warning("%s is not ready: its check took longer than %s s", name, _CHECK_TIMEOUT_S)
    except Exception:  # a check that fails unexpectedly means that the part is not ready
        log.warning("the readiness check of %s failed", name, exc_info=True)
    else:
        return "ok"
    return "unavailable"
