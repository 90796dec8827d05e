"""Long transfers hold places; who loses one, or takes too long, is ended with a clear error."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from mediaserver.api.declarations.calls import Call
from mediaserver.api.files.transfer_places import Places
from mediaserver.base.errors import Problem
from mediaserver.base.limits.fair_places import FairPlaces, PlaceLimits


def call(user: str, address: str = "192.0.2.1") -> Call:
    return cast(Call, SimpleNamespace(actor=SimpleNamespace(user_id=user), address=address))


def places(total: int = 2) -> tuple[Places, FairPlaces]:
    fair = FairPlaces(PlaceLimits(total=total, per_user=2, per_network=total), "uploads")
    return Places(fair, "upload_displaced"), fair


async def noop() -> None: ...


async def outcome(held: Any, work: Any) -> str:
    try:
        async with held:
            await work()
    except Problem as problem:
        return problem.code
    return "done"


async def test_a_displaced_transfer_is_ended_while_it_waits() -> None:
    desk, fair = places()
    never = asyncio.Event()
    eve = [asyncio.create_task(outcome(desk.hold(call("eve")), never.wait)) for _ in range(2)]
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await outcome(desk.hold(call("bob", "192.0.2.2")), noop) == "done"
        done, running = await asyncio.wait(eve, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == ["upload_displaced"]
        never.set()
        assert [await task for task in running] == ["done"]
    assert len(fair) == 0


async def test_a_transfer_that_takes_too_long_is_ended() -> None:
    desk, fair = places()
    async with asyncio.timeout(5):
        assert await outcome(desk.hold(call("ann"), 0.01), asyncio.Event().wait) == "too_slow"
    assert len(fair) == 0


async def test_a_timeout_of_the_transfer_itself_is_not_taken_for_ours() -> None:
    desk, fair = places()
    with pytest.raises(TimeoutError):
        async with desk.hold(call("ann"), 60):
            raise TimeoutError
    assert len(fair) == 0


async def test_people_of_one_ipv6_network_share_its_places() -> None:
    desk, _ = places(total=2)
    async with desk.hold(call("ann", "2001:db8::1")), desk.hold(call("bob", "2001:db8::2")):
        assert await outcome(desk.hold(call("eve", "2001:db8::3")), noop) == "busy"
