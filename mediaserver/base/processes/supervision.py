"""Background tasks that outlive their failures: steps that run periodically and services that are restarted.

A failed system call, a store that is away or a bug in one task is logged and tried again; it never ends the
process. Only `StartError` passes through, because what it names does not get better by trying again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, NoReturn

from mediaserver.base.errors import Problem, StartError

log = logging.getLogger(__name__)

RETRY_S: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
"""The pause after the first failure in a row, the second, and so on; the last one repeats."""
_REMINDER_S: Final = 60.0
_STABLE_S: Final = 60.0
"""A service that ran for this long is restarted as if it had never failed."""


class Failures:
    """Failures in a row of one task: how long to pause, and whether to log (the same failure once a minute)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self._logged: tuple[str, float] | None = None

    def succeeded(self) -> None:
        """Forget earlier failures."""
        if self._count:
            log.info("%s works again", self._name)
        self._count, self._logged = 0, None

    def failed(self, error: Exception, now: float) -> float:
        """Log the failure unless it repeats the last one; return the pause in seconds before the next attempt."""
        pause_s = RETRY_S[min(self._count, len(RETRY_S) - 1)]
        self._count += 1
        why = error.detail if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
        if self._logged is None or self._logged[0] != why or now - self._logged[1] >= _REMINDER_S:
            self._logged = why, now
            # A store or the system refuses something: the sentence says all. Anything else is a bug.
            trace = None if isinstance(error, (Problem, OSError)) else error
            log.warning("%s failed, trying again", self._name, exc_info=trace, extra={"why": why})
        return pause_s


async def periodic(
    name: str,
    step: Callable[[], Awaitable[object]],
    interval_s: float | Callable[[], float],
    wake: asyncio.Event | None = None,
) -> NoReturn:
    """Run `step` every `interval_s` seconds, and whenever `wake` is set, until cancelled.

    After a failure the next attempt comes after a growing pause, but never later than the interval says.
    """
    loop, failures = asyncio.get_running_loop(), Failures(name)
    while True:
        if wake is not None:
            wake.clear()
        retry_s = float("inf")
        try:
            await step()
        except StartError:
            raise
        except Exception as error:  # noqa: BLE001 - logged by `failed`, and nothing may end the task
            retry_s = failures.failed(error, loop.time())
        else:
            failures.succeeded()
        pause_s = min(interval_s() if callable(interval_s) else interval_s, retry_s)
        await _pause(pause_s, wake)


async def supervise(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Await `run()`; whenever it raises, start it again after a growing pause. Returns when `run` returns."""
    loop, failures = asyncio.get_running_loop(), Failures(name)
    while True:
        started_s = loop.time()
        try:
            return await run()
        except StartError:
            raise
        except Exception as error:  # noqa: BLE001 - logged by `failed`, and nothing may end the task
            if loop.time() - started_s >= _STABLE_S:
                failures.succeeded()
            await asyncio.sleep(failures.failed(error, loop.time()))


@contextlib.asynccontextmanager
async def running(name: str, run: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Own a service for as long as the block runs: it is restarted when it fails.

    Only a `StartError` of the service cancels the block and comes out of it.
    """
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(supervise(name, run), name=name)
            try:
                yield
            finally:
                task.cancel()
    except BaseExceptionGroup as several:
        if len(several.exceptions) > 1:
            raise
        raise several.exceptions[0] from None


async def _pause(pause_s: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(pause_s)
        return
    try:
        async with asyncio.timeout(pause_s):
            await wake.wait()
    except TimeoutError:
        pass
