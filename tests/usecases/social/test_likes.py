"""Likes: one a person, counted exactly whatever happens, told to whose it is."""

import asyncio

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.likes import CommentLike, TweetLike
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.social import likes
from mediaserver.usecases.writes import settling
from tests.usecases.cut import cut_after
from tests.usecases.social.test_tweets import comment, told, tweet
from tests.usecases.world import World


async def count(world: World, tweet: Tweet) -> int:
    """The tweet's counter, which must be the number of its likes."""
    found = await world.ctx.of(Tweet).get(tweet.id)
    assert found.likes_count == await world.ctx.of(TweetLike).count({"tweetId": tweet.id})
    return found.likes_count


async def test_liking_twice_counts_once_and_taking_back_what_was_not_given_is_nothing(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada)
    for _ in range(2):
        await likes.like(world.ctx, eve, said)
        assert await count(world, said) == 1
    assert await told(world, ada) == ["liked"]
    for _ in range(2):
        await likes.unlike(world.ctx, eve, said)
        assert await count(world, said) == 0
    assert await told(world, ada) == []


async def test_people_who_cannot_make_up_their_minds_at_once(world: World) -> None:
    ada, people = await world.person("ada"), [await world.person(f"person{n}") for n in range(6)]
    said = await tweet(world, ada)

    async def waver(who: Actor, likes_it: bool) -> None:
        for _ in range(3):
            await asyncio.gather(likes.like(world.ctx, who, said), likes.unlike(world.ctx, who, said))
        await (likes.like if likes_it else likes.unlike)(world.ctx, who, said)

    await asyncio.gather(*(waver(who, n % 2 == 0) for n, who in enumerate(people)))
    assert await count(world, said) == 3
    assert (await world.ctx.of(Tweet).get(said.id)).marks == []


async def test_comments_are_liked_as_well(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    answer = await comment(world, eve, await tweet(world, ada))
    await likes.like(world.ctx, ada, answer)
    assert await told(world, eve) == ["liked"]
    (note,) = await world.ctx.of(Notification).find({"userId": eve.user_id})
    assert note.acts[0].about == {"tweetId": answer.tweet_id, "commentId": answer.id}
    assert await world.ctx.of(CommentLike).count({"commentId": answer.id}) == 1


async def test_a_like_cut_off_anywhere_is_whole_or_not_there(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada)
    for operations in range(60):
        with cut_after(world.ctx, operations) as cut:
            try:
                await likes.like(world.ctx, eve, said)
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        given = await count(world, said)
        assert len(await told(world, ada)) == given
        await likes.unlike(world.ctx, eve, said)
        assert await count(world, said) == 0
        if not cut.happened:
            assert given == 1
            return
    pytest.fail("liking never came to its end")


async def test_a_like_whose_taking_back_is_cut_off_is_gone_once_it_is_not_seen(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada)
    for operations in range(60):
        await likes.like(world.ctx, eve, said)
        with cut_after(world.ctx, operations) as cut:
            try:
                await likes.unlike(world.ctx, eve, said)
            except Unavailable:
                assert cut.happened
        seen = await world.ctx.of(TweetLike).exists({"tweetId": said.id})
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        assert await count(world, said) == int(seen) == len(await told(world, ada))
        if not cut.happened:
            assert not seen
            return
    pytest.fail("taking a like back never came to its end")


async def test_a_tweet_that_goes_while_it_is_liked_leaves_nothing(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    for _ in range(8):
        said = await tweet(world, ada)
        await asyncio.gather(
            likes.like(world.ctx, eve, said), settling.remove(world.ctx, said), return_exceptions=True
        )
        assert not await world.ctx.of(TweetLike).exists({"gone": {"$in": [True, False]}})
        assert not await world.ctx.of(Tweet).exists({"_id": said.id}) and await told(world, ada) == []
