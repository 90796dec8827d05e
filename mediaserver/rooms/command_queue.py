"""A lane: jobs done one after another by one task, so that their order holds and nobody waits for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mediaserver.base.errors import Problem, Unavailable

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[object]]
MAX_WAITING = 20_000
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Lane:
    """With `patient`, a job that finds its service unavailable is tried again until it comes through.

    When the lane is full, new jobs are dropped and logged: what they would change is lost, the room goes on."""

    def __init__(self, name: str, patient: bool = False) -> None:
        self._name, self._patient = name, patient
        self._jobs: asyncio.Queue[Job] = asyncio.Queue(MAX_WAITING)

    def put(self, job: Job) -> None:
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            log.error("a lane is full, a job is lost", extra={"lane": self._name})

    async def run(self) -> None:
        while True:
            job = await self._jobs.get()
            try:
                await self._do(job)
            finally:
                self._jobs.task_done()

    async def drain(self, timeout_s: float) -> None:
        """Wait until all jobs are done, at most `timeout_s`."""
        try:
            await asyncio.wait_for(self._jobs.join(), timeout_s)
        except TimeoutError:
            log.error("jobs are left undone", extra={"lane": self._name, "jobs": self._jobs.qsize()})

    async def _do(self, job: Job) -> None:
        for attempt in range(1_000_000):
            try:
                await job()
                return
            except Unavailable as problem:
                if not self._patient:
                    log.warning("not done: %s", problem.detail, extra={"lane": self._name})
                    return
                if attempt == 0:
                    log.warning("will be tried again: %s", problem.detail, extra={"lane": self._name})
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            except (Problem, TimeoutError) as problem:  # a track or transport that is gone by now
                log.info("not done: %s", problem, extra={"lane": self._name})
                return
            except Exception:
                log.exception("a job failed", extra={"lane": self._name})
                return
