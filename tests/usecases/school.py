"""A small school: an instructor with a course, and what tests add to it."""

from typing import Any

from mediaserver.domain.actor import Actor
from mediaserver.domain.courses import Course
from mediaserver.domain.enrollments import Enrollment
from mediaserver.domain.lessons import Lesson
from mediaserver.domain.levels import Level
from mediaserver.usecases import enrollments, lessons, settling
from tests.usecases.world import World


async def course(world: World, instructor: Actor, code: str = "ALG-1", **fields: Any) -> Course:
    given = {"course_code": code, "title": "Algebra", "published": True, **fields}
    made = Course(**world.ctx.stamp(), instructor_user_id=instructor.user_id, **given, **Course.derived(given))
    return await settling.add(world.ctx, made)


async def level(world: World, instructor: Actor, of: Course, title: str = "Groups", **fields: Any) -> Level:
    return await lessons.create_level(world.ctx, instructor, {"course_id": of.id, "title": title, **fields})


async def lesson(world: World, instructor: Actor, of: Level, title: str = "Sets", **fields: Any) -> Lesson:
    given = {"level_id": of.id, "course_id": of.course_id, "title": title, **fields}
    return await lessons.create(world.ctx, instructor, given)


async def enroll(world: World, who: Actor, of: Course) -> Enrollment:
    return await enrollments.enroll(world.ctx, who, {"course_id": of.id})


async def read(world: World, of: Course) -> Course:
    return await world.ctx.of(Course).get(of.id)
