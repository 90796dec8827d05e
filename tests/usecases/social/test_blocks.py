"""Blocks: what they end is over, whoever was faster and whatever is cut off."""

import asyncio
from functools import partial
from typing import Any

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.domain.accounts.users import User
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.follows import Follow
from mediaserver.usecases.social import blocks, likes
from mediaserver.usecases.writes import settling
from tests.usecases.cut import cut_after
from tests.usecases.interleaved import with_switch_at
from tests.usecases.social.test_follows import counts, follow
from tests.usecases.social.test_tweets import comment, told, tweet
from tests.usecases.world import World


async def block(world: World, who: Actor, whom: Actor) -> Block:
    return await blocks.block(world.ctx, who, {"blocked_user_id": whom.user_id})


async def test_a_block_and_a_follow_at_once_leave_no_follow(world: World) -> None:
    for n in range(10):
        ada, eve = await world.person(f"ada{n}"), await world.person(f"eve{n}")
        await asyncio.gather(block(world, ada, eve), follow(world, eve, ada), return_exceptions=True)
        assert await world.ctx.of(Block).count({"userId": ada.user_id}) == 1
        assert not await world.ctx.of(Follow).exists({"followerUserId": eve.user_id})
        assert await counts(world, ada) == await counts(world, eve) == (0, 0)
        assert (await world.ctx.of(User).get(ada.user_id)).marks == []


@pytest.mark.slow
async def test_a_block_cut_off_anywhere_ends_the_follows_or_is_not_there(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    for operations in range(80):
        await follow(world, ada, eve)
        await follow(world, eve, ada)
        with cut_after(world.ctx, operations) as cut:
            try:
                await block(world, ada, eve)
            except Unavailable:
                assert cut.happened
        for _ in range(2):
            world.clock.pass_s(60)
            await settling.resume(world.ctx)
        made = await world.ctx.of(Block).find({})
        expected = (0, 0) if made else (1, 1)
        assert await counts(world, ada) == await counts(world, eve) == expected
        for one in made:
            await blocks.unblock(world.ctx, ada, one)
        for left in await world.ctx.of(Follow).find({}):
            await settling.remove(world.ctx, left)
        if not cut.happened:
            return
    pytest.fail("blocking never came to its end")


@pytest.mark.parametrize("first", ["act", "block"])
async def test_a_block_and_an_act_at_once_leave_nothing_told(world: World, first: str) -> None:
    for n in range(60):
        ada, eve = await world.person(f"ada{n}"), await world.person(f"eve{n}")
        said = await tweet(world, ada)
        pair: list[Any] = [partial(likes.like, world.ctx, eve, said), partial(block, world, ada, eve)]
        one, other = pair if first == "act" else pair[::-1]
        outcome = await with_switch_at(world.ctx, n, one, other)
        assert outcome.refused == (None, None)
        assert await told(world, ada) == []
        if not outcome.switched:
            return
    pytest.fail("the first never came to its end")


async def test_a_block_cut_off_anywhere_takes_back_what_was_told_or_is_not_there(world: World) -> None:
    for operations in range(40):
        ada, eve = await world.person(f"ada{operations}"), await world.person(f"eve{operations}")
        await likes.like(world.ctx, eve, await tweet(world, ada))
        with cut_after(world.ctx, operations) as cut:
            try:
                await block(world, ada, eve)
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        blocked = await world.ctx.of(Block).exists({"userId": ada.user_id})
        assert await told(world, ada) == ([] if blocked else ["liked"])
        if not cut.happened:
            return
    pytest.fail("blocking never came to its end")


async def test_nobody_is_told_across_a_block(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada)
    await block(world, ada, eve)
    await likes.like(world.ctx, eve, said)  # as if it had been read before
    assert not await world.ctx.of(Notification).exists({"userId": ada.user_id})


async def test_nobody_is_told_of_what_happens_under_a_tweet_that_is_hidden_from_them(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    said = await tweet(world, ada)
    answer = await comment(world, eve, said, "Well")
    await likes.like(world.ctx, bob, answer)
    assert await told(world, eve) == ["liked"]
    await block(world, ada, eve)
    assert await told(world, eve) == []
    await likes.unlike(world.ctx, bob, answer)
    await likes.like(world.ctx, bob, answer)
    await comment(world, bob, said, "@eve, @ada")
    assert (await told(world, eve), await told(world, ada)) == ([], ["commented", "mentioned"])
