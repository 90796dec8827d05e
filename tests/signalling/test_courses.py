"""Sessions of courses: who does not take the course stays out, and who leaves it is out within a second."""

import asyncio
import time
from typing import Any

from mediaserver.domain.learning.courses import Course
from mediaserver.usecases.accounts import identity
from mediaserver.usecases.accounts.identity import authenticate
from mediaserver.usecases.events import BusInterrupted
from mediaserver.usecases.writes import settling
from tests.rooms.fakes import until
from tests.signalling.conftest import Live, Someone
from tests.usecases import school


async def instructor(live: Live, name: str = "mia") -> Someone:
    someone = await live.connected(name)
    await identity.set_role(live.ctx, someone.actor.user_id, "instructor")
    someone.actor = await authenticate(live.ctx, someone.token)
    return someone


async def lecture(live: Live, mia: Someone, of: Course, **fields: Any) -> Any:
    """It runs, and mia is in."""
    session = await live.session(mia, course_id=of.id, **fields)
    assert (await mia.join(session))["ok"]
    return session


async def test_who_does_not_take_the_course_does_not_come_in(live: Live) -> None:
    mia, ben, eve = await instructor(live), await live.connected("ben"), await live.connected("eve")
    course = await school.course(live, mia.actor)
    await school.enroll(live, ben.actor, course)
    session = await lecture(live, mia, course)
    joined = await ben.join(session)
    assert joined["ok"] and joined["session"]["course"]["courseCode"] == "ALG-1"
    refused = await eve.join(session)
    assert refused["error"]["code"] == "not_enrolled"
    names = [one["participant"]["username"] for one in mia.events("participant.joined")]
    assert names == ["ben"]


async def test_who_leaves_the_course_is_out_within_a_second(live: Live) -> None:
    mia, ben, carl = await instructor(live), await live.connected("ben"), await live.connected("carl")
    course, other = await school.course(live, mia.actor), await school.course(live, mia.actor, "GEO-1")
    enrollment, _ = await school.enroll(live, ben.actor, course), await school.enroll(live, carl.actor, course)
    elsewhere = await school.enroll(live, ben.actor, other)
    session = await lecture(live, mia, course)
    for someone in (ben, carl):
        assert (await someone.join(session))["ok"]
    await settling.remove(live.ctx, elsewhere)
    assert (await ben.ask("chat.send", {"clientId": "1", "contentType": "Text", "content": "still here"}))["ok"]
    began = time.monotonic()
    await settling.remove(live.ctx, enrollment)
    assert await ben.hears("session.replaced") == {"reason": "unenrolled"}
    left = await mia.hears("participant.left")
    assert time.monotonic() - began < 1 and left["reason"] == "unenrolled"
    said = await ben.ask("chat.send", {"clientId": "2", "contentType": "Text", "content": "x"})
    assert said["error"]["code"] == "not_in_session"
    assert (await ben.join(session))["error"]["code"] == "not_enrolled"
    assert not carl.events("session.replaced") and not mia.events("session.replaced")
    await school.enroll(live, ben.actor, course)
    assert (await ben.join(session))["ok"]


async def test_who_joins_while_they_are_removed_does_not_stay(live: Live) -> None:
    mia, ben = await instructor(live), await live.connected("ben")
    course = await school.course(live, mia.actor)
    session = await lecture(live, mia, course)
    room = live.rooms.get(session.kind, session.id)
    assert room is not None
    for pause_s in (0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.012, 0.015):
        enrollment = await school.enroll(live, ben.actor, course)
        joining = asyncio.create_task(ben.join(session))
        await asyncio.sleep(pause_s)
        await settling.remove(live.ctx, enrollment)
        await joining
        await until(lambda: {one.username for one in room.room.members.values()} == {"mia"})


async def test_an_admin_who_becomes_a_student_is_out_unless_they_take_the_course(live: Live) -> None:
    mia, ben, eve = await instructor(live), await live.connected("ben"), await live.connected("eve")
    course = await school.course(live, mia.actor)
    await school.enroll(live, ben.actor, course)
    session = await lecture(live, mia, course)
    for someone in (ben, eve):
        await identity.set_role(live.ctx, someone.actor.user_id, "admin")
        assert (await someone.join(session))["ok"]
    for someone in (ben, eve):
        await identity.set_role(live.ctx, someone.actor.user_id, "student")
    assert await eve.hears("session.replaced") == {"reason": "unenrolled"}
    assert (await ben.ask("chat.send", {"clientId": "1", "contentType": "Text", "content": "x"}))["ok"]


async def test_what_was_missed_of_other_nodes_is_looked_up(live: Live) -> None:
    mia, ben, carl = await instructor(live), await live.connected("ben"), await live.connected("carl")
    course = await school.course(live, mia.actor)
    for someone in (ben, carl):
        await school.enroll(live, someone.actor, course)
    session = await lecture(live, mia, course)
    for someone in (ben, carl):
        assert (await someone.join(session))["ok"]
    await live.ctx.repositories.named("enrollments").delete_many({"userId": ben.actor.user_id})
    live.ctx.events.deliver(BusInterrupted())
    await ben.hears("session.replaced")
    room = live.rooms.get(session.kind, session.id)
    assert room is not None
    await until(lambda: {one.username for one in room.room.members.values()} == {"mia", "carl"})
