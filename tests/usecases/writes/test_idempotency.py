"""The right to carry out a request: for one at a time, and passed on when its holder is cut off."""

import asyncio
from datetime import UTC, datetime

import pytest

from mediaserver.base.errors import InProgress, Invalid
from mediaserver.domain.writes.idempotency import IdempotentRequest
from mediaserver.usecases.context import reserving
from mediaserver.usecases.writes import idempotency
from mediaserver.usecases.writes.idempotency import Claim, claim, finish, release, renewed
from tests.usecases.world import World


@pytest.fixture(autouse=True)
def far_future(world: World) -> None:
    """Where the store's own clock has expired nothing yet."""
    world.clock.now = datetime(2126, 3, 1, 12, 0, tzinfo=UTC)


async def claimed(world: World, fingerprint: str = "f") -> Claim:
    found = await claim(world.ctx, "key", fingerprint, "ada")
    assert isinstance(found, Claim)
    return found


async def test_of_many_at_once_one_carries_it_out(world: World) -> None:
    found = await asyncio.gather(
        *(claim(world.ctx, "key", "f", "ada") for _ in range(10)), return_exceptions=True
    )
    assert [type(one) for one in found].count(Claim) == 1
    assert [type(one) for one in found].count(InProgress) == 9


async def test_the_answer_is_kept_for_a_day(world: World) -> None:
    first = await claimed(world)
    await finish(world.ctx, first, b"answer")
    assert await claim(world.ctx, "key", "f", "ada") == b"answer"
    world.clock.pass_s(86400)
    later = await claimed(world)
    assert not later.again and later.reserved_id != first.reserved_id


async def test_a_key_is_for_one_request(world: World) -> None:
    first = await claimed(world)
    for _ in range(2):  # while it runs, and after
        with pytest.raises(Invalid) as refused:
            await claim(world.ctx, "key", "other", "ada")
        assert refused.value.code == "idempotency_key_reused"
        await finish(world.ctx, first, b"answer")


async def test_what_is_released_goes_on_at_once_with_its_id(world: World) -> None:
    first = await claimed(world)
    await release(world.ctx, first)
    second = await claimed(world)
    assert second.again and second.reserved_id == first.reserved_id
    with pytest.raises(InProgress):
        await claimed(world)


async def test_a_released_key_may_be_used_for_another_request(world: World) -> None:
    first = await claimed(world)
    await release(world.ctx, first)
    second = await claimed(world, "other")
    assert not second.again and second.reserved_id != first.reserved_id


async def test_what_a_killed_server_left_is_taken_over_after_a_minute_by_one(world: World) -> None:
    first = await claimed(world)
    world.clock.pass_s(59.999)
    with pytest.raises(InProgress):
        await claimed(world)
    world.clock.pass_s(0.001)
    found = await asyncio.gather(
        *(claim(world.ctx, "key", "f", "ada") for _ in range(10)), return_exceptions=True
    )
    (second,) = [one for one in found if isinstance(one, Claim)]
    assert second.again and second.reserved_id == first.reserved_id


async def test_whoever_was_overtaken_changes_nothing(world: World) -> None:
    first = await claimed(world)
    world.clock.pass_s(60)
    second = await claimed(world)
    await finish(world.ctx, first, b"late")
    await release(world.ctx, first)
    with pytest.raises(InProgress):
        await claimed(world)
    await finish(world.ctx, second, b"answer")
    assert await claim(world.ctx, "key", "f", "ada") == b"answer"


async def test_a_slow_attempt_is_not_overtaken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_RENEWED_S", 0.01)
    first = await claimed(world)
    async with renewed(world.ctx, first):
        world.clock.pass_s(300)
        async with asyncio.timeout(10):
            while True:
                stored = await world.ctx.of(IdempotentRequest).find_one({"key": "key"})
                if stored and stored.attempted_at == world.clock.now:
                    break
                await asyncio.sleep(0.01)
    with pytest.raises(InProgress):
        await claimed(world)


async def test_a_reserved_id_is_taken_once_and_not_after_the_request(world: World) -> None:
    ctx, go = world.ctx, asyncio.Event()

    async def stamp() -> str:
        await go.wait()
        return ctx.stamp()["id"]

    with reserving("reserved"):
        late, first = asyncio.create_task(stamp()), ctx.stamp()["id"]
        second = ctx.stamp()["id"]
    with reserving("unused"):
        later = asyncio.create_task(stamp())
    go.set()
    found = [first, second, await late, await later, ctx.stamp()["id"]]
    assert found[0] == "reserved" and not {"reserved", "unused"} & set(found[1:])
