"""Waiting with a limit: a cancellation is always heard, on Python 3.11 too."""

import asyncio

import pymongo.lock
import pytest

from mediaserver.base.processes.waiting import wait_for


async def test_a_cancellation_is_heard_though_the_awaited_has_just_ended() -> None:
    future = asyncio.get_running_loop().create_future()

    async def endless() -> None:
        await asyncio.wait_for(future, 10)
        await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await asyncio.sleep(0)
    future.set_result(None)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done and task.cancelled()


async def test_what_ends_in_time_gives_its_result_and_what_does_not_is_cancelled() -> None:
    async def soon() -> int:
        await asyncio.sleep(0)
        return 5

    assert await wait_for(soon(), 10) == await wait_for(soon(), None) == 5
    forever = asyncio.ensure_future(asyncio.Event().wait())
    with pytest.raises(TimeoutError):
        await wait_for(forever, 0.01)
    assert forever.cancelled()


async def test_without_any_time_only_what_is_done_already_counts() -> None:
    done = asyncio.get_running_loop().create_future()
    done.set_result(5)
    assert await wait_for(done, 0) == 5
    waiting = asyncio.ensure_future(asyncio.Event().wait())
    with pytest.raises(TimeoutError):
        await wait_for(waiting, 0)
    assert waiting.cancelled()


def test_the_drivers_wait_with_it() -> None:
    assert pymongo.lock.wait_for is asyncio.wait_for  # type: ignore[attr-defined]
