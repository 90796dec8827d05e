"""Taking a course: once per person, while it is open; leaving ends what one is in of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.base.errors import Conflict, FieldError, Invalid
from mediaserver.domain.actor import Actor
from mediaserver.domain.courses import Course
from mediaserver.domain.enrollments import Enrollment
from mediaserver.usecases import counting, describing, progress, settling, viewing
from mediaserver.usecases.context import Consequences, Context
from mediaserver.usecases.events import Unenrolled

Wire = dict[str, Any]


async def enroll(ctx: Context, actor: Actor, fields: Mapping[str, Any]) -> Enrollment:
    """Take the course `course_id`. Invalid, also when it is hidden from `actor`; Conflict `own_course`,
    `enrollment_exists`, `not_open` for who may see it all the same.
    """
    course = await ctx.of(Course).find_one({"_id": fields["course_id"]})
    if course is None or not await viewing.allows(ctx, actor, Course.policy.read, course):
        fault = FieldError("courseId", "there is no such course")
        raise Invalid("missing_reference", "this refers to something that is not there", [fault])
    if course.instructor_user_id == actor.user_id:
        raise Conflict("own_course", "nobody takes the course that they teach")
    if not course.published:
        raise Conflict("not_open", "this course takes no enrollments yet")
    stamp = ctx.stamp()
    begun = Enrollment(**stamp, user_id=actor.user_id, course_id=course.id, enrollment_date=stamp["created_at"])
    try:
        return await settling.add(ctx, begun)
    except Conflict as conflict:
        if conflict.code != "enrollment_exists":
            raise
        raise Conflict(conflict.code, "you are enrolled in this course already") from None


async def describe(ctx: Context, reader: Actor, found: Sequence[Enrollment]) -> list[Wire]:
    """Enrollments as the wire has them: with how far each has come."""
    wires = await describing.describe(ctx, reader, found)
    reached = await progress.reached(ctx, [(one.user_id, one.course_id) for one in found])
    return [
        wire | {"progress": reached[one.user_id, one.course_id]} for one, wire in zip(found, wires, strict=True)
    ]


async def _added(ctx: Context, enrollment: Enrollment) -> None:
    await counting.count(ctx, Course, enrollment.course_id, "enrolledCount", 1, enrollment)


async def _removed(ctx: Context, enrollment: Enrollment) -> None:
    await counting.count(ctx, Course, enrollment.course_id, "enrolledCount", -1, enrollment)
    ctx.events.publish(Unenrolled(enrollment.user_id, enrollment.course_id))


async def _tidy(ctx: Context, enrollment: Enrollment) -> None:
    await counting.forget(ctx, Course, enrollment.course_id, "enrolledCount", enrollment)


async def _stands(ctx: Context, enrollment: Enrollment) -> bool:
    """Unless the course was given to them at the same moment."""
    its = {"_id": enrollment.course_id, "instructorUserId": enrollment.user_id}
    return not await ctx.of(Course).exists(its)


CONSEQUENCES = Consequences(_added, _removed, _tidy, stands=_stands)
