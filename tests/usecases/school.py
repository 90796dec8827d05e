"""A small school: an instructor with a course, and what tests add to it."""

from datetime import timedelta
from typing import Any, Protocol

from pydantic import TypeAdapter

from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.assignments import Assignment
from mediaserver.domain.learning.content_blocks import Block, Work
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.learning.lessons import Lesson
from mediaserver.domain.learning.levels import Level
from mediaserver.domain.learning.submissions import Submission
from mediaserver.usecases.context import Context
from mediaserver.usecases.learning import assignments, enrollments, lessons, submissions
from mediaserver.usecases.writes import settling
from tests.usecases.world import World


class Place(Protocol):
    """Where there are documents."""

    @property
    def ctx(self) -> Context: ...


_BLOCK: TypeAdapter[Any] = TypeAdapter(Block)
_WORK: TypeAdapter[Any] = TypeAdapter(Work)


async def course(world: Place, instructor: Actor, code: str = "ALG-1", **fields: Any) -> Course:
    given = {"course_code": code, "title": "Algebra", "published": True, **fields}
    made = Course(**world.ctx.stamp(), instructor_user_id=instructor.user_id, **given, **Course.derived(given))
    return await settling.add(world.ctx, made)


async def level(world: Place, instructor: Actor, of: Course, title: str = "Groups", **fields: Any) -> Level:
    return await lessons.create_level(world.ctx, instructor, {"course_id": of.id, "title": title, **fields})


async def lesson(world: Place, instructor: Actor, of: Level, title: str = "Sets", **fields: Any) -> Lesson:
    given = {"level_id": of.id, "course_id": of.course_id, "title": title, **fields}
    return await lessons.create(world.ctx, instructor, given)


async def enroll(world: Place, who: Actor, of: Course) -> Enrollment:
    return await enrollments.enroll(world.ctx, who, {"course_id": of.id})


async def lesson_of(world: Place, instructor: Actor, of: Course) -> Lesson:
    """A lesson of a new level."""
    return await lesson(world, instructor, await level(world, instructor, of))


async def assignment(
    world: World, instructor: Actor, of: Lesson, due_s: float = 3600, **fields: Any
) -> Assignment:
    """Due in so many seconds."""
    deadline = world.clock.now + timedelta(seconds=due_s)
    given = {"lesson_id": of.id, "course_id": of.course_id, "title": "Prove it", "deadline": deadline, **fields}
    return await assignments.create(world.ctx, instructor, given)


def block(value: Any, type: str = "text") -> Any:
    """A part of a lesson."""
    return _BLOCK.validate_python({"type": type, "value": value})


def work(value: Any, type: str = "text") -> Any:
    """What a student hands in."""
    return _WORK.validate_python({"type": type, "value": value})


async def submit(world: Place, who: Actor, to: Assignment, content: Any = None) -> Submission:
    place = {"assignment_id": to.id, "lesson_id": to.lesson_id, "course_id": to.course_id}
    return await submissions.create(world.ctx, who, {**place, "content": content or work("QED")})


async def read(world: Place, of: Course) -> Course:
    return await world.ctx.of(Course).get(of.id)
