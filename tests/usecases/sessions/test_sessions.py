"""Sessions: scheduled, live, ended; who may come in and publish."""

import asyncio
from datetime import UTC, datetime

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, NotFound
from mediaserver.usecases.events import SessionDeleted, SessionEnded, SessionStarted, SessionUpdated
from mediaserver.usecases.sessions import chat, deletion, participants, recordings, sessions
from tests.usecases.world import World


async def test_a_new_session_is_scheduled_and_moderated_by_its_maker(world: World) -> None:
    ada = await world.person("ada")
    made = await sessions.create(world.ctx, ada, "live", {"title": "Algebra"})
    assert (made.status, made.moderator_user_id, made.type) == ("scheduled", ada.user_id, "meeting")


@pytest.mark.parametrize("kind", ["video", "audio"])
async def test_only_live_sessions_have_a_type(world: World, kind: str) -> None:
    made = await sessions.create(world.ctx, await world.person("ada"), kind, {"title": "Algebra"})  # type: ignore[arg-type]
    wire = (await sessions.describe(world.ctx, await world.person("eve"), [made]))[0]
    assert made.type is None and "type" not in wire


async def test_every_fault_of_a_session_is_named(world: World) -> None:
    ada, noon = await world.person("ada"), datetime(2026, 3, 1, 12, tzinfo=UTC)
    fields = {"title": "x", "lesson_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "start_time": noon, "end_time": noon}
    with pytest.raises(Invalid) as wrong:
        await sessions.create(world.ctx, ada, "live", fields)
    assert [error.loc for error in wrong.value.errors] == ["endTime", "lessonId"]


async def test_start_and_end_fill_the_plan_where_it_is_empty(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    assert session.start_time == session.started_at == world.clock.now
    world.clock.pass_s(60)
    ended = await sessions.end(world.ctx, ada, "video", session.id)
    assert ended.status == "ended" and ended.end_time == ended.ended_at == world.clock.now


async def test_starting_and_ending_at_once_happens_once(world: World) -> None:
    ada = await world.person("ada")
    session = await sessions.create(world.ctx, ada, "video", {"title": "x"})
    await asyncio.gather(*(sessions.start(world.ctx, ada, "video", session.id) for _ in range(5)))
    await asyncio.gather(*(sessions.end(world.ctx, ada, "video", session.id) for _ in range(5)))
    assert len(world.happened(SessionStarted)) == len(world.happened(SessionEnded)) == 1
    with pytest.raises(Conflict) as over:
        await sessions.start(world.ctx, ada, "video", session.id)
    assert over.value.code == "ended"


async def test_only_the_moderator_and_admins_start_end_change_and_delete(world: World) -> None:
    ada, eve, root = await world.person("ada"), await world.person("eve"), await world.person("root", "admin")
    session = await sessions.create(world.ctx, ada, "audio", {"title": "x"})
    for act in (
        sessions.start(world.ctx, eve, "audio", session.id),
        sessions.end(world.ctx, eve, "audio", session.id),
        sessions.update(world.ctx, eve, session, {"title": "y"}),
        deletion.delete_session(world.ctx, eve, session),
    ):
        with pytest.raises(Forbidden):
            await act
    assert (await sessions.start(world.ctx, root, "audio", session.id)).status == "live"


async def test_a_session_is_found_under_its_own_kind_only(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada, "video")
    with pytest.raises(NotFound):
        await sessions.admit(world.ctx, ada, "audio", session.id)


async def test_the_moderators_coming_starts_a_scheduled_session_and_nobody_elses_does(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await sessions.create(world.ctx, ada, "video", {"title": "x"})
    with pytest.raises(Conflict) as early:
        await sessions.admit(world.ctx, eve, "video", session.id)
    assert early.value.code == "not_started"
    admission = await sessions.admit(world.ctx, ada, "video", session.id)
    assert admission.session.status == "live" and admission.is_moderator and admission.can_publish
    guest = await sessions.admit(world.ctx, eve, "video", session.id)
    assert not guest.is_moderator and guest.can_publish
    await sessions.end(world.ctx, ada, "video", session.id)
    with pytest.raises(Conflict) as late:
        await sessions.admit(world.ctx, ada, "video", session.id)
    assert late.value.code == "ended"


async def test_in_a_broadcast_only_moderators_and_the_promoted_publish(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(ada, "live", type="broadcast")
    assert (await sessions.admit(world.ctx, ada, "live", session.id)).can_publish
    assert not (await sessions.admit(world.ctx, eve, "live", session.id)).can_publish
    listener = await participants.enter(world.ctx, eve, session, "participant", world.clock.now)
    await participants.save_state(world.ctx, listener.id, promoted=True)
    assert (await sessions.admit(world.ctx, eve, "live", session.id)).can_publish


async def test_the_removed_may_not_come_back(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(ada)
    guest = await participants.enter(world.ctx, eve, session, "participant", world.clock.now)
    await participants.remove(world.ctx, guest.id, world.clock.now)
    with pytest.raises(Forbidden) as removed:
        await sessions.admit(world.ctx, eve, "video", session.id)
    assert removed.value.code == "removed"


async def test_a_change_is_announced(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    changed = await sessions.update(world.ctx, ada, session, {"title": "New", "end_time": None})
    assert changed.title == "New" and world.happened(SessionUpdated) == [SessionUpdated(changed)]


async def test_a_session_shows_its_moderator_and_how_many_are_in(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(ada)
    for actor in (ada, eve):
        guest = await participants.enter(world.ctx, actor, session, "participant", world.clock.now)
    await participants.leave(world.ctx, guest.id, world.clock.now)
    wire = (await sessions.describe(world.ctx, eve, [session]))[0]
    assert wire["moderator"] == {"id": ada.user_id, "username": "ada", "profileImage": None}
    assert wire["participantCount"] == 1


async def test_deleting_takes_everything_along_but_not_while_live(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    await participants.enter(world.ctx, ada, session, "moderator", world.clock.now)
    picture = await world.upload(ada)
    await chat.send(world.ctx, ada, "video", session.id, "1", "Image", picture.id)
    assert (await world.ctx.uploads.get(picture.id)).used
    with pytest.raises(Conflict) as running:
        await deletion.delete_session(world.ctx, ada, session)
    assert running.value.code == "live"
    ended = await sessions.end(world.ctx, ada, "video", session.id)
    await deletion.delete_session(world.ctx, ada, ended)
    for repository in (world.ctx.sessions, world.ctx.participants, world.ctx.messages):
        assert await repository.count({}) == 0
    assert not (await world.ctx.uploads.get(picture.id)).used
    assert len(world.happened(SessionDeleted)) == 1


async def test_a_session_whose_recording_is_being_made_stays(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    recording = await recordings.begin(world.ctx, ada, session, world.clock.now)
    ended = await sessions.end(world.ctx, ada, "video", session.id)
    with pytest.raises(Conflict) as busy:
        await deletion.delete_session(world.ctx, ada, ended)
    assert busy.value.code == "busy"
    await recordings.failed(world.ctx, recording.id, "nothing was captured")
    await deletion.delete_session(world.ctx, ada, ended)
    assert await world.ctx.recordings.count({}) == 0
