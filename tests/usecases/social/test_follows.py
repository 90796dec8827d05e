"""Following: once, not oneself, counted exactly, told to the one who is followed."""

import asyncio

import pytest

from mediaserver.base.errors import Conflict, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.follows import Follow
from mediaserver.usecases.social import follows
from mediaserver.usecases.writes import settling
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def follow(world: World, who: Actor, whom: Actor) -> Follow:
    return await follows.follow(world.ctx, who, {"following_user_id": whom.user_id})


async def counts(world: World, who: Actor) -> tuple[int, int]:
    """Followers and followed, which must be as many as there are follows."""
    user = await world.ctx.users.get(who.user_id)
    stored = world.ctx.of(Follow)
    assert user.followers_count == await stored.count({"followingUserId": who.user_id})
    assert user.following_count == await stored.count({"followerUserId": who.user_id})
    return user.followers_count, user.following_count


async def test_following_counts_once_and_is_told(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    made = await follow(world, eve, ada)
    with pytest.raises(Conflict) as refused:
        await follow(world, eve, ada)
    assert refused.value.code == "follow_exists"
    assert (await counts(world, ada), await counts(world, eve)) == ((1, 0), (0, 1))
    told = await world.ctx.of(Notification).find({"userId": ada.user_id})
    assert [(one.type, one.actors) for one in told] == [("followed", [eve.user_id])]
    await follows.unfollow(world.ctx, eve, made)
    assert (await counts(world, ada), await counts(world, eve)) == ((0, 0), (0, 0))
    assert not await world.ctx.of(Notification).exists({"userId": ada.user_id})
    with pytest.raises(NotFound):
        await follows.unfollow(world.ctx, eve, made)


async def test_nobody_follows_themselves_or_who_is_not_there_or_across_a_block(world: World) -> None:
    ada, eve, nobody = await world.person("ada"), await world.person("eve"), Actor(new_id(), "x", "student", "")
    await world.ctx.of(Block).add(Block(**world.ctx.stamp(), user_id=eve.user_id, blocked_user_id=ada.user_id))
    for who, whom in ((ada, ada), (ada, nobody), (ada, eve), (eve, ada)):
        with pytest.raises(Invalid) as refused:
            await follow(world, who, whom)
        assert [fault.loc for fault in refused.value.errors] == ["followingUserId"]
    assert not await world.ctx.of(Follow).exists({})


async def test_following_and_leaving_in_quick_turn_ends_as_it_should(world: World) -> None:
    ada, people = await world.person("ada"), [await world.person(f"person{n}") for n in range(5)]

    async def waver(who: Actor) -> None:
        for _ in range(4):
            made = await follow(world, who, ada)
            await follows.unfollow(world.ctx, who, made)
        await follow(world, who, ada)

    await asyncio.gather(*map(waver, people))
    assert await counts(world, ada) == (5, 0)
    assert (await world.ctx.users.get(ada.user_id)).marks == []


async def test_whom_one_follows_is_known_at_once(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    assert await world.ctx.relationships.followed(eve.user_id) == set()
    made = await follow(world, eve, ada)
    assert await world.ctx.relationships.followed(eve.user_id) == {ada.user_id}
    await follows.unfollow(world.ctx, eve, made)
    assert await world.ctx.relationships.followed(eve.user_id) == set()


async def test_with_a_person_go_their_follows_and_the_counts_of_others(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await follow(world, eve, ada)
    await follow(world, ada, eve)
    await settling.remove(world.ctx, await world.ctx.users.get(eve.user_id))
    assert await counts(world, ada) == (0, 0)


async def test_following_cut_off_anywhere_is_whole_or_not_there(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    for operations in range(60):
        with cut_after(world.ctx, operations) as cut:
            try:
                await follow(world, eve, ada)
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        followers, _ = await counts(world, ada)
        await counts(world, eve)
        told = await world.ctx.of(Notification).count({"userId": ada.user_id})
        assert told == followers
        for made in await world.ctx.of(Follow).find({}):
            assert made.settled
            await follows.unfollow(world.ctx, eve, made)
        if not cut.happened:
            return
    pytest.fail("following never came to its end")


async def test_leaving_cut_off_anywhere_is_finished_once_it_was_seen(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    for operations in range(60):
        made = await follow(world, eve, ada)
        with cut_after(world.ctx, operations) as cut:
            try:
                await follows.unfollow(world.ctx, eve, made)
            except Unavailable:
                assert cut.happened
        seen = await world.ctx.of(Follow).exists({"_id": made.id})
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        assert await counts(world, ada) == (int(seen), 0) and await counts(world, eve) == (0, int(seen))
        assert await world.ctx.of(Notification).count({"userId": ada.user_id}) == int(seen)
        if seen:
            await follows.unfollow(world.ctx, eve, made)
        if not cut.happened:
            return
    pytest.fail("leaving never came to its end")


async def test_who_is_gone_counts_for_nobody_though_the_follow_was_under_way(world: World) -> None:
    """The follow is cut off after it was counted; the one who follows goes before it is taken up again."""
    ada, eve = await world.person("ada"), await world.person("eve")
    for operations in range(3, 12):
        eve = await world.person(f"eve{operations}")
        with cut_after(world.ctx, operations) as cut, pytest.raises(Unavailable):
            await follow(world, eve, ada)
        assert cut.happened
        await world.ctx.of(User).update_one({"_id": eve.user_id}, set={"gone": True, "settled": False})
        for _ in range(2):
            world.clock.pass_s(60)
            await settling.resume(world.ctx)
        assert await counts(world, ada) == (0, 0)
        assert not await world.ctx.of(User).exists({"_id": eve.user_id, "gone": True})
