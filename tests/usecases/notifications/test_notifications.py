"""Notifications: grouped while unread, each act once however often told, exact under any concurrency."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from mediaserver.base.errors import Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import MAX_ACTS, Notification
from mediaserver.domain.social.blocks import Block
from mediaserver.domain.social.tweets import Content
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.notifications import inbox, notifications
from mediaserver.usecases.notifications.notifications import notify, withdraw
from mediaserver.usecases.social import tweets
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def of(world: World, person: Actor) -> list[Notification]:
    """Newest first."""
    found = await world.ctx.of(Notification).find(
        {"userId": person.user_id}, sort=[("timestamp", -1), ("_id", -1)]
    )
    assert all(one.count == len(one.acts) for one in found)
    return found


async def contents(world: World, person: Actor) -> list[dict[str, object]]:
    wires = await inbox.describe(world.ctx, person, await of(world, person))
    return [wire["content"] for wire in wires]


def pushed(world: World, person: Actor, name: str = "notification") -> list[dict[str, object]]:
    events = [event for event in world.events if isinstance(event, Pushed) and event.name == name]
    return [event.data for event in events if person.user_id in event.user_ids]


async def read(world: World, person: Actor) -> None:
    await world.ctx.of(Notification).update_many({"userId": person.user_id}, set={"isRead": True, "open": False})


async def test_likes_of_one_tweet_are_one_notification_until_it_is_read(world: World) -> None:
    ada, tweet = await world.person("ada"), new_id()
    fans = [await world.person(f"fan{i}") for i in range(5)]
    for fan in fans[:4]:
        world.clock.pass_s(1)
        await notify(world.ctx, [ada.user_id], "liked", {"tweetId": tweet}, fan.user_id)
    (content,) = await contents(world, ada)
    assert [one["username"] for one in content.pop("actors")] == ["fan3", "fan2", "fan1"]  # type: ignore[attr-defined]
    assert content == {"type": "liked", "count": 4, "actorCount": 4, "tweetId": tweet}
    assert (await of(world, ada))[0].timestamp == world.clock.now
    await notify(world.ctx, [ada.user_id], "liked", {"tweetId": new_id()}, fans[0].user_id)
    assert len(await of(world, ada)) == 2
    await read(world, ada)
    await notify(world.ctx, [ada.user_id], "liked", {"tweetId": tweet}, fans[4].user_id)
    assert [one.count for one in await of(world, ada) if not one.is_read] == [1]


async def test_it_is_pushed_as_the_list_shows_it(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await notify(world.ctx, [ada.user_id], "followed", {}, eve.user_id)
    await tweets.post(world.ctx, eve, {"content": Content(text="@ada" + " x" * 400)})
    newest, older = await inbox.describe(world.ctx, ada, await of(world, ada))
    assert pushed(world, ada) == [older | {"unreadCount": 1}, newest | {"unreadCount": 2}]
    assert newest["content"]["text"] == "@ada" + " x" * 98
    assert pushed(world, eve) == []


async def test_the_same_act_told_again_adds_nothing_even_after_it_was_read(world: World) -> None:
    ada, eve, about = await world.person("ada"), await world.person("eve"), {"tweetId": new_id()}
    for _ in range(3):
        await notify(world.ctx, [ada.user_id, ada.user_id], "liked", about, eve.user_id)
        await read(world, ada)
    assert [one.count for one in await of(world, ada)] == [1]
    assert len(pushed(world, ada)) == 1


async def test_nobody_is_told_of_their_own_acts_or_across_a_block(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    for one, other in ((ada, eve), (bob, ada)):
        await world.ctx.of(Block).add(
            Block(**world.ctx.stamp(), user_id=one.user_id, blocked_user_id=other.user_id)
        )
    everyone = [ada.user_id, eve.user_id, bob.user_id, new_id()]
    await notify(world.ctx, everyone, "commented", {"tweetId": new_id(), "commentId": new_id()}, ada.user_id)
    assert not await world.ctx.of(Notification).exists({})


async def test_an_act_is_taken_back_from_its_notification(world: World) -> None:
    ada, eve, bob, tweet = *[await world.person(name) for name in ("ada", "eve", "bob")], new_id()
    comments = [{"tweetId": tweet, "commentId": new_id()} for _ in range(3)]
    for about, by in zip(comments, (eve, bob, eve), strict=True):
        await notify(world.ctx, [ada.user_id], "commented", about, by.user_id)
    for _ in range(2):
        await withdraw(world.ctx, [ada.user_id], "commented", comments[2], eve.user_id)
    (content,) = await contents(world, ada)
    assert (content["count"], content["commentId"]) == (2, comments[1]["commentId"])
    await withdraw(world.ctx, [ada.user_id], "commented", comments[0], eve.user_id)
    (content,) = await contents(world, ada)
    assert [one["username"] for one in content["actors"]] == ["bob"]  # type: ignore[attr-defined]
    await withdraw(world.ctx, [ada.user_id], "commented", comments[1], bob.user_id)
    assert await of(world, ada) == []
    assert pushed(world, ada, "notification.unread")[-1] == {"unreadCount": 0}
    await notify(world.ctx, [ada.user_id], "commented", comments[1], bob.user_id)
    assert len(await of(world, ada)) == 1, "what was taken back may be told anew"


async def test_what_is_about_a_document_goes_with_it(world: World) -> None:
    ada, eve, tweet, comment = await world.person("ada"), await world.person("eve"), new_id(), new_id()
    await notify(world.ctx, [ada.user_id], "liked", {"tweetId": tweet}, eve.user_id)
    await notify(world.ctx, [ada.user_id], "liked", {"tweetId": tweet, "commentId": comment}, eve.user_id)
    await notifications.forget(world.ctx, tweet)
    assert [one.subject for one in await of(world, ada)] == [comment]


async def test_fifty_at_once_are_one_notification_with_each_of_them(world: World) -> None:
    ada, tweet, fans = await world.person("ada"), {"tweetId": new_id()}, [new_id() for _ in range(50)]
    await asyncio.gather(*(notify(world.ctx, [ada.user_id], "liked", tweet, fan) for fan in fans * 2))
    (one,) = await of(world, ada)
    assert sorted(one.actors) == sorted(fans) and one.count == 50
    gone = [withdraw(world.ctx, [ada.user_id], "liked", tweet, fan) for fan in fans[:49] * 2]
    await asyncio.gather(*gone)
    assert [one.actors for one in await of(world, ada)] == [[fans[49]]]


async def test_fifty_at_once_while_it_is_read_are_each_in_one(world: World) -> None:
    ada, tweet, fans = await world.person("ada"), {"tweetId": new_id()}, [new_id() for _ in range(50)]

    async def reading() -> None:
        for _ in range(10):
            await read(world, ada)
            await asyncio.sleep(0.005)

    telling = (notify(world.ctx, [ada.user_id], "liked", tweet, fan) for fan in fans)
    await asyncio.gather(reading(), *telling)
    told = [act.by for one in await of(world, ada) for act in one.acts]
    assert sorted(map(str, told)) == sorted(fans)


async def test_what_two_were_told_of_each_other_is_taken_back_and_nothing_else(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    both, lone, many = {"tweetId": new_id()}, {"tweetId": new_id()}, {"tweetId": new_id()}
    for about, by in ((both, eve), (both, bob), (lone, eve)):
        await notify(world.ctx, [ada.user_id], "liked", about, by.user_id)
    for _ in range(3):
        await notify(world.ctx, [ada.user_id], "commented", {**many, "commentId": new_id()}, eve.user_id)
    under = {**lone, "commentId": new_id()}
    await notify(world.ctx, [eve.user_id, ada.user_id], "mentioned", under, bob.user_id, under=ada.user_id)
    for _ in range(2):
        await notifications.part(world.ctx, ada.user_id, eve.user_id)
    assert [content["type"] for content in await contents(world, ada)] == ["mentioned", "liked"]
    (left,) = [one for one in await of(world, ada) if one.type == "liked"]
    assert (left.actors, left.acts[0].about) == ([bob.user_id], both)
    assert await of(world, eve) == []
    assert pushed(world, ada, "notification.unread")[0] == {"unreadCount": 2}
    assert pushed(world, eve, "notification.unread") == [{"unreadCount": 0}]


@pytest.mark.slow
async def test_a_full_one_is_followed_by_another(world: World) -> None:
    ada, tweet = await world.person("ada"), {"tweetId": new_id()}
    for _ in range(MAX_ACTS + 2):
        await notify(world.ctx, [ada.user_id], "liked", tweet, new_id())
    assert [one.count for one in await of(world, ada)] == [2, MAX_ACTS]


@pytest.mark.slow
async def test_a_large_audience_is_told_in_batches(world: World) -> None:
    ada = await world.person("ada")
    people = [await world.person(f"person{i}") for i in range(3)]
    template = await world.ctx.users.get(people[0].user_id)
    crowd = [
        template.model_copy(
            update={
                "id": new_id(),
                "username_folded": f"crowd{i}",
                "username_skeleton": f"crowd{i}",
                "email_folded": f"crowd{i}@example.org",
            }
        )
        for i in range(1200)
    ]
    await world.ctx.users.add_many(crowd)

    async def audience() -> AsyncIterator[str]:
        for one in crowd:
            yield one.id

    about = {"courseId": new_id(), "assignmentId": new_id(), "title": "Fractions"}
    for _ in range(2):
        await notify(world.ctx, audience(), "assignment-posted", about, ada.user_id)
    assert await world.ctx.of(Notification).count({}) == 1200
    assert len(world.happened(Pushed)) == 1200
    await notifications.forget(world.ctx, about["assignmentId"])
    assert not await world.ctx.of(Notification).exists({})
    last = world.happened(Pushed)[-1]
    assert isinstance(last, Pushed) and last.data == {"unreadCount": 0} and len(last.user_ids) == 1200


async def test_telling_cut_off_anywhere_and_repeated_tells_once(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    for operations in range(20):
        about = {"tweetId": new_id()}
        with cut_after(world.ctx, operations) as cut:
            try:
                await notify(world.ctx, [ada.user_id], "liked", about, eve.user_id)
            except Unavailable:
                assert cut.happened
        await read(world, ada)
        await notify(world.ctx, [ada.user_id], "liked", about, eve.user_id)
        assert await world.ctx.of(Notification).count({"subject": about["tweetId"]}) == 1
        if not cut.happened:
            return
    pytest.fail("telling never came to its end")


async def test_no_more_than_a_thousand_unread_ones_are_counted(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await notify(world.ctx, [ada.user_id], "mentioned", {"tweetId": new_id()}, eve.user_id)
    (one,) = await of(world, ada)
    many = [one.model_copy(update={"id": new_id(), "group_key": new_id(), "acts": []}) for _ in range(1000)]
    await world.ctx.of(Notification).add_many(many)
    assert await inbox.unread_count(world.ctx, ada.user_id) == 1000
    await notify(world.ctx, [ada.user_id], "followed", {}, eve.user_id)
    assert pushed(world, ada)[-1]["unreadCount"] == 1000


async def test_old_ones_expire(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    await notify(world.ctx, [ada.user_id], "followed", {}, eve.user_id)
    (one,) = await of(world, ada)
    assert (one.expires_at - one.timestamp).days == 90
