"""Jobs keep their order, and a patient queue does not give up on a service that is away."""

import asyncio

from mediaserver.base.errors import NotFound, Unavailable
from mediaserver.rooms.task_queue import TaskQueue


async def test_jobs_run_in_order_and_one_that_fails_does_not_stop_the_rest() -> None:
    queue, done = TaskQueue("test"), []

    async def job(name: str, error: Exception | None = None) -> None:
        await asyncio.sleep(0)
        done.append(name)
        if error:
            raise error

    for name, error in (("a", None), ("b", NotFound("gone", "gone")), ("c", ZeroDivisionError()), ("d", None)):
        queue.put(lambda name=name, error=error: job(name, error))
    running = asyncio.create_task(queue.run())
    await queue.drain(1.0)
    running.cancel()
    assert done == ["a", "b", "c", "d"]


async def test_a_patient_lane_tries_again_until_the_service_is_back() -> None:
    queue, tries = TaskQueue("test", retries=True), []

    async def job() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("store_unavailable", "away")

    queue.put(job)
    running = asyncio.create_task(queue.run())
    await queue.drain(5.0)
    running.cancel()
    assert len(tries) == 3


async def test_draining_does_not_wait_for_ever() -> None:
    queue = TaskQueue("test")
    queue.put(asyncio.Event().wait)
    running = asyncio.create_task(queue.run())
    await queue.drain(0.05)
    running.cancel()
