"""Deleting a session: all of it or nothing, wherever it is cut off, and whatever comes at the same moment."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mediaserver.base.errors import Conflict, NotFound, Unavailable
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.registry import DOCUMENTS
from mediaserver.domain.sessions.recordings import RecordedTrack, Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.domain.uploads.uploads import Upload, Use
from mediaserver.store.objects.local import LocalObjects
from mediaserver.usecases.events import SessionDeleted
from mediaserver.usecases.sessions import chat, deletion, participants, recordings, sessions
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling
from tests.scenarios import invariants
from tests.usecases.cut import cut_after
from tests.usecases.interleaved import with_switch_at
from tests.usecases.world import World

EVERYWHERE = {"gone": {"$in": [True, False]}}


async def ended(world: World, ada: Actor, eve: Actor, pictures: int = 3) -> tuple[Session, list[Upload]]:
    """A session that was, with words and pictures in its chat and a recording; and the pictures."""
    ctx, session = world.ctx, await world.live_session(ada)
    for who in (ada, eve):
        await participants.enter(ctx, who, session, "participant", world.clock.now)
    await chat.send(ctx, eve, "video", session.id, "words", "Text", "Good morning!")
    shown = [await world.upload(ada) for _ in range(pictures)]
    for at, picture in enumerate(shown):
        await chat.send(ctx, ada, "video", session.id, str(at), "Image", picture.id)
    await recorded(world, ada, session)
    return await sessions.end(ctx, ada, "video", session.id), shown


async def recorded(world: World, ada: Actor, session: Session) -> Recording:
    """A recording that is ready, with its objects."""
    ctx = world.ctx
    begun = await recordings.begin(ctx, ada, session, world.clock.now)
    await recordings.stopped(ctx, begun.id, world.clock.now)
    keys = [f"recordings/{begun.id}/{name}" for name in ("program.mp4", "camera.mp4")]
    for key in keys:
        await ctx.objects.put_bytes(key, b"moving", "video/mp4")
    track = RecordedTrack(
        participant_id=begun.id, user_id=ada.user_id, source="camera", object_key=keys[1],
        content_type="video/mp4", size=6, duration=1.0,
    )  # fmt: skip
    return await recordings.ready(ctx, begun.id, object_key=keys[0], size=6, duration_s=1.0, tracks=[track])


async def keys(world: World) -> list[str]:
    return [listed.key async for listed in world.ctx.objects.list("recordings/")]


async def require_whole_or_gone(world: World, session: Session, shown: list[Upload]) -> bool:
    """Whether it is there: then with all that it had; else nothing of it is."""
    ctx, of = world.ctx, {"sessionId": session.id}
    there = await ctx.sessions.exists({"_id": session.id})
    found = [await ctx.participants.count(of), await ctx.messages.count(of), await ctx.recordings.count(of)]
    used = [(await ctx.uploads.get(one.id)).used for one in shown]
    assert found == ([2, 1 + len(shown), 1] if there else [0, 0, 0])
    assert used == [there] * len(shown)
    assert len(await keys(world)) == (2 if there else 0)
    assert await ctx.of(Notification).exists({}) == there
    if not there:
        assert not await ctx.sessions.exists({"_id": session.id} | EVERYWHERE)
        assert not await ctx.recordings.exists(of | EVERYWHERE)
    return there


@pytest.mark.slow
async def test_a_deletion_cut_off_anywhere_is_finished_or_was_never_begun(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    for operations in range(100):
        session, shown = await ended(world, ada, eve)
        with cut_after(ctx, operations) as cut:
            try:
                await deletion.delete_session(ctx, ada, session)
            except Unavailable:
                assert cut.happened
        seen = await ctx.sessions.exists({"_id": session.id})
        if seen:
            assert await require_whole_or_gone(world, session, shown), "nothing goes while it is seen"
        world.clock.pass_s(60)
        await settling.resume(ctx)
        assert await require_whole_or_gone(world, session, shown) == seen
        everything = await invariants.Everything.read(ctx.repositories.database.raw, DOCUMENTS)
        assert invariants.faults(everything, interrupted=True) == []
        if not cut.happened:
            return
        if seen:
            await deletion.delete_session(ctx, ada, session)
    pytest.fail("a deletion never came to its end")


async def test_a_recording_is_not_seen_from_the_first_step_of_its_deletion_on(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada")
    session = await world.live_session(ada)
    for operations in range(30):
        recording = await recorded(world, ada, session)
        with cut_after(ctx, operations) as cut:
            try:
                await recordings.delete(ctx, ada, recording)
            except Unavailable:
                assert cut.happened
        seen = await ctx.recordings.exists({"_id": recording.id})
        if seen:
            assert len(await keys(world)) == 2, "what is seen has its objects"
        world.clock.pass_s(60)
        await settling.resume(ctx)
        assert len(await keys(world)) == (2 if seen else 0)
        assert await ctx.recordings.exists({"_id": recording.id} | EVERYWHERE) == seen
        if not cut.happened:
            return
        if seen:
            await recordings.delete(ctx, ada, recording)
    pytest.fail("a deletion never came to its end")


async def test_objects_that_cannot_be_deleted_go_later_with_their_document(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx, ada = world.ctx, await world.person("ada")
    recording = await recorded(world, ada, await world.live_session(ada))

    async def away(objects: LocalObjects, key: str) -> None:
        raise Unavailable("objects_unavailable", "the object store does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(LocalObjects, "delete", away)
        with pytest.raises(Unavailable):
            await recordings.delete(ctx, ada, recording)
    assert not await ctx.recordings.exists({}) and len(await keys(world)) == 2
    world.clock.pass_s(60)
    await settling.resume(ctx)
    assert await keys(world) == [] and not await ctx.recordings.exists(EVERYWHERE)


async def test_what_is_composed_for_a_recording_that_is_going_is_refused(world: World) -> None:
    """Whoever stored it removes its objects again."""
    ctx, ada = world.ctx, await world.person("ada")
    recording = await recorded(world, ada, await world.live_session(ada))
    await ctx.recordings.update(recording.id, set={"gone": True, "settled": False})
    with pytest.raises(NotFound):
        await recordings.ready(ctx, recording.id, object_key="k", size=1, duration_s=1.0, tracks=[])
    with pytest.raises(NotFound):
        await recordings.failed(ctx, recording.id, "nothing was captured")


@pytest.mark.parametrize("what", ["chat", "join", "record", "start"])
async def test_what_comes_into_a_session_while_it_is_deleted_does_not_stay(world: World, what: str) -> None:
    """By whoever found it running a moment before it ended."""
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    for switch in range(40):
        session = await world.live_session(ada)
        if what == "start":
            session = await sessions.create(ctx, ada, "video", {"title": "Later"})
        picture = await world.upload(ada)
        acts: dict[str, Callable[[], Awaitable[object]]] = {
            "chat": lambda: chat.send(ctx, ada, "video", session.id, "1", "Image", picture.id),  # noqa: B023
            "join": lambda: participants.enter(ctx, eve, session, "participant", world.clock.now),  # noqa: B023
            "record": lambda: recordings.begin(ctx, ada, session, world.clock.now),  # noqa: B023
            "start": lambda: sessions.start(ctx, ada, "video", session.id),  # noqa: B023
        }

        async def act() -> None:
            await acts[what]()  # noqa: B023

        async def delete() -> None:
            over = await ctx.sessions.get(session.id)  # noqa: B023
            if over.status == "live" and what != "start":
                over = await sessions.end(ctx, ada, "video", over.id)
            await deletion.delete_session(ctx, ada, over)

        outcome = await with_switch_at(ctx, switch, act, delete)
        if not await ctx.sessions.exists({"_id": session.id}):
            for repository in (ctx.messages, ctx.participants, ctx.recordings):
                assert not await repository.exists({"sessionId": session.id})
            assert not (await ctx.uploads.get(picture.id)).used
        if not outcome.switched:
            return
    pytest.fail("it never came to its end")


async def test_of_two_who_delete_a_session_one_does(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    session, shown = await ended(world, ada, eve)
    tries = [deletion.delete_session(ctx, ada, session) for _ in range(3)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["NoneType", "NotFound", "NotFound"]
    assert not await require_whole_or_gone(world, session, shown)
    assert len(world.happened(SessionDeleted)) == 1


async def test_a_session_that_runs_again_by_the_time_it_is_marked_stays(world: World) -> None:
    ctx, ada = world.ctx, await world.person("ada")
    coming = await sessions.create(ctx, ada, "video", {"title": "Soon"})
    await sessions.start(ctx, ada, "video", coming.id)
    with pytest.raises(Conflict) as running:
        await deletion.delete_session(ctx, ada, coming)  # as it was read before
    assert running.value.code == "live"
    assert (await ctx.sessions.get(coming.id)).settled


async def test_what_else_shows_a_picture_of_the_chat_keeps_it(world: World) -> None:
    ctx, ada, eve = world.ctx, await world.person("ada"), await world.person("eve")
    session, (picture, *others) = await ended(world, ada, eve)
    await uploads.mark_used(ctx, picture.id, Use(kind="profile", id=ada.user_id))
    await deletion.delete_session(ctx, ada, session)
    assert (await ctx.uploads.get(picture.id)).used_by == [Use(kind="profile", id=ada.user_id)]
    assert [(await ctx.uploads.get(one.id)).used for one in others] == [False, False]
