"""Sessions bound to courses and lessons: who makes them, who may come in, who is told."""

import asyncio
from typing import Any

import pytest

from mediaserver.base.errors import Conflict, Forbidden, Invalid, Problem
from mediaserver.base.ids import new_id
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.notifications import Notification
from mediaserver.domain.sessions.sessions import Session
from mediaserver.usecases.access import viewer
from mediaserver.usecases.learning import courses
from mediaserver.usecases.notifications import announcements
from mediaserver.usecases.sessions import chat, deletion, participants, recordings, sessions
from mediaserver.usecases.uploads import uploads
from mediaserver.usecases.writes import settling
from tests.usecases import school
from tests.usecases.world import World


async def refused(act: Any) -> str:
    with pytest.raises(Problem) as caught:
        await act
    return caught.value.code


async def test_they_are_made_by_the_courses_instructor_and_admins(world: World) -> None:
    ada, root = await world.person("ada", "instructor"), await world.person("root", "admin")
    eve = await world.person("eve", "instructor")
    course = await school.course(world, ada)
    lesson = await school.lesson_of(world, ada, course)
    for who in (ada, root):
        made = await sessions.create(world.ctx, who, "video", {"title": "x", "course_id": course.id})
        assert (made.course_id, made.moderator_user_id) == (course.id, ada.user_id)
        live = await sessions.create(world.ctx, who, "live", {"title": "x", "lesson_id": lesson.id})
        assert (live.lesson_id, live.course_id) == (lesson.id, course.id)
    for fields in ({"course_id": course.id}, {"lesson_id": lesson.id}):
        with pytest.raises(Forbidden):
            await sessions.create(world.ctx, eve, "video", {"title": "x", **fields})
    with pytest.raises(Invalid) as nowhere:
        await sessions.create(world.ctx, ada, "audio", {"title": "x", "course_id": new_id()})
    assert [fault.loc for fault in nowhere.value.errors] == ["courseId"]


async def test_only_those_who_take_the_course_come_in(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    eve, root = await world.person("eve"), await world.person("root", "admin")
    course = await school.course(world, ada)
    enrollment = await school.enroll(world, bob, course)
    session = await world.live_session(ada, course_id=course.id)
    for who in (ada, bob, root):
        await sessions.admit(world.ctx, who, "video", session.id)
    assert await refused(sessions.admit(world.ctx, eve, "video", session.id)) == "not_enrolled"
    await participants.enter(world.ctx, bob, session, "participant", world.clock.now)
    await chat.send(world.ctx, bob, "video", session.id, "1", "Text", "hello")
    await settling.remove(world.ctx, enrollment)
    assert await refused(sessions.admit(world.ctx, bob, "video", session.id)) == "not_enrolled"
    said = chat.send(world.ctx, bob, "video", session.id, "2", "Text", "still here?")
    assert await refused(said) == "not_enrolled"


async def test_recordings_and_files_of_a_lecture_are_not_for_who_left_the_course(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    enrollment = await school.enroll(world, bob, course)
    session = await world.live_session(ada, course_id=course.id)
    await participants.enter(world.ctx, bob, session, "participant", world.clock.now)
    picture = await world.upload(ada)
    await chat.send(world.ctx, ada, "video", session.id, "1", "Image", picture.id)
    recording = await recordings.begin(world.ctx, ada, session, world.clock.now)

    async def open_to(who: Actor) -> list[bool]:
        may_play = await recordings.may_play(world.ctx, who, recording)
        return [may_play, (who.user_id in await uploads.who_may_read(world.ctx, [who.user_id], picture.id))]

    assert await open_to(bob) == [True, True]
    await settling.remove(world.ctx, enrollment)
    assert await open_to(bob) == [False, False]
    assert await open_to(ada) == [True, True]


async def test_lists_show_what_is_open_and_what_is_of_ones_courses(world: World) -> None:
    ada, bob, eve = await world.person("ada", "instructor"), await world.person("bob"), await world.person("eve")
    draft, course = await school.course(world, ada, "D", published=False), await school.course(world, ada)
    await school.enroll(world, bob, course)
    unbound = await sessions.create(world.ctx, eve, "video", {"title": "open"})
    bound, hidden = [
        await sessions.create(world.ctx, ada, "video", {"title": "x", "course_id": one.id})
        for one in (course, draft)
    ]
    rule = Session.policy.read
    for who, listed, read in (
        (ada, {unbound.id, bound.id, hidden.id}, {unbound.id, bound.id, hidden.id}),
        (bob, {unbound.id, bound.id}, {unbound.id, bound.id}),
        (eve, {unbound.id}, {unbound.id, bound.id}),
    ):
        allowed = rule.filter(await viewer.viewer(world.ctx, who, rule.needs))
        assert allowed is not None
        assert {one.id for one in await world.ctx.sessions.find(allowed)} == listed
        found = [one for one in (unbound, bound, hidden) if await viewer.allows(world.ctx, who, rule, one)]
        assert {one.id for one in found} == read


async def test_what_a_session_is_bound_to_changes_until_it_starts(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course, other = await school.course(world, ada), await school.course(world, ada, "GEO-1")
    lesson = await school.lesson_of(world, ada, other)
    session = await sessions.create(world.ctx, ada, "live", {"title": "x"})
    bound = await sessions.update(world.ctx, ada, session, {"lesson_id": lesson.id})
    assert bound.course_id == other.id
    free = await sessions.update(world.ctx, ada, bound, {"lesson_id": None})
    assert (free.lesson_id, free.course_id) == (None, None)
    with pytest.raises(Forbidden):
        eve = await world.person("eve")
        own = await sessions.create(world.ctx, eve, "video", {"title": "x"})
        await sessions.update(world.ctx, eve, own, {"course_id": course.id})
    started = await sessions.start(world.ctx, ada, "live", free.id)
    with pytest.raises(Conflict) as late:
        await sessions.update(world.ctx, ada, started, {"lesson_id": lesson.id})
    assert late.value.code == "started"
    assert (await sessions.update(world.ctx, ada, started, {"title": "y"})).title == "y"


async def test_a_course_is_not_deleted_while_sessions_are_bound_to_it(world: World) -> None:
    ada = await world.person("ada", "instructor")
    course = await school.course(world, ada)
    lesson = await school.lesson_of(world, ada, course)
    session = await sessions.create(world.ctx, ada, "live", {"title": "x", "lesson_id": lesson.id})
    for document in (course, lesson):
        with pytest.raises(Conflict) as needed:
            await settling.remove(world.ctx, document)
        assert needed.value.code == "in_use"
    await world.ctx.sessions.delete(session.id)
    await settling.remove(world.ctx, course)


async def test_of_a_session_and_the_deletion_of_its_course_one_comes_first(world: World) -> None:
    ada = await world.person("ada", "instructor")
    for n in range(5):
        course = await school.course(world, ada, f"C{n}")
        making = [sessions.create(world.ctx, ada, "video", {"title": "x", "course_id": course.id}) for _ in "ab"]
        await asyncio.gather(settling.remove(world.ctx, course), *making, return_exceptions=True)
        bound = await world.ctx.sessions.exists({"courseId": course.id})
        assert not bound or (await school.read(world, course)).settled


async def test_those_who_take_the_course_are_told_when_it_starts(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    await world.person("eve")
    course = await school.course(world, ada)
    await school.enroll(world, bob, course)
    session = await sessions.create(world.ctx, ada, "video", {"title": "Rings", "course_id": course.id})
    assert await announcements.announce(world.ctx) == 0
    await sessions.start(world.ctx, ada, "video", session.id)
    await sessions.start(world.ctx, ada, "video", session.id)
    assert [await announcements.announce(world.ctx) for _ in range(2)] == [1, 0]
    (told,) = await world.ctx.of(Notification).find({})
    assert (told.user_id, told.type) == (bob.user_id, "session-starting")
    assert told.acts[0].about["sessionId"] == session.id
    await world.live_session(ada)
    assert await announcements.announce(world.ctx) == 0


async def test_what_is_new_is_announced_as_it_comes(world: World) -> None:
    ada, bob = await world.person("ada", "instructor"), await world.person("bob")
    course = await school.course(world, ada)
    await school.enroll(world, bob, course)
    running = asyncio.create_task(announcements.run(world.ctx))
    try:
        await world.live_session(ada, course_id=course.id)
        async with asyncio.timeout(5):
            while not await world.ctx.of(Notification).exists({"userId": bob.user_id}):
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_its_sessions_go_with_the_course_to_another_instructor_who_may_end_and_delete_them(
    world: World,
) -> None:
    ada, eve = await world.person("ada", "instructor"), await world.person("eve", "instructor")
    course = await school.course(world, ada)
    coming = await sessions.create(world.ctx, ada, "video", {"title": "x", "course_id": course.id})
    running = await world.live_session(ada, course_id=course.id)
    over = await world.live_session(ada, course_id=course.id)
    await sessions.end(world.ctx, ada, "video", over.id)
    root = await world.person("root", "admin")
    await courses.update(world.ctx, root, course, {"instructor_user_id": eve.user_id})
    found = [await world.ctx.sessions.get(one.id) for one in (coming, running, over)]
    assert [one.moderator_user_id for one in found] == [eve.user_id] * 3
    await sessions.end(world.ctx, eve, "video", running.id)
    for one in found:
        await deletion.delete_session(world.ctx, eve, await world.ctx.sessions.get(one.id))
    await settling.remove(world.ctx, await world.ctx.of(Course).get(course.id))
