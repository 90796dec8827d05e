"""Messages between two people: once per `clientId`, both conversations right, unread counts exact."""

import asyncio
import random
from typing import Any

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.messaging.direct_messages import Conversation, DirectMessage, pair_of
from mediaserver.domain.notifications import Notification
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.events import Pushed
from mediaserver.usecases.messaging import conversations, direct_messages
from mediaserver.usecases.notifications import inbox
from mediaserver.usecases.personal_data import erasure
from mediaserver.usecases.social import blocks
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.uploads.file_links import sign_links
from mediaserver.usecases.writes import settling
from tests.usecases.cut import cut_after
from tests.usecases.world import World


async def say(world: World, one: Actor, other: Actor, text: str = "hello", **more: Any) -> DirectMessage:
    fields = {"receiver_user_id": other.user_id, "content": text, **more}
    return await direct_messages.create(world.ctx, one, fields)


async def talks(world: World, person: Actor) -> list[tuple[str, str | None, int]]:
    """The list of a person's conversations: with whom, what was said last, how many are unread."""
    mine = await world.ctx.of(Conversation).page({"userId": person.user_id}, [("lastAt", -1)], limit=100)
    wires = await conversations.describe(world.ctx, person, mine.items)
    return [
        (w["user"]["username"], w["lastMessage"] and w["lastMessage"]["content"], w["unreadCount"]) for w in wires
    ]


async def notes(world: World, person: Actor) -> list[Notification]:
    return await world.ctx.of(Notification).find({"userId": person.user_id}, sort=[("_id", 1)])


def pushed(world: World, person: Actor, name: str) -> list[dict[str, Any]]:
    events = [event for event in world.events if isinstance(event, Pushed) and event.name == name]
    return [event.data for event in events if person.user_id in event.user_ids]


async def test_both_see_the_conversation_and_the_receiver_is_told(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    await say(world, ada, eve, "one")
    world.clock.pass_s(1)
    await say(world, bob, eve, "two")
    world.clock.pass_s(1)
    last = await say(world, ada, eve, "three")
    assert await talks(world, eve) == [("ada", "three", 2), ("bob", "two", 1)]
    assert await talks(world, ada) == [("eve", "three", 0)]
    assert await conversations.unread_count(world.ctx, eve.user_id) == 3
    of_ada, of_bob = await notes(world, eve)
    assert (of_ada.type, of_ada.count, of_bob.count) == ("message", 2, 1)
    (content,) = [wire["content"] for wire in await inbox.describe(world.ctx, eve, [of_ada])]
    assert (content["messageId"], content["text"]) == (last.id, "three")
    assert await notes(world, ada) == []


async def test_a_message_is_pushed_to_both_as_it_reads_over_rest(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    message = await say(world, ada, eve)
    (wire,) = await direct_messages.describe(world.ctx, eve, [message])
    assert wire["sender"]["username"] == "ada" and wire["receiver"]["username"] == "eve"
    assert not {"pair", "uploadId", "settled", "gone"} & set(wire)
    assert pushed(world, ada, "message") == pushed(world, eve, "message") == [wire]


async def test_the_same_client_id_is_the_same_message(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    both = (say(world, ada, eve, client_id="c1") for _ in range(10))
    assert len({message.id for message in await asyncio.gather(*both)}) == 1
    assert (await say(world, ada, bob, client_id="c1")).receiver_user_id == bob.user_id
    assert await talks(world, eve) == [("ada", "hello", 1)]
    assert [one.count for one in await notes(world, eve)] == [1]


async def test_who_cannot_be_written_to(world: World) -> None:
    ada, bob = await world.person("ada"), await world.person("bob")
    stranger = Actor(new_id(), "nobody", "student", "")
    for to in (ada, stranger):
        with pytest.raises(Invalid) as wrong:
            await say(world, ada, to)
        assert [fault.loc for fault in wrong.value.errors] == ["receiverUserId"]
    await identity.set_active(world.ctx, bob.user_id, active=False)
    with pytest.raises(Conflict) as inactive:
        await say(world, ada, bob)
    assert inactive.value.code == "inactive"
    assert not await world.ctx.of(DirectMessage).exists({})


async def test_a_block_is_told_to_whoever_made_it_and_to_nobody_else(world: World) -> None:
    ada, eve, stranger = await world.person("ada"), await world.person("eve"), Actor(new_id(), "x", "student", "")
    await blocks.block(world.ctx, eve, {"blocked_user_id": ada.user_id})
    for more in ({}, {"text": "x" * 4001}):
        refused = []
        for to in (eve, stranger):
            with pytest.raises(Invalid) as wrong:
                await say(world, ada, to, **more)
            refused.append((wrong.value.code, wrong.value.detail, wrong.value.errors))
        assert refused[0] == refused[1]
    await blocks.block(world.ctx, ada, {"blocked_user_id": eve.user_id})
    for one, other in ((ada, eve), (eve, ada)):
        with pytest.raises(Forbidden) as blocked:
            await say(world, one, other)
        assert (blocked.value.code, blocked.value.detail) == ("blocked", "you have blocked this person")
    assert not await world.ctx.of(DirectMessage).exists({})


async def test_what_cannot_be_sent(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    picture, of_eve = await world.upload(ada), await world.upload(eve)
    for content_type, content in (
        ("Text", "x" * 4001), ("Image", new_id()), ("Image", of_eve.id), ("Video", picture.id), ("File", "x"),
    ):  # fmt: skip
        with pytest.raises(Invalid) as wrong:
            await say(world, ada, eve, content, content_type=content_type)
        assert [fault.loc for fault in wrong.value.errors] == ["content"]


async def test_an_upload_is_for_the_two_alone_and_let_go_with_its_message(world: World) -> None:
    ada, eve, bob = [await world.person(name) for name in ("ada", "eve", "bob")]
    picture = await world.upload(ada)
    message = await say(world, ada, eve, picture.id, content_type="Image")
    (for_both,) = [event for event in world.happened(Pushed) if event.name == "message"]
    assert set(for_both.user_ids) == {ada.user_id, eve.user_id} and for_both.unsigned_links
    assert "uploadId" not in for_both.data
    url = sign_links(world.ctx, eve, for_both.data)["content"]["url"]
    assert f"person={eve.user_id}&login={eve.login_id}" in url

    async def readers() -> list[bool]:
        return [
            (one.user_id in await uploads.who_may_read(world.ctx, [one.user_id], picture.id))
            for one in (ada, eve, bob)
        ]

    assert await readers() == [True, True, False]
    await settling.remove(world.ctx, message)
    assert await readers() == [True, False, False]
    assert not (await world.ctx.uploads.get(picture.id)).used


async def test_reading_one_or_all(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    first, _, third = [await say(world, ada, eve, str(n)) for n in range(3)]
    read = await direct_messages.mark(ctx, eve, first, {"is_read": True})
    assert read.is_read and await talks(world, eve) == [("ada", "2", 2)]
    assert [one.is_read for one in await notes(world, eve)] == [False]
    with pytest.raises(Invalid):
        await direct_messages.mark(ctx, eve, read, {"is_read": False})
    await conversations.read(ctx, eve, ada.user_id)
    assert await talks(world, eve) == [("ada", "2", 0)]
    assert [one.is_read for one in await notes(world, eve)] == [True]
    about = {"senderUserId": ada.user_id, "receiverUserId": eve.user_id}
    assert pushed(world, ada, "message.read") == pushed(world, eve, "message.read") == [
        {**about, "messageId": first.id, "throughId": None},
        {**about, "messageId": None, "throughId": third.id},
    ]  # fmt: skip
    await say(world, ada, eve)
    assert [one.is_read for one in await notes(world, eve)] == [True, False]
    with pytest.raises(NotFound):
        await conversations.read(ctx, eve, new_id())


async def test_the_message_before_is_the_last_again_when_the_last_is_deleted(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    one, two = await say(world, ada, eve, "one"), await say(world, ada, eve, "two")
    await settling.remove(world.ctx, two)
    assert await talks(world, eve) == [("ada", "one", 1)] and await talks(world, ada) == [("eve", "one", 0)]
    assert [note.count for note in await notes(world, eve)] == [1]
    await settling.remove(world.ctx, one)
    assert await talks(world, eve) == await talks(world, ada) == []
    assert await notes(world, eve) == []
    assert [data["id"] for data in pushed(world, eve, "message.deleted")] == [two.id, one.id]


async def test_fifty_at_once_with_deletions_leave_everything_exact(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    sent = await asyncio.gather(
        *(say(world, ada, eve, str(n)) for n in range(25)), *(say(world, eve, ada, str(n)) for n in range(25))
    )
    assert [len(await notes(world, person)) for person in (ada, eve)] == [1, 1]
    assert [(await notes(world, person))[0].count for person in (ada, eve)] == [25, 25]
    doomed = random.Random(5).sample(sent, 40)
    fresh = [say(world, ada, eve, "new") for _ in range(5)]
    await asyncio.gather(*(settling.remove(ctx, one) for one in doomed), *fresh)
    left = await ctx.of(DirectMessage).find({"pair": pair_of(ada.user_id, eve.user_id)}, sort=[("_id", 1)])
    assert len(left) == 15
    for person, peer in ((ada, eve), (eve, ada)):
        (side,) = await ctx.of(Conversation).find({"userId": person.user_id})
        unread = sum(one.receiver_user_id == person.user_id for one in left)
        assert side.last_message_id == left[-1].id
        assert await talks(world, person) == [(peer.username, left[-1].content, unread)]
        assert sum(one.count for one in await notes(world, person)) == unread


async def test_sending_cut_off_anywhere_is_whole_or_not_there(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    picture = await world.upload(ada)
    for operations in range(40):
        with cut_after(ctx, operations) as cut:
            try:
                await say(world, ada, eve, picture.id, content_type="Image", client_id=str(operations))
            except Unavailable:
                assert cut.happened
        world.clock.pass_s(60)
        await settling.resume(ctx)
        stored = await ctx.of(DirectMessage).find({}, sort=[("_id", 1)])
        assert sum(one.count for one in await notes(world, eve)) == len(stored)
        for person in (ada, eve):
            sides = await ctx.of(Conversation).find({"userId": person.user_id})
            assert [side.last_message_id for side in sides] == [one.id for one in stored[-1:]]
        if not cut.happened:
            return
    pytest.fail("sending never came to its end")


async def test_deleting_cut_off_anywhere_is_finished(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    stays = await say(world, ada, eve, "stays")
    for operations in range(40):
        goes = await say(world, ada, eve, "goes")
        with cut_after(ctx, operations) as cut:
            try:
                await settling.remove(ctx, goes)
            except Unavailable:
                assert cut.happened
        unseen = await ctx.of(DirectMessage).find_one({"_id": goes.id}) is None
        world.clock.pass_s(60)
        await settling.resume(ctx)
        if not unseen:
            await settling.remove(ctx, goes)
        assert await talks(world, eve) == [("ada", "stays", 1)]
        assert [note.acts[0].about["messageId"] for note in await notes(world, eve)] == [stays.id]
        if not cut.happened:
            return
    pytest.fail("deleting never came to its end")


async def test_messages_stay_with_the_one_who_is_left_and_go_with_both(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    picture = await world.upload(ada)
    await say(world, ada, eve, picture.id, content_type="Image")
    await say(world, eve, ada, "answer")
    await erasure.erase(ctx, ada, await ctx.users.get(ada.user_id))
    assert await talks(world, eve) == [("deleted user", "answer", 1)]
    assert await ctx.of(DirectMessage).count({}) == 2
    assert [one.user_id for one in await ctx.of(Conversation).find({})] == [eve.user_id]
    await erasure.erase(ctx, eve, await ctx.users.get(eve.user_id))
    for kind in (DirectMessage, Conversation, Notification):
        assert not await ctx.of(kind).exists({})
    assert not (await ctx.uploads.get(picture.id)).used


async def test_a_message_that_comes_while_both_are_erased_does_not_stay(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    await say(world, ada, eve)
    users = [await ctx.users.get(one.user_id) for one in (ada, eve)]
    sending = [say(world, ada, eve) for _ in range(5)]
    erasing = [erasure.erase(ctx, one, user) for one, user in zip((ada, eve), users, strict=True)]
    await asyncio.gather(*sending, *erasing, return_exceptions=True)
    for kind in (DirectMessage, Conversation):
        assert not await ctx.of(kind).exists({})
