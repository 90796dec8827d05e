"""Courses: who may give them to whom, and what follows from their edits."""

import contextlib
from collections.abc import Mapping
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.domain.text.text import fold
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.documents import references
from mediaserver.usecases.learning import ordering
from mediaserver.usecases.writes import settling

TEACHERS = ("instructor", "admin")


async def by_code(ctx: Context, actor: Actor, code: str) -> Course:
    """The course with this code, whatever its case. NotFound, also when it is hidden from `actor`."""
    course = await ctx.of(Course).find_one({"courseCodeFolded": fold(code)})
    if course is None or not await viewer.allows(ctx, actor, Course.policy.read, course):
        raise NotFound("not_found", "there is no course with this code")
    return course


async def find(ctx: Context, actor: Actor, course_id: str) -> Course:
    """A course that `actor` may see. NotFound."""
    course = await ctx.of(Course).find_one({"_id": course_id})
    if course is None:
        raise NotFound("not_found", "there is no such course")
    await viewer.require(ctx, actor, Course.policy.read, course)
    return course


async def taught(ctx: Context, actor: Actor, course_id: str) -> Course:
    """A course that `actor` may change. NotFound, Forbidden."""
    course = await find(ctx, actor, course_id)
    await viewer.require(ctx, actor, Course.policy.update, course)
    return course


async def update(ctx: Context, actor: Actor, course: Course, fields: Mapping[str, Any]) -> Course:
    """Change a course; only an admin gives it to another instructor. Forbidden, Invalid, Conflict `enrolled`."""
    instructor = fields.get("instructor_user_id", course.instructor_user_id)
    if instructor != course.instructor_user_id:
        if not actor.is_admin:
            fault = FieldError("instructorUserId", "is for admins to change")
            raise Forbidden("forbidden", "only an admin may give a course to another instructor", [fault])
        if faults := await _teacher_faults(ctx, instructor):
            others = fields.keys() - {"instructor_user_id"}
            await references.require(ctx, course.model_copy(update=dict(fields)), others, besides=faults)
            raise Invalid("invalid", "this person cannot teach a course", faults)
        if await ctx.of(Enrollment).exists({"userId": instructor, "courseId": course.id}):
            raise Conflict("enrolled", "this person takes the course: nobody teaches what they take")
    return await settling.change(ctx, course, fields)


async def _teacher_faults(ctx: Context, user_id: str) -> list[FieldError]:
    user = await ctx.users.find_one({"_id": user_id, "active": True})
    if user is not None and user.role in TEACHERS:
        return []
    return [FieldError("instructorUserId", "must be an instructor or an admin")]


async def _added(ctx: Context, course: Course) -> None:
    await ordering.apply(ctx, course)
    # Nobody teaches what they take: they may have enrolled just before it became theirs.
    own = {"courseId": course.id, "userId": course.instructor_user_id}
    if enrollment := await ctx.of(Enrollment).find_one(own):
        with contextlib.suppress(NotFound):
            await settling.remove(ctx, enrollment)
    # Who teaches it holds its sessions, and may end and delete those that were held before.
    others = {"courseId": course.id, "moderatorUserId": {"$ne": course.instructor_user_id}}
    await ctx.sessions.update_many(others, set={"moderatorUserId": course.instructor_user_id})


CONSEQUENCES = Consequences(added=_added, edited=True)
