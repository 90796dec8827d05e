"""Chat: numbered without gaps, stored once per clientId, whatever comes at once."""

import asyncio
from typing import NoReturn

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload
from mediaserver.usecases.events import MessageStored
from mediaserver.usecases.sessions import chat, participants, sessions
from tests.usecases.world import World


async def room(world: World, *names: str) -> tuple[Session, list[Actor]]:
    """A live video session with these people in it; the first moderates."""
    people = [await world.person(name) for name in names]
    session = await world.live_session(people[0])
    for person in people:
        await participants.enter(world.ctx, person, session, "participant", world.clock.now)
    return session, people


async def say(world: World, who: Actor, session: Session, client_id: str, text: str = "hello") -> int:
    message, _ = await chat.send(world.ctx, who, session.kind, session.id, client_id, "Text", text)
    return message.sequence


async def test_fifty_messages_at_once_are_numbered_without_gaps(world: World) -> None:
    session, (ada, eve) = await room(world, "ada", "eve")
    sent = [say(world, ada if n % 2 else eve, session, f"c{n}") for n in range(50)]
    assert sorted(await asyncio.gather(*sent)) == list(range(1, 51))
    stored = await world.ctx.messages.find({"sessionId": session.id}, sort=[("sequence", 1)])
    assert [message.sequence for message in stored] == list(range(1, 51))
    events = world.happened(MessageStored)
    assert sorted(e.message.sequence for e in events if isinstance(e, MessageStored)) == list(range(1, 51))


async def test_the_same_client_id_at_once_is_stored_once(world: World) -> None:
    session, (ada,) = await room(world, "ada")
    results = await asyncio.gather(
        *(chat.send(world.ctx, ada, "video", session.id, "c1", "Text", "hello") for _ in range(10))
    )
    assert len({message.id for message, _ in results}) == 1
    assert sum(created for _, created in results) == 1
    assert len(world.happened(MessageStored)) == await world.ctx.messages.count({}) == 1
    assert await say(world, ada, session, "c2") == 2


async def test_two_people_may_use_the_same_client_id(world: World) -> None:
    session, (ada, eve) = await room(world, "ada", "eve")
    assert [await say(world, ada, session, "1"), await say(world, eve, session, "1")] == [1, 2]


async def test_a_repetition_is_answered_after_the_end_and_a_new_message_is_not(world: World) -> None:
    session, (ada,) = await room(world, "ada")
    await say(world, ada, session, "c1")
    await sessions.end(world.ctx, ada, "video", session.id)
    assert await say(world, ada, session, "c1") == 1
    with pytest.raises(Conflict) as over:
        await say(world, ada, session, "c2")
    assert over.value.code == "ended"


async def test_who_takes_no_part_says_nothing(world: World) -> None:
    session, _ = await room(world, "ada")
    with pytest.raises(Forbidden) as stranger:
        await say(world, await world.person("eve"), session, "c1")
    assert stranger.value.code == "not_participant"


async def test_too_long_a_text_is_refused(world: World) -> None:
    session, (ada,) = await room(world, "ada")
    assert await say(world, ada, session, "c1", "x" * 4000) == 1
    with pytest.raises(Invalid) as long:
        await say(world, ada, session, "c2", "x" * 4001)
    assert [error.loc for error in long.value.errors] == ["content"]


async def test_a_picture_is_its_senders_own_and_shown_with_a_url(world: World) -> None:
    session, (ada, eve) = await room(world, "ada", "eve")
    picture = await world.upload(ada)
    message, _ = await chat.send(world.ctx, ada, "video", session.id, "c1", "Image", picture.id)
    for reader in (ada, eve):
        shown = (await chat.describe(world.ctx, reader, [message]))[0]["content"]
        assert shown["id"] == picture.id and f"person={reader.user_id}" in shown["url"]
    (stored,) = world.happened(MessageStored)
    assert isinstance(stored, MessageStored)
    assert chat.to_wire(world.ctx, eve, stored) == (await chat.describe(world.ctx, eve, [message]))[0]
    for sender, content_type in ((eve, "Image"), (ada, "Video")):
        with pytest.raises(Invalid):
            await chat.send(world.ctx, sender, "video", session.id, "c2", content_type, picture.id)  # type: ignore[arg-type]
    await chat.send(world.ctx, ada, "video", session.id, "c3", "File", picture.id)


async def used(world: World, upload: Upload) -> tuple[bool, int]:
    now = await world.ctx.uploads.get(upload.id)
    return now.used, len(now.used_by)


async def test_a_picture_whose_message_was_not_stored_is_not_in_use(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, (ada,) = await room(world, "ada")
    picture = await world.upload(ada)

    async def refuse(*_: object) -> NoReturn:
        assert await used(world, picture) == (True, 1)
        raise Unavailable("store_unavailable", "the document store does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(world.ctx.messages, "add_numbered", refuse)
        with pytest.raises(Unavailable):
            await chat.send(world.ctx, ada, "video", session.id, "c1", "Image", picture.id)
    assert await used(world, picture) == (False, 0)
    await chat.send(world.ctx, ada, "video", session.id, "c1", "Image", picture.id)
    assert await used(world, picture) == (True, 1)
    monkeypatch.setattr(world.ctx.messages, "add_numbered", refuse)
    with pytest.raises(Unavailable):
        await chat.send(world.ctx, ada, "video", session.id, "c2", "Image", picture.id)
    assert await used(world, picture) == (True, 1), "the first message shows it"


async def test_of_two_pictures_under_one_client_id_at_once_one_is_in_use(world: World) -> None:
    session, (ada,) = await room(world, "ada")
    pictures = [await world.upload(ada), await world.upload(ada)]
    sent = await asyncio.gather(
        *(chat.send(world.ctx, ada, "video", session.id, "c1", "Image", one.id) for one in pictures)
    )
    (shown,) = {message.content for message, _ in sent}
    for picture in pictures:
        assert await used(world, picture) == ((True, 1) if picture.id == shown else (False, 0))


async def test_history_goes_both_ways(world: World) -> None:
    session, (ada,) = await room(world, "ada")
    for n in range(1, 8):
        await say(world, ada, session, f"c{n}")

    async def numbers(**where: int) -> tuple[list[int], int, bool]:
        found = await chat.history(world.ctx, "video", session.id, **where)
        return [message.sequence for message in found.messages], found.last_sequence, found.truncated

    assert await numbers(limit=3) == ([5, 6, 7], 7, True)
    assert await numbers(before=5, limit=3) == ([2, 3, 4], 7, True)
    assert await numbers(before=2, limit=3) == ([1], 7, False)
    assert await numbers(after=5) == ([6, 7], 7, False)
    assert await numbers(after=0, limit=3) == ([1, 2, 3], 7, True)
    assert await numbers(after=7) == ([], 7, False)


async def test_a_sender_who_is_gone_is_a_deleted_user(world: World) -> None:
    session, (ada, eve) = await room(world, "ada", "eve")
    message, _ = await chat.send(world.ctx, eve, "video", session.id, "c1", "Text", "bye")
    await world.ctx.users.delete(eve.user_id)
    assert (await chat.describe(world.ctx, ada, [message]))[0]["senderName"] == "deleted user"
