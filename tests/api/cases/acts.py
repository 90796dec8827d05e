"""Good calls of endpoints that are no resource's, but for the documents that their bodies name."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from mediaserver.domain.sessions.sessions import KINDS, SessionKind
from mediaserver.usecases.sessions import participants
from tests.api.cases import Fields, ada
from tests.usecases import school
from tests.usecases.world import World

Call = tuple[str, Fields]
"""The path under the prefix, and the body."""


async def _say(world: World, kind: SessionKind) -> Call:
    session = await world.live_session(await ada(world), kind)
    return f"{KINDS[kind].path}/{session.id}/messages", {}


async def _take_part(world: World, kind: SessionKind) -> Call:
    owner = await ada(world)
    session = await world.live_session(owner, kind)
    made = await participants.enter(world.ctx, owner, session, "moderator", world.clock.now)
    return f"{KINDS[kind].path}/{session.id}/participants/{made.id}", {"mute": True}


async def _order_levels(world: World) -> Call:
    owner = await ada(world)
    course = await school.course(world, owner, "LEVELS")
    ids = [(await school.level(world, owner, course)).id for _ in range(2)]
    return f"/courses/{course.id}/levels/order", {"levelIds": ids[::-1]}


async def _order_lessons(world: World) -> Call:
    owner = await ada(world)
    level = await school.level(world, owner, await school.course(world, owner, "LESSONS"))
    ids = [(await school.lesson(world, owner, level)).id for _ in range(2)]
    return f"/levels/{level.id}/lessons/order", {"lessonIds": ids[::-1]}


async def _progress(world: World) -> Call:
    teacher = await world.person("ina", "instructor")
    course = await school.course(world, teacher, "PROGRESS")
    await school.enroll(world, await ada(world), course)
    lesson = await school.lesson_of(world, teacher, course)
    return "/progress", {"lessonId": lesson.id, "completionStatus": "completed"}


ACTS: Final[dict[str, Callable[[World], Awaitable[Call]]]] = {
    **{f"POST {KINDS[kind].path}/{{id}}/messages": partial(_say, kind=kind) for kind in KINDS},
    **{
        f"PATCH {KINDS[kind].path}/{{id}}/participants/{{participantId}}": partial(_take_part, kind=kind)
        for kind in KINDS
    },
    "PUT /courses/{id}/levels/order": _order_levels,
    "PUT /levels/{id}/lessons/order": _order_lessons,
    "PUT /progress": _progress,
}
