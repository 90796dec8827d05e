"""Tweets: what is said, whom it names, who hears of it, what goes with it."""

import pytest

from mediaserver.base.errors import Invalid, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.likes import TweetLike
from mediaserver.domain.social.tweets import Content, Tweet
from mediaserver.usecases.notifications import inbox
from mediaserver.usecases.social import comments, likes, posts, tombstones, tweets
from mediaserver.usecases.writes import settling
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def tweet(
    world: World, who: Actor, text: str = "Parallels never meet.", media: tuple[str, ...] = ()
) -> Tweet:
    return await tweets.post(world.ctx, who, {"content": Content(text=text, media=list(media))})


async def comment(world: World, who: Actor, on: Tweet, text: str = "Indeed.") -> Comment:
    return await comments.post(world.ctx, who, {"content": Content(text=text), "tweet_id": on.id})


async def edit(world: World, who: Actor, said: Tweet, text: str) -> Tweet:
    stored = await world.ctx.of(Tweet).get(said.id)
    return await posts.edit(world.ctx, who, stored, {"content": Content(text=text)})


async def told(world: World, who: Actor) -> list[str]:
    found = await world.ctx.of(Notification).find({"userId": who.user_id}, [("_id", 1)])
    return [one.type for one in found]


async def texts(world: World, who: Actor) -> list[str | None]:
    """What notifications show of what was said."""
    found = await world.ctx.of(Notification).find({"userId": who.user_id}, [("_id", 1)])
    return [wire["content"].get("text") for wire in await inbox.describe(world.ctx, who, found)]


async def test_a_tweet_names_people_and_tags_and_is_counted(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada, "Dear @Eve and @nobody: #Algebra, @ada!")
    assert (said.mentions, said.hashtags) == ([eve.user_id, ada.user_id], ["algebra"])
    assert (await told(world, eve), await told(world, ada)) == (["mentioned"], [])
    assert (await world.ctx.users.get(ada.user_id)).tweets_count == 1
    await settling.remove(world.ctx, said)
    assert (await told(world, eve), (await world.ctx.users.get(ada.user_id)).tweets_count) == ([], 0)


async def test_something_must_be_said(world: World) -> None:
    ada = await world.person("ada")
    with pytest.raises(Invalid) as refused:
        await tweet(world, ada, "")
    assert [fault.loc for fault in refused.value.errors] == ["content"]
    said = await tweet(world, ada)
    with pytest.raises(Invalid):
        await edit(world, ada, said, "")
    picture = await world.upload(ada)
    assert (await tweet(world, ada, "", (picture.id,))).content.media == [picture.id]


async def test_nobody_is_named_across_a_block(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await world.ctx.of(Block).add(Block(**world.ctx.stamp(), user_id=eve.user_id, blocked_user_id=ada.user_id))
    assert (await tweet(world, ada, "@eve")).mentions == []
    assert await told(world, eve) == []


async def test_whom_an_edit_names_is_told_once(world: World) -> None:
    ada, eve, root = await world.person("ada"), await world.person("eve"), await world.person("root")
    said = await tweet(world, ada, "@eve")
    changed = await edit(world, ada, said, "@eve @root #new")
    changed = await edit(world, ada, changed, "@root @eve #new #newer")
    assert (await told(world, eve), await told(world, root)) == (["mentioned"], ["mentioned"])
    assert (changed.hashtags, changed.edited_at) == (["new", "newer"], world.clock.now)
    assert (await world.ctx.users.get(ada.user_id)).tweets_count == 1


async def test_whom_an_edit_names_no_more_is_told_no_longer(world: World) -> None:
    ada, eve, root = await world.person("ada"), await world.person("eve"), await world.person("root")
    said = await tweet(world, ada, "@eve @root")
    answer = await comments.post(world.ctx, ada, {"content": Content(text="@eve"), "tweet_id": said.id})
    await edit(world, ada, said, "@root")
    assert (await told(world, eve), await told(world, root)) == (["mentioned"], ["mentioned"])
    await posts.edit(world.ctx, ada, await world.ctx.of(Comment).get(answer.id), {"content": Content(text="x")})
    assert await told(world, eve) == []
    await edit(world, ada, said, "@eve")
    assert (await told(world, eve), await told(world, root)) == (["mentioned"], [])


async def test_what_was_said_is_told_as_it_reads_now(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada, "@eve: old words")
    answer = await comment(world, eve, said, "old words")
    await edit(world, ada, said, "@eve: new words")
    await posts.edit(world.ctx, eve, await world.ctx.of(Comment).get(answer.id), {"content": Content(text="new")})
    assert (await texts(world, eve), await texts(world, ada)) == (["@eve: new words"], ["new"])


async def test_an_edit_cut_off_anywhere_tells_whom_it_names(world: World) -> None:
    ada = await world.person("ada")
    for operations in range(40):
        one, said = await world.person(f"person{operations}"), await tweet(world, ada)
        with cut_after(world.ctx, operations) as cut:
            try:
                await edit(world, ada, said, f"@person{operations}")
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(world.ctx)
        stored = await world.ctx.of(Tweet).get(said.id)
        assert stored.settled and await told(world, one) == (["mentioned"] if stored.mentions else [])
        assert (await world.ctx.users.get(ada.user_id)).tweets_count == operations + 1
        if not cut.happened:
            assert stored.mentions == [one.user_id]
            return
    pytest.fail("an edit never came to its end")


async def test_with_a_tweet_goes_what_hangs_on_it(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    picture = await world.upload(ada)
    said = await tweet(world, ada, "Look", (picture.id,))
    answer = await comment(world, eve, said, "@ada yes")
    await likes.like(world.ctx, eve, said)
    await likes.like(world.ctx, ada, answer)
    assert await told(world, ada) == ["commented", "mentioned", "liked"]
    assert await told(world, eve) == ["liked"]
    await settling.remove(world.ctx, await world.ctx.of(Tweet).get(said.id))
    for kind in (Comment, TweetLike, Notification):
        assert not await world.ctx.of(kind).exists({})
    assert not (await world.ctx.uploads.get(picture.id)).used


async def test_who_is_deleted_is_named_no_more(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada, "@eve")
    await settling.remove(world.ctx, await world.ctx.users.get(eve.user_id))
    assert (await world.ctx.of(Tweet).get(said.id)).mentions == []


async def test_a_buried_tweet_keeps_its_comments_and_nothing_of_its_author(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    picture = await world.upload(ada)
    said = await tweet(world, ada, "My #secret @eve", (picture.id,))
    await comment(world, eve, said)
    for _ in range(2):
        await tombstones.bury(world.ctx, await world.ctx.of(Tweet).get(said.id))
    (wire,) = await posts.describe(world.ctx, eve, [await world.ctx.of(Tweet).get(said.id)])
    assert wire["content"] == {"text": "", "media": []} and wire["removed"] and wire["commentsCount"] == 1
    assert wire["author"]["username"] == "deleted user" and not wire["mentions"] and not wire["hashtags"]
    assert not (await world.ctx.uploads.get(picture.id)).used and await told(world, eve) == []


async def test_a_comment_is_counted_and_its_end_as_well(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    said = await tweet(world, ada)
    first, second = await comment(world, eve, said, "one"), await comment(world, eve, said, "two")
    own = await comment(world, ada, said, "three")
    assert (await world.ctx.of(Tweet).get(said.id)).comments_count == 3
    (note,) = await world.ctx.of(Notification).find({"userId": ada.user_id})
    assert (note.type, note.count) == ("commented", 2)
    for gone in (first, second, own):
        await settling.remove(world.ctx, gone)
    assert (await world.ctx.of(Tweet).get(said.id)).comments_count == 0
    assert await told(world, ada) == []


async def test_who_is_erased_leaves_stones_where_others_answered(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    lonely, answered, others = await tweet(world, ada), await tweet(world, ada), await tweet(world, eve)
    await comment(world, ada, lonely, "to myself")
    await comment(world, eve, answered)
    mine = await comment(world, ada, others, "a word")
    await settling.remove(world.ctx, await world.ctx.users.get(ada.user_id))
    assert {one.id: one.removed for one in await world.ctx.of(Tweet).find({})} == {
        answered.id: True,
        others.id: False,
    }
    stone = await world.ctx.of(Comment).get(mine.id)
    assert stone.removed and stone.content == Content()
    (wire,) = await posts.describe(world.ctx, eve, [stone])
    assert wire["author"]["username"] == "deleted user"


async def test_nobody_keeps_being_told_what_somebody_said_who_was_erased(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    said = await tweet(world, ada)
    await comment(world, eve, said, "my home address is 1 Mill Lane, @bob")
    other = await comment(world, bob, said, "Hm")
    assert (await texts(world, ada), await texts(world, bob)) == (
        ["Hm"],
        ["my home address is 1 Mill Lane, @bob"],
    )
    await settling.remove(world.ctx, await world.ctx.users.get(eve.user_id))
    (note,) = await world.ctx.of(Notification).find({})
    assert (note.user_id, note.type, note.actors) == (ada.user_id, "commented", [bob.user_id])
    assert [act.about["commentId"] for act in note.acts] == [other.id]
