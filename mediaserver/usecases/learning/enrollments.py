"""Taking a course: once per person, while it is open; leaving ends what one is in of it.

A student whom an instructor removes cannot enroll again until they are readmitted. When one enrolls and another
removes at the same moment, both look for the other's document after they stored their own: one of them sees it.
"""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from mediaserver.domain.documents.actor import Actor
from mediaserver.domain.learning.course_removals import CourseRemoval
from mediaserver.domain.learning.courses import Course
from mediaserver.domain.learning.enrollments import Enrollment
from mediaserver.usecases.access import viewer
from mediaserver.usecases.context import Consequences, Context, stored_names
from mediaserver.usecases.events import Unenrolled
from mediaserver.usecases.learning import progress
from mediaserver.usecases.representation import expansion
from mediaserver.usecases.writes import counters, settling

Wire = dict[str, Any]


async def enroll(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Enrollment:
    """Take the course `course_id`. Invalid, also when it is hidden from `actor`; Conflict `own_course`,
    `enrollment_exists`, `not_open` for who may see it all the same; Forbidden `removed_from_course`.
    """
    course = await ctx.of(Course).find_one({"_id": fields["course_id"]})
    if course is None or not await viewer.allows(ctx, actor, Course.policy.read, course):
        fault = FieldError("courseId", "there is no such course")
        raise Invalid("missing_reference", "this refers to something that is not there", [fault])
    if course.instructor_user_id == actor.user_id:
        raise Conflict("own_course", "nobody takes the course that they teach")
    if not course.published:
        raise Conflict("not_open", "this course takes no enrollments yet")
    await _refuse_removed(ctx, actor, course.id)
    stamp = ctx.stamp()
    begun = Enrollment(**stamp, user_id=actor.user_id, course_id=course.id, enrollment_date=stamp["created_at"])
    try:
        return await settling.add(ctx, begun)
    except Conflict as conflict:
        if conflict.code == settling.GONE:
            await _refuse_removed(ctx, actor, course.id)
        if conflict.code != "enrollment_exists":
            raise
        raise Conflict(conflict.code, "you are enrolled in this course already") from None


async def remove(ctx: Context, actor: Actor, enrollment: Enrollment) -> None:
    """Leave a course; or, as its instructor or an admin, remove a student, who cannot enroll again then."""
    if actor.user_id == enrollment.user_id:
        await settling.remove(ctx, enrollment)
        return
    pair = {"user_id": enrollment.user_id, "course_id": enrollment.course_id}
    removal = CourseRemoval(**ctx.stamp(), **pair, removed_by_user_id=actor.user_id)
    await settling.add_once(ctx, removal, stored_names(CourseRemoval, pair))
    # Outside a transaction, which does not see an enrollment that was stored after it began.
    await _end(ctx, removal)


async def _end(ctx: Context, removal: CourseRemoval) -> None:
    """End the student's enrollment, which may be another one than was read before. May be repeated."""
    theirs = {"userId": removal.user_id, "courseId": removal.course_id}
    for enrollment in await ctx.of(Enrollment).find(theirs):
        with contextlib.suppress(NotFound):  # the student leaves at this moment
            await settling.remove(ctx, enrollment)


async def _refuse_removed(ctx: Context, actor: Actor, course_id: str) -> None:
    if await ctx.of(CourseRemoval).exists({"userId": actor.user_id, "courseId": course_id}):
        detail = "The instructor removed you from this course. Ask them to readmit you."
        raise Forbidden("removed_from_course", detail)


async def describe(ctx: Context, reader: Actor, found: Sequence[Enrollment]) -> list[Wire]:
    """Enrollments as the wire has them: with how far each has come."""
    wires = await expansion.describe(ctx, reader, found)
    reached = await progress.reached(ctx, [(one.user_id, one.course_id) for one in found])
    return [
        wire | {"progress": reached[one.user_id, one.course_id]} for one, wire in zip(found, wires, strict=True)
    ]


async def _added(ctx: Context, enrollment: Enrollment) -> None:
    await counters.count(ctx, Course, enrollment.course_id, "enrolledCount", 1, enrollment)


async def _removed(ctx: Context, enrollment: Enrollment) -> None:
    await counters.count(ctx, Course, enrollment.course_id, "enrolledCount", -1, enrollment)
    ctx.events.publish(Unenrolled(enrollment.user_id, enrollment.course_id))


async def _tidy(ctx: Context, enrollment: Enrollment) -> None:
    await counters.forget(ctx, Course, enrollment.course_id, "enrolledCount", enrollment)


async def _stands(ctx: Context, enrollment: Enrollment) -> bool:
    """Unless the course was given to them, or they were removed from it, at the same moment."""
    its = {"_id": enrollment.course_id, "instructorUserId": enrollment.user_id}
    removal = {"userId": enrollment.user_id, "courseId": enrollment.course_id}
    return not (await ctx.of(Course).exists(its) or await ctx.of(CourseRemoval).exists(removal))


REMOVAL_CONSEQUENCES = Consequences(_end)
CONSEQUENCES = Consequences(_added, _removed, _tidy, stands=_stands)
