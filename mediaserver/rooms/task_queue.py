"""A queue of jobs that one task runs in order, so that their senders need not wait."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from mediaserver.base.errors import Problem, Unavailable

log = logging.getLogger(__name__)

Job = Callable[[], Awaitable[object]]
MAX_WAITING = 20_000
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class TaskQueue:
    """Runs jobs one after another. `run` must be running.

    With `retries`, a job whose service is unavailable is retried until it succeeds. When the queue is full, new
    jobs are dropped and logged: their changes are lost, but the room continues.
    """

    def __init__(self, name: str, retries: bool = False) -> None:
        self._name, self._retries = name, retries
        self._jobs: asyncio.Queue[Job] = asyncio.Queue(MAX_WAITING)

    def put(self, job: Job) -> None:
        """Append a job."""
        try:
            self._jobs.put_nowait(job)
        except asyncio.QueueFull:
            log.error("a task queue is full; a job was dropped", extra={"queue": self._name})

    async def run(self) -> None:
        """Run jobs until canceled."""
        while True:
            job = await self._jobs.get()
            try:
                await self._do(job)
            finally:
                self._jobs.task_done()

    async def drain(self, timeout_s: float) -> None:
        """Wait until all jobs are done, for at most `timeout_s`."""
        try:
            await asyncio.wait_for(self._jobs.join(), timeout_s)
        except TimeoutError:
            log.error("jobs were not finished", extra={"queue": self._name, "jobs": self._jobs.qsize()})

    async def _do(self, job: Job) -> None:
        for attempt in range(1_000_000):
            try:
                await job()
                return
            except Unavailable as problem:
                if not self._retries:
                    log.warning("a job failed: %s", problem.detail, extra={"queue": self._name})
                    return
                if attempt == 0:
                    log.warning("a job will be retried: %s", problem.detail, extra={"queue": self._name})
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            except (Problem, TimeoutError) as problem:  # for example a track or transport that no longer exists
                log.info("a job failed: %s", problem, extra={"queue": self._name})
                return
            except Exception:
                log.exception("a job failed", extra={"queue": self._name})
                return
