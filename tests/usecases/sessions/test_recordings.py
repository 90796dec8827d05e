"""Recordings: one at a time, played by those who took part."""

import asyncio
from dataclasses import replace

import pytest

from mediaserver.base.errors import Conflict, Forbidden, TooLarge
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions.recordings import RecordedTrack, Recording
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.events import RecordingFailed, RecordingReady
from mediaserver.usecases.notifications import inbox
from mediaserver.usecases.sessions import participants, recordings, sessions
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.world import RecordingTransport, World


async def recorded(world: World, moderator: Actor, *guests: Actor) -> Recording:
    """A finished recording of a session with these people."""
    return await recorded_in(world, await world.live_session(moderator), moderator, *guests)


async def recorded_in(world: World, session: Session, moderator: Actor, *guests: Actor) -> Recording:
    for guest in guests:
        await participants.enter(world.ctx, guest, session, "participant", world.clock.now)
    begun = await recordings.begin(world.ctx, moderator, session, world.clock.now)
    world.clock.pass_s(10)
    await recordings.stopped(world.ctx, begun.id, world.clock.now)
    key = f"recordings/{begun.id}"
    track = RecordedTrack(
        participant_id=begun.id,
        user_id=moderator.user_id,
        source="camera",
        object_key=f"{key}/camera.mp4",
        content_type="video/mp4",
        size=5,
        duration=10.0,
    )
    return await recordings.ready(
        world.ctx, begun.id, object_key=f"{key}/program.mp4", size=9, duration_s=10.0, tracks=[track]
    )


async def test_from_begin_to_ready(world: World) -> None:
    ada = await world.person("ada")
    recording = await recorded(world, ada)
    assert (recording.status, recording.duration_s, recording.size) == ("ready", 10.0, 9)
    assert recording.end_time is not None and len(world.happened(RecordingReady)) == 1
    assert recording.tracks[0].object_key.endswith("camera.mp4")
    assert await recordings.unfinished(world.ctx) == []


async def test_the_wire_has_signed_urls_and_no_keys(world: World) -> None:
    ada = await world.person("ada")
    found = await recorded(world, ada)
    wire = (await recordings.describe(world.ctx, ada, [found]))[0]
    assert wire["tracks"][0]["username"] == "ada"
    assert f"person={ada.user_id}" in wire["videoFileUrl"] and "signature=" in wire["tracks"][0]["url"]
    assert "objectKey" not in wire and "objectKey" not in wire["tracks"][0]
    assert (wire["duration"], wire["tracks"][0]["duration"]) == (10.0, 10.0)
    world.clock.pass_s(world.ctx.settings.objects.url_ttl_s)
    again = (await recordings.describe(world.ctx, ada, [found]))[0]
    assert again["videoFileUrl"] != wire["videoFileUrl"]


async def test_one_recording_at_a_time(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    tries = (recordings.begin(world.ctx, ada, session, world.clock.now) for n in range(5))
    results = await asyncio.gather(*tries, return_exceptions=True)
    begun = [result for result in results if isinstance(result, Recording)]
    assert len(begun) == 1
    assert {result.code for result in results if isinstance(result, Conflict)} == {"already_recording"}
    await recordings.stopped(world.ctx, begun[0].id, world.clock.now)
    with pytest.raises(Conflict) as over:
        await recordings.stopped(world.ctx, begun[0].id, world.clock.now)
    assert over.value.code == "not_recording"
    await recordings.begin(world.ctx, ada, session, world.clock.now)
    assert len(await recordings.unfinished(world.ctx)) == 2


async def test_a_start_finishes_what_its_own_node_recorded(world: World) -> None:
    here, there = replace(world.ctx, node="here"), replace(world.ctx, node="there")
    ada = await world.person("ada")
    begun = [
        await recordings.begin(ctx, ada, await world.live_session(ada), world.clock.now)
        for ctx in (here, there, world.ctx)
    ]
    assert {one.id for one in await recordings.unfinished(here)} == {begun[0].id, begun[2].id}


async def test_only_moderators_record_and_only_live_sessions(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(ada)
    with pytest.raises(Forbidden):
        await recordings.begin(world.ctx, eve, session, world.clock.now)
    ended = await sessions.end(world.ctx, ada, "video", session.id)
    with pytest.raises(Conflict):
        await recordings.begin(world.ctx, ada, ended, world.clock.now)


async def test_a_failure_is_announced_with_its_reason(world: World) -> None:
    ada = await world.person("ada")
    session = await world.live_session(ada)
    begun = await recordings.begin(world.ctx, ada, session, world.clock.now)
    failed = await recordings.failed(world.ctx, begun.id, "nothing was captured")
    assert (failed.status, failed.failure) == ("failed", "nothing was captured")
    assert len(world.happened(RecordingFailed)) == 1


async def test_those_who_took_part_may_play_it(world: World) -> None:
    ada, bob, eve = await world.person("ada"), await world.person("bob"), await world.person("eve")
    root = await world.person("root", "admin")
    recording = await recorded(world, ada, bob)
    allowed = [
        (one.user_id in await recordings.who_may_play(world.ctx, [one.user_id], recording.id))
        for one in (ada, bob, eve, root)
    ]
    assert allowed == [True, True, False, True]
    with pytest.raises(Forbidden):
        await recordings.find(world.ctx, eve, recording.id)
    assert ada.user_id not in await recordings.who_may_play(world.ctx, [ada.user_id], "missing")


async def test_who_was_removed_from_the_session_plays_nothing_of_it(world: World) -> None:
    ada, bob = await world.person("ada"), await world.person("bob")
    recording = await recorded(world, ada, bob)
    stay = await world.ctx.participants.find_one({"userId": bob.user_id})
    assert stay is not None
    await participants.remove(world.ctx, stay.id, world.clock.now)
    assert bob.user_id not in await recordings.who_may_play(world.ctx, [bob.user_id], recording.id)
    with pytest.raises(Forbidden):
        await recordings.find(world.ctx, bob, recording.id)


async def test_one_lists_what_one_may_play_and_nothing_else(world: World) -> None:
    ctx = world.ctx
    ada, nora = await world.person("ada"), await world.person("nora", "instructor")
    root, eve = await world.person("root", "admin"), await world.person("eve")
    course = await school.course(world, nora)
    of_course = await world.live_session(nora, course_id=course.id)
    enrollments = [await school.enroll(world, who, course) for who in (ada, eve)]
    mine, hers = await recorded(world, ada, eve), await recorded(world, nora, ada)
    others, lecture = await recorded(world, nora), await recorded_in(world, of_course, nora, ada, eve)
    stay = await ctx.participants.find_one({"sessionId": hers.session_id, "userId": ada.user_id})
    assert stay is not None
    await participants.remove(ctx, stay.id, world.clock.now)
    await settling.remove(ctx, enrollments[1])
    everything = [mine, hers, others, lecture]
    for who, many in ((ada, 2), (eve, 1), (nora, 3), (root, 4), (await world.person("stranger"), 0)):
        listed, cursor = list[str](), None
        while True:
            page = await recordings.page(ctx, who, 1, cursor)
            listed, cursor = [*listed, *(one.id for one in page.items)], page.next_cursor
            if cursor is None:
                break
        may = [one.id for one in everything if await recordings.may_play(ctx, who, one)]
        assert listed == sorted(may, reverse=True) and len(may) == many, who.username


async def test_deleting_takes_the_objects_along(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    recording = await recorded(world, ada, eve)
    assert recording.object_key is not None
    await world.ctx.objects.put_bytes(recording.object_key, b"program!!", "video/mp4")
    with pytest.raises(Forbidden):
        await recordings.delete(world.ctx, eve, recording)
    await recordings.delete(world.ctx, ada, recording)
    assert [one async for one in world.ctx.objects.list("recordings/")] == []
    assert await world.ctx.recordings.count({}) == 0


async def test_those_who_may_play_it_are_told_once_that_it_is_ready(world: World) -> None:
    ada, eve, bob, _ = [await world.person(name) for name in ("ada", "eve", "bob", "dan")]
    recording = await recorded(world, ada, eve, bob)
    # The last step may come again after the server died in the middle of it.
    await recordings.ready(world.ctx, recording.id, object_key="k", size=9, duration_s=10.0, tracks=[])
    told = await world.ctx.of(Notification).find({})
    assert sorted(one.user_id for one in told) == sorted(one.user_id for one in (ada, eve, bob))
    assert {one.type for one in told} == {"recording-ready"}
    (wire,) = await inbox.describe(world.ctx, eve, [told[0]])
    assert (wire["content"]["recordingId"], wire["content"]["title"]) == (recording.id, "A session")
    await recordings.delete(world.ctx, ada, recording)
    assert not await world.ctx.of(Notification).exists({})


async def test_who_was_removed_is_not_told(world: World) -> None:
    ada, eve = await world.person("ada"), await world.person("eve")
    session = await world.live_session(ada)
    entered = await participants.enter(world.ctx, eve, session, "participant", world.clock.now)
    await world.ctx.participants.update(entered.id, set={"removedAt": world.clock.now})
    begun = await recordings.begin(world.ctx, ada, session, world.clock.now)
    await recordings.ready(world.ctx, begun.id, object_key="k", size=9, duration_s=10.0, tracks=[])
    assert [one.user_id for one in await world.ctx.of(Notification).find({})] == [ada.user_id]


def limited(world: World, size: int) -> World:
    recording = world.ctx.settings.recording.model_copy(update={"max_bytes_per_moderator": size})
    settings = world.ctx.settings.model_copy(update={"recording": recording})
    return World(replace(world.ctx, settings=settings), world.clock, RecordingTransport())


async def test_stored_programs_and_tracks_count_for_their_moderator(world: World) -> None:
    ada, bob = await world.person("ada"), await world.person("bob")
    for _ in range(2):
        await recorded(world, ada, bob)
    await recordings.begin(
        world.ctx, ada, await world.live_session(ada), world.clock.now
    )  # nothing is stored yet
    assert await recordings.stored_bytes(world.ctx, ada.user_id) == 2 * (9 + 5)
    assert await recordings.stored_bytes(world.ctx, bob.user_id) == 0


async def test_who_stored_as_much_as_one_may_starts_no_further_recording(world: World) -> None:
    ada, admin = await world.person("ada"), await world.person("root", "admin")
    world = limited(world, 2 * (9 + 5))
    first = await recorded(world, ada)
    await recorded(world, ada)
    session = await world.live_session(ada)
    for who in (ada, admin):  # the moderator's quota counts, whoever starts it
        with pytest.raises(TooLarge) as refused:
            await recordings.begin(world.ctx, who, session, world.clock.now)
        assert refused.value.code == "recording_quota_exceeded"
    assert await world.ctx.recordings.count({"status": "recording"}) == 0
    await recordings.delete(world.ctx, ada, first)
    await recordings.begin(world.ctx, ada, session, world.clock.now)


async def test_there_is_no_quota_by_default(world: World) -> None:
    ada = await world.person("ada")
    await recorded(world, ada)
    await recordings.begin(world.ctx, ada, await world.live_session(ada), world.clock.now)
